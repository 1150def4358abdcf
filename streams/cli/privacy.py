"""`accueil timeline erase`, `erasure`, `export`: what a citizen may ask for (GDPR, articles 15 and 17)."""

import json as json_codec
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

import click

from models.identities import IdentityKind
from models.topics import CONTACTS, SOURCES
from streams.access.audit import Purpose, Result
from streams.access.permissions import Operation
from streams.cli.audited_commands import audited_action, check_subject, current_operator, record_command
from streams.cli.base import confirm
from streams.cli.citizen_arguments import citizen_options, database_unavailable_text, prompt_pseudonym
from streams.cli.output_tables import EXIT_NOT_FOUND, format_time, json_option, make_formatter, vocabulary_label
from streams.locale.error_messages import os_error_cause
from streams.locale.i18n import say
from streams.privacy.vocabulary import LANGUAGES
from streams.runtime.errors import EXIT_RESTART, OperatorError, operator_errors
from streams.runtime.instance_lock import find_cluster, find_refusal, pass_running_settings
from streams.runtime.sector_keys import choose_sector
from streams.settings.schema import Settings

if TYPE_CHECKING:
    from streams.privacy.citizen_finder import Found
    from streams.privacy.erasures import Erasure, Erasures
    from streams.privacy.formatting import Formatter
    from streams.timeline.store import Timeline

FORMATS: Final = ("json", "html", "pdf")
POLL_SECONDS: Final = 0.5
WAIT_SECONDS: Final = 60


@click.command(
    help=say(
        "Erase a citizen (GDPR, article 17), and prove it. NAME is a contact or a pseudonym; without it, the number, address or "
        "reference is asked for. What others share, such as a family's number, is nobody's own and stays.",
        "Effacer un usager (RGPD, article 17), preuve à l'appui. NAME est un contact ou un pseudonyme ; sans lui, le numéro, "
        "l'adresse ou la référence est demandé. Ce qui est partagé, comme le numéro d'une famille, reste.",
    )
)
@citizen_options
@click.option("--yes", is_flag=True, help=say("Do not ask.", "Ne pas demander."))
@click.option(
    "--wait",
    type=click.IntRange(min=0),
    default=WAIT_SECONDS,
    show_default=True,
    help=say("For the proof, seconds.", "Attente de la preuve, en secondes."),
)
@json_option
@pass_running_settings
def erase(
    settings: Settings, name: str | None, kind: str, sector: str | None, wait: int, *, yes: bool, json: bool
) -> None:
    """Find whose contacts are to be erased, say what goes, record that it is begun, tell Kafka, and wait for the proof."""
    from streams.privacy.erasures import make_request_id  # noqa: PLC0415
    from streams.privacy.texts import format_request  # noqa: PLC0415

    look = Operation.READ_TIMELINE if name else Operation.LOOK_UP
    with erasure_session(settings) as (timeline, erasures):
        with _looking(settings, look, Operation.ERASE, *_ask(settings, name, kind, sector)) as sought:
            sought.sector = sought.sector or erasures.finder.find_sector(sought.subject_id)
            found = erasures.finder.find_for_erasure(sought.subject_id, sought.sector)
        asked, where = sought.subject_id, sought.sector
        for line in _tell_going(timeline, found, make_formatter(settings)):
            click.echo(line, err=True)
        contacts, number = found.contacts, len(found.contacts)
        question = (
            say("erase this contact for ever?", "effacer ce contact à jamais ?")
            if number == 1
            else say(f"erase these {number} contacts for ever?", f"effacer ces {number} contacts à jamais ?")
        )
        if not yes and not confirm(question):
            raise OperatorError(say("nothing was erased", "rien n'a été effacé"), EXIT_NOT_FOUND)
        request = make_request_id()
        with audited_action(
            settings,
            Operation.ERASE,
            asked,
            why=Purpose.RIGHTS,
            sector=where,
            erasure=request,
            is_done=lambda: erasures.is_begun(request),
        ) as ending:
            erasures.begin(request, contacts, where, current_operator())
            ending.result = None  # the proof tells
        click.echo(say(*format_request(request)), err=json)  # before the wait, which may be cut off
        erasures.publish_pending()
        _show(_wait(settings, erasures, request, wait), settings, json=json, is_named=True)


@click.command(
    help=say(
        "Show how far an erasure is, by the id of its request, or its proof. What was not told yet is told now.",
        "Montrer où en est un effacement, par le numéro de sa demande, ou sa preuve. Ce qui n'a pas encore été dit l'est.",
    )
)
@click.argument("request")
@click.option(
    "--wait", type=click.IntRange(min=0), default=0, help=say("For the proof, seconds.", "Attente, en secondes.")
)
@json_option
@pass_running_settings
def erasure(settings: Settings, request: str, wait: int, *, json: bool) -> None:
    """Finish what was begun, and look."""
    with erasure_session(settings) as (_, erasures):
        erasures.publish_pending()
        _show(_wait(settings, erasures, request, wait), settings, json=json)


