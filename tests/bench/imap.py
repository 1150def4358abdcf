"""First import of a mailbox: messages per second until Kafka has confirmed their events, and memory.

    python -m tests.bench.imap --messages 50000 --kills 10

The connector runs as in operation with a real Kafka and a real Dovecot. Three of ten messages are answers in the folder for sent
mail; one in a hundred is a delivery failure report. The measurement ends when all events are confirmed. Then the connector is
killed at random times while it reads more messages.
"""

import json
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any, Final

import click
import psutil

from models.codec import decode
from models.topics import SOURCES, Channel
from streams.kafka.embedded_broker import EmbeddedKafka
from streams.kafka.topic_admin import TopicSpec, apply_specs
from streams.locale.i18n import say
from tests.bench.measuring import MIB, cpu_seconds, forget_settings
from tests.bench.report import Goal, Run, conclude
from tests.support.dovecot import Dovecot, dovecot
from tests.support.kafka_io import read
from tests.support.processes import Child, wait_until

TOPIC: Final = SOURCES[Channel.EMAIL].name
CONNECTOR: Final = Path(__file__).parents[1] / "connectors" / "run_imap.py"
OURS: Final = "accueil@example.org"
USER: Final = "essai"
REPORT: Final = 99
"""Index of the delivery report among each hundred messages."""
PATIENCE_SECONDS: Final = 1200


