"""A fake of the X API: as much of it as the Twitter listener uses, with its faults on demand.

A real HTTP server on loopback: the filtered stream (chunked, CR LF, keep-alives), rules that persist and
whose adding fails inside a 2xx, look-ups, timelines with ``since_id``, the token endpoint, replies and direct
messages, and connections that stay counted. What it answers is modelled on docs.x.com and on ``docs/x.md``;
it was never compared with the live service.

It is a program too, for the demo:

    python -m support.x_api serve                     # on 127.0.0.1:8180
    python -m support.x_api post --author 101 '#unlock'
"""

import argparse
import contextlib
import json
import os
import queue
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.server import ThreadingHTTPServer
from typing import Final, Self

from support.x_http import BEARER, CONSUMER_KEY, CONSUMER_SECRET, Cut, Fault, Handler, Request
from support.x_rules import change_rules, hashtags, matches, written

DEMO_PORT: Final = 8180


@dataclass
class FakeX:
    """The fake; use it as a context manager.

    Attributes:
        accounts: numeric id → user name.
        protected: ids of protected accounts.
        keep_alive: seconds between keep-alives.
        mute: whether it sends no keep-alives.
        deaf: whether the streams miss what is posted, as on X until new rules count.
        ahead: seconds that its clock is ahead of this machine's. X tells whole seconds, and a post of the very second
            in which a listener starts counts as one from before: with one ahead nobody has to wait for the next.
        port: 0 for any that is free.
        host: where it listens.
        consumer: key and secret of the app.
    """

    accounts: dict[str, str] = field(default_factory=lambda: {"101": "john_smith", "102": "jane_doe"})
    protected: set[str] = field(default_factory=set)
    keep_alive: float = 0.2
    port: int = 0
    host: str = "127.0.0.1"
    consumer: tuple[str, str] = (CONSUMER_KEY, CONSUMER_SECRET)

    def __post_init__(self) -> None:
        self.bearer = BEARER
        self.rules: dict[str, dict[str, str]] = {}
        self.requests: list[Request] = []
        self.replies: list[Mapping[str, object]] = []
        self.messages: list[Mapping[str, object]] = []
        self.posts: dict[str, dict[str, object]] = {}
        self.ghosts = 0
        self.mute = False
        self.deaf = False
        self.ahead = 1.0
        self.rate_limit: Mapping[str, str] = {}
        self._faults: dict[str, list[Fault]] = {}
        self._streams: list[queue.SimpleQueue[bytes | Cut]] = []
        self._changed = threading.Condition()
        self._next_id = 2_000_000_000_000_000_000
        fake = self

        class Bound(Handler):
            x = fake

        self._server = ThreadingHTTPServer((self.host, self.port), Bound)
        self._server.daemon_threads = True
        self._server.block_on_close = False

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.cut(clean=False)
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def base(self) -> str:
        """Its address, for ``X_API_BASE``."""
        return f"http://{self.host}:{self._server.server_address[1]}"

    # what a test does to it

    def post(
        self,
        author: str,
        text: str,
        *,
        age: float = 0,
        retweet_of: str = "",
        quote_of: str = "",
        reply_to: str = "",
    ) -> str:
        """Somebody posts; streams whose rules match and the timeline get it. Returns the post's id."""
        post_id = self._new_id()
        references = {"retweeted": retweet_of, "quoted": quote_of, "replied_to": reply_to}
        kind, other_id = next(((kind, of) for kind, of in references.items() if of), ("", ""))
        other = self.posts.get(other_id)
        if kind == "retweeted" and other:
            text = f"RT @{self.accounts.get(str(other['author_id']), 'somebody')}: {other['text']}"
            text = text if len(text) <= 140 else text[:139] + "…"
        post: dict[str, object] = {
            "id": post_id,
            "author_id": author,
            "created_at": written(time.time() + self.ahead - age),
            "edit_history_tweet_ids": [post_id],
            "text": text,
        }
        if found := hashtags(text):
            post["entities"] = {"hashtags": found}
        if other_id:
            post["referenced_tweets"] = [{"type": kind, "id": other_id}]
        with self._changed:
            self.posts[post_id] = post
        line: dict[str, object] = {"data": post, **self._includes([post])}
        others: dict[str, str] = {}
        if other and kind in {"retweeted", "quoted"}:
            others = {
                kind: self.accounts.get(str(other["author_id"]), "somebody"),
                "text": str(other["text"]),
            }
        matching = [
            {"id": rule_id, "tag": rule["tag"]}
            for rule_id, rule in self.rules.items()
            if matches(rule["value"], post, self.accounts.get(author, "somebody"), others)
        ]
        if matching and not self.deaf:
            self.send({**line, "matching_rules": matching})
        return post_id

    def send(self, message: Mapping[str, object] | bytes) -> None:
        """Sends this line on each open stream, whatever the rules are; bytes go as they are."""
        data = message if isinstance(message, bytes) else json.dumps(message).encode() + b"\r\n"
        for stream in list(self._streams):
            stream.put(data)

    def cut(self, *, clean: bool) -> None:
        """Ends all streams, with the last chunk of a whole answer (``clean``) or in the middle."""
        for stream in list(self._streams):
            stream.put(Cut(clean))

    def fail(self, path: str, *faults: Fault) -> None:
        """The next requests of this path (its end counts) get these answers, in this order."""
        with self._changed:
            self._faults.setdefault(path, []).extend(faults)

    @property
    def streams(self) -> int:
        """How many streams are open."""
        return len(self._streams)

    def asked(self, path: str, method: str = "") -> list[Request]:
        """The requests of this path (its end counts) so far."""
        with self._changed:
            return [r for r in self.requests if r.path.endswith(path) and (not method or r.method == method)]

    def wait_for_stream(self, *, streams: int = 1, seconds: float = 10) -> None:
        """Waits until so many streams are open."""
        with self._changed:
            if not self._changed.wait_for(lambda: len(self._streams) >= streams, timeout=seconds):
                raise TimeoutError(f"no stream was opened within {seconds} seconds")

    # what the handler needs

    def note(self, request: Request) -> Fault | None:
        """Writes the request down; a fault that is due for it."""
        with self._changed:
            self.requests.append(request)
            self._changed.notify_all()
            for path, faults in self._faults.items():
                if request.path.endswith(path) and faults:
                    return faults.pop(0)
        return None

    @contextlib.contextmanager
    def stream(self) -> Iterator["queue.SimpleQueue[bytes | Cut]"]:
        """A stream is open as long as this lasts."""
        lines: queue.SimpleQueue[bytes | Cut] = queue.SimpleQueue()
        with self._changed:
            self._streams.append(lines)
            self._changed.notify_all()
        try:
            yield lines
        finally:
            with self._changed:
                self._streams.remove(lines)
                self._changed.notify_all()

    def change_rules(self, body: Mapping[str, object]) -> dict[str, object]:
        """POST …/rules."""
        return change_rules(self.rules, body, new_id=self._new_id)

    def timeline(self, user_id: str, query: Mapping[str, str]) -> dict[str, object]:
        """GET /2/users/:id/tweets, newest first."""
        if user_id in self.protected:
            return {
                "errors": [{"title": "Authorization Error", "resource_id": user_id}],
                "meta": {"result_count": 0},
            }
        since, start = int(query.get("since_id", "0")), query.get("start_time", "")
        with self._changed:
            posts = [
                post
                for post in self.posts.values()
                if post["author_id"] == user_id and int(str(post["id"])) > since and str(post["created_at"]) >= start
            ]
        posts.sort(key=lambda post: int(str(post["id"])), reverse=True)
        first, most = int(query.get("pagination_token", "0")), int(query.get("max_results", "10"))
        page = posts[first : first + most]
        meta: dict[str, object] = {"result_count": len(page)}
        if first + most < len(posts):
            meta["next_token"] = str(first + most)
        return {**({"data": page} if page else {}), **self._includes(page), "meta": meta}

    def users(self, ids: list[str], names: list[str]) -> Mapping[str, object]:
        """GET /2/users and /2/users/by."""
        wanted = {name.casefold() for name in names}
        found = [
            {"id": user_id, "username": name, "name": name, "protected": user_id in self.protected}
            for user_id, name in self.accounts.items()
            if user_id in ids or name.casefold() in wanted
        ]
        missing = len(ids) + len(names) - len(found)
        return {"data": found} | ({"errors": [{"title": "Not Found Error"}]} if missing else {})

    def _new_id(self) -> str:
        with self._changed:
            self._next_id += 1
            return str(self._next_id)

    def _includes(self, posts: list[dict[str, object]]) -> dict[str, object]:
        references = [reference for post in posts for reference in _references(post)]
        found = [self.posts[post_id] for post_id in references if post_id in self.posts]
        return {"includes": {"tweets": found}} if found else {}


