"""The whole service on a real broker, with a server that takes messages and fails as ntfy does."""

import copy
import datetime as dt
import json
import logging
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, Self

import pytest

from latchwire import topics
from latchwire.actuator import Actuator
from latchwire.cli import authority as pki
from latchwire.errors import ConfigurationError
from latchwire.kit.observer import make
from latchwire.model import State
from latchwire.sender import Ending
from latchwire.service.frame import Running
from latchwire_notify.main import Clock, Notify
from support.broker import wait_until
from support.certificates import NOW
from support.handlers import Bolt, Lamp
from support.home import CONFIG, PHONE, Home
from support.ntfy import FakeNtfy, Fault

MakeHome = Callable[..., Home]
TOKEN = "tk_AgQdq7mVBoFD37zQVN29RhuMzNIz2"
SETTINGS: Mapping[str, Any] = {"unlockedMinutes": 10, "awayMinutes": 5}
DOCUMENT: Mapping[str, Any] = {**CONFIG, "observers": {"notify": SETTINGS}}
MINUTE = 60.0


class FakeClock(Clock):
    """A clock that is put by hand. It stands at noon, so that no day ends while a test runs."""

    def __init__(self) -> None:
        noon = dt.datetime.combine(dt.date.today(), dt.time(12)).timestamp()  # noqa: DTZ011  # the local day
        self._both = noon, 1000.0

    def now(self) -> float:
        return self._both[0]

    def both(self) -> tuple[float, float]:
        return self._both

    def go(self, seconds: float) -> None:
        """Lets time pass."""
        now, steady = self._both
        self._both = now + seconds, steady + seconds

    def put(self, seconds: float) -> None:
        """Puts the clock, as NTP does."""
        now, steady = self._both
        self._both = now + seconds, steady


class House:
    """A home with notify at work in it.

    Args:
        home: where.
        ntfy: where it tells.
    """

    def __init__(self, home: Home, ntfy: FakeNtfy, **variables: str) -> None:
        self.home, self.ntfy, self.clock, self.bolt = home, ntfy, FakeClock(), Bolt()
        self.variables = {
            "BROKER_PORT": str(home.broker.port), "NOTIFY_URL": f"{ntfy.url}/front-door-8f3a", **variables,
        }  # fmt: skip
        self.service: Running | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def agent(self, **options: Any) -> Actuator:
        return self.home.actuator({"front-door": self.bolt, "lamp": Lamp()}, **options)

    def start(self) -> None:
        watcher = partial(Notify, clock=self.clock, tick_seconds=0.02)
        self.service = make(watcher, name="notify", places=self.home.places, variables=self.variables)
        self.service.start()
        wait_until(lambda: "No connection" not in self.troubles, "it is connected")

    def stop(self) -> None:
        if self.service is not None:
            self.service.stop()
        self.service = None

    @property
    def troubles(self) -> str:
        assert self.service is not None
        return " ".join(self.service.health().troubles)

    def say(self, action: str, device: str = "front-door", issuer: str = "whatsapp", who: str = PHONE) -> Ending:
        sender = self.home.sender(issuer)
        return sender.ask(agent="omega", device=device, action=action, sub=who, wait=5).ending

    def heard(self, text: str) -> None:
        wait_until(lambda: text in self.ntfy.text, lambda: f"{text!r} in:\n{self.ntfy.text}", 20)

    def heard_in_time(self, text: str) -> None:
        """Lets time pass until that is told, some seconds at each look."""

        def look() -> bool:
            self.clock.go(5)
            return text in self.ntfy.text

        wait_until(look, lambda: f"{text!r} in:\n{self.ntfy.text}", 20)

    def nothing_but(self, *texts: str) -> None:
        """What it has told, after something that it is sure to tell at last."""
        self.home.wire("omega").publish(topics.alert("omega"), '{"cause":"retained"}')
        self.heard("as a retained message")
        assert [message["title"] for message in self.ntfy.messages] == [*texts, "omega: alert"], self.ntfy.text


@pytest.fixture
def ntfy() -> Iterator[FakeNtfy]:
    with FakeNtfy() as fake:
        yield fake


@pytest.fixture
def house(make_home: MakeHome, ntfy: FakeNtfy) -> Iterator[House]:
    with House(make_home(document=DOCUMENT), ntfy) as made:
        yield made


