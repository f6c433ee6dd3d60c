"""The proof that an agent takes a new key: its receipt, signed with that key, to a ``status`` command signed with it.

The owner's machine holds all keys and logins, so it can ask in the issuer's name beside the issuer's own service. What
an agent tells of its keys on its status topic is not signed and proves nothing; it only says when asking is worth it,
so that no agent alerts ``unknown-key`` for nothing.
"""

from collections.abc import Iterator
from typing import Final

from latchwire.cli.place import Place
from latchwire.cli.rotation import Rotation, generation
from latchwire.cli.survey import Look, Survey
from latchwire.model import STATUS
from latchwire.protocol.keys import Keyring
from latchwire.sender import Ending, Sender
from latchwire.service.home import login

ANSWER_SECONDS: Final = 6.0
"""How long one answer is waited for; an agent answers ``failed: timeout`` after five when its hardware hangs."""
_ANSWERED: Final = (Ending.DONE, Ending.REFUSED, Ending.FAILED)


class Prover:
    """Asks in an issuer's name over the keys that were offered to agents.

    Args:
        here: the state folder and the broker.
        rotation: whose keys, and which generation.
        look: what the agents tell.
    """

    def __init__(self, here: Place, rotation: Rotation, look: Look) -> None:
        self._rotation, self._look, self._config = rotation, look, here.config.current()
        offered = [
            key
            for agent in rotation.agents
            if agent in self._config.agents
            for key in here.places.keyring(agent)
            if key.issuer == rotation.issuer
        ]
        self._sender = Sender(
            issuer=rotation.issuer, keyring=Keyring(offered), endpoint=here.endpoint,
            login=login(here.places, rotation.issuer), announce=False,
        )  # fmt: skip
        self._sender.start()

    def stop(self) -> None:
        """Disconnects."""
        self._sender.stop()

    def proved(self, agents: set[str], seconds: float) -> Iterator[str]:
        """Each agent as soon as it is proved; ends when there is no hope for the rest.

        Args:
            agents: who was offered the new key.
            seconds: how long one that runs here may take to read it.
        """
        left, asked = set(agents), set[str]()
        self._look.wait_for(lambda survey: left <= survey.online.keys() & survey.statuses.keys(), 2.0)
        while left and not self._look.survey.trouble:
            for agent in sorted(self._worth_asking(left) - asked):
                asked.add(agent)
                if self._answers(agent):
                    left.discard(agent)
                    yield agent
            hopeful = {agent for agent in left - asked if self._config.agents[agent].runs != "elsewhere"}
            if not hopeful or not self._look.wait_for(lambda _: bool(self._worth_asking(left) - asked), seconds):
                return

    def _worth_asking(self, agents: set[str]) -> set[str]:
        return {agent for agent in agents if self._seems_to_hold(self._look.survey, agent)}

    def _seems_to_hold(self, survey: Survey, agent: str) -> bool:
        status = survey.statuses.get(agent, {})
        if not survey.online.get(agent) or not status:
            return False
        verifies = status.get("verifies")
        if not isinstance(verifies, list):
            return True  # an older version does not tell
        return any(generation(kid, self._rotation.issuer) >= self._rotation.to for kid in verifies)

    def _answers(self, agent: str) -> bool:
        devices = [device.name for device in self._config.devices_of(agent)] or ["no-device"]  # refused, and signed
        sub = f"{self._rotation.issuer}:rotation"
        return any(
            self._sender.ask(agent=agent, device=devices[0], action=STATUS, sub=sub, wait=ANSWER_SECONDS).ending
            in _ANSWERED
            for _ in range(2)
        )
