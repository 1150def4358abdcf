"""What is on the pages of a scan, asked of a process that can be lost: a file may be made to exhaust whoever reads it."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterable
from contextlib import suppress
from math import ceil
from pathlib import Path
from typing import BinaryIO, Final

import msgspec

from connectors.mailroom import barcode_worker
from connectors.sdk.errors import ConnectorError
from connectors.sdk.i18n import say
from models.codec import UnusableRecord
from models.reasons import Reason

MEMORY_MEGABYTES: Final = 512
MAX_PAGES: Final = 100_000
START_SECONDS: Final = 20.0
"""How long the process may take until it is ready."""
PATIENCE_SECONDS: Final = 30.0
"""How long an answer is waited for if it takes less processor time than it may: a busy machine is no fault of a file's. It is
half of the time in which a connector has to move."""
ATTEMPTS: Final = 3
"""How often the process is lost before that is taken for the file's doing."""
LOST: Final = "lost"
_WHY: Final = {
    barcode_worker.ENCRYPTED: (Reason.UNREADABLE_LINE, "encrypted"),
    barcode_worker.UNREADABLE: (Reason.UNREADABLE_LINE, "no PDF or TIFF with pages"),
    barcode_worker.UNSHOWABLE: (
        Reason.UNREADABLE_LINE,
        "images in a form that separator sheets cannot be looked for in",
    ),
    barcode_worker.TOO_COSTLY: (Reason.OVERSIZED, "reading its pages takes too much time or memory"),
    LOST: (Reason.UNREADABLE_LINE, f"the process that reads its pages broke down {ATTEMPTS} times"),
}


class Pages(msgspec.Struct, frozen=True, array_like=True):
    """What is on the pages of a scan."""

    count: int
    sheets: tuple[tuple[int, str], ...] = ()
    """Pages, from 0 on, each once, that are separator sheets, and what they say; nothing if that is not known."""


class PageCounter:
    """Reads scans, `seconds` of processor time at most for each. The process is started when it is needed.

    `sheets` is what sheets may say; what else begins with `prefix`, if that is not empty, is a sheet too that is not known.
    """

    def __init__(self, seconds: float, sheets: Iterable[str] = (), prefix: str = "") -> None:
        self._seconds = seconds
        self._sheets = json.dumps([sorted(sheets), prefix]).encode()
        self._process: subprocess.Popen[bytes] | None = None
        self._link: socket.socket

    def examine(self, file: BinaryIO, *, sheets: bool) -> Pages:
        """Return how many pages `file` has, and, if `sheets` are asked for, which of them are sheets.

        Raises `Unusable` if it is no scan, or costs too much, and `ConnectorError` if the process does not start.
        """
        wish = barcode_worker.FIND if sheets else barcode_worker.COUNT
        answers = (self._ask(file, wish) for _ in range(ATTEMPTS))
        answer = next((answer for answer in answers if answer != LOST), LOST)
        if answer in _WHY:
            raise UnusableRecord(*_WHY[answer])
        pages = msgspec.json.decode(answer, type=Pages)
        if pages.count > MAX_PAGES:
            raise UnusableRecord(Reason.OVERSIZED, f"more than {MAX_PAGES} pages")
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
        process = self._process or self._start()
        try:
            with suppress(ConnectionError):
                socket.send_fds(self._link, [wish], [file.fileno()])
                if answer := self._link.recv(barcode_worker.ANSWER_BYTES):
                    return answer.decode()
            too_costly = process.wait(self._seconds) == -signal.SIGXCPU
        except (TimeoutError, subprocess.TimeoutExpired):
            too_costly = True
        self.close()
        return barcode_worker.TOO_COSTLY if too_costly else LOST

    def _start(self) -> subprocess.Popen[bytes]:
        self._link, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._link.settimeout(START_SECONDS)
        limits = (str(theirs.fileno()), str(ceil(self._seconds)), str(MEMORY_MEGABYTES))
        try:
            with theirs, os.fdopen(os.memfd_create("sheets"), "w+b") as sheets:
                sheets.write(self._sheets)
                sheets.seek(0)
                process = self._process = subprocess.Popen(  # noqa: S603 - this Python, and a file of ours
                    [sys.executable, "-I", str(Path(barcode_worker.__file__)), *limits],
                    stdin=sheets,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    pass_fds=[theirs.fileno()],
                    env={},
                )
            ready = self._link.recv(1)
        except OSError:  # no fault of the file's, for which it would be taken
            ready = b""
        if not ready:
            self._link.close()
            self.close()
            raise ConnectorError(
                say(
                    "the process that reads pages does not start",
                    "le processus qui lit les pages ne démarre pas",
                )
            )
        self._link.settimeout(max(self._seconds, PATIENCE_SECONDS))
        return process
