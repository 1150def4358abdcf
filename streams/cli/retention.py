"""`accueil retention`: how long is kept what, and what was kept for long enough removed."""

import os
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Final

import click

from streams.cli.base import Group
from streams.cli.output_tables import print_table
from streams.locale.i18n import say
from streams.runtime.errors import EXIT_RESTART, OperatorError, operator_errors
from streams.runtime.instance_lock import pass_running_settings
from streams.settings.schema import Settings

BROKER_SECONDS: Final = 30.0
LOG: Final = ".log"
DAMAGED: Final = ("connectors/*/*/*/*.bad", "connectors/*/*/*/*.new", "connectors/*/*/rejects*.new")
"""What was set aside of spools and of what live lines told, and what was never finished: it may be as it came."""
MOVED_ASIDE: Final = "connectors/*/*/before-reread/*"
"""Positions of sources that were read again."""


@click.group(
    cls=Group,
    name="retention",
    help=say("For how long what is kept: show it, apply it.", "Combien de temps chaque chose est gardée."),
)
def group() -> None:
    """Hold the commands below."""


@group.command(help=say("Print the table of all that is kept.", "Imprimer le tableau de tout ce qui est gardé."))
@pass_running_settings
def show(settings: Settings) -> None:
    """Print it, and what contradicts itself in it."""
    from streams.privacy.retention import find_contradictions, retention_rules  # noqa: PLC0415

    which = int(say("0", "1"))
    titles = (
        say("what", "quoi"),
        say("where", "où"),
        say("of a person", "d'une personne"),
        say("days", "jours"),
        say("counted from", "à compter de"),
        say("setting", "réglage"),
    )
    rows = [
        (one.what[which], one.where, one.personal[which], str(one.days or ""), one.until[which], one.setting)
        for one in retention_rules(settings)
    ]
    print_table(titles, rows)
    for words in find_contradictions(settings):
        click.echo(f"accueil: {say(*words)}", err=True)


@group.command(
    help=say(
        "Remove what was kept for long enough, and have Kafka do so. The timelines' tables are written anew, so that nothing "
        "erased lies in their files: meanwhile no timeline is read. accueil up runs it each night (retention.at), elsewhere a "
        "timer has to; it may be stopped, and run again.",
        "Enlever ce qui a été gardé assez longtemps, et le faire faire à Kafka. Les tables des fils sont réécrites, pour "
        "que rien d'effacé ne reste dans leurs fichiers : entre-temps, aucun fil n'est lu. accueil up le lance chaque nuit "
        "(retention.at), ailleurs c'est à un timer de le faire ; relançable.",
    )
)
@click.option("--dry-run", is_flag=True, help=say("Only say what would be done.", "Dire seulement ce qui serait fait."))
@click.option(
    "--no-rewrite",
    is_flag=True,
    help=say(
        "Leave the timelines' tables as they are: these are read and written meanwhile.",
        "Laisser les tables des fils telles quelles : ils se lisent et s'écrivent pendant ce temps.",
    ),
)
@pass_running_settings
def apply(settings: Settings, *, dry_run: bool, no_rewrite: bool) -> None:
    """Do each part, whatever becomes of the others; say what was done."""
    failed = False
    rewriting = () if no_rewrite else (_rewrite,)
    for part in (_remove_files, _remove_rejects, _prune_audit, _finish_erasures, *rewriting, _set_topics):
        try:
            with operator_errors():
                for line in part(settings, dry_run=dry_run):
                    click.echo(line)
        except OperatorError as error:
            failed = True
            error.show()
    if failed:
        raise SystemExit(EXIT_RESTART)


def _remove_files(settings: Settings, *, dry_run: bool) -> Iterator[str]:
    """Remove files that nobody wrote to for too long: logs, what was set aside of spools, and what a crash left of a file."""
    data, kept = settings.data, settings.retention
    for what, days, paths in (
        (say("logs", "journaux"), kept.logs_days, data.glob("logs/*")),
        (
            say("damaged files of connectors", "fichiers abîmés de connecteurs"),
            kept.rejects_days,
            chain.from_iterable(map(data.glob, DAMAGED)),
        ),
        (say("positions moved aside", "positions mises de côté"), kept.rejects_days, data.glob(MOVED_ASIDE)),
    ):
        old = [path for path in paths if path.is_file() and _is_older(path, days)]
        for path in old:
            if not dry_run:
                _remove(path)
        yield _count(what, len(old), dry_run=dry_run)


