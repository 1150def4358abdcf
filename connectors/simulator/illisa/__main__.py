"""Fill Illisa's database over time, and serve its API: `python -m connectors.simulator.illisa --into illisa --days 30 --live`."""

from contextlib import ExitStack, closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from connectors.sdk.signals import install_stop_handler
from connectors.sdk.simulation.http_app import serving
from connectors.simulator.illisa.platform import Illisa
from connectors.simulator.illisa.walk import changes
from models.locale import _

DATABASE = "illisa.db"


@click.command(help=_("Fill the database of Illisa, a made-up procedures platform, with cases that change over time."))
@click.option(
    "--into", type=click.Path(file_okay=False, path_type=Path), required=True, help=_("Directory of illisa.db.")
)
@click.option("--days", type=click.IntRange(0, 3660), default=30, show_default=True, help=_("Past days to fill first."))
@click.option("--live", is_flag=True, help=_("Continue in real time and serve the API, until stopped."))
@click.option("--port", type=click.IntRange(0, 65_535), default=8099, show_default=True, help=_("Port of the API."))
@click.option(
    "--pace", type=click.FloatRange(min=0, min_open=True), default=1.0, help=_("Multiplies the number of cases.")
)
@click.option("--seed", type=int, default=1, show_default=True, help=_("The same seed gives the same cases."))
def command(into: Path, days: int, port: int, pace: float, seed: int, *, live: bool) -> None:
    """Create the database in `into`, fill it, and continue if `live`."""
    path = into / DATABASE
    if path.exists():
        raise click.ClickException(_("{path} exists: choose another directory", path=path))
    into.mkdir(parents=True, exist_ok=True)
    now = datetime.now(UTC)
    stream = changes(seed, now - timedelta(days=days), pace)
    with closing(Illisa(path, seed)) as illisa, ExitStack() as stack:
        count, change = 0, next(stream)
        with illisa.transaction():
            while change.at <= now:
                illisa.advance(change.procedure, change.number, change.step, change.at)
                count, change = count + 1, next(stream)
        click.echo(_("{path}: {count} changes", path=path, count=count))
        if not live:
            return
        stopped = install_stop_handler()
        click.echo(stack.enter_context(serving(illisa.app, port)))
        while not stopped.wait(max(0.0, (change.at - datetime.now(UTC)).total_seconds())):
            illisa.advance(change.procedure, change.number, change.step, change.at)
            change = next(stream)


if __name__ == "__main__":
    command()
