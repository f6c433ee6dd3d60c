"""One booted guest with its relay expansion, its shell and its console.

The guest is a QEMU "malta" board (MIPS32r2, little-endian) with 64 MB. Its network ends at this machine's loopback: it
has no default route and no name server. The default processor is not the Omega2's 24KEc but its relative 34Kf, which
runs the same code: QEMU's 24KEc has a TLB of 16 entries, not 64, which makes Python two to three times slower.
"""

import ctypes
import os
import secrets
import select
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import IO, Final, Self

from omega.virtual.expansion import RelayExpansion, Transfer
from omega.virtual.payload import payload
from omega.virtual.recipe import OmegaError
from omega.virtual.shell import Answer, GuestShell

CPU: Final = "34Kf"
MEMORY_MB: Final = 64
BOOT_SECONDS: Final = 180.0


class Machine:
    """A virtual Omega2; also a context manager, which boots it and switches it off.

    Args:
        cache: the folder of the images.
        files: what goes into the guest: contents by absolute path; executable where they begin with ``#!``.
        command: the shell script that is the guest's program; when it ends, so does the guest.
        console: where the console's bytes are kept.
        tell: told of each I2C transfer.

    Attributes:
        expansion: the relay board.
        status: the exit status of the program, once it ended.
        boot_seconds: how long booting took.
    """

    def __init__(
        self,
        *,
        cache: Path,
        files: dict[str, bytes],
        command: str,
        console: Path,
        cpu: str = CPU,
        memory: int = MEMORY_MB,
        tell: Callable[[Transfer], None] | None = None,
    ) -> None:
        self._token = f"omega-{secrets.token_hex(8)}"
        self._folder = tempfile.TemporaryDirectory(prefix="virtual-omega-")
        disk = Path(self._folder.name) / "payload.tar"
        disk.write_bytes(payload(files, command))
        self._command = _qemu(cache, disk, self._token, cpu, memory)
        self._console = console
        self._started, self._ended = threading.Event(), threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        i2c_line, self._guest_i2c = socket.socketpair()
        shell_line, self._guest_shell = socket.socketpair()
        self._sockets = (i2c_line, self._guest_i2c, shell_line, self._guest_shell)
        self.expansion = RelayExpansion(i2c_line, tell)
        self.shell = GuestShell(shell_line)
        self.status: int | None = None
        self.boot_seconds = 0.0

    def __enter__(self) -> Self:
        """Boots it."""
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Switches it off."""
        self.power_off()

    def start(self) -> None:
        """Boots; returns when its program begins.

        Raises:
            OmegaError: it did not boot.
        """
        begun = time.monotonic()
        shell, i2c = self._guest_shell.fileno(), self._guest_i2c.fileno()
        ends = [
            argument
            for name, number in (("shell", shell), ("i2c", i2c))
            for argument in ("-chardev", f"socket,id={name},fd={number}", "-serial", f"chardev:{name}")
        ]
        self._process = subprocess.Popen(
            [*self._command, *ends],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=(shell, i2c),
            preexec_fn=_with_its_parent,  # noqa: PLW1509  # it only calls prctl and nice
            env={**os.environ, "TMPDIR": self._folder.name},
        )
        self._guest_i2c.close()
        self._guest_shell.close()
        if self._process.stdout is None:
            raise OmegaError("QEMU has no console")
        for serve in (self.expansion.serve, self.shell.serve, partial(self._follow, self._process.stdout)):
            threading.Thread(target=_quietly, args=(serve,), daemon=True).start()
        while not self._started.wait(0.2):
            if self._ended.is_set() or time.monotonic() - begun > BOOT_SECONDS:
                self.power_off()
                raise OmegaError(f"the guest did not boot; its console is in {self._console}")
        self.boot_seconds = time.monotonic() - begun

    def run(self, command: str, seconds: float = 60.0) -> Answer:
        """Runs one line of shell in the guest."""
        return self.shell.run(command, seconds)

    def processor_seconds(self) -> float:
        """Seconds of the host's processor that QEMU has used: a measure of work, whatever else runs there."""
        if self._process is None:
            return 0.0
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")  # utime and stime, proc(5)

    def wait(self, seconds: float) -> int | None:
        """Waits for the guest's program to end; its exit status, ``None`` if it still runs."""
        self._ended.wait(seconds)
        return self.status

    def power_off(self) -> None:
        """Switches it off, as pulling the plug does."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(5)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._ended.wait(5)
        for end in self._sockets:
            end.close()
        self._folder.cleanup()

    def _follow(self, out: IO[bytes]) -> None:
        mark = self._token.encode() + b" "
        pending = b""
        with self._console.open("wb", buffering=0) as log, out:
            while True:
                select.select([out], [], [])
                data = os.read(out.fileno(), 65536)
                log.write(data)
                *lines, pending = (pending + data).split(b"\n")
                for line in lines:
                    words = line.partition(mark)[2].split()
                    if words[:1] == [b"start"]:
                        self._started.set()
                    elif words[:1] == [b"exit"]:
                        self.status = int(words[1])
                        self._ended.set()
                if not data:
                    self._ended.set()
                    return


def _qemu(cache: Path, disk: Path, token: str, cpu: str, memory: int) -> list[str]:
    told = f"omega.token={token} omega.time={int(time.time())}"
    kernel_line = f"console=ttyS0,115200 quiet loglevel=4 panic=-1 net.ifnames=0 {told}"
    return [
        "qemu-system-mipsel", "-M", "malta", "-cpu", cpu, "-m", str(memory), "-nodefaults", "-display", "none",
        "-no-reboot", "-rtc", "base=utc", "-kernel", str(cache / "vmlinuz"), "-initrd", str(cache / "initramfs"),
        "-append", kernel_line,
        "-drive", f"if=none,id=root,format=raw,file={cache / 'root.img'},snapshot=on",
        "-device", "virtio-blk-pci,drive=root",
        "-drive", f"if=none,id=payload,format=raw,file={disk},readonly=on",
        "-device", "virtio-blk-pci,drive=payload",
        "-netdev", "user,id=net,ipv6=off", "-device", "virtio-net-pci,netdev=net,romfile=",
        "-device", "virtio-rng-pci",
        "-chardev", "stdio,id=console,signal=off", "-serial", "chardev:console",
    ]  # fmt: skip


def _with_its_parent() -> None:
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG: no machine outlives the tests
    with suppress(OSError):
        os.nice(-5)  # the driver gives a transfer 150 ms, which a busy host must not break


def _quietly(serve: Callable[[], None]) -> None:
    with suppress(OSError, ValueError):  # the other end went away
        serve()
