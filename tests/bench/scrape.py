"""CPU cost of a scrape of the business metrics, and its number of series.

    python -m tests.bench.scrape --queues 30

The figures are those of an organisation with queues of all channels and feedback on each, under the SLA policies of the tests.
The CPU time covers merging the figures, building the metrics and writing the text.
"""

import gc
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Final
from zoneinfo import ZoneInfo

import click
from prometheus_client import CollectorRegistry

from models.topics import Channel
from streams.core.figures.figure import Dimensions
from streams.core.figures.figure_schemas import FIGURE_SCHEMAS
from streams.web.app import GC_THRESHOLDS
from streams.web.collector import FiguresCollector
from streams.web.exposition import Exposition
from streams.web.options import WebOptions
from streams.web.topic_view import ReaderState
from streams.web.view import FiguresView
from tests.unit.web.exported_promises import POLICIES
from tests.web.rows import Worker

NOON: Final = datetime(2026, 3, 10, 11, 0, tzinfo=UTC)
SHARES: Final = {
    Channel.CALL: 10,
    Channel.MAIL: 6,
    Channel.EMAIL: 4,
    Channel.FORM: 4,
    Channel.APPOINTMENT: 4,
    Channel.VISIT: 2,
}
"""Number of queues per channel among thirty queues."""
PARTITIONS: Final = 4


def places(queues: int) -> Iterator[Dimensions]:
    """Yield the dimensions of an organisation with this number of queues."""
    total = sum(SHARES.values())
    for channel, share in SHARES.items():
        for number in range(max(1, share * queues // total)):
            queue = f"queue-{number}" if channel in (Channel.CALL, Channel.VISIT, Channel.FORM) else ""
            yield Dimensions(channel.value, "siege", f"service-{number}", queue)


def make_view(queues: int) -> FiguresView:
    """Return figures with a value for each count of each site in each partition."""
    view = FiguresView(ZoneInfo("Europe/Paris"), NOON, lambda: POLICIES)
    view.begin(range(PARTITIONS))
    for partition in range(PARTITIONS):
        worker = Worker(view, partition)
        for place in places(queues):
            opinion = Dimensions(Channel.FEEDBACK.value, place.site, place.service, place.channel)
            for where in (place, opinion):
                for hours in range(4):
                    worker.count(where, NOON - timedelta(hours=hours), *FIGURE_SCHEMAS[where.channel].facts, amount=60)
            worker.stocks(place, NOON - timedelta(hours=1), waiting=2)
        worker.progress(NOON)
    view.set_state(ReaderState.FOLLOWING)
    return view


@click.command(help=__doc__)
@click.option("--queues", default=30, show_default=True)
@click.option("--rounds", default=50, show_default=True)
def main(*, queues: int, rounds: int) -> None:
    """Measure and print the results."""
    gc.set_threshold(*GC_THRESHOLDS)
    view = make_view(queues)
    registry = CollectorRegistry()
    registry.register(FiguresCollector(view.snapshot, WebOptions(brokers=""), lambda: NOON))
    exposition = Exposition(registry)
    text = exposition.write()
    costs = []
    for _ in range(rounds):
        begin = time.process_time()
        text = exposition.write()
        costs.append(time.process_time() - begin)
    series = sum(not line.startswith(b"#") for line in text.splitlines())
    names = sum(line.startswith(b"# TYPE") for line in text.splitlines())
    click.echo(f"{queues} queues: {series} series of {names} metrics, {len(text) / 1024:.0f} KiB")
    click.echo(f"a scrape: median {median(costs) * 1e3:.1f} ms, worst {max(costs) * 1e3:.1f} ms of {rounds}")


if __name__ == "__main__":
    main()
