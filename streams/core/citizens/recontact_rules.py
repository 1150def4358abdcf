"""Contribution of a citizen's row to the figures of civil days, weeks and four weeks; decides which contacts it needs for them.

Definitions, each within one service, which stands for the citizen's request:

* Handled: ended by an agent, an answer or a decision. Abandoned and refused contacts are not handled.
* Recontact: after a handled contact, the citizen begins another one, except an appointment, by the end of the Nth day after it.
  `recontact_rate = followed / handled`.
* First contact: a contact that is not avoidable, not a call after an abandoned call, and not itself begun by the end of the Nth
  day after a handled contact (here appointments too).
* First-contact resolution: a handled first contact that is not followed by a recontact. A handled first contact is resolved,
  followed, or pending until N days have passed:
  `fcr_no_recontact = resolved / (resolved + followed)`.
* Avoidable: the citizen calls, visits or sends an e-mail while an earlier letter, form or e-mail has no response, or calls or
  visits within N days after a missed appointment. A call after an abandoned call is counted separately.
* Channel hopping: the channel of the next contact, if it begins within N days after this one began.

Source of the first-contact resolution by the absence of a contact about the same issue within seven days:
callcentrehelper.com, "First Call (Contact) Resolution". Other methods use surveys or agents' reports, so the figure's name
says which formula it uses.

Erasures do not change figures: the contact leaves the row, but the figures keep it.
"""

from collections.abc import Callable, Container, Iterator, Sequence
from typing import Final, NamedTuple

from models.topics import Channel
from streams.core.citizens.citizen import Citizen, CitizenContact, DayOf, day_of, last_at
from streams.core.contacts.case_event import STATE_AFTER_EVENT, ContactState
from streams.core.contacts.event_order import decode_event_order
from streams.core.figures.figure_schemas import (
    CITIZENS,
    CONTACT_CAUSES,
    CONTACT_CHANNELS,
    NO_PREVIOUS_CHANNEL,
    OTHER_CAUSE,
    handled_count_name,
)

LONGEST_OPEN_DAYS: Final = 400
"""Maximum age of the last event of an open case or appointment that stays in the row, in days before `counted_from`."""
_HANDLED: Final = frozenset(
    {
        *("letter.answered", "letter.closed", "email.answered", "form.decided", "appointment.attended"),
        *("call.transferred", "call.ended", "visit.served"),
    }
)
_ABANDONED: Final = "call.abandoned"
_MISSED: Final = "appointment.missed"
_ENDS: Final = frozenset(
    {kind for kind, state in STATE_AFTER_EVENT.items() if state is ContactState.CLOSED}
    | {*_HANDLED, _ABANDONED, "call.left_queue", "visit.left"}
)

# ------------------------------------------------------------------------------------------------------------------ facts
Fact = tuple[int, str | None, int]
"""Civil day as an ordinal, service, and index of the count in `figure_schemas.CITIZENS`.

The service is None for all services together. Only `active` has such facts; other counts exist only per service.
"""

_INDEX: Final = CITIZENS.index
_ACTIVE: Final = _INDEX["active"]
_UNIDENTIFIED: Final = {channel.value: _INDEX[f"unidentified_{channel}"] for channel in CONTACT_CHANNELS}
_BEGAN: Final = {
    (channel.value, cause): _INDEX[f"began_{channel}_{cause}"]
    for channel in CONTACT_CHANNELS
    for cause in (*CONTACT_CAUSES.get(channel, ()), OTHER_CAUSE)
}
_HOP: Final = {
    (str(former), channel.value): _INDEX[f"hop_{former}_{channel}"]
    for channel in CONTACT_CHANNELS
    for former in (*CONTACT_CHANNELS, NO_PREVIOUS_CHANNEL)
}
_HANDLED_AS: Final = {
    (channel.value, first, followed): _INDEX[handled_count_name(channel, is_first=first, is_followed=followed)]
    for channel in CONTACT_CHANNELS
    for first in (True, False)
    for followed in (True, False)
}


class _History(NamedTuple):
    """History of one contact; `_on` fields are ordinals of civil days. It sorts by beginning."""

    began_at: int
    fingerprint: bytes
    channel: str
    began_on: int
    ended_at: int
    """Time of the latest event."""
    ended_on: int
    end: str
    """Type of the latest event."""
    responded_at: int | None
    is_first: bool | None


