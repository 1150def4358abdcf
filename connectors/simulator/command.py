"""`accueil simulate all`."""

import os
import threading
import tomllib
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import click

from connectors.sdk.errors import ConfigError
from connectors.sdk.files import replace
from connectors.sdk.i18n import say
from connectors.sdk.signals import install_stop_handler
from connectors.sdk.simulation.cli_options import (
    ABOVE_ZERO,
    click_errors,
    directory_option,
    ledger_option,
    seed_option,
    speed_option,
)
from connectors.simulator.departement import Departement
from connectors.simulator.office_hours import PARIS, midnight
from connectors.simulator.plan import Plan
from connectors.simulator.population import list_citizens
from connectors.simulator.run_modes import RunProgress, run_live, run_span, today
from connectors.simulator.simulation_run import SimulationRun

MARK: Final = "played.json"
CITIZENS_FILE: Final = "citizens.tsv"
"""Telephone number, address (some have none) and case number of each citizen, a line each: for who wants to look one up."""
YIELD: Final = 10
"""Added to the nice value of a live simulation: the systems that it stands for would not run on this machine."""
USUAL_HOURS: Final = 9
"""As `accueil simulate asterisk` has it: calls of a usual hour make up a ninth of a day's."""


@click.command(
    "all",
    help=say(
        "Let all source systems of a département work that does not exist, and write the settings that read them.",
        "Fait travailler tous les outils d'un département qui n'existe pas, et écrit les réglages qui les lisent.",
    ),
    epilog=say(
        "The connectors run apart: accueil --config INTO/accueil.toml connect. FreeSWITCH is no part of it (accueil simulate "
        "freeswitch): what it tells while nobody listens is lost, and could not be held against the ledger.",
        "Les connecteurs tournent à part : accueil --config DOSSIER/accueil.toml connect. FreeSWITCH n'en fait pas partie "
        "(accueil simulate freeswitch) : ce qu'il dit quand personne n'écoute est perdu, et ne peut être comparé au registre.",
    ),
)
@directory_option("Directory of the systems: files, ports, secrets.", "Dossier des outils : fichiers, ports, secrets.")
@click.option(
    "--days",
    type=click.IntRange(1, 366),
    help=say(
        "Play so many days, as fast as the connectors take them; then serve until stopped.",
        "Jouer tant de jours, aussi vite que les connecteurs suivent ; puis servir jusqu'à l'arrêt.",
    ),
)
@click.option(
    "--from",
    "first_day",
    type=click.DateTime(["%Y-%m-%d"]),
    help=say(
        "The first of these days; if not given, the last is yesterday.",
        "Le premier de ces jours ; à défaut, le dernier est hier.",
    ),
)
@click.option(
    "--live",
    is_flag=True,
    help=say(
        "Play as time goes by, at any hour, until stopped; the next time, go on.",
        "Jouer au fil du temps, à toute heure, jusqu'à l'arrêt ; la fois suivante, continuer.",
    ),
)
@click.option(
    "--history",
    type=click.IntRange(0, 60),
    default=0,
    show_default=True,
    help=say("Live: play first so many days until now.", "Au fil du temps : jouer d'abord tant de jours passés."),
)
@speed_option("Live: how much faster than life.", "Au fil du temps : combien de fois plus vite que la réalité.")
@click.option(
    "--prepare",
    is_flag=True,
    help=say(
        "Only write the settings, with ports that are free now.",
        "Écrire seulement les réglages, avec des ports libres.",
    ),
)
@seed_option(
    "The same seed gives the same citizens and deeds.", "La même graine donne les mêmes usagers et les mêmes actes."
)
@click.option(
    "--per-year",
    type=ABOVE_ZERO,
    default=1_000_000,
    show_default=True,
    help=say("Contacts of a year.", "Contacts d'une année."),
)
@click.option(
    "--calls-per-hour",
    type=ABOVE_ZERO,
    help=say(
        "Calls of a usual hour, whatever the other contacts.",
        "Appels d'une heure ordinaire, quels que soient les autres.",
    ),
)
@click.option(
    "--mailbox",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help=say(
        "Options of the connector imap (TOML), for a real mailbox made for this: e-mail goes there.",
        "Options du connecteur imap (TOML), pour une vraie boîte créée pour cela : les courriels y vont.",
    ),
)
@ledger_option()
@click_errors()
def command(
    *,
    into: Path,
    days: int | None,
    first_day: datetime | None,
    live: bool,
    history: int,
    speed: float,
    prepare: bool,
    seed: int,
    per_year: float,
    calls_per_hour: float | None,
    mailbox: Path | None,
    ledger: Path | None,
) -> None:
    """Let the systems work."""
    if [days is not None, live, prepare].count(True) != 1:
        raise click.UsageError(say("one of --days, --live, --prepare", "un seul de --days, --live, --prepare"))
    calls_per_day = calls_per_hour * USUAL_HOURS if calls_per_hour else None
    simulation_run, server = SimulationRun(into), _read(mailbox) if mailbox else None
    departement = Departement(
        simulation_run, Plan(seed, per_year, always=live), calls_per_day=calls_per_day, mailbox=server
    )
    if prepare:
        simulation_run.renew_ports()
    simulation_run.write_settings(departement.connectors())
    if prepare:
        return
    stop = install_stop_handler()
    if days is not None:
        _play_days(departement, _span(days, first_day), stop, ledger)
    else:
        of = {"seed": seed, "per_year": per_year, "calls_per_day": calls_per_day, "speed": speed}
        _play_live(departement, simulation_run.root / MARK, RunProgress.new(of, history), stop, ledger)


def _read(mailbox: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(mailbox.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{mailbox}: {error}") from None


def _span(days: int, first_day: datetime | None) -> tuple[datetime, datetime]:
    today = datetime.now(PARIS).date()
    begin = first_day.date() if first_day else today - timedelta(days=days)
    if begin + timedelta(days=days) > today:
        raise click.UsageError(say("the last day must be over", "le dernier jour doit être passé"))
    return midnight(begin), midnight(begin + timedelta(days=days))


def _play_days(
    departement: Departement, span: tuple[datetime, datetime], stop: threading.Event, ledger: Path | None
) -> None:
    def tell(at: datetime) -> None:
        done = say(f"{departement.completed} deeds", f"{departement.completed} actes")
        click.echo(f"{at.astimezone(PARIS):%Y-%m-%d %H:%M}  {done}")

    with departement.opened(span[0]):
        completed = run_span(departement, *span, stop, tell=tell)
        _write(departement, ledger)
        if completed:
            click.echo(say("all is played; serving until stopped", "tout est joué ; sert jusqu'à l'arrêt"))
            stop.wait()


def _play_live(
    departement: Departement, path: Path, fresh: RunProgress, stop: threading.Event, ledger: Path | None
) -> None:
    os.nice(YIELD)
    replace(path.with_name(CITIZENS_FILE), list_citizens(fresh.of["seed"]).encode())
    known = RunProgress.load(path, fresh.of)
    mark = known or fresh
    # Of the past, calls are only of today: they are many, and over soon.
    with departement.opened(mark.since, mark.played_until if known else None, today()):
        click.echo(say("playing until stopped", "joue jusqu'à l'arrêt"))
        run_live(departement, mark, path, stop, fresh.of["speed"])
        _write(departement, ledger)


def _write(departement: Departement, ledger: Path | None) -> None:
    if ledger:
        ledger.write_text(departement.ledger.to_json(departement.now), encoding="utf-8")
