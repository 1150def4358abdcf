"""`accueil retention`: show and apply the retention periods."""

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
from streams.cli.output_tables import dry_run_option, print_table
from streams.locale.i18n import say
from streams.runtime.errors import EXIT_RESTART, OperatorError, operator_errors
from streams.runtime.instance_lock import pass_running_settings
from streams.settings.schema import Settings

BROKER_SECONDS: Final = 30.0
"""Longest wait for the broker."""
LOG: Final = ".log"
DAMAGED_FILES: Final = ("connectors/*/*/*/*.bad", "connectors/*/*/*/*.new", "connectors/*/*/rejects*.new")
"""Damaged or unfinished spool and journal files of connectors. They may contain personal data."""
OLD_POSITIONS: Final = "connectors/*/*/before-reread/*"
"""Saved positions of sources that were re-read."""


@click.group(
    cls=Group,
    name="retention",
    help=say("Show and apply the retention periods.", "Afficher et appliquer les durées de conservation."),
)
def group() -> None:
    """Show and apply retention periods."""


@group.command(
    help=say(
        "Print all stored data with their retention periods.",
        "Afficher toutes les données et leur durée de conservation.",
    )
)
@pass_running_settings
def show(settings: Settings) -> None:
    """Print the retention periods, and warn of contradictions between them."""
    from streams.privacy.retention import find_contradictions, retention_rules  # noqa: PLC0415

    language = int(say("0", "1"))  # index of the pair of texts
    titles = (
        say("data", "données"),
        say("location", "où"),
        say("personal data", "d'une personne"),
        say("days", "jours"),
        say("counted from", "à compter de"),
        say("setting", "réglage"),
    )
    rows = [
        (
            rule.what[language],
            rule.where,
            rule.personal[language],
            str(rule.days or ""),
            rule.until[language],
            rule.setting,
        )
        for rule in retention_rules(settings)
    ]
    print_table(titles, rows)
    for texts in find_contradictions(settings):
        click.echo(f"accueil: {say(*texts)}", err=True)


@group.command(
    help=say(
        "Delete expired data, and set the retention of Kafka topics. Rewrites the timelines' tables, so that their files "
        "contain no deleted rows; timelines cannot be read meanwhile. accueil up runs it every night (retention.at); otherwise "
        "use a timer. It can be interrupted and run again.",
        "Supprimer les données échues, et régler la conservation des topics Kafka. Réécrit les tables des fils, pour que leurs "
        "fichiers ne contiennent plus rien d'effacé ; aucun fil n'est lisible pendant ce temps. accueil up le lance chaque nuit "
        "(retention.at) ; sinon, utiliser un timer. Peut être interrompu et relancé.",
    )
)
@dry_run_option
@click.option(
    "--no-rewrite",
    is_flag=True,
    help=say(
        "Do not rewrite the timelines' tables: timelines stay readable.",
        "Ne pas réécrire les tables des fils : ils restent lisibles.",
    ),
)
@pass_running_settings
def apply(settings: Settings, *, dry_run: bool, no_rewrite: bool) -> None:
    """Run all steps, even if some fail, and print their results. Exit with `EXIT_RESTART` if one failed."""
    failed = False
    rewrite = () if no_rewrite else (_rewrite_tables,)
    for step in (_remove_files, _remove_rejects, _prune_audit, _finish_erasures, *rewrite, _set_topics):
        try:
            with operator_errors():
                for line in step(settings, dry_run=dry_run):
                    click.echo(line)
        except OperatorError as error:
            failed = True
            error.show()
    if failed:
        raise SystemExit(EXIT_RESTART)