def test_who_opened_what_is_told_by_name_and_their_number_is_not(house: House) -> None:
    house.agent()
    house.start()
    assert house.say("unlock") is Ending.DONE
    house.heard("front-door: opened | john by whatsapp: unlock. front-door is unlocked.")
    assert house.ntfy.messages[0] == {
        "topic": "front-door-8f3a", "title": "front-door: opened", "tags": ["unlock"], "priority": 3,
        "message": "john by whatsapp: unlock. front-door is unlocked.",
    }  # fmt: skip
    assert house.say("unlock", who="whatsapp:+15555550199") is Ending.DONE  # an ingress that forgot to look
    house.heard("Somebody unknown by whatsapp: unlock.")
    assert "1555" not in house.ntfy.text


def test_locking_switching_and_asking_how_it_is_are_told_only_if_that_is_wanted(
    make_home: MakeHome, ntfy: FakeNtfy
) -> None:
    with House(make_home(document=DOCUMENT), ntfy) as house:
        house.agent()
        house.start()
        for action in ("status", "lock"):
            assert house.say(action) is Ending.DONE
        assert house.say("on", device="lamp") is Ending.DONE
        house.nothing_but()
    ntfy.messages.clear()
    document = {**CONFIG, "observers": {"notify": {"done": "all"}}}
    with House(make_home(document=document), ntfy) as house:
        house.agent()
        house.start()
        assert house.say("on", device="lamp") is Ending.DONE
        house.heard("lamp: on | john by whatsapp: on. lamp is on.")


def test_what_an_agent_refused_and_what_failed_is_told_with_why(make_home: MakeHome, ntfy: FakeNtfy) -> None:
    document = copy.deepcopy(dict(DOCUMENT))
    document["agents"]["omega"]["obeys"] = {"manual": "*", "whatsapp": {"front-door": ["lock"]}}
    with House(make_home(document=document), ntfy) as house:
        house.agent()
        house.start()
        assert house.say("unlock") is Ending.REFUSED
        house.heard("front-door: refused | john by whatsapp wanted front-door unlock. This is not allowed.")
        house.bolt.faults["lock"] = OSError("I2C is gone")
        assert house.say("lock") is Ending.FAILED
        house.heard("front-door: failed | john by whatsapp wanted front-door lock.")
        assert "It may have happened all the same." in house.ntfy.text


def test_a_receipt_that_nobody_signed_is_not_told_as_a_fact(house: House) -> None:
    house.agent()
    house.start()
    wire = house.home.wire("omega")  # who has the agent's login and not its keys
    token = house.home.token("A" * 22).split(".")
    claims = {"iss": "omega/front-door", "aud": "manual", "re": "x" * 16, "sub": "manual:anna", "act": "unlock"}
    forged = forge(token[0], {**claims, "outcome": "done", "state": "unlocked"})
    for _ in range(3):
        wire.publish(topics.receipt("omega", "front-door", "manual"), forged)
    house.heard("could not be verified")
    house.nothing_but("Not verified")


def forge(header: str, claims: Mapping[str, Any]) -> str:
    import base64  # noqa: PLC0415

    def part(document: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(document).encode()).rstrip(b"=").decode()

    assert header
    return f"{part({'alg': 'HS256', 'typ': 'receipt+jwt', 'kid': 'manual/1'})}.{part(claims)}.{part('x' * 30)[:43]}"


def test_a_forged_command_that_an_agent_alerts_is_told(house: House) -> None:
    house.agent()
    house.start()
    house.home.wire("manual").publish(topics.command("omega", "front-door"), "no.good.token")
    house.heard("alert | omega, front-door: The message was not a well-formed command.")


def test_a_lock_that_stands_unlocked_is_told_once_and_once_that_it_is_locked_again(house: House) -> None:
    house.agent()
    house.start()
    assert house.say("unlock") is Ending.DONE
    house.heard("front-door: opened")
    house.heard_in_time("front-door: still unlocked | front-door has been unlocked for 10 minutes.")
    house.clock.go(4 * 60 * MINUTE)
    assert house.say("lock") is Ending.DONE
    house.heard("front-door: locked again | front-door is locked again, after 4 hours.")
    house.nothing_but("front-door: opened", "front-door: still unlocked", "front-door: locked again")


