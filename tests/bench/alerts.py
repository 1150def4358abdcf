"""From a deadline that passes to the receiver of Alertmanager: how long that takes, and that each is told once.

    python -m tests.bench.alerts --breaches 600 --rate 10

A worker, `accueil notify` and a real Alertmanager with the configuration that is shipped run as in operation, beside a real
Kafka. Citizens call all the time, and nobody answers in time; a third of them is answered five seconds after calling, so that
alerts end too. What is measured is the time from a deadline until Alertmanager calls its webhook: the worker's tick, Kafka,
notify, and `group_wait` or `group_interval`.
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
    """Break `breaches` promises, `rate` a second; return how soon each was told."""
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
        wait_until(lambda: len(_first_told(hook)) == breaches, "all to be told", 120)
        codes = notify.stop(), worker.stop()
    told = _first_told(hook)
    seconds = sorted(told[contact] - deadline.timestamp() for contact, deadline in chain.deadlines.items())
    once = all(len(begun) == 1 for begun in hook.firing().values()) and len(hook.firing()) == breaches
    return {
        "seconds_median": statistics.median(seconds),
        "seconds_p99": seconds[int(len(seconds) * 0.99)],
        "seconds_longest": seconds[-1],
        "correct": "exact" if once and codes == (0, 0) else f"{len(hook.firing())} of {breaches}, {codes}",
    }


def _first_told(hook: WebhookReceiver) -> dict[str, float]:
    found: dict[str, float] = {}
    for at, (_, body) in zip(list(hook.times), hook.taken, strict=False):
        for alert in body["alerts"]:
            if alert["labels"]["alertname"] == "SlaBreached":
                found.setdefault(alert["labels"]["contact"], at)
    return found


def goals(run: dict[str, Any]) -> list[Goal]:
    """Return what must be reached."""
    words = say("s from deadline to receiver, p99", "s de l'échéance au destinataire, p99")
    return [Goal("alerts.seconds_p99", words, run["seconds_p99"], 3, at_least=False)]


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--breaches", default=600, show_default=True, type=click.IntRange(min=10))
@click.option("--rate", default=10.0, show_default=True, help="A second.")
@click.option("--json", "file", type=click.Path(path_type=Path, dir_okay=False))
def main(*, breaches: int, rate: float, file: Path | None) -> None:
    """Measure, print, and write if asked to; exit 1 if not each was told exactly once."""
    forget_settings()
    run = measure(breaches=breaches, rate=rate)
    conclude("alerts", run, goals(run), file)


if __name__ == "__main__":
    main(prog_name="python -m tests.bench.alerts")
