"""The keys of the user's X app, from the environment or from files, and what is missing.

Each name may be set itself or point to a file as ``NAME_FILE``. None of them is ever shown by ``repr``.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from latchwire.kit.variables import secret

WHAT_TO_SET = (
    "Set X_BEARER_TOKEN, or X_CONSUMER_KEY and X_CONSUMER_SECRET, in state/.env (docs/x.md says how to get them)."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """Keys and tokens; an empty string is one that was not set.

    Attributes:
        bearer_token: the app-only token; got from key and secret when it is missing.
        consumer_key: the app's key.
        consumer_secret: the app's secret.
        access_token: the user's token, only for telling the outcome.
        access_token_secret: the secret that belongs to it.
    """

    bearer_token: str = field(default="", repr=False)
    consumer_key: str = field(default="", repr=False)
    consumer_secret: str = field(default="", repr=False)
    access_token: str = field(default="", repr=False)
    access_token_secret: str = field(default="", repr=False)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Credentials":
        """Reads X_BEARER_TOKEN and so on.

        Raises:
            ConfigurationError: a file that is named cannot be read, or a value can be no secret.
        """
        return cls(
            bearer_token=secret(environment, "X_BEARER_TOKEN"),
            consumer_key=secret(environment, "X_CONSUMER_KEY"),
            consumer_secret=secret(environment, "X_CONSUMER_SECRET"),
            access_token=secret(environment, "X_ACCESS_TOKEN"),
            access_token_secret=secret(environment, "X_ACCESS_TOKEN_SECRET"),
        )

    @property
    def can_listen(self) -> bool:
        """Whether there is a bearer token, or what gets one."""
        return bool(self.bearer_token or (self.consumer_key and self.consumer_secret))

    @property
    def can_answer(self) -> bool:
        """Whether the outcome could be posted: that takes all four of the user's credentials."""
        return bool(self.consumer_key and self.consumer_secret and self.access_token and self.access_token_secret)