def _is_older(path: Path, days: int) -> bool:
    try:
        status = path.stat()
    except FileNotFoundError:  # it was renamed meanwhile
        return False
    return time.time() - status.st_mtime > days * 86_400 and (status.st_size > 0 or path.suffix != LOG)


def _remove(path: Path) -> None:
    with suppress(FileNotFoundError):
        if path.suffix == LOG:  # `accueil up` may hold it open for its child's next line: emptied, it is the same file
            os.truncate(path, 0)
        else:
            path.unlink()


def _remove_rejects(settings: Settings, *, dry_run: bool) -> Iterator[str]:
    from connectors.sdk import rejects  # noqa: PLC0415

    before = datetime.now(UTC) - timedelta(days=settings.retention.rejects_days)
    homes = sorted({path.parent for path in settings.data.glob("connectors/*/*/rejects*.jsonl")})
    removed = sum(rejects.forget(home, before, dry_run=dry_run) for home in homes)
    yield _count(say("rejected records", "enregistrements rejetés"), removed, dry_run=dry_run)


def _count(what: str, number: int, *, dry_run: bool) -> str:
    would = say(" would remove", " supprimerait") if dry_run else ""
    return f"{what}{say(':', ' :')}{would} {number}"


def _prune_audit(settings: Settings, *, dry_run: bool) -> Iterator[str]:
    from streams.access.audit import AuditError  # noqa: PLC0415
    from streams.cli.audited_commands import open_audit  # noqa: PLC0415

    if dry_run or not (settings.data / "audit").exists():
        return
    audit = open_audit(settings)
    try:
        removed = audit.prune()
    except AuditError as error:
        raise OperatorError(str(error)) from None
    finally:
        audit.close()
    yield say(f"files of the audit: {removed}", f"fichiers de l'audit : {removed}")


def _finish_erasures(settings: Settings, *, dry_run: bool) -> Iterator[str]:
    from streams.cli.privacy import erasure_session, record_proof  # noqa: PLC0415
    from streams.runtime.timeline_database import has_timelines  # noqa: PLC0415

    if not dry_run and has_timelines(settings):
        with erasure_session(settings) as (_, erasures):
            proved, unproved = erasures.prove(
                partial(record_proof, settings, erasures)
            )  # before more is told, which takes its time
            told = erasures.publish_pending()
        yield say(f"erasures that were begun, and told now: {told}", f"effacements commencés, dits à présent : {told}")
        yield say(
            f"erasures that were told, and proved now: {proved}; not yet: {unproved}",
            f"effacements dits, prouvés à présent : {proved} ; pas encore : {unproved}",
        )


def _rewrite(settings: Settings, *, dry_run: bool) -> Iterator[str]:
    from streams.cli.citizen_arguments import database_unavailable_text  # noqa: PLC0415
    from streams.runtime.timeline_database import has_timelines, open_timeline  # noqa: PLC0415
    from streams.timeline.database import Unavailable  # noqa: PLC0415

    if dry_run or not has_timelines(settings):
        return
    try:
        with closing(open_timeline(settings)) as timeline:
            is_whole = timeline.vacuum()
        yield say("tables of the timelines: written anew", "tables des fils : réécrites")
        if not is_whole:
            yield say(
                "log of the timelines: still read by somebody; emptied once it is not, by who writes them or the next night",
                "journal des fils : encore lu ; vidé dès qu'il ne l'est plus, par qui les écrit ou la nuit suivante",
            )
    except Unavailable as error:
        raise OperatorError(database_unavailable_text(error), EXIT_RESTART) from None


def _set_topics(settings: Settings, *, dry_run: bool) -> Iterator[str]:
    from streams.kafka.topic_catalogue import apply_topics  # noqa: PLC0415
    from streams.runtime.instance_lock import find_cluster  # noqa: PLC0415

    brokers, client = find_cluster(settings)
    changes = apply_topics(settings, brokers, BROKER_SECONDS, dry_run=dry_run, client=client)
    would = say("would be: ", "serait : ") if dry_run else ""
    yield from [f"{would}{change}" for change in changes] or [say("topics: as they must be", "topics : tous conformes")]
