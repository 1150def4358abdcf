"""Command `python -m tests.bench`: the engine compared with others, the phone path, the delays to the board, and look-ups."""

import signal
import sys
import time
from pathlib import Path
from typing import Any, Final, NamedTuple

import click

from tests.bench import api, engine, freshness, latency, phone_path
from tests.bench.measuring import describe_machine, forget_settings
from tests.bench.report import Goal, goals_table, write_json

RESULTS: Final = Path(__file__).parent / "results.json"


class Bench(NamedTuple):
    title: str
    module: Any
    """Has `measure`, which is called with a progress callback and the options in `full` or `quick`, `show`, `goals` and
    `is_exact`."""
    full: dict[str, Any]
    quick: dict[str, Any]


def benches(rounds: int) -> dict[str, Bench]:
    return {
        "engine": Bench(
            "The same job on four engines",
            engine,
            full={"rounds": rounds},
            quick={"rounds": 1, "events": 100_000, "slow_events": 20_000},
        ),
        "phone": Bench(
            "The full phone path, one worker",
            phone_path,
            full={"rounds": rounds},
            quick={"rounds": 1, "calls": 20_000},
        ),
        "latency": Bench(
            "From the log to the board",
            latency,
            full={},
            quick={"samples": 40, "sample_seconds": 12, "idle_seconds": 10},
        ),
        "freshness": Bench(
            "From an event to the board and to /metrics, under load",
            freshness,
            full={},
            quick={"rate": 200, "seconds": 10},
        ),
        "api": Bench(
            "Look-ups in the API among timeline entries",
            api,
            full={},
            quick={"entries": 40_000, "citizens": 5_000, "seconds": 5},
        ),
    }


def _names(_: click.Context, __: click.Parameter, text: str) -> list[str]:
    known = list(benches(1))
    names = text.split(",") if text else known
    if unknown := sorted(set(names) - set(known)):
        raise click.BadParameter(f"{', '.join(unknown)} ({', '.join(known)})")
    return names


@click.command(
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Measure throughput, memory and delay, compared with other engines. About half an hour, on an idle machine.",
)
@click.option("--quick", is_flag=True, help="A few minutes, to check that everything runs.")
@click.option("--only", callback=_names, metavar="NAME,…", help="engine, phone, latency, freshness, api")
@click.option(
    "--rounds", default=3, show_default=True, type=click.IntRange(min=1), help="Number of rounds for the medians."
)
@click.option(
    "--json", "file", type=click.Path(path_type=Path, dir_okay=False), default=RESULTS, help="File for all results."
)
def main(*, quick: bool, only: list[str], rounds: int, file: Path) -> None:
    """Measure, print and write the results; exit with 1 if any result was not exact."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that started processes are stopped
    forget_settings()
    began_at = time.monotonic()
    report: dict[str, Any] = describe_machine() | {"quick": quick}
    goals: list[Goal] = []
    wrong: list[str] = []

    def progress(text: str) -> None:
        click.echo(f"{time.monotonic() - began_at:6.0f} s  {text}", err=True)

    for name, bench in benches(rounds).items():
        if name not in only:
            continue
        progress(bench.title)
        result = bench.module.measure(**(bench.quick if quick else bench.full), progress=progress)
        report[name] = result
        goals += bench.module.goals(result)
        wrong += [] if bench.module.is_exact(result) else [name]
        click.echo(f"\n## {bench.title}\n\n{bench.module.show(result)}\n")
        report |= {} if quick else {"goals": [goal.to_json() for goal in goals]}
        write_json(file, report)  # after each benchmark, since the next may take long or fail
    if quick:
        click.echo("quick run, too short for comparisons")
    else:
        click.echo(f"## Goals\n\n{goals_table(goals)}\n")
    click.echo(f"written to {file}")
    if wrong:
        sys.exit(f"not exact: {', '.join(wrong)}")


if __name__ == "__main__":
    main(prog_name="python -m tests.bench")
