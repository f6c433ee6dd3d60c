"""What the virtual Omega2 is made of: Debian 12 packages for mipsel, and where they are kept.

The guest is not OpenWrt: it has glibc and Debian's Python 3.11 where an Omega2 has musl and OpenWrt's. Processor,
memory, kernel interfaces and the chip on the I2C bus are like an Omega2's; its timings are the host's.
"""

import hashlib
import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

HOST_TOOLS: Final = {
    "apt-get": "apt",
    "dpkg-deb": "dpkg",
    "mke2fs": "e2fsprogs",
    "qemu-system-mipsel": "qemu-system-mips",
    "qemu-mipsel-static": "qemu-user-static",
}
"""Which Debian package of this machine has a program."""
KERNEL: Final = "linux-image-4kc-malta"
GUEST_PACKAGES: Final = (
    "busybox-static",
    "libc6",
    "libgcc-s1",
    "libatomic1",
    "zlib1g",
    "python3.11-minimal",
    "libpython3.11-minimal",
    "libpython3.11-stdlib",
    "libexpat1",
    "libffi8",
    "libssl3",
    "libbz2-1.0",
    "liblzma5",
    "libuuid1",
    "i2c-tools",
    "libi2c0",
    "inputattach",
    "libsystemd0",
    "libcap2",
    "libgcrypt20",
    "libgpg-error0",
    "liblz4-1",
    "libzstd1",
)
"""Unpacked as they are; none of their maintainer scripts runs."""
PYTHON: Final = "python3.11"
LIBRARY: Final = f"usr/lib/{PYTHON}"
UNWANTED: Final = (
    "usr/share",
    "usr/include",
    "usr/lib/mipsel-linux-gnu/gconv",
    *(
        f"{LIBRARY}/{name}"
        for name in [
            "test",
            "idlelib",
            "lib2to3",
            "turtledemo",
            "tkinter",
            "turtle.py",
            "ensurepip",
            "pydoc_data",
            "distutils",
            "venv",
        ]
    ),
)
"""Left out of the guest; relative to its root."""
MODULES: Final = (
    "virtio_pci",
    "virtio_blk",
    "virtio_net",
    "virtio-rng",
    "crc32c_generic",
    "ext4",
    "serport",
    "i2c-taos-evm",
    "i2c-dev",
)
"""Of the kernel, in the order in which they are loaded."""
IMAGES: Final = ("vmlinuz", "initramfs", "root.img")
GUEST_ADDRESS: Final = "10.0.2.15"
HOST_ADDRESS: Final = "10.0.2.2"
"""This machine's loopback, as the guest sees it; it has the name ``broker`` there too."""
GUEST_FILES: Final = Path(__file__).with_name("guest")


class OmegaError(Exception):
    """Something that the virtual Omega2 needs is not there, or did not work."""


def say(text: object) -> None:
    """Tells the person at the terminal."""
    sys.stderr.write(f"virtual-omega: {text}\n")
    sys.stderr.flush()


def default_cache() -> Path:
    """Where the images are kept: 80 MB, beside 60 MB of packages."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "latchwire-omega"


def search_path() -> str:
    """PATH with the folders where Debian puts what root uses."""
    return f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"


def missing_packages() -> list[str]:
    """The Debian packages of this machine that are missing."""
    return sorted({package for tool, package in HOST_TOOLS.items() if not shutil.which(tool, path=search_path())})


def call(*command: object, env: Mapping[str, str] | None = None, cwd: Path | None = None) -> str:
    """Runs a command and returns what it printed.

    Raises:
        OmegaError: it failed; with what it said.
    """
    words = [str(word) for word in command]
    done = subprocess.run(  # programs by name, with our own arguments
        words,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        env={**os.environ, "PATH": search_path(), **(env or {})},
        cwd=cwd,
    )
    if done.returncode != 0:
        raise OmegaError(f"{shlex.join(words)} failed ({done.returncode}):\n{done.stdout}")
    return done.stdout


def key() -> str:
    """Names what a build would make; images by another recipe are made anew."""
    folder = Path(__file__).parent
    makers = [folder / name for name in ("recipe.py", "images.py", "initramfs.py", "packages.py")]
    digest = hashlib.sha256()
    for path in (*makers, *sorted(GUEST_FILES.iterdir())):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def manifest(cache: Path) -> dict[str, Any]:
    """What the images in that folder were made of; empty if there are none."""
    try:
        found: dict[str, Any] = json.loads((cache / "manifest.json").read_text())
    except (OSError, ValueError):
        return {}
    return found


def is_up_to_date(cache: Path) -> bool:
    """Whether images of this recipe are there."""
    return manifest(cache).get("recipe") == key()
