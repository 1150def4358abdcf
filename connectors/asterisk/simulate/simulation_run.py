"""Let a simulated switchboard work: a whole day at once, or as time goes by."""

import threading
import time
from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path

from connectors.asterisk.simulate.call_profile import USUAL_HOURS, ZONE, CallProfile
from connectors.asterisk.simulate.ledger import Ledger
from connectors.asterisk.simulate.switchboard import Switchboard

Publish = Callable[[str, float], object]
"""Takes a line, and when it is written, seconds since 1970."""


def simulate_day(into: Path, *, day: date, seed: int, calls: int = 1_500, publish: Publish | None = None) -> Ledger:
    """Append the log of `day`, Paris time, to the file `into`, and return what really happened.

    The same day, seed and number of calls give the same bytes. `publish` is told each line with its exact time too.
    """
    with into.open("a", encoding="ascii") as log:

        def tell(line: str) -> None:
            log.write(line)
            if publish is not None:
                publish(line, switchboard.now)

        switchboard = Switchboard(seed, tell, CallProfile(calls))
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
    """Append the log of a switchboard that never closes to `into` as things happen, until `stop` is set; then end all calls.

    `calls_per_hour` are those of a usual hour: how many come follows the hour of the day. At twice the `speed`, calls come
    twice as often and everything takes half the time. To `catch_up` is to write first, at once, what happened today until now.
    `publish` is told each line with its exact time too. Returns what really happened.
    """
    with into.open("ab", buffering=0) as log:

        def tell(line: str) -> None:
            log.write(line.encode("ascii"))
            if publish is not None:
                publish(line, switchboard.now)

        switchboard = Switchboard(seed, tell, CallProfile(calls_per_hour * USUAL_HOURS, always=True))
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