def test_a_restart_neither_forgets_since_when_it_is_unlocked_nor_tells_anything_again(house: House) -> None:
    house.agent()
    house.start()
    assert house.say("unlock") is Ending.DONE
    house.heard("front-door: opened")
    house.clock.go(9 * MINUTE)
    house.stop()
    house.clock.go(2 * MINUTE)
    house.start()
    house.heard("front-door has been unlocked for 11 minutes.")
    house.stop()
    house.clock.go(MINUTE)
    house.start()
    assert house.say("lock") is Ending.DONE
    house.heard("locked again, after 12 minutes")
    house.nothing_but("front-door: opened", "front-door: still unlocked", "front-door: locked again")


def test_what_was_so_while_nobody_looked_for_long_counts_from_now(house: House) -> None:
    house.agent()
    house.start()
    assert house.say("unlock") is Ending.DONE
    house.heard("front-door: opened")
    house.stop()
    house.clock.go(600 * MINUTE)  # it may have been locked in between
    house.start()
    house.nothing_but("front-door: opened")


def test_a_clock_that_is_put_by_years_makes_nothing_last_longer(house: House) -> None:
    house.agent()
    house.start()
    assert house.say("unlock") is Ending.DONE
    house.heard("front-door: opened")
    house.clock.put(-20 * 365 * 86400.0)
    house.clock.go(MINUTE)
    house.clock.put(20 * 365 * 86400.0)
    house.nothing_but("front-door: opened")


def test_a_lock_that_is_opened_at_the_door_itself_is_told(house: House) -> None:
    house.bolt.poll_seconds = 0.05
    house.agent()
    house.start()
    house.bolt.state = State.UNLOCKED
    house.heard("front-door: opened | front-door is unlocked. Nobody asked for it here.")


def test_an_agent_that_is_away_for_five_minutes_is_told_and_so_is_its_return(house: House) -> None:
    agent = house.agent()
    house.start()
    agent.stop()
    house.heard_in_time("omega: away | omega has been away for 5 minutes.")
    house.bolt = Bolt()
    house.agent()
    house.heard("omega: back | omega is back, after ")
    house.nothing_but("omega: away", "omega: back")


def test_an_agent_that_was_never_there_is_away_too(house: House) -> None:
    house.start()
    house.heard_in_time("omega: away")


def wait_for_ticks(house: House) -> None:
    """Until what was put into its queue has been seen, which something told shows."""
    house.home.wire("omega").publish(topics.alert("omega"), '{"cause":"replayed"}')
    house.heard("came again")


def test_a_broker_that_is_away_is_told_alone_and_its_restart_brings_no_old_news(house: House) -> None:
    house.agent()
    house.start()
    assert house.say("unlock") is Ending.DONE
    house.heard("front-door: opened")
    house.home.broker.stop()
    wait_until(lambda: "No connection" in house.troubles, "it is gone", 20)
    house.heard_in_time("the broker: away | the broker has been away for 5 minutes.")
    house.home.broker.start()
    house.heard("the broker: back")
    assert [message["title"] for message in house.ntfy.messages] == [
        "front-door: opened", "the broker: away", "the broker: back",
    ]  # fmt: skip


def test_what_troubles_a_service_is_told_when_it_stays_and_when_it_is_well_again(house: House) -> None:
    house.agent()
    house.start()
    twitter = house.home.wire("twitter")
    trouble = {"health": "trouble", "troubles": ["X does not accept the credentials (401), 3 tries; make new ones"]}
    twitter.publish(topics.status("twitter"), json.dumps(trouble), retained=True)
    wait_for_ticks(house)
    house.clock.go(2 * MINUTE)
    house.heard("twitter: trouble | twitter: X does not accept the credentials (401), 3 tries; make new ones")
    trouble["troubles"] = ["X does not accept the credentials (401), 4 tries; make new ones"]
    twitter.publish(topics.status("twitter"), json.dumps(trouble), retained=True)
    twitter.publish(topics.status("twitter"), '{"health":"ok","troubles":[]}', retained=True)
    house.heard("twitter: well again")
    house.nothing_but("omega: alert", "twitter: trouble", "twitter: well again")


