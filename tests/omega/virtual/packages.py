"""Fetches the guest's Debian packages with apt, from this machine's own sources, checked by its own keys.

apt works in a folder of its own, so this machine's package state stays as it is. What a former build fetched is not
fetched again.
"""

import re
from pathlib import Path

from omega.virtual.recipe import GUEST_PACKAGES, KERNEL, OmegaError, call


def fetch(work: Path, cache: Path) -> list[Path]:
    """Downloads the packages; their files.

    Raises:
        OmegaError: apt cannot, or this machine's sources have no mipsel packages.
    """
    environment = {"APT_CONFIG": str(_configuration(work / "apt"))}
    call("apt-get", "update", "-q", env=environment)
    try:
        depends = call("apt-cache", "depends", KERNEL, env=environment)
    except OmegaError:
        raise OmegaError(
            f"this machine's apt sources have no {KERNEL} for mipsel: Debian 12 (bookworm) is the last that has it"
        ) from None
    image = re.search(r"Depends: (linux-image-\S+)", depends)
    if image is None:
        raise OmegaError(f"{KERNEL} names no kernel:\n{depends}")
    store = cache / "debs"
    store.mkdir(parents=True, exist_ok=True)
    call("apt-get", "download", "-q", image[1], *GUEST_PACKAGES, env=environment, cwd=store)
    wanted = call("apt-get", "download", "--print-uris", "-q", image[1], *GUEST_PACKAGES, env=environment, cwd=work)
    names = [line.split()[1] for line in wanted.splitlines() if line.startswith("'")]
    for old in store.iterdir():
        if old.name not in names:
            old.unlink()
    return [store / name for name in names]


def _configuration(state: Path) -> Path:
    for name in ("lists/partial", "archives/partial"):
        (state / name).mkdir(parents=True)
    (state / "status").touch()
    configuration = state / "apt.conf"
    configuration.write_text(
        'APT::Architecture "mipsel";\nAPT::Architectures { "mipsel"; };\nAPT::Sandbox::User "";\n'
        f'Dir::State "{state}";\nDir::State::lists "{state}/lists";\nDir::State::status "{state}/status";\n'
        f'Dir::Cache "{state}";\nAcquire::Languages "none";\nAcquire::Retries "3";\n'
    )
    return configuration