def measure(*, messages: int, kills: int) -> dict[str, Any]:
    """Import a mailbox of `messages` messages, then a fifth as many with kills.

    Return the rate and memory of the first import, and whether Kafka contains the events of all messages.
    """
    with tempfile.TemporaryDirectory(prefix="accueil-bench-") as folder, dovecot() as server:
        server.add_user(USER)
        kafka = EmbeddedKafka(Path(folder) / "kafka")
        kafka.start()
        try:
            apply_specs(kafka.bootstrap, [TopicSpec(TOPIC, 4)])
            mailbox = _Mailbox(kafka.bootstrap, Path(folder), server)
            mailbox.fill(messages)
            run = mailbox.measure()
            mailbox.fill(messages // 5)
            return run | {"kills": mailbox.kill(kills), "correct": _verify(kafka.bootstrap, mailbox.counts)}
        finally:
            kafka.stop()


class _Mailbox:
    """The mailbox and its connector."""

    def __init__(self, bootstrap: str, folder: Path, server: Dovecot) -> None:
        self.counts: Counter[str] = Counter()
        """Number of messages by folder."""
        self._server = server
        self._home = folder / "data" / "imap" / "courriel"
        options = json.dumps(server.options(USER, addresses={OURS: {"queue": "accueil"}}, poll_seconds=5))
        self._connector = Child([str(CONNECTOR), bootstrap, str(folder / "data"), options], folder / "connector.log")

    def fill(self, messages: int) -> None:
        """Add `messages` messages."""
        first = self.counts["INBOX"]
        numbers = range(first, first + messages * 7 // 10)
        self.counts["INBOX"] += self._server.deliver(USER, _received(numbers))
        self.counts["Sent"] += self._server.deliver(USER, _sent(numbers, messages * 3 // 10), "Sent")

    def measure(self) -> dict[str, Any]:
        """Import the whole mailbox."""
        with self._connector as connector:
            began_at = time.monotonic()
            process = psutil.Process(connector.start().pid)
            most = 0

            def is_done() -> bool:
                nonlocal most
                most = max(most, process.memory_info().rss)
                return self._left() == 0

            wait_until(is_done, "all confirmations", PATIENCE_SECONDS)
            took = time.monotonic() - began_at
            busy = cpu_seconds(connector.pid) / took
            connector.stop()
        return {
            "messages_per_second": self.counts.total() / took,
            "seconds": took,
            "connector_cores": busy,
            "memory_mib": most / MIB,
            "conversations_mib": sum(path.stat().st_size for path in self._home.glob("threads.sqlite*")) / MIB,
        }

    def kill(self, kills: int) -> int:
        """Import the rest with kills; return the number of kills before everything was confirmed."""
        random, killed, all_left = Random(kills), 0, self._left()  # random times need no secrecy
        with self._connector as connector:
            for number in range(kills):
                left = all_left * (kills - number) // (kills + 1)  # spread over the rest at any speed
                connector.start()
                wait_until(lambda left=left: self._left() <= left, "some progress", PATIENCE_SECONDS)
                time.sleep(random.uniform(0, 0.3))
                connector.kill()
                connector.wait()
                killed += self._left() > 0
            connector.start()
            wait_until(lambda: self._left() == 0, "the remaining confirmations", PATIENCE_SECONDS)
            connector.stop()
        return killed

    def _left(self) -> int:
        return self.counts.total() - sum(_read_up_to(self._home).values())


def _read_up_to(home: Path) -> dict[str, int]:
    """Return the last confirmed uid of each folder."""
    best: tuple[int, dict[str, int]] = 0, {}
    for path in home.glob("cursor-?.json"):
        with suppress(ValueError, OSError):  # the file is being replaced
            saved = json.loads(path.read_bytes())
            marks = json.loads(saved["position"])["marks"]
            best = max(
                best, (saved["generation"], {name: mark["uid"] for name, mark in marks.items()}), key=lambda b: b[0]
            )
    return best[1]


def _verify(bootstrap: str, counts: Counter[str]) -> str:
    """Return `exact` if each event exists with a constant contact, and each answer belongs to a contact with a question."""
    published = {
        (event.id, event.type, event.subject) for event in (decode(record.value()) for record in read(bootstrap, TOPIC))
    }
    kinds = Counter(kind for _, kind, _ in published)
    asked, answered = (
        {subject for _, kind, subject in published if kind == f"email.{what}"} for what in ("received", "answered")
    )
    wanted = {"email.received": counts["INBOX"] - counts["INBOX"] // 100, "email.answered": counts["Sent"]}
    if kinds == wanted and answered <= asked and len(asked) == wanted["email.received"]:
        return "exact"
    return f"{dict(kinds)} of {wanted}, {len(answered - asked)} answers to nobody"


def _received(numbers: range) -> Iterator[tuple[datetime, bytes]]:
    for number in numbers:
        sender = "mailer-daemon@example.org" if number % 100 == REPORT else f"usager{number % 9000}@example.org"
        yield _message(f"q{number}", number, sender, OURS, "")


def _sent(numbers: range, count: int) -> Iterator[tuple[datetime, bytes]]:
    answerable = (number for number in numbers if number % 100 != REPORT)
    for number in islice(answerable, count):
        yield _message(f"a{number}", number + 300, OURS, f"usager{number % 9000}@example.org", f"q{number}")


def _message(name: str, minute: int, sender: str, recipient: str, follows: str) -> tuple[datetime, bytes]:
    """Return a message of 4 kB with the headers that servers add."""
    at = datetime(2025, 11, 3, tzinfo=UTC) + timedelta(minutes=minute)
    lines = [f"Received: from relay{hop}.example.org by mx{hop}.example.org; {at:%c}" for hop in range(8)]
    lines += [f"DKIM-Signature: v=1; a=rsa-sha256; b={'x' * 300}", f"Message-ID: <{name}@example.org>"]
    lines += [f"Date: {at:%a, %d %b %Y %H:%M:%S} +0000", f"From: Usager <{sender}>", f"To: Accueil <{recipient}>"]
    lines += ["Subject: Demande", "MIME-Version: 1.0", "Content-Type: text/plain; charset=utf-8"]
    lines += [f"In-Reply-To: <{follows}@example.org>", f"References: <{follows}@example.org>"] if follows else []
    return at, "\r\n".join([*lines, "", "Bonjour, " * 300, ""]).encode()


def goals(run: Run) -> list[Goal]:
    """Return the goals: 50,000 messages in about four minutes, in limited memory."""
    return [
        Goal("imap.messages_per_second", say("messages/s", "messages/s"), run["messages_per_second"], 200),
        Goal("imap.memory_mib", say("memory, MiB", "mémoire, Mio"), run["memory_mib"], 150, at_least=False),
    ]


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--messages", default=50_000, show_default=True, type=click.IntRange(min=100))
@click.option("--kills", default=10, show_default=True, type=click.IntRange(min=0))
@click.option("--json", "file", type=click.Path(path_type=Path, dir_okay=False))
def main(*, messages: int, kills: int, file: Path | None) -> None:
    """Measure, print and optionally write; exit with 1 unless Kafka has each message once."""
    forget_settings()
    run = measure(messages=messages, kills=kills)
    conclude("imap", run, goals(run), file)


if __name__ == "__main__":
    main(prog_name="python -m tests.bench.imap")