def _remove_files(settings: Settings, *, dry_run: bool) -> Iterator[str]:
    """Remove expired files: logs, damaged files, saved positions. Yield a line with the number of each."""
    data, retention = settings.data, settings.retention
    for label, days, paths in (
        (say("logs", "journaux"), retention.logs_days, data.glob("logs/*")),
        (
            say("damaged files of connectors", "fichiers abîmés de connecteurs"),
            retention.rejects_days,
            chain.from_iterable(map(data.glob, DAMAGED_FILES)),
        ),
        (say("saved positions", "positions mises de côté"), retention.rejects_days, data.glob(OLD_POSITIONS)),
    ):
        old = [path for path in paths if path.is_file() and _is_older(path, days)]
        for path in old:
            if not dry_run:
                _remove(path)
        yield _count(label, len(old), dry_run=dry_run)


def _is_older(path: Path, days: int) -> bool:
    try:
        status = path.stat()
    except FileNotFoundError:  # removed or renamed since
        return False
    return time.time() - status.st_mtime > days * 86_400 and (status.st_size > 0 or path.suffix != LOG)


def _remove(path: Path) -> None:
    with suppress(FileNotFoundError):
        if path.suffix == LOG:  # `accueil up` may have it open: truncate instead of deleting
            os.truncate(path, 0)
        else:
            path.unlink()


def _remove_rejects(settings: Settings, *, dry_run: bool) -> Iterator[str]:
    from connectors.sdk import rejects  # noqa: PLC0415

    before = datetime.now(UTC) - timedelta(days=settings.retention.rejects_days)
    homes = sorted({path.parent for path in settings.data.glob("connectors/*/*/rejects*.jsonl")})
    removed = sum(rejects.forget(home, before, dry_run=dry_run) for home in homes)
    yield _count(say("rejected records", "enregistrements rejetés"), removed, dry_run=dry_run)


def _count(label: str, number: int, *, dry_run: bool) -> str:
    would = say(" would remove", " supprimerait") if dry_run else ""
    return f"{label}{say(':', ' :')}{would} {number}"


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
    yield say(f"files of the audit log: {removed}", f"fichiers de l'audit : {removed}")


def _finish_erasures(settings: Settings, *, dry_run: bool) -> Iterator[str]:
    from streams.cli.privacy import erasure_session, record_proof  # noqa: PLC0415
    from streams.runtime.timeline_database import has_timelines  # noqa: PLC0415

    if not dry_run and has_timelines(settings):
        with erasure_session(settings) as (_, erasures):
            # Prove before publishing more, which workers need time to process.
            proved, unproved = erasures.prove(partial(record_proof, settings, erasures))
            published = erasures.publish_pending()
        yield say(f"erasures published now: {published}", f"effacements publiés à présent : {published}")
        yield say(
            f"erasures proved now: {proved}; not yet: {unproved}",
            f"effacements prouvés à présent : {proved} ; pas encore : {unproved}",
        )


def _rewrite_tables(settings: Settings, *, dry_run: bool) -> Iterator[str]:
    from streams.cli.citizen_arguments import database_unavailable_text  # noqa: PLC0415
    from streams.runtime.timeline_database import has_timelines, open_timeline  # noqa: PLC0415
    from streams.timeline.database import Unavailable  # noqa: PLC0415

    if dry_run or not has_timelines(settings):
        return
    try:
        with closing(open_timeline(settings)) as timeline:
            is_whole = timeline.vacuum()
        yield say("tables of the timelines: rewritten", "tables des fils : réécrites")
        if not is_whole:
            yield say(
                "log of the timelines: still in use; accueil timeline or the next run empties it later",
                "journal des fils : encore lu ; vidé ensuite par accueil timeline ou la prochaine exécution",
            )
    except Unavailable as error:
        raise OperatorError(database_unavailable_text(error), EXIT_RESTART) from None


def _set_topics(settings: Settings, *, dry_run: bool) -> Iterator[str]:
    from streams.runtime.instance_lock import find_cluster  # noqa: PLC0415
    from streams.runtime.topic_catalogue import apply_topics  # noqa: PLC0415

    brokers, client = find_cluster(settings)
    changes = apply_topics(settings, brokers, BROKER_SECONDS, dry_run=dry_run, client=client)
    would = say("would be: ", "serait : ") if dry_run else ""
    yield from [f"{would}{change}" for change in changes] or [say("topics: up to date", "topics : tous conformes")]
