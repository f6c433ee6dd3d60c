"""The words that every part shares: kinds of device, their actions and states, and why a thing was not done.

These are named tuples and enumerations rather than dataclasses, because the agent on the Omega imports them:
``dataclasses`` pulls in ``inspect``, which costs more memory there than everything in this file.
"""

import enum
from typing import Final, NamedTuple

__all__ = ["STATE_AFTER", "STATUS", "TOGGLE", "Again", "Cause", "Happened", "Kind", "Outcome", "State", "Where"]


class State(enum.StrEnum):
    """What a device is, read back from the hardware; ``unknown`` where it could not be read."""

    LOCKED = "locked"
    UNLOCKED = "unlocked"
    ON = "on"
    OFF = "off"
    UNKNOWN = "unknown"


class Kind(enum.StrEnum):
    """What a device is for; it gives the actions that the device knows."""

    LOCK = "lock"
    SWITCH = "switch"

    @property
    def actions(self) -> tuple[str, ...]:
        """The actions that a device of this kind knows, ``status`` among them."""
        return _ACTIONS[self]

    @property
    def states(self) -> tuple[State, ...]:
        """The states that a device of this kind can have, ``unknown`` among them."""
        return _STATES[self]


STATUS: Final = "status"
TOGGLE: Final = "toggle"

_ACTIONS: Final = {
    Kind.LOCK: ("lock", "unlock", TOGGLE, STATUS),
    Kind.SWITCH: ("on", "off", TOGGLE, STATUS),
}

_STATES: Final = {
    Kind.LOCK: (State.LOCKED, State.UNLOCKED, State.UNKNOWN),
    Kind.SWITCH: (State.ON, State.OFF, State.UNKNOWN),
}

STATE_AFTER: Final = {"lock": State.LOCKED, "unlock": State.UNLOCKED, "on": State.ON, "off": State.OFF}
"""The state that a device has to be in for the action to be called done."""


class Outcome(enum.StrEnum):
    """What a receipt says of its command."""

    DONE = "done"
    REFUSED = "refused"
    FAILED = "failed"


class Happened(enum.StrEnum):
    """Whether the command may have changed something although it was not done."""

    NO = "no"
    MAYBE = "maybe"


class Again(enum.Enum):
    """Whether saying it again may help."""

    NEVER = "no"
    BY_ITSELF = "once by itself, over another nonce, never a toggle"
    PERSON = "a person decides"
    NOW = "yes"
    LATER = "later"


class Where(enum.Enum):
    """Who tells a cause, and how."""

    REFUSED = "refused"
    FAILED = "failed"
    ALERT = "alert"
    SENDER = "nobody listening"
    INGRESS = "the ingress"


class _Row(NamedTuple):
    wire: str
    where: Where
    happened: Happened
    again: Again
    sentence: str
    remedy: str


_NO, _MAYBE = Happened.NO, Happened.MAYBE


