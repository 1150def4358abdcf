"""A simulated département, read by the real connectors in this process, and the figures that its events fold to."""

import threading
import tomllib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

from prometheus_client import CollectorRegistry

from connectors.sdk.runner import Runner, configure
from connectors.simulator.ledger import Numbers, Where
from connectors.simulator.stage import Stage
from connectors.simulator.working import PARIS, midnight
from models.events import Event
from streams.core import agent, contact
from streams.core.counting import count_agent, count_contact, count_rings
from streams.core.figures import Dimensions, Figure, new_figure
from streams.core.layouts import LAYOUTS
from streams.core.visit import TimesToLive

TO_LIVE = TimesToLive(waiting=3_600_000, in_progress=12 * 3_600_000, visit=12 * 3_600_000)


def last_monday() -> datetime:
    """The beginning of the last week that is over, in Paris."""
    today = datetime.now(PARIS).date()
    return midnight(today - timedelta(days=today.weekday() + 7))


class Collected:
    """A publisher that keeps events, and confirms each as soon as it has it; for many threads."""

    ready, pending = True, False

    def __init__(self) -> None:
        self.events: list[Event] = []
        self._lock = threading.Lock()

    def publish(self, events: Sequence[Event], confirmed: Callable[[], None]) -> None:
        with self._lock:
            self.events.extend(events)
        confirmed()

    def poll(self, wait_seconds: float) -> None:
        pass

    def close(self) -> None:
        pass


@contextmanager
def read(stage: Stage, data: Path) -> Iterator[Collected]:
    """Run the connectors of a stage as its settings say, until the end of the block."""
    tables = tomllib.loads(stage.settings.read_text())["connectors"]
    instances = [configure(name, options.pop("connector"), options) for name, options in tables.items()]
    collected, stop = Collected(), threading.Event()
    runner = Runner(
        instances,
        brokers="",
        directory=data,
        registry=CollectorRegistry(),
        open_publisher=lambda *_: collected,
    )
    thread = threading.Thread(target=runner.run, args=(stop,))
    thread.start()
    try:
        yield collected
    finally:
        stop.set()
        thread.join()


class Folded:
    """Events folded in the order in which they came, each once; and the figures that they give."""

    def __init__(self) -> None:
        self.count = 0
        self._figures: dict[tuple[int, Dimensions], Figure] = {}
        self._rows: dict[str, contact.Contact] = {}
        self._agents: dict[str, agent.Agent] = {}

    def add(self, events: Sequence[Event]) -> None:
        """Fold what was not folded yet of all `events`."""
        fresh = events[self.count :]
        self.count += len(fresh)
        for event in fresh:
            if event.type == "agent.state_changed":
                known = self._agents.get(event.subject)
                changed = self._agents[event.subject] = agent.fold(known, event)
                count_agent(known, changed, self._edit)
                count_rings(known, changed, self._edit)
            else:
                before = self._rows.get(event.subject)
                after = self._rows[event.subject] = contact.fold(before, event)
                count_contact(before, after, self._edit)

    def numbers(self, until: datetime) -> dict[Where, Numbers]:
        """Return the figures by the names of the simulator's ledger, as of `until`: what was forgotten by then is.

        Without the slots of distributions, and without agents.
        """
        now_ms = int(until.timestamp() * 1000)
        forgotten = [
            (row, after) for row in self._rows.values() if (after := contact.forget(row, now_ms, TO_LIVE)) != row
        ]
        for row, after in forgotten:
            count_contact(row, after, self._edit)
        named = {
            tuple(place): name_numbers(place, figure) for (start, place), figure in self._figures.items() if not start
        }
        for row, after in forgotten:
            count_contact(after, row, self._edit)
        return {place: numbers for place, numbers in named.items() if numbers}

    def _edit(self, key: tuple[int, Dimensions]) -> Figure:
        return self._figures.setdefault(key, new_figure(LAYOUTS[key[1].channel]))


def name_numbers(place: Dimensions, figure: Figure) -> Numbers:
    """Return the numbers of a figure that the ledger has too, without those that are 0."""
    layout = LAYOUTS[place.channel]
    numbers = dict(zip(layout.counts, figure.counts, strict=True)) | dict(
        zip(layout.stocks, figure.stocks, strict=True)
    )
    return {name: one for name, one in numbers.items() if one and "_le_" not in name and not name.startswith("agents_")}


def differences(found: dict[Where, Numbers], expected: dict[Where, Numbers]) -> list[tuple[Where, str, int, int]]:
    """Where, what, found, expected."""
    return [
        (place, name, found.get(place, {}).get(name, 0), expected.get(place, {}).get(name, 0))
        for place in sorted(found.keys() | expected.keys())
        for name in sorted(found.get(place, {}).keys() | expected.get(place, {}).keys())
        if found.get(place, {}).get(name, 0) != expected.get(place, {}).get(name, 0)
    ]
