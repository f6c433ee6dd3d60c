"""The calls to X that the listener makes; rules, look-ups and polling through tweepy.

Everything that can go wrong comes out as :class:`ApiError`, with a trouble of the back-off table and words
without secrets. The stream itself is opened here and read in ``stream.py``: tweepy's own reconnects without a
pause after a clean close (measured: 450 connects in a second) and ends for good on an unknown line.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import Final
from urllib.parse import quote, urlsplit

import requests
import tweepy  # type: ignore[import-untyped]  # tweepy ships no types

from latchwire_twitter_listener import transport
from latchwire_twitter_listener.backoff import Trouble, trouble_of
from latchwire_twitter_listener.credentials import Credentials
from latchwire_twitter_listener.posts import is_id
from latchwire_twitter_listener.results import (
    Account,
    ApiError,
    Page,
    Rule,
    is_duplicate,
    items,
    json_object,
    sentence_of,
    whole,
)

log = logging.getLogger("latchwire.twitter")

POST_FIELDS: Final = "author_id,created_at,entities,referenced_tweets,edit_history_tweet_ids,note_tweet"
_STREAM: Final = "/2/tweets/search/stream"


class XApi:
    """X, as this listener needs it.

    Args:
        credentials: the app's keys.
        base: where X is: ``https://api.x.com``, or a fake for tests and the demo.
    """

    def __init__(self, *, credentials: Credentials, base: str = transport.LIVE_BASE) -> None:
        transport.keep_secrets_out_of_logs()
        if not base.startswith(("https://", "http://")):
            raise ValueError(f"X_API_BASE: {base!r} is no address; it starts with https://")
        self.base = base.rstrip("/")
        if base.startswith("http://") and urlsplit(base).hostname not in {"127.0.0.1", "::1", "localhost"}:
            log.warning("X_API_BASE is not https: the token of the X app crosses the network in the clear.")
        self._credentials = credentials
        self._token = credentials.bearer_token
        self._token_since = time.monotonic()
        self._token_lock = threading.Lock()

    def rules(self) -> list[Rule]:
        """The rules that X keeps for this app."""
        answer = json_object(self._call(lambda: self._streaming().get_rules()))
        return [
            Rule(str(item["id"]), str(item["value"]), str(item.get("tag", "")))
            for item in items(answer.get("data"))
            if "id" in item and "value" in item
        ]

    def add_rules(self, values: Sequence[str], *, tag: str) -> list[str]:
        """Adds rules; returns what X did not like (it answers 2xx even then)."""
        rules = [tweepy.StreamRule(value=value, tag=tag) for value in values]
        answer = json_object(self._call(lambda: self._streaming().add_rules(rules)))
        return [sentence_of(item) for item in items(answer.get("errors")) if not is_duplicate(item)]

    def delete_rules(self, ids: Sequence[str]) -> None:
        """Deletes rules by their ids."""
        self._call(lambda: self._streaming().delete_rules(list(ids)))

    def accounts(self, *, usernames: Sequence[str] = (), ids: Sequence[str] = ()) -> list[Account]:
        """Looks accounts up by names or by ids (at most 100 of one of them); those not found are left out."""
        fields = ["username", "protected"]
        answer = json_object(
            self._call(
                lambda: (
                    self._client().get_users(usernames=list(usernames), user_fields=fields)
                    if usernames
                    else self._client().get_users(ids=list(ids), user_fields=fields)
                )
            )
        )
        return [
            Account(str(item["id"]), str(item["username"]), item.get("protected") is True)
            for item in items(answer.get("data"))
            if is_id(item.get("id")) and isinstance(item.get("username"), str)
        ]

    def posts_of(
        self, user_id: str, *, since_id: str = "", start_time: str = "", most: int = 100, page: str = ""
    ) -> Page:
        """The newest posts of a user, replies and retweets among them.

        Args:
            user_id: numeric id.
            since_id: only posts after this one.
            start_time: only posts from then on (RFC 3339), if there is no ``since_id``.
            most: 5 to 100 posts.
            page: the ``next_page`` of the answer before.
        """
        window = {"since_id": since_id} if since_id else {"start_time": start_time} if start_time else {}
        if page:
            window["pagination_token"] = page
        response = self._call(
            lambda: self._client().get_users_tweets(
                user_id,
                max_results=most,
                tweet_fields=POST_FIELDS,
                expansions="referenced_tweets.id",
                **window,
            )
        )
        answer, meta = json_object(response), json_object(response).get("meta")
        includes = answer.get("includes", {})
        messages = [{"data": item, "includes": includes} for item in reversed(items(answer.get("data")))]
        return Page(
            tuple(messages),
            str(meta.get("next_token", "")) if isinstance(meta, dict) else "",
            whole(response.headers.get("x-rate-limit-remaining")),
            whole(response.headers.get("x-rate-limit-reset")),
        )

    def open_stream(self, *, read_timeout: float) -> requests.Response:
        """Connects to the filtered stream; the caller reads ``response.raw`` and closes it.

        Args:
            read_timeout: seconds without a byte after which reading fails.
        """
        response = self._send(
            lambda: self._session().get(
                self.base + _STREAM,
                params={"tweet.fields": POST_FIELDS, "expansions": "referenced_tweets.id"},
                # A compressed stream is held back in the decompressor; posts are small.
                headers={"Accept-Encoding": "identity"},
                auth=transport.BearerAuth(self._bearer()),
                timeout=(transport.TIMEOUT[0], read_timeout),
                stream=True,
                allow_redirects=False,
            )
        )
        if response.status_code != 200:
            with response:
                raise self._failure(response)
        return response

    def close_connections(self) -> None:
        """Closes all connections that X still counts for this app (ghosts of a crash, mostly)."""
        self._send(
            lambda: self._session().delete(
                f"{self.base}/2/connections/all",
                auth=transport.BearerAuth(self._bearer()),
                allow_redirects=False,
            )
        )

    def reply(self, *, post_id: str, text: str) -> None:
        """Posts an answer to that post, in the name of the access token's user."""
        self._call(lambda: self._client().create_tweet(text=text, in_reply_to_tweet_id=post_id, user_auth=True))

    def direct_message(self, *, user_id: str, text: str) -> None:
        """Sends that user a direct message, in the name of the access token's user."""
        self._call(lambda: self._client().create_direct_message(participant_id=user_id, text=text))

    def _client(self) -> tweepy.Client:
        keys = self._credentials
        client = tweepy.Client(
            bearer_token=None if keys.can_answer and not keys.can_listen else self._bearer(),
            consumer_key=keys.consumer_key or None,
            consumer_secret=keys.consumer_secret or None,
            access_token=keys.access_token or None,
            access_token_secret=keys.access_token_secret or None,
            return_type=requests.Response,
        )
        client.session = self._session()
        return client

    def _streaming(self) -> tweepy.StreamingClient:
        client = tweepy.StreamingClient(self._bearer(), return_type=requests.Response)
        client.session = self._session()
        return client

    def _bearer(self) -> str:
        """The bearer token; got from key and secret if it was not given (docs.x.com, application-only)."""
        with self._token_lock:
            if not self._token:
                keys = self._credentials
                response = self._send(
                    lambda: self._session().post(
                        f"{self.base}/oauth2/token",
                        data={"grant_type": "client_credentials"},
                        auth=(quote(keys.consumer_key, safe=""), quote(keys.consumer_secret, safe="")),
                        allow_redirects=False,
                    )
                )
                token = json_object(response).get("access_token")
                if not isinstance(token, str) or not token.isascii() or not token.isprintable() or not token:
                    raise ApiError(Trouble.UNEXPECTED, "the token endpoint gave no token")
                self._token, self._token_since = token, time.monotonic()
            return self._token

    def _forget_token(self) -> bool:
        """Whether another token may help: this one is ours and not new (X can invalidate them)."""
        with self._token_lock:
            ours = not self._credentials.bearer_token and bool(self._token)
            if ours:
                self._token = ""
            return ours and time.monotonic() - self._token_since > 60

    def _call(self, call: Callable[[], requests.Response]) -> requests.Response:
        """A call through tweepy, with all that it may raise turned into an :class:`ApiError`."""
        try:
            return self._send(call)
        except tweepy.TweepyException as fault:
            raise ApiError(Trouble.UNEXPECTED, type(fault).__name__) from None

    def _send(self, call: Callable[[], requests.Response]) -> requests.Response:
        try:
            return call()
        except (requests.exceptions.JSONDecodeError, requests.exceptions.InvalidHeader, ValueError) as fault:
            raise ApiError(Trouble.UNEXPECTED, type(fault).__name__) from None
        except requests.RequestException as fault:
            raise ApiError(Trouble.NETWORK, type(fault).__name__) from None

    def _session(self) -> requests.Session:
        """A session in which a bad answer ends as an :class:`ApiError` before tweepy tries to read its body."""
        made = transport.session(base=self.base)
        made.hooks["response"].append(self._check)
        return made

    def _check(self, response: requests.Response, *_: object, **__: object) -> None:
        if not 200 <= response.status_code < 300:
            with response:
                raise self._failure(response)

    def _failure(self, response: requests.Response) -> ApiError:
        try:
            body = next(response.iter_content(4096), b"")  # never more: an error's body has no business being long
        except requests.RequestException:
            body = b""
        trouble = trouble_of(response.status_code, body.decode("utf-8", "replace"))
        if trouble is Trouble.UNAUTHORISED and self._forget_token():
            trouble = Trouble.SERVER
        return ApiError(
            trouble,
            f"HTTP {response.status_code}",
            reset_at=whole(response.headers.get("x-rate-limit-reset")),
        )
