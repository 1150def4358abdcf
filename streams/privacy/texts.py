"""Texts about erasures, in English and French."""

from collections.abc import Iterator, Mapping
from datetime import datetime, tzinfo
from typing import Final

from streams.privacy.erasures import Erasure

Text = tuple[str, str]
"""English, French."""

REMNANTS: Final[Mapping[str, Text]] = {
    "events": (
        "events and entries from before, with pseudonyms, in Kafka's topics",
        "les événements et entrées d'avant, avec pseudonymes, dans les topics de Kafka",
    ),
    "state": (
        "older versions of the rows, and the row for counting the citizen, in Kafka's files",
        "les versions antérieures des lignes, et celle qui sert à compter l'usager, dans les fichiers de Kafka",
    ),
    "dead_letters": (
        "unusable records, if any, among the dead letters",
        "les enregistrements inutilisables, s'il y en avait, parmi les lettres mortes",
    ),
    "audit": (
        "accesses to their data, by pseudonym, in the audit log",
        "qui en a lu quoi, sous pseudonyme, dans l'audit",
    ),
    "erased": (
        "the ids of their contacts, so that no data comes back (for open contacts until they are closed)",
        "les numéros de leurs contacts, pour que rien ne revienne (ceux en cours, jusqu'à leur clôture)",
    ),
    "pages": (
        "freed space in the database's files, log and backups",
        "ce que la base a libéré, dans ses fichiers, son journal et ses sauvegardes",
    ),
}
"""Name of data that remains for a while after an erasure (`Remnant.what`) → its description."""


def format_request(request: str) -> Text:
    """Return the line with the id of a request, with which `accueil timeline erasure` finds the proof."""
    return f"request {request}", f"demande {request}"


def format_erasure(found: Erasure, zone: tzinfo) -> Iterator[Text]:
    """Yield the lines that describe the progress and the proof of an erasure; the first one has the id of its request."""
    request, proof = found.request, found.proof
    yield format_request(request.id)
    if proof is None:
        state = (
            ("begun: Kafka does not have all events yet", "commencé : Kafka n'a pas encore tout")
            if request.told_at is None
            else ("published, but not everything is erased yet", "publié, mais tout n'est pas encore effacé")
        )
        yield state
        return
    yield (
        f"erased: {proof.contacts} contacts, proved {_at(proof.proved_at, zone)}",
        (f"effacé : {proof.contacts} contacts, prouvé le {_at(proof.proved_at, zone)}"),
    )
    yield f"  events accepted: {proof.events}", f"  événements acceptés : {proof.events}"
    yield (
        f"  rows of the state: {proof.rows} erased, {proof.rows_with_identities} with identities",
        f"  lignes de l'état : {proof.rows} effacées, {proof.rows_with_identities} avec des identités",
    )
    yield (
        f"  entries: {proof.entries_before}, now {proof.entries}",
        f"  entrées : {proof.entries_before}, désormais {proof.entries}",
    )
    yield (
        f"  links: {proof.links_before}, now {proof.links}",
        f"  liens : {proof.links_before}, désormais {proof.links}",
    )
    yield f"  open SLA targets: {proof.promises}", f"  délais en cours : {proof.promises}"
    yield (
        f"  revocations between identities without data: {proof.revocations}",
        (f"  révocations dont rien n'est gardé d'aucun côté : {proof.revocations}"),
    )
    for remnant in proof.remains:
        english, french = REMNANTS[remnant.what]
        if remnant.until:
            yield f"  until {_at(remnant.until, zone)}: {english}", f"  jusqu'au {_at(remnant.until, zone)} : {french}"
        else:
            yield f"  until accueil retention apply: {english}", f"  jusqu'à accueil retention apply : {french}"
    yield f"SHA-256 {found.sha256}", f"SHA-256 {found.sha256}"


def _at(time: str, zone: tzinfo) -> str:
    return datetime.fromisoformat(time).astimezone(zone).isoformat(" ", "minutes")
