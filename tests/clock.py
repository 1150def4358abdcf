"""The tests at other times than now. Run by hand: `python -m tests.clock weeks` or `python -m tests.clock moments`.

`weeks` simulates each of the last weeks with the tests that simulate a week. `moments` runs the tests that start no process
with their clock at moments at which tests tend to fail. Both print one line per run, and exit with 1 if a test failed.

As a plugin of pytest, with `-p tests.clock --at=2027-12-31T23:59:30+01:00`, this module sets the clock of each test in turn to
that moment, in the time zone of Paris. Collection happens earlier, as in a real run.
"""

import os
import subprocess
import sys
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Final
from unittest.mock import patch
from zoneinfo import ZoneInfo

import pytest
import time_machine

from tests.support.simulated_figures import WEEKS_BACK

WEEKS: Final = 60
MOMENTS: Final = (
    "2027-01-04T08:00:00+01:00",  # a Monday morning
    "2027-01-10T03:00:00+01:00",  # a night from Saturday to Sunday
    "2027-12-31T23:59:30+01:00",
    "2028-02-29T12:00:00+01:00",
    "2027-05-01T10:00:00+02:00",  # a holiday
    "2027-03-28T02:30:00+01:00",  # half an hour after the change to summer time
    "2027-10-31T02:30:00+02:00",  # half an hour before the change to winter time
    "2027-06-01T00:00:10+02:00",  # the first of a month
    "2034-12-31T23:59:59.9+01:00",  # years later, and a year that ends during the test
)
SIMULATING: Final = (
    "tests/connectors/test_simulator_run_modes.py::test_simulation_resumes_after_a_stop",
    "tests/connectors/test_simulator_run_modes.py::test_only_the_systems_of_the_named_connectors_run",
    "tests/connectors/test_simulator_run_modes.py::test_command_simulates_days_and_writes_the_ledger",
    "tests/connectors/test_simulator_mailbox.py",
    "tests/connectors/test_simulator_on_kafka.py",
    "tests/faults/test_canary_all_systems.py",
)
"""Tests of `last_monday`."""
FAST: Final = "not broker and not faults and not browser"
COLLECTED_BEFORE: Final = timedelta(minutes=20)
"""Time from the collection of a test to its run: the duration of all tests."""
NOT_AT_MOMENTS: Final = (
    "tests/connectors/mailroom/test_kills.py::test_burst_killed_at_random_times_loses_no_letter",
    "tests/connectors/test_table_changes.py::test_file_that_grows_gives_each_row_once",
    "tests/connectors/test_table_changes.py::test_growing_file_of_wide_characters_gives_each_row_once",
    "tests/unit/cli/test_connectors.py::TestCheck::test_check_reads_only_the_beginning_of_a_long_log",
)
"""Tests whose child starts processes, or that compare the clock with the modification time of a new file."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--at", type=datetime.fromisoformat, required=True, help="set the clock of each test to this time")


def _clock(config: pytest.Config, before: timedelta = timedelta(), *, tick: bool = True) -> time_machine.travel:
    at: datetime = config.getoption("--at")
    return time_machine.travel(at.astimezone(ZoneInfo("Europe/Paris")) - before, tick=tick)


@pytest.hookimpl(wrapper=True)
def pytest_collection(session: pytest.Session) -> Generator[None, object, object]:
    with _clock(session.config, COLLECTED_BEFORE, tick=False):
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    with _clock(item.config), patch("subprocess.Popen.__init__", _skip):
        return (yield)


def _skip(*_: object, **__: object) -> None:
    pytest.skip("starts a process, which has the real time")


def run_tests(*arguments: str, **environment: str) -> tuple[bool, list[str]]:
    """Run pytest. Return whether no test failed, the names of failed tests, and the last line of the output."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments],
        check=False,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        text=True,
    )
    lines = done.stdout.splitlines()
    return done.returncode == 0, [line for line in lines if line.startswith(("FAILED", "ERROR "))] + lines[-1:]


def run_weeks() -> Iterator[tuple[str, bool, list[str]]]:
    def run(number: int) -> tuple[str, bool, list[str]]:
        return f"{number} weeks before the last", *run_tests(*SIMULATING, **{WEEKS_BACK: str(number)})

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        yield from pool.map(run, range(WEEKS))


def run_moments() -> Iterator[tuple[str, bool, list[str]]]:
    for moment in MOMENTS:
        options = [f"--deselect={test}" for test in NOT_AT_MOMENTS]
        options += ["-n", str((os.cpu_count() or 1) + 1), "--dist", "loadfile"]
        options += ["-W", "ignore::pytest.PytestUnraisableExceptionWarning"]  # of tests that are skipped halfway
        yield moment, *run_tests("-p", "tests.clock", f"--at={moment}", "-m", FAST, *options)


if __name__ == "__main__":
    runs = {"weeks": run_weeks, "moments": run_moments}.get("".join(sys.argv[1:]))
    if runs is None:
        sys.exit(__doc__)
    failed = False
    for name, passed, lines in runs():
        failed |= not passed
        print(name, *lines, sep="\n  ", flush=True)
    sys.exit(failed)