def _references(post: Mapping[str, object]) -> list[str]:
    found = post.get("referenced_tweets")
    return [str(reference["id"]) for reference in found] if isinstance(found, list) else []


def main() -> None:
    """Serves for the demo, or posts into such a server."""
    parser = argparse.ArgumentParser(prog="python -m support.x_api", description="A fake of the X API.")
    commands = parser.add_subparsers(dest="command", required=True)
    serve = commands.add_parser("serve", help="run the fake until it is stopped")
    serve.add_argument("--host", default="127.0.0.1")
    serve.add_argument("--port", type=int, default=DEMO_PORT)
    serve.add_argument("--account", action="append", metavar="ID=NAME", help="an account; may be repeated")
    post = commands.add_parser("post", help="post something as somebody")
    post.add_argument("--author", default="101", help="numeric id or user name")
    post.add_argument("text")
    given = parser.parse_args()
    if given.command == "serve":
        accounts = dict(account.split("=", 1) for account in given.account or ["101=john_smith", "102=jane_doe"])
        with FakeX(accounts=accounts, keep_alive=15, host=given.host, port=given.port) as fake:
            sys.stdout.write(f"A fake X listens on {fake.base}; X_BEARER_TOKEN is {BEARER}\n")
            sys.stdout.flush()
            with contextlib.suppress(KeyboardInterrupt):
                threading.Event().wait()
    else:
        base = os.environ.get("X_API_BASE") or f"http://127.0.0.1:{DEMO_PORT}"
        data = json.dumps({"author": given.author, "text": given.text}).encode()
        request = urllib.request.Request(f"{base}/fake/post", data=data)  # noqa: S310 - their own fake
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - their own fake
                sys.stdout.write(answer.read().decode() + "\n")
        except urllib.error.URLError as error:
            sys.exit(f"The stand-in for X does not answer at {base} ({error.reason}); start it with: make run")


if __name__ == "__main__":
    main()
