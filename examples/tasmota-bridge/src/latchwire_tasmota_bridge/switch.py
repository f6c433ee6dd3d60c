"""One switch: says a command, and returns what the switch then says of itself.

A command is published only while the switch is connected, by its own last will, and never retained. What it says by
itself, as when somebody presses its button, the kit publishes at once.
"""

import threading
import time
from collections.abc import Callable
from typing import Final

from latchwire.errors import ActionError, ConfigurationError
from latchwire.kit.settings import Settings
from latchwire.model import Cause, State
from latchwire_tasmota_bridge.dialects import Dialect, ESPHome, Tasmota
from latchwire_tasmota_bridge.link import Link

ANSWER_SECONDS: Final = 4.0
"""How long a switch may take to answer; the kit calls an action of five seconds overdue."""
SETTLE_SECONDS: Final = 2.0
"""How long the start waits for the first word of a switch."""


class Switch:
    """A switch at work.

    Args:
        dialect: how to talk to it.
        link: over what.
    """

    poll_seconds = 5.0  # it speaks by itself; this is for one that was silent

    def __init__(self, *, dialect: Dialect, link: Link) -> None:
        self._dialect, self._link = dialect, link
        self._said: Final = threading.Condition()
        self._online: bool | None = None
        self._state: State | None = None
        self._odd = ""
        self._answers = 0
        self._look: Callable[[], None] = lambda: None

    @classmethod
    def from_settings(cls, settings: Settings, *, link: Link) -> "Switch":
        """A switch as config.json describes it: ``topic`` and ``relay`` of a Tasmota, or ``esphome`` and ``switch``.

        Raises:
            ConfigurationError: one of these is missing or wrong.
        """
        if "esphome" in settings:
            return cls(dialect=ESPHome(_plain(settings, "esphome"), _plain(settings, "switch")), link=link)
        relay = settings.whole_number("relay", 1, 32, 1)
        return cls(dialect=Tasmota(_plain(settings, "topic"), relay), link=link)

    # ------------------------------------------------------------------------ called by the kit

    def watch(self, look: Callable[[], None]) -> None:
        """Takes what to call when the state changed without a command."""
        self._look = look

    def settle(self) -> State:
        """Begins to listen; the switch stays as it is."""
        self._link.open(self._dialect.hears, self._heard, self._changed)
        with self._said:
            self._said.wait_for(lambda: self._state or self._odd or self._online is False, SETTLE_SECONDS)
        return self._last()

    def on(self) -> State:
        """Switches it on."""
        return self._command("ON", State.ON)

    def off(self) -> State:
        """Switches it off."""
        return self._command("OFF", State.OFF)

    def status(self) -> State:
        """Asks it, where it can be asked; else what it said last."""
        if self._dialect.question is None:
            self._must_be_there()
            self._wait(lambda: self._state is not None or bool(self._odd), time.monotonic() + ANSWER_SECONDS)
            return self._last()
        return self._say(self._dialect.question, lambda _: True)

    def poll(self) -> State | None:
        """What it said last; ``None`` while it is there and has said nothing yet, and then it is asked."""
        self._must_be_there()
        if self._state or self._odd:
            return self._last()
        self._ask()
        return None

    def close(self) -> None:
        """Listens no more."""
        self._link.close(self._heard)

    # ------------------------------------------------------------------------- saying something

    def _command(self, payload: str, wanted: State) -> State:
        if self._dialect.question is None and self._state is wanted:
            self._must_be_there()
            self._link.publish(self._dialect.command, payload, seconds=ANSWER_SECONDS)
            return self._last()  # it was so already, and will not say it again
        return self._say(payload, lambda state: state is wanted)

    def _say(self, payload: str, accept: Callable[[State | None], bool]) -> State:
        """Publishes, and waits for an answer that is accepted; at the end of the time another one has to do."""
        end = time.monotonic() + ANSWER_SECONDS
        self._must_be_there()
        with self._said:
            before = self._answers
        self._link.publish(self._dialect.command, payload, seconds=ANSWER_SECONDS)
        self._wait(lambda: self._answers > before and (accept(self._state) or bool(self._odd)), end)
        with self._said:
            if self._answers == before:
                self._state = None if self._dialect.question is not None else self._state  # it is asked again
                raise ActionError(Cause.TIMEOUT, f"no answer to {self._dialect.command}")
        return self._last()

    def _wait(self, until: Callable[[], bool], end: float) -> None:
        with self._said:
            self._said.wait_for(until, max(0.0, end - time.monotonic()))

    def _must_be_there(self) -> None:
        if self._link.trouble is not None:
            raise ActionError(*self._link.trouble)
        if not self._online:
            what = "says that it is gone" if self._online is False else "has never been heard of"
            raise ActionError(Cause.OFFLINE, f"the switch {what} ({self._dialect.hears[0]})")

    def _last(self) -> State:
        self._must_be_there()
        with self._said:
            if self._odd:
                raise ActionError(Cause.BAD_ANSWER, f"{self._dialect.hears[-1]} says {self._odd!r}, not ON or OFF")
            if self._state is None:
                raise ActionError(Cause.TIMEOUT, "the switch is there and has not said how it is")
            return self._state

    # ----------------------------------------------------------- hearing, on the connection's thread

    def _heard(self, topic: str, payload: bytes, retained: bool) -> None:  # noqa: FBT001  # as the link calls it
        report = self._dialect.read(topic, payload, retained=retained)
        if report is None:
            return
        with self._said:
            if report.online is not None:
                self._online = report.online
                if not report.online:
                    self._state, self._odd = None, ""  # it may come back as another
            else:
                self._state, self._odd = report.state, report.odd
                self._answers += report.answers
            self._said.notify_all()
        if report.online:
            self._ask()
        self._look()

    def _changed(self) -> None:
        """The connection came or went: what was known is what is heard from now on."""
        if self._link.trouble is None:
            self._ask()
        else:
            with self._said:
                self._online, self._state, self._odd = None, None, ""
                self._said.notify_all()
        self._look()

    def _ask(self) -> None:
        if self._online and self._dialect.question is not None:
            self._link.say(self._dialect.command, self._dialect.question)


def _plain(settings: Settings, name: str) -> str:
    topic = settings.text(name)
    if set("+#") & set(topic) or topic.startswith(("$", "/")) or topic.endswith("/"):
        raise ConfigurationError(
            f'{name}: "{topic}" is no part of a topic; write it without +, # and a slash at its ends'
        )
    return topic
