"""User-facing texts for the reasons why records are rejected.

Counts and filters use the codes of `models.reasons` and pydantic.
"""

from typing import Final

from models.reasons import Reason
from streams.locale.error_messages import translate
from streams.locale.i18n import say

REASONS: Final = {
    Reason.NULL_VALUE: ("it has no value", "il n'a pas de valeur"),
    Reason.MISSING_KEY: ("it has no key", "il n'a pas de clé"),
    Reason.KEY_MISMATCH: (
        "its key does not match its event, or it is in the wrong partition",
        "sa clé n'est pas celle de son événement, ou il est dans une autre partition",
    ),
    Reason.OVERSIZED: ("it is too long", "il est trop long"),
    Reason.INVALID_UTF8: ("it is not valid UTF-8", "il n'est pas un texte UTF-8"),
    Reason.INVALID_JSON: ("it is not valid JSON", "il n'est pas du JSON"),
    Reason.MISSING_FIELD: ("a field is missing", "il manque un champ"),
    Reason.INVALID_FIELD: ("a field is invalid", "un champ n'a pas la bonne forme"),
    Reason.UNKNOWN_TYPE: ("its event type is unknown", "ce type d'événement est inconnu"),
    Reason.UNKNOWN_VERSION: (
        "its event version is unknown: a newer release wrote it",
        "cette version de l'événement est inconnue : un Accueil plus récent l'a écrit",
    ),
    Reason.UNKNOWN_ENUM: (
        "a field has an unknown value",
        "un champ n'a aucune des valeurs connues",
    ),
    Reason.TOO_MANY_DIMENSIONS: (
        "too many sites, services, queues, sectors or sources: values that identify single contacts do not belong there",
        "trop de sites, de services, de files, de secteurs ou de sources : ce qui distingue les contacts n'y a pas sa place",
    ),
    Reason.TIME_IN_FUTURE: (
        "its time is in the future: check the clocks",
        "son heure est à venir : une horloge fausse ?",
    ),
    Reason.TIME_IN_PAST: ("it is too old", "il est trop ancien"),
    Reason.DUPLICATE: (
        "it is older than the known contacts of its source: probably a duplicate",
        "il est plus ancien que ce qu'on sait encore de sa source : il a sans doute déjà été compté",
    ),
    Reason.UNREADABLE_LINE: ("the line does not have the expected format", "la ligne n'a pas la forme attendue"),
    Reason.UNKNOWN_RECORD: (
        "neither the format nor the settings know this kind of record",
        "ni le format ni les réglages ne connaissent ce genre d'enregistrement",
    ),
    Reason.INTERNAL_ERROR: (
        "a bug in Accueil: replay it after the fix",
        "un défaut d'Accueil même : à rejouer une fois corrigé",
    ),
}
DETAILS: Final = {
    r"not written by a worker": ("not written by a worker", "pas écrite par un worker"),
    r"at byte (?P<place>\d+)": ("from byte {place} on", "à partir de l'octet {place}"),
    r"(?P<size>\d+) bytes, at most (?P<limit>\d+)": (
        "{size} bytes, at most {limit}",
        "{size} octets, au plus {limit}",
    ),
    r"more than (?P<span>.+) ahead of the clock": (
        "more than {span} ahead of the clock",
        "en avance de plus de {span} sur l'horloge",
    ),
    r"more than (?P<days>\d+) days old": ("more than {days} days old", "vieux de plus de {days} jours"),
    r"in another partition than the key's by murmur2": (
        "not in the partition of its key by Kafka's default partitioner (murmur2)",
        "dans une autre partition que celle de sa clé selon le partitionneur de Kafka (murmur2)",
    ),
    r"the key is not the event's subject": (
        "the key is not the event's subject",
        "la clé n'est pas le sujet de l'événement",
    ),
    r"an agent's subject for a contact's event, or the reverse": (
        "an agent's subject in a contact's event, or the reverse",
        "le sujet d'un agent pour l'événement d'un contact, ou l'inverse",
    ),
    r"SameId": (
        "another contact of the same citizen has an entry with this id and time; ids must be unique across sources",
        "une entrée d'un autre contact du même usager a son id et son heure ; un id est unique, toutes sources confondues",
    ),
    r"json_invalid": ("it is truncated, or not JSON", "il est coupé, ou n'est pas du JSON"),
    r"union_tag_invalid": ("unknown event type", "aucun événement n'a ce type"),
    r"union_tag_not_found": ("type is missing", "type manque"),
    r"(?P<field>\S+): missing": ("{field} is missing", "{field} manque"),
    r"(?P<field>\S+): extra_forbidden": ("{field} is unknown", "{field} est inconnu"),
    r"(?P<field>\S+): (literal_error|enum)": (
        "{field} has an unknown value",
        "{field} a une valeur inconnue",
    ),
    r"(?P<field>\S+): (int_.+)": ("{field} must be a whole number", "{field} attend un nombre entier"),
    r"(?P<field>\S+): (float_.+|finite_number)": ("{field} must be a number", "{field} attend un nombre"),
    r"(?P<field>\S+): bool_.+": ("{field} must be true or false", "{field} attend true ou false"),
    r"(?P<field>\S+): (datetime|timezone)_.+": (
        "{field} must be a time with its time zone",
        "{field} attend une heure avec son fuseau",
    ),
    r"(?P<field>\S+): uuid_.+": ("{field} must be a UUID", "{field} attend un UUID"),
    r"(?P<field>\S+): string_(type|unicode|sub_type)": ("{field} must be text", "{field} attend un texte"),
    r"(?P<field>\S+): (string_too_short|greater_than.*)": ("{field} is too small", "{field} est trop petit"),
    r"(?P<field>\S+): (string_too_long|less_than.*)": ("{field} is too large", "{field} est trop grand"),
    r"(?P<field>\S+): (model|dict|model_attributes|dataclass)_type": (
        "{field} must be an object",
        "{field} attend un objet",
    ),
    r"(?P<field>\S+): [a-z_]+": ("{field} is invalid", "{field} n'a pas la bonne forme"),
}
"""Texts for the header `detail` of dead letters, by pattern."""


def describe(reason: str) -> str:
    """Return the text of a reason; empty for an unknown code."""
    return say(*REASONS[Reason(reason)]) if reason in {known.value for known in Reason} else ""


def explain(detail: str) -> str:
    """Return the text of a detail; unknown details stay unchanged."""
    return translate(DETAILS, detail) or detail
