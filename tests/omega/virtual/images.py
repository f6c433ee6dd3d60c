"""Makes the kernel, the first file system and the root image, once, and keeps them."""

import fcntl
import json
import shutil
import tempfile
import time
from pathlib import Path
from typing import Final

from omega.virtual.initramfs import initramfs
from omega.virtual.packages import fetch
from omega.virtual.recipe import (
    GUEST_ADDRESS,
    GUEST_FILES,
    HOST_ADDRESS,
    IMAGES,
    LIBRARY,
    PYTHON,
    UNWANTED,
    OmegaError,
    call,
    is_up_to_date,
    key,
    missing_packages,
    say,
)

_SPARE_BLOCKS: Final = 6144
"""Of 4096 bytes: room for what is written in the guest."""


def build(cache: Path, *, force: bool = False) -> None:
    """Makes the images if they are not there, or not of this recipe.

    Raises:
        OmegaError: a program is missing, or a step failed.
    """
    if missing := missing_packages():
        raise OmegaError(f"packages are missing; type: apt-get install --no-install-recommends {' '.join(missing)}")
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if force or not is_up_to_date(cache):
            _build(cache)


def _build(cache: Path) -> None:
    started = time.monotonic()
    (cache / "manifest.json").unlink(missing_ok=True)
    with tempfile.TemporaryDirectory(prefix="work-", dir=cache) as folder:
        work = Path(folder)
        say("fetching Debian's mipsel packages with apt (60 MB, the first time)")
        debs = fetch(work, cache)
        kernel, root = work / "kernel", work / "root"
        for deb in debs:
            call("dpkg-deb", "-x", deb, kernel if deb.name.startswith("linux-image") else root)
        say("making the images (two minutes)")
        _populate(root)
        blocks = sum(path.lstat().st_size // 4096 + 1 for path in root.rglob("*")) + _SPARE_BLOCKS
        options = ("-q", "-t", "ext4", "-O", "^has_journal", "-b", "4096", "-m", "0", "-L", "omega", "-d", root)
        call("mke2fs", *options, work / "root.img", blocks)
        (work / "initramfs").write_bytes(initramfs(kernel, root))
        shutil.copyfile(next(kernel.glob("boot/vmlinu*")), work / "vmlinuz")
        for name in IMAGES:
            (work / name).replace(cache / name)
    manifest = {
        "recipe": key(),
        "packages": sorted(deb.name.replace("%3a", ":") for deb in debs),
        "bytes": {name: (cache / name).stat().st_size for name in IMAGES},
    }
    (cache / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n")
    say(f"made {cache} in {time.monotonic() - started:.0f} s")


def _populate(root: Path) -> None:
    for name in UNWANTED:
        _remove(root / name)
    for name in ("app", "dev", "proc", "sys", "run", "tmp", "root", "sbin", "etc"):
        (root / name).mkdir(exist_ok=True)
    for path in [*root.rglob("*.a"), *root.rglob("__pycache__")]:
        _remove(path)
    _link_programs(root)
    init = root / "sbin/omega-init"
    init.write_text((GUEST_FILES / "omega-init.sh").read_text().replace("@GUEST_ADDRESS@", GUEST_ADDRESS))
    init.chmod(0o755)
    hosts = f"127.0.0.1 localhost\n{HOST_ADDRESS} broker\n{GUEST_ADDRESS} omega-virtual\n"
    for name, text in (
        ("passwd", "root:x:0:0:root:/root:/bin/sh\n"),
        ("group", "root:x:0:\n"),
        ("nsswitch.conf", "hosts: files\n"),
        ("hosts", hosts),
    ):
        (root / "etc" / name).write_text(text)
    # As on the Omega2 the library comes compiled; the guest's own Python does it, in user mode (24Kf: there is no
    # kernel in user mode that would stand in for the missing floating point unit of a 24KEc).
    emulated = ("qemu-mipsel-static", "-cpu", "24Kf", "-L", root, root / "usr/bin" / PYTHON)
    call(
        *emulated,
        "-m",
        "compileall",
        "-q",
        "--invalidation-mode",
        "unchecked-hash",
        "-s",
        root,
        "-p",
        "/",
        root / LIBRARY,
    )


def _link_programs(root: Path) -> None:
    folders = ("bin", "sbin", "usr/bin", "usr/sbin")
    taken = {path.name for folder in folders for path in root.glob(f"{folder}/*")} | {"busybox"}
    applets = call("qemu-mipsel-static", "-L", root, root / "bin/busybox", "--list").split()
    for applet in set(applets) - taken:
        (root / "bin" / applet).symlink_to("busybox")
    for name in ("python3", "python"):
        (root / "usr/bin" / name).symlink_to(PYTHON)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