def test_whose_rights_end_and_which_certificate_ends_is_told_once(make_home: MakeHome, ntfy: FakeNtfy) -> None:
    document = copy.deepcopy(dict(DOCUMENT))
    today = dt.date.today()  # noqa: DTZ011  # `until` is a local day
    until = today + dt.timedelta(days=2)
    document["people"]["john"]["until"] = str(until)
    document["people"]["old"] = {"whatsapp": "+15555550123", "may": "*", "until": "2020-01-01"}
    home = make_home(document=document)
    home.places.tls.mkdir()
    served = {"names": ["door.example"], "since": 0, "until": int(NOW.timestamp()) + 86400 * 9, "certificates": False}
    (home.places.tls / "broker.json").write_text(json.dumps(served))
    with House(home, ntfy) as house:
        house.agent()
        house.start()
        house.heard(f"The rights of john end with {until}, in 2 days.")
        house.heard("The broker's certificate ends on ")
        house.home.wire("omega").publish(
            topics.status("omega"), '{"notes":["The broker\'s certificate ends on 2031-02-03; type …"]}'
        )
        house.heard("2031-02-03")
        house.stop()
        house.clock.go(10)
        house.start()
        wait_for_ticks(house)
        assert house.ntfy.text.count("rights of") == 1
        assert house.ntfy.text.count("certificate ends on") == 2
        house.clock.go(3 * 86400)
        house.heard(f"The rights of john ended with {until}.")
        assert "old" not in house.ntfy.text


@pytest.mark.parametrize(
    ("fault", "told", "pause"),
    [
        (Fault(429, {"Retry-After": "120"}), "answers HTTP 429: limit reached", 121),
        (Fault(429), "answers HTTP 429: limit reached", 3),
        (Fault(503), "answers HTTP 503", 3),
    ],
)  # fmt: skip
def test_what_could_not_be_sent_is_sent_later_and_as_one(house: House, fault: Fault, told: str, pause: float) -> None:
    house.agent()
    house.start()
    house.ntfy.faults.append(fault)
    assert house.say("unlock") is Ending.DONE
    wait_until(lambda: told in house.troubles, "it is told", 10)
    tries = house.ntfy.tries
    assert house.say("unlock") is Ending.DONE
    assert house.say("unlock", issuer="manual", who="manual:anna") is Ending.DONE
    wait_until(lambda: "2 messages wait" in house.troubles, "both were seen")
    house.clock.go(pause - 2.5)
    assert house.ntfy.tries == tries
    house.clock.go(2.6)
    house.heard("Latchwire: 2 messages")
    assert house.ntfy.text.count("john by whatsapp: unlock. front-door is unlocked. (2 times)") == 1
    assert "owner by manual" in house.ntfy.text
    wait_until(lambda: not house.troubles, "it is well again")


