"""A shell in the guest, over a serial line: a command line goes in, its exit status and output come out."""

import base64
import queue
import socket
import threading
import time
from typing import NamedTuple

from omega.virtual.recipe import OmegaError


class Answer(NamedTuple):
    """What a command did."""

    status: int
    output: str


class GuestShell:
    """The host's end of the control line."""

    def __init__(self, line: socket.socket) -> None:
        self._line = line
        self._lock = threading.Lock()
        self._answers: queue.Queue[bytes] = queue.Queue()
        self._ready = threading.Event()
        self._abandoned = 0  # answers still to come that nobody waits for any more

    def serve(self) -> None:
        """Takes answers until the guest is gone."""
        pending = b""
        while data := self._line.recv(65536):
            *lines, pending = (pending + data).split(b"\n")
            for line in lines:
                if line.strip() == b"ready":
                    self._ready.set()
                elif self._abandoned:
                    self._abandoned -= 1
                else:
                    self._answers.put(line.strip())

    def run(self, command: str, seconds: float = 60.0) -> Answer:
        """Runs one line of shell.

        Raises:
            OmegaError: it is longer than a line, or there is no answer within that time.
        """
        if "\n" in command or len(command.encode()) > 3000:
            raise OmegaError("a command has to be one line, shorter than 3000 bytes")
        deadline = time.monotonic() + seconds
        if not self._ready.wait(seconds):
            raise OmegaError("the guest has not booted yet")
        with self._lock:
            self._line.sendall(command.encode() + b"\n")
            try:
                answer = self._answers.get(timeout=max(0.1, deadline - time.monotonic()))
            except queue.Empty:
                self._abandoned += 1
                raise OmegaError(f"the guest gave no answer in {seconds:g} s") from None
        status, _, output = answer.partition(b" ")
        return Answer(int(status), base64.b64decode(output).decode(errors="replace"))
