"""What is on the pages of a scan, asked of a process that can be lost: a file may be made to exhaust whoever reads it."""

import socket
import subprocess
import sys
from math import ceil
from pathlib import Path
from typing import BinaryIO, Final

import msgspec

from connectors.mailroom import counting
from connectors.sdk.errors import ConnectorError
from connectors.sdk.words import say
from models.codec import Unusable
from models.reasons import Reason

MEMORY_MEGABYTES: Final = 512
MAX_PAGES: Final = 100_000
START_SECONDS: Final = 20.0
"""How long the process may take until it is ready."""
_WHY: Final = {
    counting.ENCRYPTED: (Reason.UNREADABLE_LINE, "encrypted"),
    counting.UNREADABLE: (Reason.UNREADABLE_LINE, "no PDF or TIFF with pages"),
    counting.UNSHOWABLE: (Reason.UNREADABLE_LINE, "images in a form that separator sheets cannot be looked for in"),
    counting.TOO_COSTLY: (Reason.OVERSIZED, "reading its pages takes too much time or memory"),
}


class Pages(msgspec.Struct, frozen=True, array_like=True):
    """What is on the pages of a scan."""

    count: int
    barcodes: tuple[tuple[int, str], ...] = ()
    """Page, from 0 on, and text."""


class PageCounter:
    """Reads scans, `seconds` at most for each. The process is started when it is needed."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._process: subprocess.Popen[bytes] | None = None
        self._link: socket.socket

    def examine(self, file: BinaryIO, *, sheets: bool) -> Pages:
        """Return how many pages `file` has, and, if `sheets` are asked for, the barcodes on them.

        Raises `Unusable` if it is no scan, or costs too much, and `ConnectorError` if the process does not start.
        """
        answer = self._ask(file, counting.FIND if sheets else counting.COUNT)
        if answer in _WHY:
            raise Unusable(*_WHY[answer])
        pages = msgspec.json.decode(answer, type=Pages)
        if pages.count > MAX_PAGES:
            raise Unusable(Reason.OVERSIZED, f"more than {MAX_PAGES} pages")
        return pages

    def close(self) -> None:
        """End the process."""
        if self._process:
            self._link.close()
            self._process.kill()
            self._process.wait()
            self._process = None

    def _ask(self, file: BinaryIO, wish: bytes) -> str:
        if self._process and self._process.poll() is not None:
            self.close()  # it was killed while it had nothing to do
        if not self._process:
            self._start()
        try:
            socket.send_fds(self._link, [wish], [file.fileno()])
            if answer := self._link.recv(counting.ANSWER_BYTES):
                return answer.decode()
        except OSError:  # it takes too long, or is dead
            pass
        self.close()
        return counting.TOO_COSTLY

    def _start(self) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            limits = (str(theirs.fileno()), str(ceil(self._seconds)), str(MEMORY_MEGABYTES))
            self._process = subprocess.Popen(  # noqa: S603 - this Python, and a file of ours
                [sys.executable, "-I", str(Path(counting.__file__)), *limits],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                env={},
            )
        self._link = ours
        self._link.settimeout(START_SECONDS)
        try:
            ready = self._link.recv(1)
        except OSError:
            ready = b""
        if not ready:
            self.close()
            raise ConnectorError(
                say(
                    "the process that reads pages does not start",
                    "le processus qui lit les pages ne démarre pas",
                )
            )
        self._link.settimeout(self._seconds)
