"""Reasons for contact: the closed list of the settings, and the rules by which connectors set them. Pure: no I/O.

A rule applies to an event that a connector publishes, such as a menu choice. The reason is then an event of its own, with an id
derived from the id of its cause. A record that is read again therefore sets no second reason, even if another rule applies then:
the second event is a duplicate.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple
from unicodedata import combining, normalize

from connectors.sdk.config_errors import suggest
from models.codec import UnusableRecord
from models.events import ContactReasonSet, Event
from models.ids import event_id
from models.locale import _
from models.reasons import Reason
from models.topics import Channel

REASON_SET: Final = "contact.reason_set"
_CAUSES: Final = (
    ("call.menu_chosen", Channel.CALL, "option", "menu_options"),
    ("call.queued", Channel.CALL, "queue", "queues"),
    ("visit.arrived", Channel.VISIT, "queue", "queues"),
    ("email.received", Channel.EMAIL, "queue", "queues"),
    ("appointment.booked", Channel.APPOINTMENT, "queue", "queues"),
    ("form.submitted", Channel.FORM, "procedure", "procedures"),
)
"""Event types to which rules apply: type, channel, field of the event's data, and option of a rule with its values."""
_LIGATURES: Final = str.maketrans({"œ": "oe", "æ": "ae"})
_WORD: Final = re.compile(r"\w+")


class ReasonRule(NamedTuple):
    """A reason of the closed list, and what sets it. Empty `channels` stand for all channels."""

    name: str
    channels: tuple[Channel, ...] = ()
    menu_options: tuple[str, ...] = ()
    queues: tuple[str, ...] = ()
    procedures: tuple[str, ...] = ()
    subject_words: tuple[str, ...] = ()


class ContactReasons:
    """The closed list of reasons. If several rules apply to an event, the first one in the list counts."""

    def __init__(self, rules: Iterable[ReasonRule] = ()) -> None:
        self._rules = tuple(rules)
        self._names = {channel: tuple(rule.name for rule in self._rules_of(channel)) for channel in Channel}
        self._by_type: dict[str, tuple[str, dict[str, str]]] = {}
        """Event type → field of its data, and the reason by value of that field. It has only types to which a rule applies."""
        for kind, channel, field, option in _CAUSES:
            found: dict[str, str] = {}
            for rule in self._rules_of(channel):
                for value in getattr(rule, option):
                    found.setdefault(value, rule.name)
            if found:
                self._by_type[kind] = field, found
        self._subjects = [
            (rule.name, words)
            for rule in self._rules_of(Channel.EMAIL)
            if (words := tuple(map(_fold, filter(has_words, rule.subject_words))))
        ]

    @property
    def reads_subjects(self) -> bool:
        """True if a rule needs the subjects of e-mails."""
        return bool(self._subjects)

    def without_rules(self) -> "ContactReasons":
        """Return the same list without its rules, to check events only."""
        return ContactReasons(ReasonRule(rule.name, rule.channels) for rule in self._rules)

    def names_of(self, channel: Channel) -> tuple[str, ...]:
        """Return the names of the reasons that contacts of `channel` may have, in the order of the list."""
        return self._names[channel]

    def check(self, name: str, channel: Channel, field: str = "contact_reason") -> None:
        """Raise `UnusableRecord`, which names `field`, if contacts of `channel` cannot have the reason `name`."""
        if name not in self._names[channel]:
            raise UnusableRecord(Reason.UNKNOWN_ENUM, f"{field}: not in contact_reasons for the channel {channel}")

    def find_by_subject(self, subject: str) -> str:
        """Return the first reason with words that are in the subject of an e-mail; empty if there is none."""
        if not (self._subjects and subject):
            return ""
        folded = _fold(subject)
        return next((name for name, words in self._subjects if any(word in folded for word in words)), "")

    def make_event(self, cause: Event, by_subject: str = "") -> ContactReasonSet | None:
        """Return the event of the reason that `cause` sets; None if no rule applies.

        `by_subject` is the reason found by the subject of the e-mail that `cause` reports.
        """
        field, values = self._by_type.get(cause.type, ("", {}))
        found = {by_subject, values.get(getattr(cause.data, field), "") if field else ""}
        name = next((rule.name for rule in self._rules if rule.name in found), "")
        return _make_event(cause, name) if name else None

    def add(self, events: Sequence[Event]) -> Sequence[Event]:
        """Return the events of one record with the reasons that they set.

        A reason in the record itself replaces those of rules for the same contact.
        """
        causes = [event for event in events if event.type in self._by_type]
        if not causes:
            return events
        given = {event.subject for event in events if event.type == REASON_SET}
        made = [self.make_event(cause) for cause in causes if cause.subject not in given]
        return [*events, *filter(None, made)]

    def add_and_check(self, events: Sequence[Event]) -> Sequence[Event]:
        """Return the result of `add`. Raises `UnusableRecord` if a reason in the record itself is not listed."""
        for event in events:
            if event.type == REASON_SET:
                self.check(event.data.contact_reason, event.channel)
        return self.add(events)

    def _rules_of(self, channel: Channel) -> list[ReasonRule]:
        """Return the rules of a channel. Opinions have none: a reason belongs to the contact that they are about."""
        if channel is Channel.FEEDBACK:
            return []
        return [rule for rule in self._rules if not rule.channels or channel in rule.channels]


NO_REASONS: Final = ContactReasons()
"""An empty list: no event may have a reason."""


def describe_unlisted(name: str, channel: Channel, known: Iterable[str]) -> str:
    """Return the message about a configured reason that is not among the `known` ones of `channel`."""
    text = _("{wrong!r} is not in contact_reasons for the channel {channel}", wrong=name, channel=channel)
    return text + suggest(name, known)


def has_words(text: str) -> bool:
    """Return whether subjects can be compared with `text`: whether it has a letter or digit."""
    return bool(_fold(text).strip())


def _make_event(cause: Event, name: str) -> ContactReasonSet:
    return ContactReasonSet.make(
        {
            "id": event_id(cause.source, f"{REASON_SET}|{cause.id}"),
            "source": cause.source,
            "subject": cause.subject,
            "time": cause.time,
            "recordedtime": cause.recordedtime,
            "sequence": cause.sequence,
            "channel": cause.channel,
            "sector": cause.sector,
            "site": cause.site,
            "service": cause.service,
            "type": REASON_SET,
            "data": {"contact_reason": name, "by_rule": True},
        }
    )


def _fold(text: str) -> str:
    """Return the words of a text in lower case and without accents, each between two spaces."""
    letters = normalize("NFKD", text.casefold().translate(_LIGATURES))
    return f" {' '.join(_WORD.findall(''.join(letter for letter in letters if not combining(letter))))} "
