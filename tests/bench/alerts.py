"""Delay from a missed deadline to the receiver of Alertmanager, which must receive each exactly once.

    python -m tests.bench.alerts --breaches 600 --rate 10

A worker, `accueil notify` and a real Alertmanager with the shipped configuration run as in operation, with a real Kafka. Calls
arrive continuously, and none is answered in time; a third is answered after five seconds, so that alerts also resolve. The delay
from a deadline to Alertmanager's webhook includes the worker's tick, Kafka, notify, and `group_wait` or `group_interval`.
"""

import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import click

from streams.kafka.embedded_broker import EmbeddedKafka
from streams.locale.i18n import say
from tests.bench.measuring import forget_settings
from tests.bench.report import Goal, conclude
from tests.support.alertmanager import WebhookReceiver, running, webhook_receiver
from tests.support.processes import wait_until
from tests.support.sla_chain import SlaChain


def measure(*, breaches: int, rate: float) -> dict[str, Any]:
    """Miss `breaches` SLA targets, `rate` per second; return the delay of each alert."""
    with tempfile.TemporaryDirectory(prefix="accueil-bench-") as folder:
        kafka = EmbeddedKafka(Path(folder) / "kafka")
        kafka.start()
        try:
            with webhook_receiver() as hook, running(Path(folder) / "alertmanager", hook) as manager:
                return _measure(SlaChain(kafka, Path(folder), manager, show_seconds=20), hook, breaches, rate)
        finally:
            kafka.stop()


def _measure(chain: SlaChain, hook: WebhookReceiver, breaches: int, rate: float) -> dict[str, Any]:
    with chain.child("worker", "worker").start() as worker, chain.child("notify", "notify").start() as notify:
        worker.wait_for('"event": "partition_opened"', 4)
        for number in range(breaches):
            began_at = time.monotonic()
            chain.call(1)
            if number % 3 == 0 and number > rate * 5:
                chain.answer(number - round(rate * 5))
            time.sleep(max(0.0, 1 / rate - (time.monotonic() - began_at)))
        wait_until(lambda: len(_first_received(hook)) == breaches, "all alerts", 120)
        codes = notify.stop(), worker.stop()
    received = _first_received(hook)
    seconds = sorted(received[contact] - deadline.timestamp() for contact, deadline in chain.deadlines.items())
    once = all(len(begun) == 1 for begun in hook.firing().values()) and len(hook.firing()) == breaches
    return {
        "seconds_median": statistics.median(seconds),
        "seconds_p99": seconds[int(len(seconds) * 0.99)],
        "seconds_longest": seconds[-1],
        "correct": "exact" if once and codes == (0, 0) else f"{len(hook.firing())} of {breaches}, {codes}",
    }


def _first_received(hook: WebhookReceiver) -> dict[str, float]:
    found: dict[str, float] = {}
    for at, (_, body) in zip(list(hook.times), hook.taken, strict=False):
        for alert in body["alerts"]:
            if alert["labels"]["alertname"] == "SlaBreached":
                found.setdefault(alert["labels"]["contact"], at)
    return found


def goals(run: dict[str, Any]) -> list[Goal]:
    """Return the goals."""
    words = say("s from deadline to receiver, p99", "s de l'échéance au destinataire, p99")
    return [Goal("alerts.seconds_p99", words, run["seconds_p99"], 3, at_least=False)]


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--breaches", default=600, show_default=True, type=click.IntRange(min=10))
@click.option("--rate", default=10.0, show_default=True, help="Breaches per second.")
@click.option("--json", "file", type=click.Path(path_type=Path, dir_okay=False))
def main(*, breaches: int, rate: float, file: Path | None) -> None:
    """Measure, print and optionally write; exit with 1 unless each breach was received exactly once."""
    forget_settings()
    run = measure(breaches=breaches, rate=rate)
    conclude("alerts", run, goals(run), file)


if __name__ == "__main__":
    main(prog_name="python -m tests.bench.alerts")
