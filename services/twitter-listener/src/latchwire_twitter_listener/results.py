"""What X answers, as values: rules, accounts, pages of posts, and how a request failed."""

from collections.abc import Mapping
from typing import NamedTuple

import requests

from latchwire.errors import LatchwireError
from latchwire_twitter_listener.backoff import Trouble
from latchwire_twitter_listener.posts import printable


class ApiError(LatchwireError):
    """A request to X failed.

    Attributes:
        trouble: which row of the back-off table it is.
        detail: what X said, for the log; without secrets.
        reset_at: when the rate limit starts anew, seconds since 1970, if X said so.
    """

    def __init__(self, trouble: Trouble, detail: str, *, reset_at: float | None = None) -> None:
        self.trouble = trouble
        self.detail = detail
        self.reset_at = reset_at
        super().__init__(f"{trouble.value} ({detail})")


class Rule(NamedTuple):
    """A rule of the filtered stream as X keeps it."""

    id: str
    value: str
    tag: str


class Account(NamedTuple):
    """An account on X; the posts of a protected one are hidden from everybody else."""

    id: str
    username: str
    protected: bool


class Page(NamedTuple):
    """What one poll returned.

    Attributes:
        messages: a post each, oldest first, wrapped as the stream sends it.
        next_page: X's token for still older posts, or "".
        remaining: requests left until ``reset_at``, if X said so.
        reset_at: seconds since 1970.
    """

    messages: tuple[Mapping[str, object], ...]
    next_page: str
    remaining: int | None
    reset_at: float | None


def json_object(response: requests.Response) -> Mapping[str, object]:
    """The answer's JSON object.

    Raises:
        ApiError: it is none.
    """
    try:
        answer = response.json()
    except ValueError:
        raise ApiError(Trouble.UNEXPECTED, "the answer is no JSON") from None
    if not isinstance(answer, dict):
        raise ApiError(Trouble.UNEXPECTED, "the answer is no JSON object")
    return answer


def items(value: object) -> list[dict[str, object]]:
    """The objects of a list; whatever else is there is left out."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def sentence_of(problem: Mapping[str, object]) -> str:
    """What X says is wrong with a rule."""
    details = problem.get("details")
    first = details[0] if isinstance(details, list) and details else problem.get("detail")
    return f"{printable(problem.get('title', 'no title'))}: {printable(first or problem.get('value', ''))}"


def is_duplicate(problem: Mapping[str, object]) -> bool:
    """Whether it is only that X has this rule already."""
    return str(problem.get("type", "")).endswith("duplicate-rules") or problem.get("title") == "DuplicateRule"


def whole(text: str | None) -> int | None:
    """The whole number of a header, or ``None``."""
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 16 else None
