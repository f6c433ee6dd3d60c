"""``latchwire rotate``: new keys for one issuer, without an outage; or at once, after a theft.

The new key is given to each agent first. Only when an agent was proved to take it (it answered a ``status`` command
signed with it by a receipt signed with it) does the issuer sign with it. The old one leaves when nothing that it signed
can be under way any more. What cannot be done now, for an agent is away, is said in lines to type; the same line goes
on from there.
"""

import argparse
import time
from typing import Any, Final

from latchwire.cli import bundle, bundled, bundling, password, place, rotation
from latchwire.cli.files import Writer
from latchwire.cli.prove import Prover
from latchwire.cli.rotation import Rotation, Step
from latchwire.cli.survey import Look, looking
from latchwire.config.home import MANUAL, Config
from latchwire.config.wording import meant
from latchwire.errors import ConfigurationError

TAKES_SECONDS: Final = 12.0
"""How long a service here may take to read a changed file: it looks every five seconds, and may be busy."""
SEEN_SECONDS: Final = 5.0
"""How long the broker may take to tell what it keeps of all services."""
MARGIN_SECONDS: Final = 5
"""How long somebody who has read the old key may take to sign with it: connecting takes its time."""
UNFINISHED: Final = 3
"""The exit status while something remains to be done by hand."""


