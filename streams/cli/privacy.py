"""`accueil timeline erase`, `erasure` and `export`: rights of citizens (GDPR, articles 15 and 17)."""

import json as json_codec
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import BinaryIO, Final

import click

from models.identities import IdentityKind
from models.locale import LANGUAGES, _
from models.topics import CONTACTS, SOURCES
from streams.access.audit import AuditError
from streams.access.audit_records import Purpose, Result
from streams.access.permissions import Operation
from streams.cli.base import confirm, pass_running_settings
from streams.cli.citizen_arguments import citizen_options, prompt_pseudonym
from streams.cli.output_tables import (
    EXIT_NOT_FOUND,
    format_time,
    json_option,
    make_formatter,
    vocabulary_label,
    yes_option,
)
from streams.core.contacts.case_event import ContactState
from streams.core.timeline.case_summary import summarise
from streams.locale.error_messages import os_error_cause
from streams.privacy.citizen_finder import (
    AmbiguousSector,
    Found,
    KafkaUnavailable,
    SharedIdentity,
    TooManyIdentities,
    UnknownSubject,
)
from streams.privacy.erasures import Erasure, Erasures, make_request_id, to_fields
from streams.privacy.formatting import Formatter
from streams.privacy.texts import format_erasure, format_request
from streams.privacy.writer import Format, write
from streams.runtime.audited_actions import audited_action, check_subject, current_operator, record_command
from streams.runtime.instance_lock import find_cluster, find_refusal
from streams.runtime.privacy_backend import collect_personal_data, open_erasures
from streams.runtime.sector_keys import choose_sector
from streams.runtime.timeline_database import opened_timeline
from streams.settings.errors import OperatorError
from streams.settings.exit_codes import EXIT_RESTART
from streams.settings.schema import Settings
from streams.timeline.store import Timeline

FORMATS: Final = ("json", "html", "pdf")
POLL_SECONDS: Final = 0.5
"""Interval of the checks for a proof of erasure, in seconds."""
WAIT_SECONDS: Final = 60
"""Default of `--wait` of `erase`, in seconds."""


@click.command(
    help=_(
        "Erase a citizen's data (GDPR, article 17), with a proof. NAME is a contact id or a "
        "pseudonym; without it, the command prompts for a number, address or reference. Identities "
        "shared with others, such as a family's number, stay."
    )
)
@citizen_options
@yes_option
@click.option(
    "--wait",
    type=click.IntRange(min=0),
    default=WAIT_SECONDS,
    show_default=True,
    help=_("Seconds to wait for the proof."),
)
@json_option
@pass_running_settings
def erase(
    settings: Settings, name: str | None, kind: str, sector: str | None, wait: int, *, yes: bool, json: bool
) -> None:
    """Find the contacts, ask for confirmation, record the request, publish its events, wait for the proof."""
    lookup = Operation.READ_TIMELINE if name else Operation.LOOK_UP
    with erasure_session(settings) as (timeline, erasures):
        with _recorded_lookup(settings, lookup, Operation.ERASE, *_ask(settings, name, kind, sector)) as subject:
            subject.sector = subject.sector or erasures.finder.find_sector(subject.subject_id)
            found = erasures.finder.find_for_erasure(subject.subject_id, subject.sector)
        for line in _describe_erased(timeline, found, make_formatter(settings)):
            click.echo(line, err=True)
        contacts, number = found.contacts, len(found.contacts)
        question = (
            _("erase this contact for ever?")
            if number == 1
            else _("erase these {number} contacts for ever?", number=number)
        )
        if not yes and not confirm(question):
            raise OperatorError(_("nothing was erased"), EXIT_NOT_FOUND)
        request = make_request_id()
        with audited_action(
            settings,
            Operation.ERASE,
            subject.subject_id,
            purpose=Purpose.RIGHTS,
            sector=subject.sector,
            erasure=request,
            is_done=lambda: erasures.is_begun(request),
        ) as outcome:
            erasures.begin(request, contacts, subject.sector, current_operator())
            outcome.result = None  # recorded with the proof
        click.echo(format_request(request), err=json)  # before the wait, which the user may interrupt
        erasures.publish_pending()
        _print_erasure(_wait(settings, erasures, request, wait), settings, json=json, has_request=True)


