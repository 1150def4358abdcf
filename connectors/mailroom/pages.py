"""Page count and separator sheets of a scan, read in a separate process.

A malicious file may exhaust or crash the process that reads it.
"""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterable
from contextlib import suppress
from math import ceil
from typing import BinaryIO, Final

import msgspec

from connectors.mailroom import barcode_worker
from connectors.sdk.errors import ConnectorError
from models.codec import UnusableRecord
from models.locale import _
from models.reasons import Reason

MEMORY_MEGABYTES: Final = 512
"""Memory limit of the process, in MiB."""
MAX_PAGES: Final = 100_000
"""Most pages of a scan; one with more is rejected."""
START_SECONDS: Final = 20.0
"""Longest start of the process, in seconds."""
PATIENCE_SECONDS: Final = 30.0
"""Shortest timeout for a response, in seconds: on a busy machine, a file may need longer than its processor time. The SDK treats
an instance without progress for 60 seconds as stuck."""
ATTEMPTS: Final = 3
"""Most attempts per file: after a crash, a new process tries again. If each attempt crashes, the file is rejected."""
LOST: Final = "lost"
"""Outcome of an attempt during which the process crashed: it ended without a response, and not by its processor time limit."""
_REJECTIONS: Final = {
    barcode_worker.ENCRYPTED: (Reason.UNREADABLE_LINE, "encrypted"),
    barcode_worker.UNREADABLE: (Reason.UNREADABLE_LINE, "no PDF or TIFF with pages"),
    barcode_worker.UNSHOWABLE: (
        Reason.UNREADABLE_LINE,
        "images in a format that cannot be searched for separator sheets",
    ),
    barcode_worker.TOO_COSTLY: (Reason.OVERSIZED, "reading its pages takes too much time or memory"),
    LOST: (Reason.UNREADABLE_LINE, f"the process that reads its pages crashed {ATTEMPTS} times"),
}


class Pages(msgspec.Struct, frozen=True, array_like=True):
    """Page count, sheets included, and separator sheets of a scan."""

    count: int
    sheets: tuple[tuple[int, str], ...] = ()
    """Page number (from 0) and text of each separator sheet; the text of an unknown sheet is empty."""


class PageCounter:
    """Reader of scans in a separate process, started on first use. `seconds` limits the processor time per scan.

    `sheets` lists the texts of the known separator sheets. Other barcodes that begin with `prefix` mark unknown sheets, unless
    `prefix` is empty.
    """

    def __init__(self, seconds: float, sheets: Iterable[str] = (), prefix: str = "") -> None:
        self._seconds = seconds
        self._sheets = json.dumps([sorted(sheets), prefix]).encode()
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket

    def examine(self, file: BinaryIO, *, sheets: bool) -> Pages:
        """Return the page count of `file`, and its separator sheets if `sheets` is true, otherwise none.

        Raises `UnusableRecord` if the file is no scan, is encrypted, cannot be searched, exceeds the limits, or crashes each
        attempt. Raises `ConnectorError` if the process does not start.
        """
        request = barcode_worker.FIND if sheets else barcode_worker.COUNT
        answers = (self._ask(file, request) for _ in range(ATTEMPTS))
        answer = next((answer for answer in answers if answer != LOST), LOST)
        if answer in _REJECTIONS:
            raise UnusableRecord(*_REJECTIONS[answer])
        pages = msgspec.json.decode(answer, type=Pages)
        if pages.count > MAX_PAGES:
            raise UnusableRecord(Reason.OVERSIZED, f"more than {MAX_PAGES} pages")
        return pages

    def close(self) -> None:
        """End the process if it runs; the next `examine` starts a new one."""
        if self._process:
            self._socket.close()
            self._process.kill()
            self._process.wait()
            self._process = None

    def _ask(self, file: BinaryIO, request: bytes) -> str:
        process = self._process or self._start()
        try:
            with suppress(ConnectionError):
                socket.send_fds(self._socket, [request], [file.fileno()])
                if answer := self._socket.recv(barcode_worker.ANSWER_BYTES):
                    return answer.decode()
            too_costly = process.wait(self._seconds) == -signal.SIGXCPU
        except (TimeoutError, subprocess.TimeoutExpired):
            too_costly = True
        self.close()
        return barcode_worker.TOO_COSTLY if too_costly else LOST

    def _start(self) -> subprocess.Popen[bytes]:
        self._socket, worker_socket = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._socket.settimeout(START_SECONDS)
        arguments = (str(worker_socket.fileno()), str(ceil(self._seconds)), str(MEMORY_MEGABYTES))
        try:
            with worker_socket, os.fdopen(os.memfd_create("sheets"), "w+b") as sheets:
                sheets.write(self._sheets)  # an argument is limited to 128 KiB
                sheets.seek(0)
                process = self._process = subprocess.Popen(  # noqa: S603 - this Python, and a file of ours
                    [sys.executable, "-I", barcode_worker.__file__, *arguments],
                    stdin=sheets,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    pass_fds=[worker_socket.fileno()],
                    env={},
                )
            ready = self._socket.recv(1)
        except OSError:  # must not count as a failure of the file
            ready = b""
        if not ready:
            self._socket.close()
            self.close()
            raise ConnectorError(_("the process that reads pages does not start"))
        self._socket.settimeout(max(self._seconds, PATIENCE_SECONDS))
        return process
