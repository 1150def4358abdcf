"""Crashes and signals of the page counter process."""

import signal
import sys
from contextlib import closing
from pathlib import Path
from threading import Timer

import pytest

from connectors.mailroom import barcode_worker
from connectors.mailroom.pages import PageCounter, Pages
from connectors.sdk.errors import ConnectorError
from tests.support.mailroom_harness import MailroomHarness
from tests.support.scans import drop, drop_letter, pdf

CRASHING_WORKER = """
import os, signal, socket, sys
with open({tally!r}, "ab") as tally:
    if tally.tell() >= {crashes}:
        os.execv(sys.executable, [sys.executable, "-I", {worker!r}, *sys.argv[1:]])
    tally.write(b".")
with socket.socket(fileno=int(sys.argv[1])) as connection:
    connection.send(b"!")
    socket.recv_fds(connection, 1, 1)
    os.kill(os.getpid(), signal.SIGSEGV)
"""
"""Program that crashes on its first requests, and then runs the real worker."""


def test_page_counter_ignores_the_stop_signals_of_its_service_and_is_restarted_after_a_kill(
    room: MailroomHarness,
) -> None:
    with closing(PageCounter(20)) as counter, drop(room.inbox / "a.pdf", pdf(1, pages=2)).open("rb") as file:
        assert counter.examine(file, sheets=False) == Pages(2)
        process = counter._process
        assert process
        for stop in (signal.SIGTERM, signal.SIGINT):
            process.send_signal(stop)
        assert counter.examine(file, sheets=True) == Pages(2)
        assert counter._process is process
        process.kill()
        process.wait()
        assert counter.examine(file, sheets=False) == Pages(2)


def test_page_counter_accepts_many_separator_sheets(room: MailroomHarness) -> None:
    """The list is longer than an argument of a process may be."""
    sheets = [f"{number:0100}" for number in range(10_000)]
    with closing(PageCounter(20, sheets)) as counter, drop(room.inbox / "a.pdf", pdf(1)).open("rb") as file:
        assert counter.examine(file, sheets=True) == Pages(1)


def test_scan_is_not_rejected_on_a_busy_machine(room: MailroomHarness) -> None:
    with closing(PageCounter(0.5)) as counter, drop(room.inbox / "a.pdf", pdf(1, pages=2)).open("rb") as file:
        counter.examine(file, sheets=False)
        process = counter._process
        assert process
        process.send_signal(signal.SIGSTOP)  # simulate other processes using the processor longer than the limit
        busy = Timer(1.0, process.send_signal, [signal.SIGCONT])
        busy.start()
        assert counter.examine(file, sheets=False) == Pages(2)
        assert counter._process is process
        busy.join()


@pytest.mark.parametrize("crashes", [2, 3])
def test_scan_is_retried_after_two_crashes_and_rejected_after_three(
    room: MailroomHarness, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, crashes: int
) -> None:
    program = tmp_path / "crashing.py"
    program.write_text(
        CRASHING_WORKER.format(crashes=crashes, tally=str(tmp_path / "tally"), worker=barcode_worker.__file__)
    )
    monkeypatch.setattr(barcode_worker, "__file__", str(program))
    drop_letter(room.inbox, 1)
    assert len(room.read()) == 2 * (crashes < 3)
    assert (tmp_path / "tally").stat().st_size == crashes
    rejected = {"scan00001.json": "unreadable_line: the process that reads its pages crashed 3 times"}
    assert room.rejected() == (rejected if crashes == 3 else {})


def test_scan_is_not_rejected_if_the_page_counter_does_not_start(
    room: MailroomHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop_letter(room.inbox, 1)
    with monkeypatch.context() as patch:
        patch.setattr(sys, "executable", str(room.inbox))
        with pytest.raises(ConnectorError, match="does not start"):
            room.read()
    assert len(room.read()) == 2