def test_a_server_that_hangs_holds_up_neither_what_is_seen_nor_the_end(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("latchwire_notify.push.READ_SECONDS", 0.5)
    house.agent()
    house.ntfy.faults.append(Fault())
    house.start()
    assert house.say("unlock") is Ending.DONE
    assert house.say("lock") is Ending.DONE
    wait_until(lambda: "gave no answer in time" in house.troubles, "it is told", 20)
    house.clock.go(5)
    house.heard("john by whatsapp: unlock")


def test_nobody_there_is_told_in_its_health_and_what_waits_survives_a_restart(house: House) -> None:
    house.agent()
    url, house.variables["NOTIFY_URL"] = house.variables["NOTIFY_URL"], "http://127.0.0.1:9/front-door-8f3a"
    house.start()
    assert house.say("unlock") is Ending.DONE
    wait_until(lambda: "127.0.0.1 cannot be reached" in house.troubles, "it is told")
    assert "8f3a" not in house.troubles
    house.stop()
    house.variables["NOTIFY_URL"] = url
    house.start()
    house.heard("john by whatsapp: unlock")


def test_a_flood_becomes_few_messages_and_what_is_lost_is_counted(house: House) -> None:
    house.agent()
    house.start()
    wire = house.home.wire("omega")
    house.ntfy.faults.append(Fault(500))
    for number in range(150):
        wire.publish(topics.alert("omega"), json.dumps({"cause": "bad-signature", "device": f"door-{number}"}))
    wait_until(lambda: "100 messages wait" in house.troubles, "all came", 20)
    for _ in range(12):
        house.clock.go(600)
        tries = house.ntfy.tries
        wait_until(lambda was=tries: house.ntfy.tries > was or not house.troubles, "a try")  # type: ignore[misc]
    wait_until(lambda: "door-149" in house.ntfy.text, "the last is told")
    assert "50 messages were lost before this one." in house.ntfy.text
    assert len(house.ntfy.messages) <= 12
    assert all(len(json.dumps(message).encode()) < 4096 for message in house.ntfy.messages)


def test_a_token_is_shown_and_a_wrong_one_is_told_with_its_cure(make_home: MakeHome, ntfy: FakeNtfy) -> None:
    ntfy.token = TOKEN
    with House(make_home(document=DOCUMENT), ntfy, NOTIFY_TOKEN="tk_wrong") as house:
        house.agent()
        house.start()
        assert house.say("unlock") is Ending.DONE
        wait_until(lambda: "HTTP 401: unauthorized; look at NOTIFY_TOKEN" in house.troubles, "it is told")
        assert "tk_" not in house.troubles
        house.stop()
        house.variables["NOTIFY_TOKEN"] = TOKEN
        house.start()
        house.heard("john by whatsapp: unlock")


def test_tls_with_an_authority_of_one_s_own(make_home: MakeHome) -> None:
    home = make_home(document=DOCUMENT)
    authority = pki.new_authority(now=NOW)
    pem, ca = home.places.state / "ntfy.pem", home.places.state / "ca.pem"
    pem.write_text(pki.broker_certificate(authority, ("127.0.0.1",), now=NOW))
    ca.write_text(authority.certificate_pem)
    with FakeNtfy(certificate=pem) as ntfy, House(home, ntfy) as house:
        house.agent()
        house.start()
        assert house.say("unlock") is Ending.DONE
        wait_until(lambda: "certificate of 127.0.0.1 is not accepted" in house.troubles, "it is told")
        assert ntfy.messages == []
        house.stop()
        house.variables["NOTIFY_CA"] = str(ca)
        house.start()
        house.heard("john by whatsapp: unlock")


def test_another_webhook_gets_it_as_json(make_home: MakeHome, ntfy: FakeNtfy) -> None:
    document = {**CONFIG, "observers": {"notify": {"form": "json"}}}
    with House(make_home(document=document), ntfy) as house:
        house.agent()
        house.start()
        assert house.say("unlock") is Ending.DONE
        house.heard("front-door: opened")
        assert "topic" not in ntfy.messages[0]
        assert ntfy.messages[0]["text"] == "front-door: opened\njohn by whatsapp: unlock. front-door is unlocked."


@pytest.mark.parametrize(
    ("variables", "told"),
    [
        ({"NOTIFY_URL": ""}, "NOTIFY_URL is not set; set it in state/.env"),
        ({"NOTIFY_URL": "ntfy.sh/door"}, "NOTIFY_URL is no address"),
        ({"NOTIFY_URL": "https://ntfy.sh/"}, "NOTIFY_URL has no topic"),
        ({"NOTIFY_URL": "http://ntfy.example/door"}, "everybody on the way could read"),
        ({"NOTIFY_CA": "/nowhere.pem"}, "NOTIFY_CA: /nowhere.pem: cannot be used: No such file"),
    ],
)
def test_what_is_missing_or_wrong_is_told_with_what_to_write(
    house: House, variables: Mapping[str, str], told: str
) -> None:
    house.variables.update(variables)
    with pytest.raises(ConfigurationError, match=told):
        house.start()


def test_the_real_program_tells_and_shows_neither_address_nor_token(
    make_home: MakeHome, ntfy: FakeNtfy, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    ntfy.token = TOKEN
    variables = {"NOTIFY_URL": f"{ntfy.url}/front-door-8f3a", "NOTIFY_TOKEN": TOKEN, "LOG_LEVEL": "debug"}
    home = make_home(document=DOCUMENT, variables=variables)
    home.actuator({"front-door": Bolt(), "lamp": Lamp()})
    log = home.places.state / "log"
    with log.open("w") as file:
        process = home.run("-m", "latchwire_notify", stdout=file)
    wait_until(lambda: "sees what passes" in log.read_text(), "it is there", 30)
    sender = home.sender("whatsapp")
    assert sender.ask(agent="omega", device="front-door", action="unlock", sub=PHONE).ending is Ending.DONE
    wait_until(lambda: "john by whatsapp: unlock" in ntfy.text, "it is told", 20)
    process.terminate()
    assert process.wait(10) == 0
    assert "8f3a" not in log.read_text()
    assert TOKEN not in log.read_text()
