"""Tables of what is said elsewhere, and how people say it."""

import errno
import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

from streams.locale.i18n import say

Phrases = Mapping[str, tuple[str, str]]
"""Patterns that fit a whole text, and what to say instead in English and in French; in braces, named values."""

CAUSES: Final = {
    errno.EACCES: ("no permission", "accès refusé"),
    errno.EPERM: ("no permission", "accès refusé"),
    errno.EROFS: ("it may only be read", "en lecture seule"),
    errno.ENOSPC: ("the disk is full", "le disque est plein"),
    errno.ENOTDIR: ("a file is in its way", "un fichier est à sa place"),
    errno.EEXIST: ("a file is in its way", "un fichier est à sa place"),
    errno.EADDRINUSE: ("it is in use", "il est déjà pris"),
    errno.EADDRNOTAVAIL: ("this machine has no such address", "cette machine n'a pas cette adresse"),
}


REFUSALS: Final = {
    r"Kafka refuses the user (?P<user>.*) or its password: .*": (
        "Kafka refuses the user {user} or its password: check kafka.sasl_username and kafka.sasl_password",
        "Kafka refuse l'utilisateur {user} ou son mot de passe : vérifier kafka.sasl_username et kafka.sasl_password",
    ),
    r"Kafka does not offer the mechanism (?P<mechanism>\S+): .*": (
        "Kafka does not offer the mechanism {mechanism}: change kafka.sasl_mechanism",
        "Kafka n'offre pas le mécanisme {mechanism} : changer kafka.sasl_mechanism",
    ),
    r"rights are missing in Kafka for (?P<user>\S+): (?P<rights>.*): grant them .*": (
        "rights are missing in Kafka for {user}: {rights}: grant them (kafka-acls.sh)",
        "il manque dans Kafka, pour {user}, les droits {rights} : les accorder (kafka-acls.sh)",
    ),
}
"""Refusals of Kafka, as `streams.kafka.authorization` words them."""


LATER_RELEASE_MESSAGES: Final = {
    r"(?P<place>.+): (?P<what>[^:,]+) of (?P<found>(?:version )?\d+(?: fields)?), this release reads (?P<known>(?:version )?\d+)"
    r"(?: \(this is (?P<release>[^()]*)\))?": (
        "a later release wrote {place}: {what} of {found}, this one ({release}) reads {known}: start the later release again",
        "une version plus récente a écrit {place} : {what} ({found}), celle-ci ({release}) lit {known} : relancer l'autre",
    ),
    r"(?P<place>.+): (?P<what>[^:,]+), which this release does not have(?: \(this is (?P<release>[^()]*)\))?": (
        "a later release wrote {place}: {what}, which this one ({release}) does not have: start the later release again",
        "une version plus récente a écrit {place} : {what}, que celle-ci ({release}) n'a pas : relancer l'autre",
    ),
}
"""Rows of a later release, as recovery and `core.rows` word them."""


def os_error_cause(error: OSError) -> str:
    """Return in a few words what the operating system said."""
    known = CAUSES.get(error.errno or 0)
    return say(*known) if known else error.strerror or type(error).__name__


def translate(phrases: Phrases, text: str, values: Mapping[str, Any] | None = None) -> str | None:
    """Return what the first of `phrases` that fits says of `text`; None if none does.

    What stands in braces comes from `values`, or from a group of that name in the pattern.
    """
    for pattern, sayings in phrases.items():
        if match := re.fullmatch(pattern, text):
            with suppress(KeyError):  # a value is missing: another version, or somebody else, said the same
                return say(*sayings).format_map({**(values or {}), **match.groupdict()})
    return None