@click.command(
    help=say(
        "Write all that is held about a citizen (GDPR, article 15); what others share is left out, and named. NAME is a contact "
        "or a pseudonym; without it, the number, address or reference is asked for.",
        "Écrire tout ce qui est conservé sur un usager (RGPD, article 15) ; ce qui est partagé est omis, et nommé. NAME est un "
        "contact ou un pseudonyme ; sans lui, le numéro, l'adresse ou la référence est demandé.",
    )
)
@citizen_options
@click.option(
    "--output",
    "-o",
    type=click.Path(dir_okay=False, allow_dash=True, path_type=Path),
    required=True,
    metavar="FILE",
    help=say("- is stdout.", "- : stdout."),
)
@click.option("--force", is_flag=True, help=say("Replace a file that is there.", "Remplacer un fichier qui est là."))
@click.option(
    "--format",
    "kind_of_file",
    type=click.Choice(FORMATS),
    default=FORMATS[1],
    show_default=True,
    help=say(
        "JSON for programs, HTML (accessible) and PDF for people.",
        "JSON : programmes ; HTML (accessible), PDF : lecture.",
    ),
)
@click.option(
    "--language",
    type=click.Choice(LANGUAGES),
    default="fr",
    show_default=True,
    help=say("The citizen's.", "Celle de l'usager."),
)
@pass_running_settings
def export(
    settings: Settings,
    name: str | None,
    kind: str,
    sector: str | None,
    output: Path,
    kind_of_file: str,
    language: str,
    *,
    force: bool,
) -> None:
    """Gather it, record it, then write."""
    from streams.privacy.writer import Format, write  # noqa: PLC0415
    from streams.runtime.privacy_backend import collect_personal_data  # noqa: PLC0415

    if output.is_file() and not force:
        raise OperatorError(_there(output))
    with erasure_session(settings) as (timeline, erasures):
        with _looking(settings, Operation.EXPORT, Operation.EXPORT, *_ask(settings, name, kind, sector)) as sought:
            where = sought.sector = sought.sector or erasures.finder.find_sector(sought.subject_id)
            held = collect_personal_data(settings, timeline, erasures.finder, sought.subject_id, where, language)
            pieces = write(held, Format(kind_of_file), language, settings.web.zone)
        with _writing(output) as file:
            file.writelines(pieces)


@contextmanager
def _writing(output: Path) -> Iterator[BinaryIO]:
    """Hand out a new file of that name, for who made it alone: one that is there may be open to others, and is replaced."""
    if output == Path("-"):
        yield click.get_binary_stream("stdout")
        return
    try:
        if not output.exists() or output.is_file():  # else a device or a pipe, which is not ours to replace
            output.unlink(missing_ok=True)
        with open(output, "wb", opener=partial(os.open, mode=0o600)) as file:
            yield file
    except OSError as error:
        cause = os_error_cause(error)
        raise OperatorError(
            say(f"{output} cannot be written: {cause}", f"impossible d'écrire dans {output} : {cause}")
        ) from None


def _there(output: Path) -> str:
    return say(
        f"{output} is there already: choose another name, or --force replaces it",
        f"{output} existe déjà : choisir un autre nom, ou --force le remplace",
    )


@contextmanager
def erasure_session(settings: Settings) -> "Iterator[tuple[Timeline, Erasures]]":
    """Hand out the timelines and erasures of this installation, and say in words what is in their way."""
    from streams.privacy import citizen_finder  # noqa: PLC0415
    from streams.runtime.privacy_backend import open_erasures  # noqa: PLC0415
    from streams.runtime.timeline_database import open_timeline  # noqa: PLC0415
    from streams.timeline.database import Unavailable  # noqa: PLC0415

    with operator_errors():
        try:
            timeline = open_timeline(settings)
            try:
                yield timeline, open_erasures(settings, timeline)
            finally:
                timeline.close()
        except Unavailable as error:
            raise OperatorError(database_unavailable_text(error), EXIT_RESTART) from None
        except citizen_finder.KafkaUnavailable as error:
            reads, writes = [CONTACTS.name], [topic.name for topic in SOURCES.values()]
            if refusal := find_refusal(*find_cluster(settings), reads=reads, writes=writes):
                raise OperatorError(refusal) from None
            raise OperatorError(
                say(
                    f"Kafka does not answer ({error}): what was begun is finished by the next try",
                    f"Kafka ne répond pas ({error}) : ce qui est commencé sera fini à la prochaine tentative",
                ),
                EXIT_RESTART,
            ) from None
        except citizen_finder.SharedIdentity:
            raise OperatorError(
                say(
                    "others share it: ask for a case, or a contact, which are one person's",
                    "d'autres la partagent : demander un dossier, ou un contact, qui n'est que d'un seul",
                )
            ) from None
        except citizen_finder.TooManyIdentities:
            raise OperatorError(
                say(
                    "more is linked to it than is followed, and a part would stay: `accueil links revoke`, or contact by contact",
                    "trop de liens pour être suivis, une partie resterait : `accueil links revoke`, ou contact par contact",
                )
            ) from None
        except citizen_finder.AmbiguousSector as error:
            sectors = ", ".join(error.args)
            raise OperatorError(
                say(
                    f"known in several sectors: {sectors}; --sector",
                    f"connu dans plusieurs secteurs : {sectors} ; --sector",
                )
            ) from None
        except citizen_finder.UnknownSubject:
            raise OperatorError(say("nothing is known of them", "rien n'est connu"), EXIT_NOT_FOUND) from None


