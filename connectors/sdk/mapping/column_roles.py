"""Channel of a sample, and the roles of its columns: what each column may give to the events."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from connectors.sdk.mapping.sample_columns import ID_FORMATS, PREFERRED, ROLES, Column
from models.identities import normalise_email
from models.topics import Channel

_AID: Final = r"\btype (?:de |d )?(?:aide|prestation)s?\b"
_CHANNELS: Final = {
    Channel.MAIL: r"courrier|chrono|affranch|\bpli|recommand|lettre|expediteur|letter|\bpost(?:ed|age)|\bregistre",
    Channel.APPOINTMENT: r"\brdv|rendez|creneau|appointment|\bslot",
    Channel.VISIT: r"guichet|borne|visit|accueil physique|\brepart|\bappele a\b|\bdesk|\bbranch|service point|\bticket",
    Channel.EMAIL: r"\bmail|courriel|objet|subject|\bboite",
    Channel.FORM: rf"demarche|dossier|formulaire|procedure|teleservice|\bform\b|\bformdef|\bdemande\b|\bdepot\b|{_AID}",
    Channel.CALL: r"appel|call|queue|sonnerie|\bsrc\b|attente|conversation|decroch|uniqueid|\bcid\b",
    Channel.FEEDBACK: r"\bnote\b|score|satisfaction|\bavis\b|commentaire",
}
_SENDER: Final = re.compile(r"expediteur|sender|\bfrom\b")
_REPEATED_ID: Final = rf"{ROLES['id']}|\bcall|\bappel|visit|contact|conversation"
"""Words in the names of columns with the id of a contact, if each row is one event."""
_RESTARTING: Final = {Channel.VISIT: r"ticket", Channel.MAIL: r"registre|chrono|courrier|\bn\b|\bno\b|\bnumero\b"}
"""Words in the names of columns with numbers that restart every day or year."""
_BY_WRITING: Final = {"answers": r"answer|repon|\brepl(?:y|ied)|\bresponse"}
"""A letter or e-mail that is taken up is not answered."""
_ROLES_BY_CHANNEL: Final[Mapping[Channel, Mapping[str, str]]] = {
    Channel.VISIT: {
        "answers": r"answer|appel|called|recu par|recu a|prise? en charge|pris par",
        "begins": rf"{ROLES['begins']}|prise? (?:de )?ticket|\bticket",
        "ends": rf"{ROLES['ends']}|depart|parti\b|sorti|served|servi\b",
    },
    Channel.FORM: {
        "ends": rf"{ROLES['ends']}|decision|\bdecide",
        "procedure": rf"{ROLES['procedure']}|{_AID}|\bprestations?\b|\baides?\b|service demande|\btype$",
    },
    Channel.CALL: {"queue": rf"{ROLES['queue']}|\bligne|\bline\b"},
    Channel.MAIL: _BY_WRITING,
    Channel.EMAIL: _BY_WRITING,
}
"""Words in names of columns that have a role in one channel only."""
_NOT_A_CITIZEN: Final = re.compile(
    r"agent|gestionnaire|conseiller|instructeur|destinat|\bto\b|\bcc\b|\bboite|recipient|\buser|\bid\b"
)
"""Words in the names of columns whose e-mail addresses are not those of citizens."""
_OF_LETTERS: Final = frozenset({"assigned", "acknowledged"})
"""Roles that only letters have."""
_PERSON: Final = re.compile(r"allocataire|beneficiaire|usager|citoyen|matricule|adherent|\buser\b")
"""Words in the names of columns with the number of a person, who may have several contacts."""
_NOT_A_QUEUE: Final = rf"{ROLES['wait_seconds']}|{ROLES['duration']}|position"
"""Words in the names of columns with numbers about a queue."""
_HAS_DIGITS: Final = re.compile(r"\d")


def guess_channel(columns: Sequence[Column]) -> Channel | None:
    """Return the channel with the most signs in the names of columns; None if there are none.

    E-mail addresses are none, as each channel may have them; but those of senders are a sign of e-mails.
    """
    addresses = [column for column in columns if column.is_mostly(normalise_email)]
    names = " ".join(column.plain for column in columns if column.values and column not in addresses)
    signs = {channel: len(set(re.findall(words, names))) for channel, words in _CHANNELS.items()}
    signs[Channel.EMAIL] += any(_SENDER.search(column.plain) for column in addresses)
    return max(signs, key=lambda channel: signs[channel]) if any(signs.values()) else None


def find_roles(columns: Sequence[Column], channel: Channel) -> dict[str, Column]:
    """Return the columns by their roles in a channel. `repeated_id` has the id of a contact if each row is one event."""
    roles: dict[str, Column] = {}
    for role in ROLES:
        if found := _find_column(role, [column for column in columns if column not in roles.values()], channel):
            roles[role] = found
    if "email" not in roles and channel is not Channel.CALL and (found := _find_addresses(columns)):
        roles["email"] = found
    if "duration" in roles:
        roles.setdefault("handle_seconds", roles["duration"])
    if "result" not in roles and "begins" not in roles and "changed_at" in roles:  # without states, it is the only time
        roles["begins"] = roles.pop("changed_at")
    repeated = [column for column in columns if _is_repeated_id(column)]
    if repeated and "action" in roles:
        found = max(repeated, key=lambda column: len(column.distinct))
        return {role: column for role, column in roles.items() if column is not found} | {"repeated_id": found}
    if channel in _RESTARTING and "result" not in roles:
        repeated = [column for column in repeated if re.search(_RESTARTING[channel], column.plain)]
    if repeated and "id" not in roles and ("result" in roles or channel in _RESTARTING):
        roles["id"] = max(repeated, key=lambda column: len(column.distinct))
    if channel is Channel.FORM and "id" in roles and re.search(ROLES["dossier"], roles["id"].plain):
        roles.setdefault("dossier", roles["id"])
    return roles


def _find_column(role: str, columns: Sequence[Column], channel: Channel) -> Column | None:
    """Return the first column that fits a role best."""
    words = _ROLES_BY_CHANNEL.get(channel, {}).get(role, "")
    for pattern in (*([PREFERRED[role]] if role in PREFERRED else []), words):
        found = next(
            (column for column in columns if column.fits(role, pattern) and _may_be(role, column, channel)), None
        )
        if found:
            return found
    return None


def _may_be(role: str, column: Column, channel: Channel) -> bool:
    """Return whether a column may have a role in a channel."""
    if role == "id":
        is_state = re.search(ROLES["result"], column.plain) is not None  # such as `etat.code`
        is_case = channel is not Channel.FORM and column.fits("dossier")  # several contacts may be about one case
        return not (is_state or is_case or column.is_often_empty or _PERSON.search(column.plain))
    if role in _OF_LETTERS:
        return channel is Channel.MAIL
    if role == "email":
        return not _NOT_A_CITIZEN.search(column.plain)
    if role == "queue":
        has_queues = channel not in {
            Channel.MAIL,
            Channel.FORM,
            Channel.FEEDBACK,
        }  # in others, `Motif` may name a queue
        return has_queues and not column.has_phones and not re.search(_NOT_A_QUEUE, column.plain)
    return True


def _find_addresses(columns: Iterable[Column]) -> Column | None:
    """Return the first column with e-mail addresses of citizens, whatever its name is."""
    return next(
        (column for column in columns if column.is_mostly(normalise_email) and not _NOT_A_CITIZEN.search(column.plain)),
        None,
    )


def _is_repeated_id(column: Column) -> bool:
    """Return whether a column may have the id of a contact that several rows are about."""
    is_named = re.search(_REPEATED_ID, column.plain) is not None
    is_repeated = len(column.values) > len(column.distinct)
    may_be_id = column.time_format in ID_FORMATS and not column.has_phones and column.is_mostly(_HAS_DIGITS.search)
    return is_named and is_repeated and may_be_id