@click.command(
    help=_("Show the state of an erasure request, or its proof. Publishes its pending records to Kafka, if any.")
)
@click.argument("request")
@click.option("--wait", type=click.IntRange(min=0), default=0, help=_("Seconds to wait for the proof."))
@json_option
@pass_running_settings
def erasure(settings: Settings, request: str, wait: int, *, json: bool) -> None:
    with erasure_session(settings) as (_timeline, erasures):
        erasures.publish_pending()
        _print_erasure(_wait(settings, erasures, request, wait), settings, json=json)


@click.command(
    help=_(
        "Export all data held about a citizen (GDPR, article 15); shared identities are listed, but "
        "not their data. NAME is a contact id or a pseudonym; without it, the command prompts for a "
        "number, address or reference."
    )
)
@citizen_options
@click.option(
    "--output",
    "-o",
    type=click.Path(dir_okay=False, allow_dash=True, path_type=Path),
    required=True,
    metavar="FILE",
    help=_("File to write; - for standard output."),
)
@click.option("--force", is_flag=True, help=_("Replace an existing file."))
@click.option(
    "--format",
    "file_format",
    type=click.Choice(FORMATS),
    default=FORMATS[1],
    show_default=True,
    help=_("JSON for programs, HTML (accessible) and PDF for people."),
)
@click.option(
    "--language", type=click.Choice(LANGUAGES), default="fr", show_default=True, help=_("Language of the export.")
)
@pass_running_settings
def export(
    settings: Settings,
    name: str | None,
    kind: str,
    sector: str | None,
    output: Path,
    file_format: str,
    language: str,
    *,
    force: bool,
) -> None:
    if output.is_file() and not force:
        raise OperatorError(
            _("{output} already exists: choose another name, or use --force to replace it", output=output)
        )
    with erasure_session(settings) as (timeline, erasures):
        with _recorded_lookup(
            settings, Operation.EXPORT, Operation.EXPORT, *_ask(settings, name, kind, sector)
        ) as subject:
            subject.sector = subject.sector or erasures.finder.find_sector(subject.subject_id)
            data = collect_personal_data(
                settings, timeline, erasures.finder, subject.subject_id, subject.sector, language
            )
            chunks = write(data, Format(file_format), language, settings.web.zone)
        with _private_file(output) as file:
            file.writelines(chunks)
    if output != Path("-"):
        click.echo(_("written: {output}", output=output), err=True)


@contextmanager
def _private_file(output: Path) -> Iterator[BinaryIO]:
    """Open a new file that only its owner may read; `-` is standard output. Turn an `OSError` in the block into `OperatorError`.

    An existing file is deleted first: others may have it open.
    """
    if output == Path("-"):
        yield click.get_binary_stream("stdout")
        return
    try:
        if not output.exists() or output.is_file():  # do not delete a device or a pipe
            output.unlink(missing_ok=True)
        with open(output, "wb", opener=partial(os.open, mode=0o600)) as file:
            yield file
    except OSError as error:
        cause = os_error_cause(error)
        raise OperatorError(_("{output} cannot be written: {cause}", output=output, cause=cause)) from None


@contextmanager
def erasure_session(settings: Settings) -> Iterator[tuple[Timeline, Erasures]]:
    """Open the timelines and the erasures. Turn their errors in the block into `OperatorError`."""
    try:
        with opened_timeline(settings) as timeline:
            yield timeline, open_erasures(settings, timeline)
    except KafkaUnavailable as error:
        reads, writes = [CONTACTS.name], [topic.name for topic in SOURCES.values()]
        if refusal := find_refusal(*find_cluster(settings), reads=reads, writes=writes):
            raise OperatorError(refusal) from None
        raise OperatorError(
            _("Kafka does not answer ({error}): the next attempt finishes the pending erasures", error=error),
            EXIT_RESTART,
        ) from None
    except SharedIdentity:
        raise OperatorError(
            _("several people share this identity: use a case or a contact, which belong to one person")
        ) from None
    except TooManyIdentities:
        raise OperatorError(
            _(
                "too many linked identities, some data would stay: use `accueil links revoke`, or erase "
                "contact by contact"
            )
        ) from None
    except AmbiguousSector as error:
        sectors = ", ".join(error.args)
        raise OperatorError(
            _("known in several sectors ({sectors}): choose one with --sector", sectors=sectors)
        ) from None
    except UnknownSubject:
        raise OperatorError(_("no data about this citizen"), EXIT_NOT_FOUND) from None
    except AuditError as error:
        raise OperatorError(str(error)) from None


