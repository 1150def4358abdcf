"""Runs of the simulated switchboard: a whole day, or live."""

import threading
import time
from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path

from connectors.asterisk.simulate.call_profile import USUAL_HOURS, ZONE, CallProfile
from connectors.asterisk.simulate.ledger import Ledger
from connectors.asterisk.simulate.switchboard import Switchboard

Publish = Callable[[str, float], object]
"""Called with each line and the time it is written, in seconds since 1970."""


def simulate_day(into: Path, *, day: date, seed: int, calls: int = 1_500, publish: Publish | None = None) -> Ledger:
    """Append the log of `day`, Paris time, to the file `into`, and return the true figures.

    The same day, seed and number of calls give the same bytes. `publish` is called with each line and its exact time.
    """
    with into.open("a", encoding="ascii") as log:

        def write_line(line: str) -> None:
            log.write(line)
            if publish is not None:
                publish(line, switchboard.now)

        switchboard = Switchboard(seed, write_line, CallProfile(calls))
        switchboard.begin(_midnight(day), until=_midnight(day + timedelta(days=1)))
        switchboard.run_until(float("inf"))
    return switchboard.ledger


def simulate_live(
    into: Path,
    stop: threading.Event,
    *,
    seed: int,
    calls_per_hour: float = 300,
    speed: float = 1,
    catch_up: bool = False,
    publish: Publish | None = None,
) -> Ledger:
    """Append the log of a switchboard that never closes to `into` in real time, until `stop` is set; then end all calls.

    `calls_per_hour` is the volume of a usual hour; it varies over the day. At `speed` 2, twice as many calls come and
    everything takes half the time. `catch_up` first writes the day up to now. `publish` is called with each line and its
    exact time. Return the true figures.
    """
    with into.open("ab", buffering=0) as log:

        def write_line(line: str) -> None:
            log.write(line.encode("ascii"))
            if publish is not None:
                publish(line, switchboard.now)

        switchboard = Switchboard(seed, write_line, CallProfile(calls_per_hour * USUAL_HOURS, always=True))
        now = time.time()
        switchboard.begin(_midnight(datetime.fromtimestamp(now, ZONE).date()) if catch_up else now)
        switchboard.run_until(now)
        switchboard.pace = 1 / speed
        while not stop.wait(max(0.0, switchboard.next_at - time.time())):
            switchboard.run_until(time.time())
        switchboard.end(time.time())
    return switchboard.ledger


def _midnight(day: date) -> float:
    return datetime(day.year, day.month, day.day, tzinfo=ZONE).timestamp()
