"""A month of the whole simulated département, with a check of all displayed figures against the simulation.

    python -m tests.bench.month --per-year 1000000

`accueil simulate all` runs the month in the simulated systems as fast as the real connectors read it. The worker's code folds the
events of two partitions in memory. Then `/metrics`, the board and the reports of each day, week and month are compared with the
plan.
"""

import tempfile
import time
from pathlib import Path
from typing import Any

import click

from tests.bench.measuring import forget_settings
from tests.bench.report import conclude
from tests.support.month import run_month, serve
from tests.support.month_board import compare_board
from tests.support.month_metrics import Comparison
from tests.support.month_reports import compare_report, periods_of, read_history
from tests.support.simulated_figures import figure_differences

PATIENCE_SECONDS = 1800
"""Longest wait for the connectors to read everything."""


def measure(*, per_year: float, seed: int) -> dict[str, Any]:
    """Simulate and compare; return the number of compared figures, and those that differ."""
    began_at = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="accueil-bench-") as folder:
        month = run_month(Path(folder), per_year, seed=seed, patience_seconds=PATIENCE_SECONDS)
    found: list[Any] = [
        *figure_differences(month.figures, month.ledger),
        *figure_differences(month.history.numbers(), month.ledger),
    ]
    app = serve(month.workers, month.policies)
    metrics = Comparison(month, app.get("/metrics").text)
    found += metrics.differences
    found += compare_board(month, app.get("/api/board").json())
    history, cells = read_history(month), 0
    for period in periods_of(month):
        number, wrong = compare_report(month, history, period)
        cells += number
        found += wrong
    return {
        "days": (month.until - month.since).total_seconds() / 86_400,
        "contacts": sum(fact.name in {"offered", "received", "booked"} for fact in month.history.facts),
        "facts": len(month.history.facts),
        "events": len(month.events),
        "promises": len(month.expected_sla.sla_targets),
        "samples_of_metrics": metrics.values,
        "cells_of_reports": cells,
        "seconds": time.monotonic() - began_at,
        "correct": "exact" if not found else f"{len(found)} differ: {found[:10]}",
    }


@click.command(help=__doc__, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--per-year", default=1_000_000, show_default=True, type=click.IntRange(min=1_000), help="Contacts per year."
)
@click.option("--seed", default=1, show_default=True)
@click.option("--json", "file", type=click.Path(path_type=Path, dir_okay=False), help="Output file.")
def main(*, per_year: int, seed: int, file: Path | None) -> None:
    """Simulate, compare, print and optionally write; exit with 1 if a figure differs."""
    forget_settings()
    conclude("month", measure(per_year=per_year, seed=seed), [], file)


if __name__ == "__main__":
    main(prog_name="python -m tests.bench.month")