def facts(row: Citizen) -> list[Fact]:
    """Return the row's contribution to the figures from `counted_from` on. A fact that counts n times is returned n times.

    A row without an identity contributes only to `unidentified_*`.
    """
    histories = _histories(row)
    found: list[Fact] = []
    if not row.is_known:
        found = [
            (history.began_on, service, _UNIDENTIFIED[history.channel])
            for service, own in histories.items()
            for history in own
        ]
    else:
        days = {history.began_on for own in histories.values() for history in own}
        found += [(on, None, _ACTIVE) for on in days]
        for service, own in histories.items():
            found += _facts_of_service(service, own, row.terms.recontact_days)
    return [fact for fact in found if fact[0] >= row.counted_from]


def _histories(row: Citizen) -> dict[str, list[_History]]:
    """Return service → histories of its contacts, without withdrawn contacts and those whose beginning is unknown."""
    day = day_of(row.terms.zone)
    histories: dict[str, list[_History]] = {}
    for known in row.contacts:
        if known.began_at is not None and known.withdrawn_at is None:
            histories.setdefault(known.service, []).append(_history_of(known, day))
    return histories


def _history_of(known: CitizenContact, day: DayOf) -> _History:
    assert known.began_at is not None
    at, kind = decode_event_order(known.event_order)
    began_on, ended_on = day(known.began_at), day(at)
    return _History(
        known.began_at,
        known.fingerprint,
        known.channel,
        began_on,
        at,
        ended_on,
        kind,
        known.responded_at,
        known.is_first,
    )


def _facts_of_service(service: str, own: list[_History], within: int) -> Iterator[Fact]:
    if len(own) == 1:
        yield own[0].began_on, service, _ACTIVE
    else:
        own.sort()
        for on in {history.began_on for history in own}:
            yield on, service, _ACTIVE
    for index, history in enumerate(own):
        earlier, later = own[:index], own[index + 1 :]
        cause = _find_cause(history, earlier, within)
        yield history.began_on, service, _BEGAN[history.channel, cause]
        is_hop = bool(earlier) and history.began_on - earlier[-1].began_on <= within
        yield history.began_on, service, _HOP[earlier[-1].channel if is_hop else NO_PREVIOUS_CHANNEL, history.channel]
        if history.end in _HANDLED:
            is_first = _is_first(history, earlier, cause, within)
            followed = any(next_.channel != Channel.APPOINTMENT and _follows(next_, history, within) for next_ in later)
            yield history.ended_on, service, _HANDLED_AS[history.channel, is_first, followed]


def _is_first(history: _History, earlier: Sequence[_History], cause: str, within: int) -> bool:
    if history.is_first is not None:
        return history.is_first
    is_recontact = any(former.end in _HANDLED and _follows(history, former, within) for former in earlier)
    return cause == OTHER_CAUSE and not is_recontact


def _follows(history: _History, former: _History, within: int) -> bool:
    """Return whether a contact began after `former` had ended, and at most `within` days later."""
    return history.began_at > former.ended_at and history.began_on - former.ended_on <= within


def _find_cause(history: _History, earlier: Sequence[_History], within: int) -> str:
    """Return the first of the channel's `CONTACT_CAUSES` that applies to the contact; `OTHER_CAUSE` if none does."""
    if not earlier:
        return OTHER_CAUSE
    for cause in CONTACT_CAUSES.get(history.channel, ()):
        if any(_IS_CAUSE[cause](history, former, earlier[-1], within) for former in earlier):
            return cause
    return OTHER_CAUSE


_IsCause = Callable[[_History, _History, _History, int], bool]
"""Predicate for one of `CONTACT_CAUSES`: whether the former contact caused the new one.

Arguments: new contact, former contact, latest earlier contact (may be the former one), and recontact days.
"""


def _unanswered(channel: Channel) -> _IsCause:
    def applies(history: _History, former: _History, _last: _History, _within: int) -> bool:
        return former.channel == channel and (former.responded_at is None or former.responded_at > history.began_at)

    return applies


_IS_CAUSE: Final[dict[str, _IsCause]] = {
    "letter_unanswered": _unanswered(Channel.MAIL),
    "form_unanswered": _unanswered(Channel.FORM),
    "email_unanswered": _unanswered(Channel.EMAIL),
    "no_show": lambda history, former, _, within: former.end == _MISSED and _follows(history, former, within),
    "abandoned": lambda history, former, last, within: (
        former.end == _ABANDONED and last.began_at <= former.ended_at and _follows(history, former, within)
    ),
}


def has_same_facts(before: Citizen, after: Citizen) -> bool:
    """Return True only if two rows of a citizen with the same `counted_from` contribute the same facts.

    False may be wrong: this is a quick check before `facts`.
    """
    return (
        len(before.contacts) == len(after.contacts)
        and before.terms == after.terms
        and all(old is new or _has_same_end(old, new) for old, new in zip(before.contacts, after.contacts, strict=True))
    )


