"""`accueil retention`: show and apply the retention periods."""

import os
import textwrap
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Final

import click

from connectors.sdk import rejects
from models.locale import _
from streams.access.audit import AuditError
from streams.cli.base import Group, pass_running_settings
from streams.cli.output_tables import dry_run_option
from streams.cli.privacy import erasure_session, record_proof
from streams.runtime.audited_actions import open_audit
from streams.runtime.instance_lock import find_cluster
from streams.runtime.timeline_database import has_timelines, opened_timeline
from streams.runtime.topic_catalogue import apply_topics
from streams.settings.errors import OperatorError
from streams.settings.exit_codes import EXIT_RESTART
from streams.settings.retention import TITLES, find_contradictions, retention_rules
from streams.settings.schema import Settings

BROKER_SECONDS: Final = 30.0
"""Longest wait for the broker, in seconds."""
WIDTH: Final = 100
"""Longest line of `show`, in columns."""
LOG: Final = ".log"
DAMAGED_FILES: Final = ("connectors/*/*/*/*.bad", "connectors/*/*/*/*.new", "connectors/*/*/rejects*.new")
"""Patterns, in the data directory, of damaged or unfinished spool and journal files. They may contain personal data."""
OLD_POSITIONS: Final = "connectors/*/*/before-reread/*"
"""Pattern, in the data directory, of the saved positions of sources that were re-read."""


@click.group(cls=Group, name="retention", help=_("Show and apply the retention periods."))
def group() -> None:
    """Show and apply retention periods."""


@group.command(help=_("Print all stored data with their retention periods."))
@pass_running_settings
def show(settings: Settings) -> None:
    for rule in retention_rules(settings):
        days = "" if rule.days is None else _("{days} days", days=rule.days) + ", "
        setting = f" ({rule.setting})" if rule.setting else ""
        values = (rule.where, _(rule.personal), f"{days}{_(rule.until)}{setting}")
        click.echo(textwrap.fill(_(rule.what), WIDTH))
        for title, value in zip(TITLES[1:], values, strict=False):
            line = f"{_(title)}{_(':')} {value}"
            click.echo(
                textwrap.fill(line, WIDTH, initial_indent="  ", subsequent_indent="    ", break_on_hyphens=False)
            )
    for text in find_contradictions(settings):
        click.echo(f"accueil: {text}", err=True)


@group.command(
    help=_(
        "Delete expired data, and set the retention of Kafka topics. Rewrites the timelines' tables, "
        "so that their files contain no deleted rows; timelines cannot be read meanwhile. accueil up "
        "runs it every night (retention.at); otherwise use a timer. It can be interrupted and run "
        "again."
    )
)
@dry_run_option
@click.option("--no-rewrite", is_flag=True, help=_("Do not rewrite the timelines' tables: timelines stay readable."))
@pass_running_settings
def apply(settings: Settings, *, dry_run: bool, no_rewrite: bool) -> None:
    """Run each step in order and print its result lines. Print an `OperatorError` of a step, and continue with the next step.

    If a step raised one, exit with `EXIT_RESTART` after the last step. Any other exception ends the command immediately. With
    `dry_run`, no step changes anything; the steps for the audit log, erasures and tables then print nothing.
    """
    failed = False
    rewrite = () if no_rewrite else (_rewrite_tables,)
    for step in (_remove_files, _remove_rejects, _prune_audit, _finish_erasures, *rewrite, _set_topics):
        try:
            for line in step(settings, dry_run=dry_run):
                click.echo(line)
        except OperatorError as error:
            failed = True
            error.show()
    if failed:
        raise SystemExit(EXIT_RESTART)


def _remove_files(settings: Settings, *, dry_run: bool) -> Iterator[str]:
    """Remove expired damaged files and saved positions, and empty expired logs; with `dry_run`, only count them."""
    data, retention = settings.data, settings.retention
    for label, days, paths in (
        (_("logs"), retention.logs_days, data.glob("logs/*")),
        (_("damaged files of connectors"), retention.rejects_days, chain.from_iterable(map(data.glob, DAMAGED_FILES))),
        (_("saved positions"), retention.rejects_days, data.glob(OLD_POSITIONS)),
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
    before = datetime.now(UTC) - timedelta(days=settings.retention.rejects_days)
    homes = sorted({path.parent for path in settings.data.glob("connectors/*/*/rejects*.jsonl")})
    removed = sum(rejects.forget(home, before, dry_run=dry_run) for home in homes)
    yield _count(_("rejected records"), removed, dry_run=dry_run)


def _count(label: str, number: int, *, dry_run: bool) -> str:
    would = _(" would remove") if dry_run else ""
    return f"{label}{_(':')}{would} {number}"


def _prune_audit(settings: Settings, *, dry_run: bool) -> Iterator[str]:
    if dry_run or not (settings.data / "audit").exists():
        return
    with closing(open_audit(settings)) as audit:
        try:
            removed = audit.prune()
        except AuditError as error:
            raise OperatorError(str(error)) from None
    yield _("files of the audit log: {removed}", removed=removed)


def _finish_erasures(settings: Settings, *, dry_run: bool) -> Iterator[str]:
    if not dry_run and has_timelines(settings):
        with erasure_session(settings) as (_timeline, erasures):
            # Prove before publishing more, which workers need time to process.
            proved, unproved = erasures.prove(partial(record_proof, settings, erasures))
            published = erasures.publish_pending()
        yield _("erasures published now: {published}", published=published)
        yield _("erasures proved now: {proved}; not yet: {unproved}", proved=proved, unproved=unproved)


def _rewrite_tables(settings: Settings, *, dry_run: bool) -> Iterator[str]:
    if dry_run or not has_timelines(settings):
        return
    with opened_timeline(settings) as timeline:
        is_whole = timeline.vacuum()
    yield _("tables of the timelines: rewritten")
    if not is_whole:
        yield _("log of the timelines: still in use; accueil timeline or the next run empties it later")


def _set_topics(settings: Settings, *, dry_run: bool) -> Iterator[str]:
    brokers, client = find_cluster(settings)
    changes = apply_topics(settings, brokers, BROKER_SECONDS, dry_run=dry_run, client=client)
    would = _("would be: ") if dry_run else ""
    yield from [f"{would}{change}" for change in changes] or [_("topics: up to date")]
