"""User-facing translations of error messages."""

import errno
import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

from streams.locale.i18n import say

Translations = Mapping[str, tuple[str, str]]
"""Pattern of a whole message → replacement in English and French, with named values in braces."""

CAUSES: Final = {
    errno.EACCES: ("permission denied", "accès refusé"),
    errno.EPERM: ("permission denied", "accès refusé"),
    errno.EROFS: ("read-only", "en lecture seule"),
    errno.ENOSPC: ("the disk is full", "le disque est plein"),
    errno.ENOTDIR: ("a parent is not a directory", "un fichier est à sa place"),
    errno.EEXIST: ("a file has this name", "un fichier est à sa place"),
    errno.EADDRINUSE: ("in use", "il est déjà pris"),
    errno.EADDRNOTAVAIL: ("this machine has no such address", "cette machine n'a pas cette adresse"),
}
"""Texts for the causes of an `OSError`, by `errno`, in English and French."""

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
        "{user} has no permission in Kafka for {rights}: grant it with kafka-acls.sh",
        "il manque dans Kafka, pour {user}, les droits {rights} : les accorder (kafka-acls.sh)",
    ),
}
"""Translations of the refusals by Kafka that `streams.kafka.authorization` reports."""

LATER_RELEASE_MESSAGES: Final = {
    r"(?P<place>.+): (?P<what>[^:,]+) of (?P<found>(?:version )?\d+(?: fields)?), this release reads (?P<known>(?:version )?\d+)"
    r"(?: \(this is (?P<release>[^()]*)\))?": (
        "a newer release wrote {place}: {what} of {found}, this one ({release}) reads {known}: start the newer release again",
        "une version plus récente a écrit {place} : {what} ({found}), celle-ci ({release}) lit {known} : relancer l'autre",
    ),
    r"(?P<place>.+): (?P<what>[^:,]+), which this release does not have(?: \(this is (?P<release>[^()]*)\))?": (
        "a newer release wrote {place}: {what}, unknown to this one ({release}): start the newer release again",
        "une version plus récente a écrit {place} : {what}, que celle-ci ({release}) n'a pas : relancer l'autre",
    ),
}
"""Translations of errors about rows of a newer release, as recovery and `core.rows` report them."""


def os_error_cause(error: OSError) -> str:
    """Return the cause of an operating system error in the user's language, such as "permission denied"."""
    known = CAUSES.get(error.errno or 0)
    return say(*known) if known else error.strerror or type(error).__name__


def translate(translations: Translations, text: str, values: Mapping[str, Any] | None = None) -> str | None:
    """Return the replacement of the first pattern that matches `text`, or None.

    Values in braces come from `values` or from the named groups of the pattern.
    """
    for pattern, replacements in translations.items():
        if match := re.fullmatch(pattern, text):
            with suppress(KeyError):  # a value is missing: the message comes from another version or program
                return say(*replacements).format_map({**(values or {}), **match.groupdict()})
    return None