def add(subparsers: Any) -> None:
    """Adds the command to the command line."""
    parser = subparsers.add_parser(
        "rotate",
        help="give an issuer (whatsapp, twitter, manual …) new keys without an outage; --now after a theft",
        description="Gives one issuer new keys toward every agent. Nothing is refused meanwhile. Say it again to go on "
        "where it stopped; it says what remains to be done by hand.",
        epilog=f"exit status: 0 finished, {UNFINISHED} something remains to be done by hand",
    )
    parser.add_argument("issuer", help="whatsapp, twitter, manual, or another ingress of config.json")
    parser.add_argument(
        "--now", action="store_true", help="after a theft: drop the old keys and the password at once, outage or not"
    )
    parser.add_argument("--login", action="store_true", help="give it a new password at the broker, too")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Runs it."""
    here = place.here()
    issuer = _known_issuer(here.config.current(), options.issuer)
    with looking(here) as look:
        look.wait_for(lambda _: True, SEEN_SECONDS)
        work = _Work(here, issuer, look)
        return work.at_once() if options.now else work.gently(login=options.login)


def _known_issuer(config: Config, name: str) -> str:
    known = config.issuers()
    if name in known:
        return name
    what = f"{name} is an agent; if its hardware was stolen: ./latchwire revoke {name}. A rotation is of an issuer"
    what = what if name in config.agents else f"There is no issuer {name!r}{meant(name, known)}"
    raise ConfigurationError(f"{what}; you have: {', '.join(known)}")


class _Work:
    """One run of the command."""

    def __init__(self, here: place.Place, issuer: str, look: Look) -> None:
        self._here, self._issuer, self._look = here, issuer, look
        self._config, self._places = here.config.current(), here.places
        self._writer = Writer(here.places.state)

    def gently(self, *, login: bool) -> int:
        """All that can be done now without refusing anybody anything."""
        one = self._begin(login=login)
        _say(f"New keys for {self._issuer}, generation {one.to}, toward: {', '.join(self._agents(one)) or 'nobody'}.")
        self._prove(one)
        self._retire(one)
        if one.password:
            self._change_password(one, gently=True)
        return self._end(one)

    def at_once(self) -> int:
        """New keys and a new password in place of all old ones."""
        with self._writer.locked():
            one = rotation.begin(self._config, self._places, self._issuer, now=time.time())._replace(password=True)
            rotation.write(self._places, self._writer, self._issuer, one)
            rotation.replace(self._places, self._writer, one, self._agents(one))
        _say(f"New keys for {self._issuer}, generation {one.to}, are in place of all old ones.")
        self._change_password(one, gently=False)
        self._prove(one)
        return self._end(one)

    # --------------------------------------------------------------------------------- the steps

    def _begin(self, *, login: bool) -> Rotation:
        with self._writer.locked():
            found = rotation.read(self._places).get(self._issuer)
            one = found or rotation.begin(self._config, self._places, self._issuer, now=time.time())
            one = one._replace(password=one.password or login)
            rotation.write(self._places, self._writer, self._issuer, one)
            rotation.offer(self._places, self._writer, one, self._agents(one))
        return one

    def _agents(self, one: Rotation) -> list[str]:
        return [name for name in one.agents if name in self._config.agents]

    def _at(self, one: Rotation, step: Step) -> list[str]:
        return [name for name in self._agents(one) if rotation.step(self._places, one, name) is step]

    def _prove(self, one: Rotation) -> None:
        """Asks each agent over its new key; the issuer signs with it as soon as that agent was proved to take it."""
        unproved = set(self._at(one, Step.OFFERED))
        if not unproved:
            return
        prover = Prover(self._here, one, self._look)
        try:
            for agent in prover.proved(unproved, TAKES_SECONDS):
                with self._writer.locked():
                    rotation.promote(self._places, self._writer, one, agent)
                _say(f"{agent} takes its new key: it answered by it. {self._issuer} signs with it from now on.")
        finally:
            prover.stop()

    def _retire(self, one: Rotation) -> None:
        """Takes the old keys away once nothing that they signed can be under way."""
        agents = self._quiet(one, self._at(one, Step.OVERLAP))
        if not agents:
            return
        signs = {agent: one.signs[agent] for agent in one.signs if agent in agents}
        now = int(time.time())
        signs = {agent: min(signs.get(agent, now), now) for agent in agents}
        with self._writer.locked():
            one = rotation.read(self._places).get(self._issuer, one)._replace(signs=signs)
            rotation.write(self._places, self._writer, self._issuer, one)
        longest = 2 * max(self._config.agents[agent].lifetime for agent in agents) + MARGIN_SECONDS
        if (left := max(signs.values()) + longest - now) > 0:
            _say(f"Waiting {left} s, until nothing signed with the old keys is under way. (Ctrl-C, and the same line "
                 "later, is as good.)")  # fmt: skip
            time.sleep(left)
        with self._writer.locked():
            rotation.retire(self._places, self._writer, one, agents)
        _say(f"The old keys toward {', '.join(agents)} are gone here.")

    def _quiet(self, one: Rotation, agents: list[str]) -> list[str]:
        """The agents toward which the issuer's service, if it runs, signs with the new key."""

        def behind(agent: str) -> bool:
            survey = self._look.survey
            signs = survey.statuses.get(self._issuer, {}).get("signs")
            kid = signs.get(agent) if isinstance(signs, dict) else None
            return survey.online.get(self._issuer, False) and (kid is None or rotation.generation(kid) < one.to)

        if agents:
            self._look.wait_for(lambda _: not any(map(behind, agents)), TAKES_SECONDS)
        late = [agent for agent in agents if self._look.survey.trouble or behind(agent)]
        if late:
            where = self._look.survey.trouble and f"the broker cannot be asked ({self._look.survey.trouble})"
            where = where or "look at its log, upgrade it, or copy the keyring to where it runs"
            _say(f"The service of {self._issuer} does not tell that it signs with its new key for {', '.join(late)}; "
                 f"the old one stays: {where} (state/keys/{self._issuer}).")  # fmt: skip
        return [agent for agent in agents if agent not in late]

    def _change_password(self, one: Rotation, *, gently: bool) -> None:
        is_there = gently and self._issuer != MANUAL and self._look.survey.online.get(self._issuer, False)
        for line in password.change(self._here, self._writer, self._issuer, wait=is_there):
            _say(line)
        with self._writer.locked():
            found = rotation.read(self._places).get(self._issuer, one)
            rotation.write(self._places, self._writer, self._issuer, found._replace(password=False))

    # ------------------------------------------------------------------------------- what remains

    def _end(self, one: Rotation) -> int:
        """Says what remains, or that it is finished."""
        done = self._at(one, Step.DONE)
        near = [name for name in done if self._config.agents[name].runs != "elsewhere"]
        if near:
            self._look.wait_for(lambda _: not any(self._holds_old(one, name) for name in near), TAKES_SECONDS)
        said = [line for name in self._agents(one) for line in self._remains(one, name)]
        if not said and len(done) == len(self._agents(one)):
            with self._writer.locked():
                rotation.write(self._places, self._writer, self._issuer, None)
            _say(f"Finished: {self._issuer} has new keys, and nobody takes the old ones any more.")
            return 0
        for line in (*said, "Then, or to see how far it is, type again:", f"  ./latchwire rotate {self._issuer}"):
            _say(line)
        return UNFINISHED

    def _remains(self, one: Rotation, agent: str) -> list[str]:
        step = rotation.step(self._places, one, agent)
        if step is Step.OVERLAP:
            return [f"{agent} takes both keys still."]
        if step is Step.DONE and not self._holds_old(one, agent):
            return []
        elsewhere = self._config.agents[agent].runs == "elsewhere"
        if step is Step.OFFERED:
            what = f"{agent} was not proved to take its new key, so {self._issuer} signs with the old one toward it."
        else:
            what = f"{agent} may still obey the OLD key of {self._issuer}" + (
                ": take its new bundle there, or switch it off." if elsewhere else "."
            )
        return [what, *(self._bundle_lines(agent) if elsewhere else [self._cure(agent)])]

    def _cure(self, agent: str) -> str:
        if self._look.survey.trouble:
            return f"The broker cannot be asked: {self._look.survey.trouble}. Start it: make run, or docker compose up"
        if not self._look.survey.online.get(agent):
            return "It is not connected. Start it, or take it out of config.json if it will never run again."
        return f"Look at its log: it has to read state/keys/{agent}; upgrade it, or copy that file to where it runs."

    def _bundle_lines(self, agent: str) -> list[str]:
        path = bundle.shown(self._places.bundles / f"{agent}.tar.gz")
        kind = bundling.FOLDERS.get(self._config.agents[agent].type, self._config.agents[agent].type)
        return [
            "Type (put the device's name or address in place of DEVICE):",
            f"  ./latchwire bundle {agent}",
            f"  ssh root@DEVICE 'umask 077 && tar -xzf - -C /etc' < {path}",
            f"  rm {path}",
            f"It takes what is in /etc/{kind} within seconds, without a restart.",
        ]

    def _holds_old(self, one: Rotation, agent: str) -> bool:
        """Whether the agent tells, or for want of that has to be feared, to take old keys."""
        survey = self._look.survey
        verifies = survey.statuses.get(agent, {}).get("verifies")
        if survey.online.get(agent) and isinstance(verifies, list):
            return any(0 < rotation.generation(kid, self._issuer) < one.to for kid in verifies)
        if self._config.agents[agent].runs == "elsewhere":
            return bundled.stale(self._config, self._places, agent) is not False or not survey.online.get(agent)
        return False  # it does not run, or reads its keyring at its start


def _say(line: str) -> None:
    print(line, flush=True)
