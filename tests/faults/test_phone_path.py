"""From a switchboard's log to the figures, with kills of all processes: the result equals the simulation's ledger."""

import random
import signal
import time
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Thread

import msgspec
import pytest
import tomli_w
from confluent_kafka import Message

from connectors.asterisk.simulate import configuration, simulate_day
from connectors.sdk.simulation.call_ledger import TARGET_SECONDS, Ledger
from models import topics
from streams.core.figures.figure import PROGRESS_KEY, Figure, decode_figure, merge, new_figure, parse_key, within
from streams.core.figures.figure_schemas import (
    CALLBACK_CHANNEL,
    FIGURE_SCHEMAS,
    LEFT_COUNTS,
    LINE_CHANNEL,
    MENU_CHANNEL,
    QUEUE_SCHEMA,
    TRANSFER_CHANNEL,
)
from streams.kafka.embedded_broker import EmbeddedKafka
from streams.kafka.topic_admin import TopicSpec, apply_specs
from streams.runtime.topic_catalogue import COMPACTED
from tests.support import kafka_io
from tests.support.processes import Child, supervised, wait_until

pytestmark = [pytest.mark.faults, pytest.mark.broker, pytest.mark.timeout(600)]
CALLS = 2500


DERIVED = {
    "dialled": (LINE_CHANNEL, "line_arrived"),
    "chosen": (MENU_CHANNEL, "menu_chosen"),
    "messages": (CALLBACK_CHANNEL, "message_left"),
    "heard": (CALLBACK_CHANNEL, "message_heard"),
    "callback_requests": (CALLBACK_CHANNEL, "callback_requested"),
    "called_back": (CALLBACK_CHANNEL, "called_back"),
}
"""Name in the ledger → figures and count. The lines and menu choices of the simulator have the names of their queues."""


def totals(bootstrap: str, channel: str) -> dict[str, Figure]:
    """Return the current total figures of a channel by queue, summed over all partitions."""
    figures: dict[str, Figure] = {}
    for (_, key), value in kafka_io.latest(kafka_io.read(bootstrap, topics.FIGURES.name)).items():
        kind, _, place = parse_key(key)
        if (
            kind == "total" and place is not None and place.channel == channel and place.queue
        ):  # rows of agents have no queue
            figure_schema = FIGURE_SCHEMAS[channel]
            merge(figures.setdefault(place.queue, new_figure(figure_schema)), decode_figure(value, figure_schema))
    return figures


def tallies(bootstrap: str) -> dict[str, dict[str, object]]:
    """Return the figures by queue, with the names of the simulator's ledger."""
    transfers: dict[str, dict[str, int]] = defaultdict(dict)
    for name, figure in totals(bootstrap, TRANSFER_CHANNEL).items():
        _, queue, to = name.split(":")
        transfers[queue][to] = figure.counts[0]
    derived = {channel: totals(bootstrap, channel) for channel in (LINE_CHANNEL, MENU_CHANNEL, CALLBACK_CHANNEL)}

    def count(channel: str, queue: str, name: str) -> int:
        figure = derived[channel].get(queue)
        return figure.counts[FIGURE_SCHEMAS[channel].index[name]] if figure else 0

    return {
        queue: as_tally(figure)
        | {"transferred_to": transfers[queue]}
        | {name: count(channel, queue, counted) for name, (channel, counted) in DERIVED.items()}
        | {
            name: count(CALLBACK_CHANNEL, queue, f"{duration}_milliseconds") // 1000
            for name, duration in (("hearing_seconds", "message_hearing"), ("callback_seconds", "callback"))
        }
        for queue, figure in totals(bootstrap, "call").items()
    }


def as_tally(figure: Figure) -> dict[str, object]:
    counts = dict(zip(QUEUE_SCHEMA.counts, figure.counts, strict=True))
    stocks = dict(zip(QUEUE_SCHEMA.stocks, figure.stocks, strict=True))
    left = {
        name.removeprefix("left_"): counts[name] for name in LEFT_COUNTS if counts[name] and name != "left_forgotten"
    }
    return {
        "offered": counts["offered"],
        "answered": counts["answered"],
        "answered_in_time": within(figure, "wait", TARGET_SECONDS),
        "abandoned": counts["abandoned"],
        "short_abandoned": counts["abandon_wait_le_5"] + counts["abandon_wait_le_10"],
        "left": left,
        "forgotten": counts["left_forgotten"],
        "waiting": stocks["waiting"],
        "transferred": counts["transferred"],
        "ended": counts["ended"],
        "in_progress": stocks["in_progress"],
        "ring_unanswered": counts["ring_unanswered"],
        "wait_seconds": counts["wait_milliseconds"] // 1000,
        "abandon_wait_seconds": counts["abandon_wait_milliseconds"] // 1000,
        "handle_seconds": counts["handle_milliseconds"] // 1000,
    }


