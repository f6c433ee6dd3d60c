"""All threads of a service stay on one CPU, for only one of them can be in Python's interpreter at a time.

Spread over two CPUs, a thread that leaves the interpreter for a system call of a microsecond wakes another one there,
which takes it, and the first one has to wait: fifty switches between threads for a message where 64 come at once, and
half of the processor's time. On one CPU it goes on (``make bench``). Other programs are moved out of the way by the
kernel, for they may run anywhere.

``SERVICE_CPUS=all`` leaves them where the kernel puts them: for a service of one's own that computes outside Python.
"""

import logging
import os
from collections.abc import Mapping
from contextlib import suppress
from typing import Final

_log: Final = logging.getLogger("latchwire.service")


def settle(name: str, variables: Mapping[str, str], *, acts: bool) -> None:
    """Keeps the caller's thread, and all that it starts from now on, on one of the CPUs that it may use.

    Those who ask and those who act get different ones where there are two, for they work at the same time.

    Args:
        name: the service's, which says which of several CPUs.
        variables: the environment, for SERVICE_CPUS.
        acts: whether it works devices.
    """
    wanted = variables.get("SERVICE_CPUS") or "one"
    if wanted == "all":
        return
    if wanted != "one":
        _log.warning('SERVICE_CPUS: "%s" is neither one nor all; it stays on one CPU.', wanted)
    with suppress(AttributeError, OSError):  # a system that has no such call, or a container that forbids it
        allowed = sorted(os.sched_getaffinity(0), reverse=True)  # interrupts mostly go to the first
        if len(allowed) > 1:
            os.sched_setaffinity(0, {allowed[(2 * sum(name.encode()) + acts) % len(allowed)]})
