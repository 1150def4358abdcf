"""Decides how long after a passed deadline it is reported: an event may still arrive that met the target."""

from typing import Final, NamedTuple

from streams.core.contacts.contact import Contact

LAG_MS: Final = 1_500
"""Delay of the reports of passed deadlines of queue stays, in milliseconds. Switchboards write whole seconds, so an answer within
the second of the deadline is in time; reading it takes a moment too."""
LATE_MS: Final = 5_000
"""Delay of an event of a call or visit, in milliseconds, beyond which more late events are expected. Also the longest gap between
ticks that is not treated as an outage."""


class SlaDelays(NamedTuple):
    """Delays of the report of a passed deadline, in milliseconds. An event may still arrive that met the target."""

    grace: int = 30_000
    """Time without reports after the worker's start or an outage, counted from the first tick.

    If a contact's last event came late, the time counts from the processing of this event, if that is later. While a source
    reads its history, `HistoryDetector.clear_at` gives the end of the wait instead."""
    news: int = 90_000
    """Delay for contacts without queue stays: letters, e-mails and forms, whose sources are polled about once a minute."""


def report_lag(row: Contact, delays: SlaDelays) -> int:
    """Return the delay of reports of a contact's passed deadlines, in milliseconds: the usual delay of its events."""
    return LAG_MS if row.stays else delays.news
