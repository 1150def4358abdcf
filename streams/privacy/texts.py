"""Texts about erasures."""

from collections.abc import Iterator, Mapping
from datetime import datetime, tzinfo
from typing import Final

from models.locale import N_, _
from streams.privacy.erasures import Erasure

REMNANTS: Final[Mapping[str, str]] = {
    "events": N_("events and entries from before, with pseudonyms, in Kafka's topics"),
    "state": N_("older versions of the rows, and the row for counting the citizen, in Kafka's files"),
    "dead_letters": N_("unusable records, if any, among the dead letters"),
    "audit": N_("accesses to their data, by pseudonym, in the audit log"),
    "erased": N_("the ids of their contacts, so that no data comes back (for open contacts until they are closed)"),
    "pages": N_("freed space in the database's files, log and backups"),
}
"""Name of data that remains for a while after an erasure (`Remnant.what`) → its description, untranslated."""


def format_request(request: str) -> str:
    """Return the line with the id of a request, with which `accueil timeline erasure` finds the proof."""
    return _("request {request}", request=request)


def format_erasure(found: Erasure, zone: tzinfo) -> Iterator[str]:
    """Yield the lines that describe the progress and the proof of an erasure; the first one has the id of its request."""
    request, proof = found.request, found.proof
    yield format_request(request.id)
    if proof is None:
        if request.told_at is None:
            yield _("begun: Kafka does not have all events yet")
        else:
            yield _("published, but not everything is erased yet")
        return
    yield _("erased: {contacts} contacts, proved {at}", contacts=proof.contacts, at=_at(proof.proved_at, zone))
    yield _("  events accepted: {events}", events=proof.events)
    yield _(
        "  rows of the state: {rows} erased, {with_identities} with identities",
        rows=proof.rows,
        with_identities=proof.rows_with_identities,
    )
    yield _("  entries: {before}, now {after}", before=proof.entries_before, after=proof.entries)
    yield _("  links: {before}, now {after}", before=proof.links_before, after=proof.links)
    yield _("  open SLA targets: {count}", count=proof.promises)
    yield _("  revocations between identities without data: {count}", count=proof.revocations)
    for remnant in proof.remains:
        data = _(REMNANTS[remnant.what])
        if remnant.until:
            yield _("  until {at}: {data}", at=_at(remnant.until, zone), data=data)
        else:
            yield _("  until accueil retention apply: {data}", data=data)
    yield f"SHA-256 {found.sha256}"


def _at(time: str, zone: tzinfo) -> str:
    return datetime.fromisoformat(time).astimezone(zone).isoformat(" ", "minutes")