class Cause(enum.Enum):
    """Why a command was not done: its wire name, a sentence for a person, the remedy, and two answers.

    The two answers are those of ``docs/protocol.md``: may it have happened, and does saying it again help.
    A cause that this version does not know reads as :attr:`UNRECOGNISED`: maybe, and do not retry.
    """

    MALFORMED = _Row(
        "malformed", Where.REFUSED, _NO, Again.NEVER,
        "The message was not a well-formed command.",
        "Compare it with docs/protocol.md; `latchwire sign` makes one that is right.",
    )  # fmt: skip
    WRONG_ADDRESS = _Row(
        "wrong-address", Where.REFUSED, _NO, Again.NEVER,
        "The command was signed for another device than the topic it was published on.",
        "Publish it on latchwire/<agent>/<device>/command of the device it was signed for.",
    )  # fmt: skip
    STALE_NONCE = _Row(
        "stale-nonce", Where.REFUSED, _NO, Again.BY_ITSELF,
        "The command came later than its sender was willing to wait.",
        "Say it again.",
    )  # fmt: skip
    UNKNOWN_NONCE = _Row(
        "unknown-nonce", Where.REFUSED, _MAYBE, Again.PERSON,
        "The agent does not know the nonce that the command was signed over: it was restarted since, "
        "or the command is old.",
        "Look at the device, then say it again if it is still wanted.",
    )  # fmt: skip
    UNKNOWN_DEVICE = _Row(
        "unknown-device", Where.REFUSED, _NO, Again.NEVER,
        "The agent has no such device.",
        "Compare `devices` in config.json with what the agent was given; `latchwire check` tells.",
    )  # fmt: skip
    UNKNOWN_ACTION = _Row(
        "unknown-action", Where.REFUSED, _NO, Again.NEVER,
        "The device does not know this action.",
        "A lock knows lock, unlock, toggle and status; a switch knows on, off, toggle and status.",
    )  # fmt: skip
    FORBIDDEN = _Row(
        "forbidden", Where.REFUSED, _NO, Again.NEVER,
        "This is not allowed.",
        "The owner grants it in config.json: `people` and `may`, and `obeys` of the agent.",
    )  # fmt: skip
    BUSY = _Row(
        "busy", Where.REFUSED, _NO, Again.NOW,
        "The device has too much to do, or is about to stop.",
        "Say it again in a moment.",
    )  # fmt: skip
    HARDWARE = _Row(
        "hardware", Where.FAILED, _MAYBE, Again.NOW,
        "The hardware did not answer as it should.",
        "Look at power, wiring and address of the hardware; the agent's log names the fault.",
    )  # fmt: skip
    NOT_CONFIRMED = _Row(
        "not-confirmed", Where.FAILED, _MAYBE, Again.NOW,
        "The hardware took the command but reads back something else.",
        "Look at the device; if it stays so, at its wiring.",
    )  # fmt: skip
    OFFLINE = _Row(
        "offline", Where.FAILED, _NO, Again.LATER,
        "The device is not connected to its cloud.",
        "Look at the device's power and its Wi-Fi.",
    )  # fmt: skip
    UNREACHABLE = _Row(
        "unreachable", Where.FAILED, _NO, Again.LATER,
        "The device's cloud cannot be reached.",
        "Look at the network connection of the machine that the agent runs on.",
    )  # fmt: skip
    NOT_CONFIGURED = _Row(
        "not-configured", Where.FAILED, _NO, Again.LATER,
        "The agent lacks credentials or hardware.",
        "`latchwire status` says what to set and where.",
    )  # fmt: skip
    TIMEOUT = _Row(
        "timeout", Where.FAILED, _MAYBE, Again.NOW,
        "The device gave no answer in time.",
        "Look at the device, then say it again if it is still wanted.",
    )  # fmt: skip
    BAD_ANSWER = _Row(
        "bad-answer", Where.FAILED, _MAYBE, Again.NEVER,
        "The device gave an answer that could not be understood.",
        "Look at the device; the agent's log shows the answer.",
    )  # fmt: skip
    REJECTED = _Row(
        "rejected", Where.FAILED, _NO, Again.NEVER,
        "The device's cloud said no.",
        "The agent's log shows its reason; look at the device id in config.json.",
    )  # fmt: skip
    CREDENTIALS = _Row(
        "credentials", Where.FAILED, _NO, Again.NEVER,
        "The device's cloud does not accept the credentials.",
        "Look at key and secret in state/.env.",
    )  # fmt: skip
    INTERNAL = _Row(
        "internal", Where.FAILED, _MAYBE, Again.NEVER,
        "The agent met a fault of its own.",
        "Look at the device and at the agent's log, and report the fault.",
    )  # fmt: skip
    UNKNOWN_KEY = _Row(
        "unknown-key", Where.ALERT, _NO, Again.NEVER,
        "A command named a key that the agent does not hold.",
        "After new keys were made, give the agent its keyring again: `latchwire check` says which.",
    )  # fmt: skip
    BAD_SIGNATURE = _Row(
        "bad-signature", Where.ALERT, _NO, Again.NEVER,
        "A command's signature was not good: somebody forged or damaged it.",
        "If it was not you who tried, see who may log in to the broker.",
    )  # fmt: skip
    RETAINED = _Row(
        "retained", Where.ALERT, _NO, Again.NEVER,
        "A command was published as a retained message; such are never obeyed.",
        "Publish commands without --retain, and clear the topic: mosquitto_pub -t TOPIC -r -n",
    )  # fmt: skip
    REPLAYED = _Row(
        "replayed", Where.ALERT, _NO, Again.NEVER,
        "A command that was heard before came again; it was not obeyed again.",
        "If it comes often, see who may log in to the broker.",
    )  # fmt: skip
    DUPLICATE_AGENT = _Row(
        "duplicate-agent", Where.ALERT, _NO, Again.NEVER,
        "Two processes run under this agent's name; the younger one stands aside.",
        "Stop one of the two; the other goes on within ten minutes.",
    )  # fmt: skip
    NO_BROKER = _Row(
        "no-broker", Where.SENDER, _NO, Again.NOW,
        "The broker cannot be reached.",
        "Start it (make run, or docker compose up), or look at BROKER_HOST and BROKER_PORT in state/.env.",
    )  # fmt: skip
    AWAY = _Row(
        "away", Where.SENDER, _NO, Again.NOW,
        "The agent that works this device is not connected.",
        "Start it, or look at its power and its network.",
    )  # fmt: skip
    NO_NONCE = _Row(
        "no-nonce", Where.SENDER, _NO, Again.NOW,
        "The agent is connected but has not told its nonce.",
        "Wait a moment and say it again; if it stays so, restart the agent.",
    )  # fmt: skip
    NEEDS_CONFIRMATION = _Row(
        "needs-confirmation", Where.INGRESS, _NO, Again.NEVER,
        "This takes a confirmation, and there was none.",
        "Say it where you can be asked: on WhatsApp, or at a terminal by `latchwire send`.",
    )  # fmt: skip
    NO_PIN = _Row(
        "no-pin", Where.INGRESS, _NO, Again.NEVER,
        "This takes a PIN, and this person has none.",
        "The owner sets one: latchwire pin PERSON",
    )  # fmt: skip
    NOT_ASKED = _Row(
        "not-asked", Where.INGRESS, _NO, Again.PERSON,
        "There is nothing to confirm.",
        "Say first what is wanted.",
    )  # fmt: skip
    TOO_LATE = _Row(
        "too-late", Where.INGRESS, _NO, Again.NOW,
        "The confirmation came more than a minute after the question.",
        "Say it again.",
    )  # fmt: skip
    WRONG_PIN = _Row(
        "wrong-pin", Where.INGRESS, _NO, Again.NOW,
        "The PIN is wrong.",
        "Give the right one within a minute of the question.",
    )  # fmt: skip
    LOCKED_OUT = _Row(
        "locked-out", Where.INGRESS, _NO, Again.LATER,
        "There were too many wrong PINs.",
        "Wait, or ask the owner for a new PIN.",
    )  # fmt: skip
    NO_PINS = _Row(
        "no-pins", Where.INGRESS, _NO, Again.LATER,
        "PINs cannot be looked up at present.",
        "`latchwire status` tells the owner why.",
    )  # fmt: skip
    TOO_OFTEN = _Row(
        "too-often", Where.INGRESS, _NO, Again.LATER,
        "This person asked for this device too often.",
        "Wait a little.",
    )  # fmt: skip
    UNRECOGNISED = _Row(
        "unrecognised", Where.FAILED, _MAYBE, Again.NEVER,
        "The agent gave a cause that this version does not know.",
        "Look at the device, and upgrade this side.",
    )  # fmt: skip

    @property
    def wire(self) -> str:
        """The name that is written on the wire and in logs."""
        return self.value.wire

    @property
    def outcome(self) -> Outcome:
        """``refused`` or ``failed``: what a receipt with this cause says."""
        return Outcome.FAILED if self.value.where is Where.FAILED else Outcome.REFUSED

    @property
    def where(self) -> Where:
        """Who tells this cause."""
        return self.value.where

    @property
    def happened(self) -> Happened:
        """Whether the command may have changed something."""
        return self.value.happened

    @property
    def again(self) -> Again:
        """Whether saying it again may help."""
        return self.value.again

    @property
    def sentence(self) -> str:
        """What went wrong, for a person."""
        return self.value.sentence

    @property
    def remedy(self) -> str:
        """What the person can do about it."""
        return self.value.remedy

    @classmethod
    def from_wire(cls, name: str) -> "Cause":
        """The cause of that name; :attr:`UNRECOGNISED` if this version has none."""
        return _BY_WIRE.get(name, cls.UNRECOGNISED)


_BY_WIRE: Final = {cause.wire: cause for cause in Cause if cause.where is not Where.INGRESS}
"""What a receipt may say. An agent that tells what only an ingress can know is not believed that nothing happened."""
