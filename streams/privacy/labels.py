"""Sentences and headings of an export; labels of codes are in `vocabulary`."""
# ruff: noqa: RUF001 - typographic apostrophes

from collections.abc import Mapping
from typing import Final

from models.locale import C_, N_, translate

LABELS: Final[Mapping[str, str]] = {
    "no_role": N_("administrator at the command line"),
    # headings and sentences
    "title": N_("All data held about you"),
    "about": N_("Subject: {asked}, sector {sector}. Made on {made_at}. Time zone: {zone}."),
    "pseudonyms": N_(
        "Telephone numbers, e-mail addresses, case and procedure numbers are stored only as "
        "pseudonyms, made with the sector’s key. Names, subjects and texts are not stored. Numbers "
        "given by the services are shown in clear, such as the registration number of a letter, and "
        "those of your contacts."
    ),
    "citizen": N_("“The citizen” is you."),
    "not_whole": N_("More identities are linked than are included here: ask again with one of the last identities."),
    "notice": N_("From the data controller"),
    "identities": N_("Your identities"),
    "withheld": N_("Withheld data and the reasons"),
    "contacts": N_("Your contacts: {count}"),
    "accesses": N_("Accesses: when and what for"),
    "no_names": N_(
        "Employees are not named (Court of Justice of the EU, C-579/21). Accesses for security "
        "incidents, not listed: {count}."
    ),
    "of_several": N_(
        "Some number here is shared by several people. Look-ups that showed its entries, for any of them: {count}."
    ),
    "retention": N_("Retention periods"),
    "days": N_("{days} days"),
    "identity": N_("identity"),
    "linked_to": C_("export", "linked to"),
    "since": N_("since"),
    "number": N_("contacts"),
    "why": N_("why"),
    "when": N_("when"),
    "what": N_("what"),
    "where": N_("where"),
    "state": N_("state"),
    "outcome": N_("outcome"),
    "entries": N_("What happened"),
    "promises": N_("SLA targets"),
    "stays": N_("Waits"),
    "opinions": N_("Feedback"),
    "facts": N_("Details"),
    "stamped": N_("stamped"),
    "detail": N_("{what}: {detail}"),
    "policy": N_("policy {policy}"),
    "of": N_("{score} / {most} ({scale})"),
    "seconds": N_("{number} s"),
    "euros": N_("€{number}"),
    "started": C_("export", "from"),
    "deadline": N_("deadline"),
    "ended": N_("ended"),
    "kept": N_("met"),
    "broken": C_("export", "missed"),
    "queue": N_("queue"),
    "wait": N_("wait, s"),
    "handle": N_("conversation, s"),
    "to_queue": N_("transferred to"),
    "first": N_("first"),
    "last": C_("export", "last"),
    "role": N_("role"),
    "result": N_("result"),
    "for_days": N_("duration"),
    "until": N_("starting"),
    "none": N_("none"),
}


def label(key: str, language: str, **values: object) -> str:
    """Return the text of `LABELS` with this key in a language, with `values` for its placeholders."""
    return translate(LABELS[key], language).format(**values)
