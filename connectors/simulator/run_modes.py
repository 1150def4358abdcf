"""Run modes: past days as fast as the connectors follow, or live."""

import json
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, NamedTuple, Self

from connectors.sdk.files import replace
from connectors.simulator.departement import Departement
from connectors.simulator.office_hours import PARIS, midnight

STEP: Final = timedelta(days=1)
"""Simulated time between waits for the connectors."""
POLL_SECONDS: Final = 0.1
"""Interval of the check for pending work, in seconds."""
PATIENCE_SECONDS: Final = 20.0
"""Longest wait of a live simulation for the connectors, per simulated day of the past, in seconds."""
LATE_SECONDS: Final = 1.0
"""Longest pause of a live simulation while work is pending, in seconds."""
SUBSTEP: Final = timedelta(hours=1)
"""Simulated time between pauses for other processes."""
SHARE: Final = 0.5
"""Share of the time in which a live simulation simulates the past, so that current figures are not delayed."""
SAVE_SECONDS: Final = 5.0
"""Interval between saves of the progress of a live simulation, in seconds."""


def run_span(
    departement: Departement,
    since: datetime,
    until: datetime,
    stop: threading.Event,
    *,
    on_day: Callable[[datetime], None] = lambda _: None,
    poll: Callable[[], None] = lambda: None,
    patience_seconds: float = float("inf"),
    share: float = 1.0,
) -> bool:
    """Run all actions from `since` to `until`, both included; return False if `stop` is set by then.

    After each day, wait up to `patience_seconds` for the connectors, because some systems report only their current
    state; then call `on_day` with the simulated time. Use only a `share` of the time for actions. `poll` is called repeatedly.
    """

    def keep_running() -> bool:
        poll()
        return not stop.is_set()

    def wait_while(condition: Callable[[], bool], seconds: float) -> None:
        until = time.monotonic() + seconds
        while condition() and keep_running() and (left := until - time.monotonic()) > 0:
            stop.wait(min(POLL_SECONDS, left))

    at = since
    while at < until and keep_running():
        day_ends_at = min(at + STEP, until)
        while at < day_ends_at and keep_running():
            at = min(at + SUBSTEP, day_ends_at)
            began_at = time.monotonic()
            departement.run_until(at, keep_running)
            wait_while(lambda: True, (time.monotonic() - began_at) * (1 / share - 1))
        wait_while(lambda: not departement.drain(), patience_seconds)
        on_day(at)
    return not stop.is_set()


class RunProgress(NamedTuple):
    """Progress of a live simulation. `of` are its options: a simulation with other options starts from the beginning."""

    of: dict[str, Any]
    since: datetime
    """Time at which the simulation begins."""
    played_until: datetime
    """Simulated time up to which the actions were executed."""

    @classmethod
    def new(cls, of: dict[str, Any], history: int) -> Self:
        """Return the progress of a new simulation that begins now.

        With `history`, it begins at midnight in Paris, `history` - 1 days before today.
        """
        now = _now().replace(microsecond=0)
        begin = midnight(now.astimezone(PARIS).date() - timedelta(days=history - 1)) if history else now
        return cls(of, begin, begin)

    @classmethod
    def load(cls, path: Path, of: dict[str, Any]) -> Self | None:
        """Return the progress saved in the file `path`; None if there is none, or one with other options."""
        if not path.exists():
            return None
        saved = json.loads(path.read_bytes())
        saved["of"].pop("speed", None)  # written by earlier versions
        if saved["of"] != of:
            return None
        return cls(of, *(datetime.fromisoformat(saved[name]) for name in cls._fields[1:]))

    def save(self, path: Path) -> None:
        """Save the progress to the file `path`, for `load`."""
        replace(path, json.dumps(self._asdict(), default=datetime.isoformat).encode())


def run_live(departement: Departement, progress: RunProgress, path: Path, stop: threading.Event) -> None:
    """Run the opened `departement` from its simulated time to now, then in real time until `stop` is set.

    Its simulated time must be `progress.played_until`. When no work is pending, `progress` is saved to `path` with the new
    time, after each past day or about every `SAVE_SECONDS`. Work that was pending at a stop is repeated identically.

    Calls catch up with real time first. They stay live while the past of the other channels is simulated. At the end, all calls
    are ended.
    """

    def save(_: datetime) -> None:
        if departement.drain():
            progress._replace(played_until=departement.now).save(path)

    def run_calls() -> None:
        while not stop.is_set() and departement.calls.next_at <= _now().timestamp():
            next_at = datetime.fromtimestamp(departement.calls.next_at, UTC)
            departement.calls.advance(min(next_at + SUBSTEP, _now()))

    with departement.calls.clients_waiting():  # until the calls have reached the current time
        run_calls()
    run_span(
        departement,
        departement.now,
        _now(),
        stop,
        on_day=save,
        poll=run_calls,
        patience_seconds=PATIENCE_SECONDS,
        share=SHARE,
    )
    saved_at = _now()
    while not stop.is_set():
        now = _now()
        departement.run_until(now, lambda: not stop.is_set())
        drained = departement.drain()
        if now - saved_at >= timedelta(seconds=SAVE_SECONDS):
            save(now)
            saved_at = now
        wait = departement.next_at - _now().timestamp()
        stop.wait(max(0.0, min(wait, SAVE_SECONDS if drained else LATE_SECONDS)))
    departement.calls.end(_now())
    save(_now())


def _now() -> datetime:
    return datetime.now(UTC)
