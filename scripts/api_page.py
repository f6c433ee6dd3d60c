"""Which modules of ``latchwire`` are public. Their ``__all__`` says which names; all else may change at any time."""

from typing import Final

PUBLIC: Final = (
    "latchwire",
    "latchwire.kit.actuator",
    "latchwire.kit.observer",
    "latchwire.kit.ingress",
    "latchwire.model",
    "latchwire.errors",
    "latchwire.health",
    "latchwire.log",
    "latchwire.kit.settings",
    "latchwire.kit.variables",
    "latchwire.kit.device",
    "latchwire.kit.agent",
    "latchwire.kit.bundled",
    "latchwire.kit.state",
)
