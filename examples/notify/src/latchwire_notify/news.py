"""What is told of an event: who opened what, what was refused, what an agent could not answer.

Names of people come from config.json. Who is in nobody's list is told without their number: the message goes through
somebody else's server.
"""

from latchwire.kit.observer import AlertSeen, ReceiptSeen
from latchwire.model import STATUS, TOGGLE, Again, Happened, Kind, Outcome, State
from latchwire_notify.message import Message


def of_receipt(seen: ReceiptSeen, *, person: str, kind: Kind | None, done: str, now: float) -> Message | None:
    """What to tell of what came of a command.

    Args:
        seen: a verified one.
        person: who asked, by config.json; "" if it is nobody there.
        kind: what the device is; ``None`` if config.json has no such device.
        done: which of those that were done are told: ``opened``, ``all`` or ``none``.
        now: seconds since 1970.
    """
    who = _who(seen.who, person)
    if seen.outcome is Outcome.DONE:
        opened = kind is Kind.LOCK and seen.action in ("unlock", TOGGLE) and seen.receipt.changed is not False
        tell = seen.action != STATUS and (done == "all" or (done == "opened" and opened))
        return _of_done(seen, who, now, opened=opened) if tell else None
    note, cause = _simulated(seen), seen.cause
    if cause is not None and cause.again is Again.BY_ITSELF:
        return None  # its sender has said it again by now
    why = f"{cause.sentence} {cause.remedy}" if cause is not None else ""
    what = f"{seen.device} {seen.action}".strip()
    if seen.outcome is Outcome.REFUSED:
        return Message(f"{seen.device}: refused", f"{who} wanted {what}. {why}{note}", 4, ("no_entry",), now)
    maybe = " It may have happened all the same." if seen.receipt.happened is Happened.MAYBE else ""
    return Message(f"{seen.device}: failed", f"{who} wanted {what}. {why}{maybe}{note}", 4, ("warning",), now)


def _of_done(seen: ReceiptSeen, who: str, now: float, *, opened: bool) -> Message:
    locks_in = seen.receipt.locks_in
    then = f" and locks in {locks_in} s" if locks_in is not None and seen.state is State.UNLOCKED else ""
    title = f"{seen.device}: {'opened' if opened else seen.state}"
    text = f"{who}: {seen.action}. {seen.device} is {seen.state}{then}.{_simulated(seen)}"
    return Message(title, text, 3, ("unlock",) if opened else ("white_check_mark",), now)


def of_opened(device: str, now: float) -> Message:
    """A lock was unlocked and nobody had asked: with a key, or at its own button."""
    return Message(f"{device}: opened", f"{device} is unlocked. Nobody asked for it here.", 4, ("unlock",), now)


def of_alert(seen: AlertSeen, now: float) -> Message:
    """What to tell of what an agent could not answer."""
    of = f"{seen.agent}, {seen.device}" if seen.device else seen.agent
    text = f"{of}: {seen.cause.sentence} {seen.cause.remedy}"
    return Message(f"{of}: alert", text, 4, ("rotating_light",), now, seen.times)


def of_unverified(count: int, now: float) -> Message:
    """Receipts that nobody may believe."""
    what = "A receipt" if count == 1 else f"{count} receipts"
    text = f"{what} could not be verified: somebody made it up, or state/keys here lacks a key."
    return Message("Not verified", text, 4, ("warning",), now)


def _simulated(seen: ReceiptSeen) -> str:
    return " (simulated)" if seen.receipt.simulated else ""


def _who(identity: str, person: str) -> str:
    issuer = identity.partition(":")[0]
    by = f" by {issuer}" if issuer else ""
    return f"{person or 'Somebody unknown'}{by}"
