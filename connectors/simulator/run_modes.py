"""Two ways to play: a span of days as fast as its connectors take it, or as time goes by."""

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

SLICE: Final = timedelta(days=1)
"""Of simulated time; then connectors are waited for."""
LOOK_SECONDS: Final = 0.1
"""How often it is looked whether anything still waits."""
PATIENCE_SECONDS: Final = 20.0
"""How long a live simulation waits for connectors before it goes on with the next day of the past."""
LATE_SECONDS: Final = 1.0
"""The longest that a live step waits while something waits for a connector."""
PIECE: Final = timedelta(hours=1)
"""Of simulated time; then others may have the machine."""
SHARE: Final = 0.5
"""A live simulation plays the past in so much of the time: figures of the present are not to wait for it."""
SAVE_SECONDS: Final = 5.0
"""How often it is noted how far a live simulation has come."""


def run_span(
    departement: Departement,
    since: datetime,
    until: datetime,
    stop: threading.Event,
    *,
    tell: Callable[[datetime], None] = lambda _: None,
    meanwhile: Callable[[], None] = lambda: None,
    patience_seconds: float = float("inf"),
    share: float = 1.0,
) -> bool:
    """Play all from `since` to `until`, telling of each day; return False if it was stopped before.

    After each day, connectors are waited for with `patience_seconds`: some systems tell only how things stand. Only in a `share`
    of the time something is played; `meanwhile` is called again and again.
    """

    def keep_running() -> bool:
        meanwhile()
        return not stop.is_set()

    def wait_while(condition: Callable[[], bool], seconds: float) -> None:
        until = time.monotonic() + seconds
        while condition() and keep_running() and (left := until - time.monotonic()) > 0:
            stop.wait(min(LOOK_SECONDS, left))

    at = since
    while at < until and keep_running():
        day_ends_at = min(at + SLICE, until)
        while at < day_ends_at and keep_running():
            at = min(at + PIECE, day_ends_at)
            began_at = time.monotonic()
            departement.run_until(at, keep_running)
            wait_while(lambda: True, (time.monotonic() - began_at) * (1 / share - 1))
        wait_while(lambda: not departement.drain(), patience_seconds)
        tell(at)
    return not stop.is_set()


class RunProgress(NamedTuple):
    """How far a live simulation has come, and what it is of: another one begins anew."""

    of: dict[str, Any]
    since: datetime
    played_until: datetime

    @classmethod
    def new(cls, of: dict[str, Any], history: int) -> Self:
        """Return the mark of a simulation that begins so many days ago, at midnight; 0: now."""
        now = _now().replace(microsecond=0)
        begin = midnight(now.astimezone(PARIS).date() - timedelta(days=history - 1)) if history else now
        return cls(of, begin, begin)

    @classmethod
    def load(cls, path: Path, of: dict[str, Any]) -> Self | None:
        """Return what was saved, None if nothing was of this simulation."""
        if not path.exists():
            return None
        saved = json.loads(path.read_bytes())
        if saved["of"] != of:
            return None
        return cls(of, *(datetime.fromisoformat(saved[name]) for name in cls._fields[1:]))

    def save(self, path: Path) -> None:
        """Put it on disk."""
        replace(path, json.dumps(self._asdict(), default=datetime.isoformat).encode())


def run_live(
    departement: Departement, mark: RunProgress, path: Path, stop: threading.Event, speed: float = 1.0
) -> None:
    """Play what has happened since `mark`, then go on as time goes by until `stop` is set; keep the mark in the file `path`.

    Calls, which are told live, are of now from the start: what has happened is played beside them. The mark moves on when
    nothing waits any more: what waited at a stop is played again, and is the same. At twice the `speed`, all comes twice as often
    and takes half the time. At the end all calls are ended.
    """

    def save(_: datetime) -> None:
        if departement.drain():
            mark._replace(played_until=departement.now).save(path)

    def call() -> None:
        while not stop.is_set() and departement.calls.next_at <= _now().timestamp():
            next_at = datetime.fromtimestamp(departement.calls.next_at, UTC)
            departement.calls.advance(min(next_at + PIECE, _now()))

    with departement.calls.manager.lock:  # who asks before it is now is answered then
        call()
    departement.calls.set_speed(speed)
    run_span(
        departement,
        departement.now,
        _now(),
        stop,
        tell=save,
        meanwhile=call,
        patience_seconds=PATIENCE_SECONDS,
        share=SHARE,
    )
    departement.set_speed(speed)
    saved_at = _now()
    while not stop.is_set():
        now = _now()
        departement.run_until(now, lambda: not stop.is_set())
        settled = departement.drain()
        if now - saved_at >= timedelta(seconds=SAVE_SECONDS):
            save(now)
            saved_at = now
        wait = departement.next_at - _now().timestamp()
        stop.wait(max(0.0, min(wait, SAVE_SECONDS if settled else LATE_SECONDS)))
    departement.calls.end(_now())
    save(_now())


def today() -> datetime:
    """Return when this day has begun."""
    return midnight(datetime.now(PARIS).date())


def _now() -> datetime:
    return datetime.now(UTC)