@dataclass(slots=True)
class _Sought:
    """Who is meant, and in which sector, as far as that is known."""

    subject_id: str
    sector: str


def _ask(settings: Settings, name: str | None, kind: str, sector: str | None) -> tuple[str, str]:
    """Return who is meant, and in which sector: the one that was named or whose key is used; else it is still to be found."""
    if name:
        check_subject(name)
        return name, sector or ""
    where = choose_sector(settings, sector)
    return prompt_pseudonym(settings, IdentityKind(kind), where), where


@contextmanager
def _looking(
    settings: Settings, look: Operation, refused: Operation, subject_id: str, sector: str
) -> Iterator[_Sought]:
    """Record what comes of looking for somebody, before anything of it is told: as `look`, or as `refused` if it is."""
    from streams.privacy.citizen_finder import AmbiguousSector, SharedIdentity, TooManyIdentities, UnknownSubject  # noqa: PLC0415

    sought, operation, result = _Sought(subject_id, sector), look, Result.FAILED
    try:
        yield sought
        result = Result.SHOWN
    except UnknownSubject:
        result = Result.NOT_FOUND
        raise
    except (SharedIdentity, TooManyIdentities, AmbiguousSector):
        operation, result = refused, Result.REFUSED
        raise
    finally:
        record_command(settings, operation, sought.subject_id, Purpose.RIGHTS, sought.sector, result)


def _tell_going(timeline: "Timeline", found: "Found", words: "Formatter") -> Iterator[str]:
    """Yield what goes with whoever was found: of which sector, how much, from when to when, and what is still open of it."""
    from streams.core.contacts.case_event import ContactState  # noqa: PLC0415
    from streams.core.timeline.case_summary import summarise  # noqa: PLC0415

    entries = [entry for contact in found.contacts for entry in timeline.read_contact(contact)]
    matters = summarise(entries, int(time.time() * 1000))
    told = {matter.contact for matter in matters}
    rows = {contact: row for contact, row in found.rows.items() if contact not in told}  # the timelines know them later
    begun = [matter.since for matter in matters]
    begun += [min((one.first_at for one in row.case_events), default=row.last_at) for row in rows.values()]
    ended = [*(matter.last_at for matter in matters), *(row.last_at for row in rows.values())]
    sector, number = found.sector or say("none told", "non dit"), len(found.contacts)
    first, last = format_time(min(begun), words.zone), format_time(max(ended), words.zone)
    yield say(
        f"sector {sector}: {number} {'contact' if number == 1 else 'contacts'}, from {first} to {last}",
        f"secteur {sector} : {number} {'contact' if number == 1 else 'contacts'}, du {first} au {last}",
    )
    matters_open = {one.contact: (one.site, one.service, one.state) for one in matters if one.is_open}
    matters_open |= {
        contact: (row.dimensions.site, row.dimensions.service, row.state.value)
        for contact, row in rows.items()
        if row.state is not ContactState.CLOSED
    }
    for contact, (site, service, state) in matters_open.items():
        dimensions = words.location_with_codes(site, service)
        how = vocabulary_label("state", state)
        yield say(f"still open: {contact} {dimensions}: {how}", f"encore en cours : {contact} {dimensions} : {how}")
    if not matters_open:
        yield say("no open matter", "aucune affaire en cours")


def _wait(settings: Settings, erasures: "Erasures", request: str, seconds: int) -> "Erasure":
    until = time.monotonic() + seconds
    while True:
        found = erasures.look(request, partial(record_proof, settings, erasures, request))
        if found is None:
            raise OperatorError(say(f"no request {request}", f"pas de demande {request}"), EXIT_NOT_FOUND)
        if found.proof is not None or time.monotonic() >= until:
            return found
        time.sleep(POLL_SECONDS)


def record_proof(settings: Settings, erasures: "Erasures", request: str, sha256: str) -> None:
    """Record that an erasure was proved. Raises `OperatorError`."""
    known = erasures.read(request)
    where = known.sector if known else ""
    proof = f"erasure:{request}:{sha256}"
    record_command(settings, Operation.ERASE, proof, Purpose.RIGHTS, where, Result.PROVED, request)


def _show(found: "Erasure", settings: Settings, *, json: bool, is_named: bool = False) -> None:
    """Print how far an erasure is; if its request `is_named` already, not that again. Ends with 1 if it is not proved."""
    from streams.privacy.erasures import to_fields  # noqa: PLC0415
    from streams.privacy.texts import format_erasure  # noqa: PLC0415

    if json:
        click.echo(json_codec.dumps(to_fields(found), ensure_ascii=False))
    else:
        for line in islice(format_erasure(found, settings.web.zone), is_named, None):
            click.echo(say(*line))
    if found.proof is None:
        raise SystemExit(EXIT_NOT_FOUND)