@dataclass(slots=True)
class _Subject:
    """A pseudonym or contact id, and the sector of the request, empty while unknown."""

    subject_id: str
    sector: str


def _ask(settings: Settings, name: str | None, kind: str, sector: str | None) -> tuple[str, str]:
    """Return the subject and the sector, empty if unknown; without NAME, prompt for an identity."""
    if name:
        check_subject(name)
        return name, sector or ""
    chosen = choose_sector(settings, sector)
    return prompt_pseudonym(settings, IdentityKind(kind), chosen), chosen


@contextmanager
def _recorded_lookup(
    settings: Settings, lookup: Operation, refused: Operation, subject_id: str, sector: str
) -> Iterator[_Subject]:
    """Record the result of the lookup in the block: as `lookup`, or as the operation `refused` if it is refused.

    This happens at the end of the block, before anything is printed. Errors are raised again.
    """
    subject, operation, result = _Subject(subject_id, sector), lookup, Result.FAILED
    try:
        yield subject
        result = Result.SHOWN
    except UnknownSubject:
        result = Result.NOT_FOUND
        raise
    except (SharedIdentity, TooManyIdentities, AmbiguousSector):
        operation, result = refused, Result.REFUSED
        raise
    finally:
        record_command(settings, operation, subject.subject_id, Purpose.RIGHTS, subject.sector, result)


def _describe_erased(timeline: Timeline, found: Found, formatter: Formatter) -> Iterator[str]:
    """Yield lines on the data to be erased: sector, number of contacts, period, open cases."""
    entries = [entry for contact in found.contacts for entry in timeline.read_contact(contact)]
    cases = summarise(entries, int(time.time() * 1000))
    summarised = {case.contact for case in cases}
    # Contacts that have not reached the timelines yet.
    rows = {contact: row for contact, row in found.rows.items() if contact not in summarised}
    starts = [case.since for case in cases]
    starts += [min((event.first_at for event in row.case_events), default=row.last_at) for row in rows.values()]
    ends = [*(case.last_at for case in cases), *(row.last_at for row in rows.values())]
    sector, number = found.sector or _("unknown"), len(found.contacts)
    first, last = format_time(min(starts), formatter.zone), format_time(max(ends), formatter.zone)
    yield _(
        "sector {sector}: {number} {contacts}, from {first} to {last}",
        sector=sector,
        number=number,
        contacts="contact" if number == 1 else "contacts",
        first=first,
        last=last,
    )
    open_cases = {case.contact: (case.site, case.service, case.state) for case in cases if case.is_open}
    open_cases |= {
        contact: (row.dimensions.site, row.dimensions.service, row.state.value)
        for contact, row in rows.items()
        if row.state is not ContactState.CLOSED
    }
    for contact, (site, service, state) in open_cases.items():
        location = formatter.location_with_codes(site, service)
        label = vocabulary_label("state", state)
        yield _("still open: {contact} {location}: {label}", contact=contact, location=location, label=label)
    if not open_cases:
        yield _("no open case")


def _wait(settings: Settings, erasures: Erasures, request: str, seconds: int) -> Erasure:
    give_up_at = time.monotonic() + seconds
    while True:
        found = erasures.look(request, partial(record_proof, settings, erasures, request))
        if found is None:
            raise OperatorError(_("unknown request {request}", request=request), EXIT_NOT_FOUND)
        if found.proof is not None or time.monotonic() >= give_up_at:
            return found
        time.sleep(POLL_SECONDS)


def record_proof(settings: Settings, erasures: Erasures, request: str, sha256: str) -> None:
    """Record the proof of an erasure in the audit log. Raise `OperatorError` if that fails."""
    known = erasures.read(request)
    sector = known.sector if known else ""
    proof = f"erasure:{request}:{sha256}"
    record_command(settings, Operation.ERASE, proof, Purpose.RIGHTS, sector, Result.PROVED, request)


def _print_erasure(found: Erasure, settings: Settings, *, json: bool, has_request: bool = False) -> None:
    """Print the state of an erasure; exit with code 1 if it is not proved.

    `has_request`: the first line, which names the request, was printed before.
    """
    if json:
        click.echo(json_codec.dumps(to_fields(found), ensure_ascii=False))
    else:
        for line in islice(format_erasure(found, settings.web.zone), has_request, None):
            click.echo(line)
    if found.proof is None:
        raise SystemExit(EXIT_NOT_FOUND)