def feed(lines: list[str], log: Path) -> None:
    """Append the day's lines in pieces, and rotate the log halfway like logrotate."""
    for start in range(0, len(lines), 400):
        if start == len(lines) // 800 * 400:
            log.rename(log.with_name("queue_log.1"))
        with log.open("a") as file:
            file.writelines(lines[start : start + 400])
        time.sleep(0.15)


def test_day_of_calls_with_kills_matches_the_ledger(own_kafka: EmbeddedKafka, tmp_path: Path) -> None:
    day = (datetime.now(UTC) - timedelta(days=2)).date()
    day -= timedelta(days=max(0, day.weekday() - 4))  # a working day, older than all times to live
    ledger: Ledger = simulate_day(tmp_path / "day", day=day, seed=11, calls=CALLS)
    whole = (tmp_path / "day").read_text()
    lines = whole.splitlines(keepends=True)
    log = tmp_path / "queue_log"
    log.write_text(lines.pop(0))
    config = tmp_path / "accueil.toml"
    config.write_text(
        tomli_w.dumps(
            {
                "brokers": own_kafka.bootstrap,
                "data": str(tmp_path / "data"),
                # Closed contacts are kept for a day of event time; older ones while they were changed recently.
                "worker": {
                    "session_timeout_seconds": 3.0,
                    "instance_id": "one",
                    "tick_seconds": 0.3,
                    "keep_closed_days": 1,
                },
                "connectors": {"demo": {"connector": "asterisk", **configuration(log)}},
                "log": {"format": "json"},
            }
        )
    )
    apply_specs(
        own_kafka.bootstrap,
        [TopicSpec(t.name, 4, config=COMPACTED if t.compacted else {}) for t in topics.TOPIC_CATALOGUE],
    )
    chance = random.Random(3)
    program = ["-m", "streams.cli.main", f"--config={config}"]
    connect = Child([*program, "connect"], tmp_path / "connect.log")
    worker = Child([*program, "worker"], tmp_path / "worker.log")
    with supervised(connect), supervised(worker):
        connect.wait_for("connector_takes_in")  # at its first start it does not look for rotated files
        feeder = Thread(target=feed, args=(lines, log), daemon=True)
        feeder.start()
        for victim in (connect, worker, connect, connect, worker, connect):
            time.sleep(chance.uniform(1.5, 3))
            before = len(victim.exits)
            victim.kill()
            wait_until(lambda victim=victim, before=before: len(victim.exits) > before, "the kill to be seen")
        feeder.join()
        expected = {queue: msgspec.to_builtins(tally) for queue, tally in ledger.queues.items()}

        def found() -> dict[str, dict[str, object]]:
            return tallies(own_kafka.bootstrap)

        wait_until(lambda: found() == expected, "the figures to be the ledger's", otherwise=lambda: (found(), expected))
        again = kafka_io.read(own_kafka.bootstrap, "contact.call.v1")
        kafka_io.produce(own_kafka.bootstrap, [(m.topic(), m.key(), m.value()) for m in again])
        wait_until(lambda: duplicates(own_kafka.bootstrap) >= len(again), "the replay to be seen")
        assert found() == expected
    log.write_text(whole)  # the whole day, since the connector reads only this file again
    before, events = duplicates(own_kafka.bootstrap), len({entry_id(message) for message in again})
    reread = Child([*program, "connectors", "reread", "demo", "--yes"], tmp_path / "reread.log")
    with reread.start():
        assert reread.wait() == 0, reread.text
    with supervised(connect), supervised(worker):
        wait_until(lambda: duplicates(own_kafka.bootstrap) >= before + events, "the log to be read again")
        assert found() == expected
        sent = kafka_io.read(own_kafka.bootstrap, "contact.call.v1")
        assert sum(topics.REREAD_HEADER in dict(message.headers() or ()) for message in sent) == events
        recompute = Child([*program, "recompute"], tmp_path / "recompute.log")
        with recompute.start():
            assert recompute.wait() == 0, recompute.text
    assert connect.exits.count(-signal.SIGKILL) == 4, connect.exits
    assert worker.exits.count(-signal.SIGKILL) == 2
    entries = Counter(entry_id(message) for message in kafka_io.read(own_kafka.bootstrap, topics.TIMELINE.name))
    assert set(entries.values()) == {1}


def duplicates(bootstrap: str) -> int:
    rows = kafka_io.latest(kafka_io.read(bootstrap, topics.FIGURES.name)).items()
    return sum(msgspec.json.decode(value)["duplicates"] for (_, key), value in rows if key == PROGRESS_KEY)


def entry_id(message: Message) -> str:
    return str(msgspec.json.decode(message.value())["id"])
