"""User-facing translations of error messages."""

import errno
import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

from models.locale import N_, _

Translations = Mapping[str, str]
"""Pattern of a whole message → its replacement, untranslated, with named values in braces."""

CAUSES: Final = {
    errno.EACCES: N_("permission denied"),
    errno.EPERM: N_("permission denied"),
    errno.EROFS: N_("read-only"),
    errno.ENOSPC: N_("the disk is full"),
    errno.ENOTDIR: N_("a parent is not a directory"),
    errno.EEXIST: N_("a file has this name"),
    errno.EADDRINUSE: N_("in use"),
    errno.EADDRNOTAVAIL: N_("this machine has no such address"),
}
"""Texts for the causes of an `OSError`, by `errno`."""

REFUSALS: Final = {
    r"Kafka refuses the user (?P<user>.*) or its password: .*": N_(
        "Kafka refuses the user {user} or its password: check kafka.sasl_username and kafka.sasl_password"
    ),
    r"Kafka does not offer the mechanism (?P<mechanism>\S+): .*": N_(
        "Kafka does not offer the mechanism {mechanism}: change kafka.sasl_mechanism"
    ),
    r"rights are missing in Kafka for (?P<user>\S+): (?P<rights>.*): grant them .*": N_(
        "{user} has no permission in Kafka for {rights}: grant it with kafka-acls.sh"
    ),
}
"""Translations of the refusals by Kafka that `streams.kafka.authorization` reports."""

LATER_RELEASE_MESSAGES: Final = {
    r"(?P<place>.+): (?P<what>[^:,]+) of (?P<found>(?:version )?\d+(?: fields)?), this release reads (?P<known>(?:version )?\d+)"
    r"(?: \(this is (?P<release>[^()]*)\))?": N_(
        "a newer release wrote {place}: {what} of {found}, this one ({release}) reads {known}: start "
        "the newer release again"
    ),
    r"(?P<place>.+): (?P<what>[^:,]+), which this release does not have(?: \(this is (?P<release>[^()]*)\))?": N_(
        "a newer release wrote {place}: {what}, unknown to this one ({release}): start the newer release again"
    ),
}
"""Translations of errors about rows of a newer release, as recovery and `core.rows` report them."""


def os_error_cause(error: OSError) -> str:
    """Return the cause of an operating system error in the user's language, such as "permission denied".

    For a cause that is not in `CAUSES`, return the system's own text, or else the name of the exception class.
    """
    known = CAUSES.get(error.errno or 0)
    return _(known) if known else error.strerror or type(error).__name__


def translate_by_pattern(translations: Translations, text: str, values: Mapping[str, Any] | None = None) -> str | None:
    """Return the replacement of the first pattern that matches the whole `text`, in the user's language; None if none matches.

    Values in braces come from the named groups of the pattern, else from `values`. A replacement that lacks a value is skipped.
    """
    for pattern, replacement in translations.items():
        if match := re.fullmatch(pattern, text):
            with suppress(KeyError):  # a value is missing: the message comes from another version or program
                return _(replacement).format_map({**(values or {}), **match.groupdict()})
    return None
