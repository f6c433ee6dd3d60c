"""The first file system of the guest: busybox, the kernel's modules in the order in which they load, and ``/init``.

A cpio archive in the "newc" form (Linux, Documentation/driver-api/early-userspace/buffer-format.rst).
"""

import io
import re
import stat
from pathlib import Path

from omega.virtual.recipe import GUEST_FILES, MODULES, OmegaError


def initramfs(kernel: Path, root: Path) -> bytes:
    """The archive, from the unpacked kernel package and the guest's root.

    Raises:
        OmegaError: the kernel lacks a module.
    """
    order = _in_order({path.stem.replace("-", "_"): path for path in kernel.rglob("*.ko")})
    archive = _Cpio()
    for name in ("bin", "dev", "proc", "sys", "newroot", "modules"):
        archive.put(name, stat.S_IFDIR | 0o755)
    archive.put("init", stat.S_IFREG | 0o755, (GUEST_FILES / "initramfs-init.sh").read_bytes())
    archive.put("bin/busybox", stat.S_IFREG | 0o755, (root / "bin/busybox").read_bytes())
    for path in order:
        archive.put(f"modules/{path.name}", stat.S_IFREG | 0o644, path.read_bytes())
    archive.put("modules/order", stat.S_IFREG | 0o644, "".join(f"{path.name}\n" for path in order).encode())
    archive.put("TRAILER!!!", 0)
    return archive.buffer.getvalue()


def _in_order(files: dict[str, Path]) -> list[Path]:
    order: list[Path] = []

    def add(name: str) -> None:
        path = files.get(name.replace("-", "_"))
        if path is None:
            return  # built into the kernel
        depends = re.search(rb"\0depends=([^\0]*)\0", path.read_bytes())
        for other in filter(None, depends[1].decode().split(",") if depends else ()):
            add(other)
        if path not in order:
            order.append(path)

    for name in MODULES:
        if name.replace("-", "_") not in files:
            raise OmegaError(f"Debian's kernel has no module {name}")
        add(name)
    return order


class _Cpio:
    def __init__(self) -> None:
        self.buffer = io.BytesIO()

    def put(self, name: str, mode: int, data: bytes = b"") -> None:
        encoded = name.encode() + b"\0"
        fields = [self.buffer.tell() + 1, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(encoded), 0]
        self.buffer.write(b"070701" + b"".join(b"%08X" % field for field in fields) + encoded)
        self._pad()
        self.buffer.write(data)
        self._pad()

    def _pad(self) -> None:
        self.buffer.write(b"\0" * (-self.buffer.tell() % 4))
