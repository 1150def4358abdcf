"""A mailbox that is read for the first time: how many messages a second become events that Kafka has, in how much memory.

    python -m tests.bench.imap --messages 50000

One process runs the connector as in operation, beside a real Kafka and a real Dovecot. Three of ten messages are answers, in the
folder for sent mail; one in a hundred is a report of what was not delivered. It ends when all of them are confirmed.
"""

import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import click
import psutil

from models.codec import decode
from models.topics import SOURCES, Channel
from streams.engine.broker import EmbeddedKafka
from streams.engine.topics import TopicSpec, apply
from streams.words import say
from tests.bench.measuring import MIB, cpu_seconds, describe_machine, forget_settings
from tests.bench.report import Goal, Run, goals_table, write_json
from tests.support.dovecot import Dovecot, dovecot
from tests.support.kafka_io import read
from tests.support.processes import Child, wait_until

TOPIC: Final = SOURCES[Channel.EMAIL].name
CONNECTOR: Final = Path(__file__).parents[1] / "connectors" / "run_imap.py"
OURS: Final = "accueil@example.org"
USER: Final = "essai"
PATIENCE_SECONDS: Final = 1200


def measure(*, messages: int) -> dict[str, Any]:
    """Read a mailbox of so many messages; return how fast, in how much memory, and whether Kafka has what they mean."""
    with tempfile.TemporaryDirectory(prefix="accueil-bench-") as folder, dovecot() as server:
        server.add_user(USER)
        conversations = messages * 7 // 10
        counts = {
            "INBOX": server.deliver(USER, _received(conversations)),
            "Sent": server.deliver(USER, _sent(conversations, messages - conversations), "Sent"),
        }
        kafka = EmbeddedKafka(Path(folder) / "kafka")
        kafka.start()
        try:
            apply(kafka.bootstrap, [TopicSpec(TOPIC, 4)])
            run = _run(kafka.bootstrap, Path(folder), server, counts)
            return run | {"correct": _verify(kafka.bootstrap, counts)}
        finally:
            kafka.stop()


def _run(bootstrap: str, folder: Path, server: Dovecot, counts: dict[str, int]) -> dict[str, Any]:
    options = json.dumps(server.options(USER, addresses={OURS: {"queue": "accueil"}}))
    home = folder / "data" / "imap" / "courriel"
    with Child([str(CONNECTOR), bootstrap, str(folder / "data"), options], folder / "connector.log") as connector:
        began_at = time.monotonic()
        process = psutil.Process(connector.start().pid)
        most = 0

        def is_done() -> bool:
            nonlocal most
            most = max(most, process.memory_info().rss)
            return _read_up_to(home) == counts

        wait_until(is_done, "all to be confirmed", PATIENCE_SECONDS)
        took = time.monotonic() - began_at
        busy = cpu_seconds(connector.pid) / took
        connector.stop()
    return {
        "messages_per_second": sum(counts.values()) / took,
        "seconds": took,
        "connector_cores": busy,
        "memory_mib": most / MIB,
        "conversations_mib": sum(path.stat().st_size for path in home.glob("threads.sqlite*")) / MIB,
    }


def _read_up_to(home: Path) -> dict[str, int]:
    """Return the uids up to which the folders were confirmed."""
    best: tuple[int, dict[str, int]] = 0, {}
    for path in home.glob("cursor-?.json"):
        with suppress(ValueError, OSError):  # it is being replaced
            saved = json.loads(path.read_bytes())
            marks = json.loads(saved["position"])["marks"]
            best = max(
                best, (saved["generation"], {name: mark["uid"] for name, mark in marks.items()}), key=lambda b: b[0]
            )
    return best[1]


def _verify(bootstrap: str, counts: dict[str, int]) -> str:
    events = {event.id: event for event in (decode(record.value()) for record in read(bootstrap, TOPIC))}
    told = Counter(event.type for event in events.values())
    answered = {event.subject for event in events.values() if event.type == "email.answered"}
    received = {event.subject for event in events.values() if event.type == "email.received"}
    wanted = {"email.received": counts["INBOX"] - counts["INBOX"] // 100, "email.answered": counts["Sent"]}
    if told == wanted and answered <= received and len(received) == wanted["email.received"]:
        return "exact"
    return f"{dict(told)} of {wanted}, {len(answered - received)} answers to nobody"


def _received(count: int) -> Iterator[tuple[datetime, bytes]]:
    for number in range(count):
        report = number % 100 == 99
        sender = f"usager{number % 9000}@example.org" if not report else "mailer-daemon@example.org"
        yield _message(f"q{number}", number, sender, OURS, "")


def _sent(conversations: int, count: int) -> Iterator[tuple[datetime, bytes]]:
    answerable = (number for number in range(conversations) if number % 100 != 99)
    for _, number in zip(range(count), answerable, strict=False):
        yield _message(f"a{number}", number + 300, OURS, f"usager{number % 9000}@example.org", f"q{number}")


def _message(name: str, minute: int, sender: str, recipient: str, follows: str) -> tuple[datetime, bytes]:
    """Return a message with the headers that servers add, 4 kB in all."""
    at = datetime(2025, 11, 3, tzinfo=UTC) + timedelta(minutes=minute)
    lines = [f"Received: from relay{hop}.example.org by mx{hop}.example.org; {at:%c}" for hop in range(8)]
    lines += [f"DKIM-Signature: v=1; a=rsa-sha256; b={'x' * 300}", f"Message-ID: <{name}@example.org>"]
    lines += [f"Date: {at:%a, %d %b %Y %H:%M:%S} +0000", f"From: Usager <{sender}>", f"To: Accueil <{recipient}>"]
    lines += ["Subject: Demande", "MIME-Version: 1.0", "Content-Type: text/plain; charset=utf-8"]
    lines += [f"In-Reply-To: <{follows}@example.org>", f"References: <{follows}@example.org>"] if follows else []
    return at, "\r\n".join([*lines, "", "Bonjour, " * 300, ""]).encode()


def goals(run: Run) -> list[Goal]:
    """Return what must be reached: 50,000 messages in minutes, in bounded memory."""
    return [
        Goal("imap.messages_per_second", say("messages/s", "messages/s"), run["messages_per_second"], 400),
        Goal("imap.memory_mib", say("memory, MiB", "mémoire, Mio"), run["memory_mib"], 150, at_least=False),
    ]


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--messages", default=50_000, show_default=True, type=click.IntRange(min=100))
@click.option("--json", "file", type=click.Path(path_type=Path, dir_okay=False))
def main(*, messages: int, file: Path | None) -> None:
    """Measure, print, and write if asked to; exit 1 if Kafka has not each message once."""
    forget_settings()
    run = measure(messages=messages)
    for name, value in run.items():
        click.echo(f"{name:20} {value if isinstance(value, str) else f'{value:,.1f}'}")
    click.echo(f"\n{goals_table(goals(run))}")
    if file:
        write_json(file, describe_machine() | {"imap": run, "goals": [goal.to_json() for goal in goals(run)]})
    if run["correct"] != "exact":
        sys.exit(say("not exact", "inexact"))


if __name__ == "__main__":
    main(prog_name="python -m tests.bench.imap")