def _has_same_end(old: CitizenContact, new: CitizenContact) -> bool:
    return (
        old.fingerprint == new.fingerprint
        and old.began_at == new.began_at
        and old.service == new.service
        and old.responded_at == new.responded_at
        and old.withdrawn_at == new.withdrawn_at
        and (
            old.event_order == new.event_order
            or not (decode_event_order(old.event_order)[1] in _ENDS or decode_event_order(new.event_order)[1] in _ENDS)
        )
    )


# -------------------------------------------------------------------------------------------------------------- retention
MAX_LATE_DAYS: Final = 7
"""Number of days that figures of four weeks stay open for late events, after the period and its recontact days."""


def close(row: Citizen, day: int) -> Citizen:
    """Return a copy of `row` with the figures up to and including `day` final: it contributes only to later days."""
    after = row.__copy__()
    after.counted_from = max(row.counted_from, day + 1)
    return after


def erase(row: Citizen, erased: Container[bytes]) -> Citizen:
    """Return `row` without the contacts with these fingerprints; `row` itself if it has none of them.

    The row then contributes less. The caller must `close` it first, or changed figures would reveal the erased contacts.
    """
    remaining = tuple(known for known in row.contacts if known.fingerprint not in erased)
    if len(remaining) == len(row.contacts):
        return row
    after = row.__copy__()
    after.contacts = remaining
    return after


def forget(row: Citizen, since: int) -> Citizen:
    """Return `row` with the figures before the day `since` (an ordinal) final, without contacts that no later figure needs.

    An overflow before that day is cleared. `is_first` is decided for the remaining contacts that depend on removed ones.
    Returns `row` itself if nothing changes.
    """
    day, within = day_of(row.terms.zone), row.terms.recontact_days
    if (
        since == row.counted_from
        and row.overflow_at is None
        and all(day(last_at(known)) >= since for known in row.contacts)
    ):
        return row
    if row.overflow_at is not None:
        remaining: tuple[CitizenContact, ...] = ()
        overflow_at = row.overflow_at if day(row.overflow_at) >= since else None
    else:
        overflow_at = None
        # Whether an open contact is a first contact depends on earlier contacts. Decide it now if those leave the row before
        # the contact ends.
        began = {
            known.fingerprint: day(known.began_at)
            for known in row.contacts
            if known.began_at is not None and _may_still_count(known, since, day)
        }
        row = _decide_first_contacts(row, {own for own, on in began.items() if on < since - MAX_LATE_DAYS})
        context = max(min([since, *began.values()]), since - MAX_LATE_DAYS) - within
        remaining = tuple(known for known in row.contacts if _is_needed(known, since, context, day))
    if len(remaining) == len(row.contacts) and overflow_at == row.overflow_at and since == row.counted_from:
        return row
    after = row.__copy__()
    after.counted_from, after.contacts, after.overflow_at = since, remaining, overflow_at
    return after


def _decide_first_contacts(row: Citizen, fingerprints: Container[bytes]) -> Citizen:
    """Return `row` with `is_first` set for the contacts with these fingerprints; `row` itself if all have it."""
    undecided = [known for known in row.contacts if known.fingerprint in fingerprints and known.is_first is None]
    if not undecided:
        return row
    histories, within, decided = _histories(row), row.terms.recontact_days, dict[bytes, CitizenContact]()
    for known in undecided:
        own = sorted(histories[known.service])
        position = next(index for index, history in enumerate(own) if history.fingerprint == known.fingerprint)
        history, earlier = own[position], own[:position]
        decided[known.fingerprint] = changed = known.__copy__()
        changed.is_first = _is_first(history, earlier, _find_cause(history, earlier, within), within)
    after = row.__copy__()
    after.contacts = tuple(decided.get(known.fingerprint, known) for known in row.contacts)
    return after


def _is_open(known: CitizenContact, since: int, day: DayOf) -> bool:
    """Return whether a case or an appointment is open here, with its last event at most `LONGEST_OPEN_DAYS` before `since`."""
    if known.event_order < 0 or known.withdrawn_at is not None:
        return False
    _, kind = decode_event_order(known.event_order)
    return kind in STATE_AFTER_EVENT and kind not in _ENDS and day(last_at(known)) >= since - LONGEST_OPEN_DAYS


def _may_still_count(known: CitizenContact, since: int, day: DayOf) -> bool:
    return known.withdrawn_at is None and (_is_open(known, since, day) or day(last_at(known)) >= since)


def _is_needed(known: CitizenContact, since: int, context: int, day: DayOf) -> bool:
    return day(last_at(known)) >= context or _is_open(known, since, day)


def is_empty(row: Citizen) -> bool:
    """Return whether the row has neither contacts nor an overflow, so that it can be deleted."""
    return not row.contacts and row.overflow_at is None
