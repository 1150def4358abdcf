"""What is counted: the names of the numbers in a row of figures, for each kind of channel.

A layout only ever grows, and at its end: a row that an earlier release wrote has fewer numbers.
"""

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from models.events import CloseOutcome, FeedbackScale, FormDecision, LeaveReason, PostageClass
from models.topics import Channel

# Bounds are inclusive (le), in seconds. A service-level target or short-abandon limit must be one of the bounds, so that
# changing it needs no recount. Source: the usual targets of switchboards (15, 20, 30, 60 …), one list for waits; and what
# administrations promise (5 days for an e-mail, 15 for a letter) with the legal delays to acknowledge (7 and 14 days).
WAIT_BOUNDS: Final = (5, 10, 15, 20, 25, 30, 45, 60, 90, 120, 180, 240, 300, 600, 900, 1800)
HANDLE_BOUNDS: Final = (15, 30, 60, 120, 180, 300, 480, 600, 900, 1200, 1800, 3600)
_DAY: Final = 86_400
DELAY_BOUNDS: Final = (900, 3600, 7200, 14_400, 28_800, *(_DAY * days for days in (1, 2, 3, 5, 7, 10, 14, 15, 30, 60)))
_WORKING_DAY: Final = 7 * 3600
WORK_BOUNDS: Final = (900, 3600, 7200, *(_WORKING_DAY * days for days in (1, 2, 3, 5, 7, 10, 15, 22, 30, 44)))
"""Of opening hours: after the first two hours, days of seven hours each."""
LEAD_BOUNDS: Final = tuple(_DAY * days for days in (1, 2, 3, 5, 7, 10, 14, 21, 30, 45, 60, 90))


class Duration(NamedTuple):
    """A distribution: a sum in milliseconds, and slots that count what is above the bound before and at most their own."""

    name: str
    bounds: tuple[int, ...]
    """Inclusive, in seconds; one more slot counts what is longer than all."""
    of: tuple[str, ...]
    """The counts whose facts have such a duration."""


class Part(NamedTuple):
    """Some numbers of a row, which stand together."""

    facts: tuple[str, ...]
    durations: tuple[Duration, ...] = ()
    amounts: tuple[str, ...] = ()

    @property
    def counts(self) -> tuple[str, ...]:
        """All of them, in their order."""
        sums = [f"{duration.name}_milliseconds" for duration in self.durations]
        slots = [f"{duration.name}_le_{bound}" for duration in self.durations for bound in (*duration.bounds, "inf")]
        return (*self.facts, *self.amounts, *sums, *slots)


class FigureSchema:
    """The numbers of one row: `counts`, each with its name, the sums and slots of durations among them; and `stocks`.

    What is counted since a later release is in parts that were `added`.
    """

    def __init__(
        self,
        facts: Iterable[str],
        durations: Iterable[Duration],
        stocks: Iterable[str],
        amounts: Iterable[str] = (),
        added: Iterable[Part] = (),
    ) -> None:
        parts = (Part(tuple(facts), tuple(durations), tuple(amounts)), *added)
        durations = [duration for part in parts for duration in part.durations]
        self.facts: Final = tuple(fact for part in parts for fact in part.facts)
        """The counts that count facts; the others measure them. The first says how many contacts came."""
        self.counts: Final = tuple(name for part in parts for name in part.counts)
        self.stocks: Final = tuple(stocks)
        """How many there are now."""
        self.index: Final = MappingProxyType({name: index for index, name in enumerate(self.counts)})
        self.stock_index: Final = MappingProxyType({name: index for index, name in enumerate(self.stocks)})
        self.durations: Final[Mapping[str, Duration]] = MappingProxyType({told.name: told for told in durations})
        self._measured = {
            self.index[fact]: (self.index[f"{told.name}_milliseconds"], self.start(told.name), told.bounds)
            for told in durations
            for fact in told.of
        }
        self.with_duration: Final = frozenset(self._measured)
        """The indexes of the counts whose facts have a duration."""
        self._amounts = frozenset(self.index[name] for part in parts for name in part.amounts)
        self._one = tuple(((index, 1),) for index in range(len(self.counts)))

    def start(self, duration: str) -> int:
        """Return the index in `counts` of the first slot of a distribution."""
        return self.index[f"{duration}_le_{self.durations[duration].bounds[0]}"]

    def slot(self, duration: str, milliseconds: int) -> int:
        """Return the index in `counts` of the slot that a duration falls in."""
        return self.start(duration) + bisect_left(self.durations[duration].bounds, milliseconds / 1000)

    def changes(self, index: int, amount: int) -> tuple[tuple[int, int], ...]:
        """Return which counts one more fact changes, and by how much: its own, and sum and slot of its distribution.

        `amount` is its duration in milliseconds, or what it adds to a count that is itself an amount.
        """
        measured = self._measured.get(index)
        if measured is None:
            return ((index, amount),) if index in self._amounts else self._one[index]
        total, start, bounds = measured
        return (index, 1), (total, amount), (start + bisect_left(bounds, amount / 1000), 1)


LEFT_COUNTS: Final = (*(f"left_{reason}" for reason in LeaveReason), "left_forgotten")

QUEUE_SCHEMA: Final = FigureSchema(
    facts=(
        "offered",
        "answered",
        "abandoned",
        *LEFT_COUNTS,
        "transferred",
        "ended",
        "ended_forgotten",
        "ring_unanswered",
    ),
    durations=(
        Duration("wait", WAIT_BOUNDS, ("answered",)),
        Duration("abandon_wait", WAIT_BOUNDS, ("abandoned",)),
        Duration("handle", HANDLE_BOUNDS, ("transferred", "ended")),
    ),
    stocks=("waiting", "in_progress", "agents_available", "agents_on_contact", "agents_paused"),
)
"""Who waits in a queue: calls and visits. `offered = answered + abandoned + left_* + waiting`."""

OPEN: Final = ("waiting", "in_progress", "pending_citizen")
"""The states of a contact that is open; see `contact.State`."""
CLOSED_COUNTS: Final = tuple(
    f"closed_{outcome}" for outcome in dict.fromkeys(("answered", *CloseOutcome, *FormDecision))
)

CASE_SCHEMA: Final = FigureSchema(
    facts=(
        "received",
        "registered",
        "assigned",
        "acknowledged",
        "correction_requested",
        "corrected",
        "responded",
        *CLOSED_COUNTS,
        *(f"sent_{postage}" for postage in PostageClass),
    ),
    amounts=("postage_cents",),
    durations=(
        Duration("registration", DELAY_BOUNDS, ("registered",)),
        Duration("assignment", DELAY_BOUNDS, ("assigned",)),
        Duration("acknowledgement", DELAY_BOUNDS, ("acknowledged",)),
        Duration("first_response", DELAY_BOUNDS, ("responded",)),
        Duration("resolution", DELAY_BOUNDS, CLOSED_COUNTS),
    ),
    stocks=OPEN,
    added=(
        Part(
            facts=("scanned", "reopened"),
            durations=(Duration("scan", DELAY_BOUNDS, ("scanned",)),),
            amounts=tuple(f"postage_cents_{postage}" for postage in PostageClass),
        ),
    ),
)
"""What is written: mail, e-mail, forms. `received = closed_* + waiting + in_progress + pending_citizen`; all durations are
elapsed time since it was received. `sent_*` are letters that left the house, and `postage_cents` what that cost, of all and of
each class. `scanned` are letters of which it is told when they were received before they were scanned, `reopened` matters that
went on after they were closed, each once."""

CANCELLED_COUNTS: Final = ("cancelled_by_citizen", "cancelled_by_service")

APPOINTMENT_SCHEMA: Final = FigureSchema(
    facts=(
        "booked",
        "booked_by_citizen",
        "booked_by_service",
        "moved",
        "checked_in",
        *CANCELLED_COUNTS,
        "attended",
        "missed",
    ),
    durations=(Duration("lead", LEAD_BOUNDS, ("booked",)),),
    stocks=OPEN,
)
"""`booked = cancelled_* + attended + missed + waiting + pending_citizen`: who has checked in is waiting, who is yet to come is
pending. `lead` is from the first booking to the time that it was for: how long one waits for an appointment, whoever moves it
later."""

MIN_SATISFIED_SCORE: Final = 4
"""From this score of 5 on a citizen is satisfied (CSAT: the two highest)."""
SLA_RESULTS: Final = ("promise_kept", "promise_missed", "no_promise")
WAIT_CLASS_SECONDS: Final = (60, 300)
"""In seconds: waits of at most so long."""
WAIT_CLASSES: Final = (*(f"wait_le_{bound}" for bound in WAIT_CLASS_SECONDS), f"wait_gt_{WAIT_CLASS_SECONDS[-1]}")
EXPERIENCES: Final = (*SLA_RESULTS, *WAIT_CLASSES)
"""What somebody went through: whether all promises were kept, where some were made, and the longest wait in a queue."""


def csat_count_name(experience: str, *, is_satisfied: bool) -> str:
    """Return the count of those who went through that and are satisfied, or not."""
    return f"csat_{experience}_{'satisfied' if is_satisfied else 'unsatisfied'}"


FEEDBACK: Final = FigureSchema(
    facts=("invited", *(f"given_{scale}_{score}" for scale in FeedbackScale for score in scale.scores)),
    durations=(),
    stocks=(),
    added=(
        Part(
            facts=(
                "invited_answered",
                *(
                    csat_count_name(which, is_satisfied=satisfied)
                    for which in EXPERIENCES
                    for satisfied in (True, False)
                ),
            )
        ),
    ),
)
"""Opinions: one contact's last of each scale. The `queue` of such a row is the channel that the opinions are about.
`invited_answered` are those invited of whom there is an answer, at the time of the invitation; `csat_*` are the answers on
`csat_1_5`, by what the contact was."""

SLA: Final = "sla"
"""Stands where other rows have their channel. The `queue` of such a row is `<policy>:<clock>:<channel>`."""

SLA_SCHEMA: Final = FigureSchema(
    facts=("started", "met", "late", "cancelled", "cancelled_late", "breached", "due"),
    durations=(),
    stocks=("running", "at_risk", "overdue", "paused"),
    added=(Part(facts=("worked",), durations=(Duration("work", WORK_BOUNDS, ("worked",)),)),),
)
"""`started = met + late + cancelled + cancelled_late + running + at_risk + overdue + paused`, and
`breached = late + cancelled_late + overdue`. `due` is in the five minutes of the deadline, to come or past, as long as the clock
is open and runs. `worked` are those of what is written that came to their end, with the opening hours that it took."""

TRANSFER_CHANNEL: Final = "transfer"
"""Stands where other rows have their channel. The `queue` of such a row is `<channel>:<queue>:<queue that it went to>`."""

TRANSFER_SCHEMA: Final = FigureSchema(facts=("handed_on",), durations=(), stocks=())
"""Calls that agents handed on, by where they went: empty where that is no queue, or none that is known. All of one queue are its
`transferred`."""

FIGURE_SCHEMAS: Final[Mapping[str, FigureSchema]] = {
    Channel.CALL: QUEUE_SCHEMA,
    Channel.VISIT: QUEUE_SCHEMA,
    Channel.MAIL: CASE_SCHEMA,
    Channel.EMAIL: CASE_SCHEMA,
    Channel.FORM: CASE_SCHEMA,
    Channel.APPOINTMENT: APPOINTMENT_SCHEMA,
    Channel.FEEDBACK: FEEDBACK,
    SLA: SLA_SCHEMA,
    TRANSFER_CHANNEL: TRANSFER_SCHEMA,
}
"""Channel, or what stands in its place → what its rows count."""

# ---------------------------------------------------------------------------------------------------------------- citizens
CONTACT_CHANNELS: Final = tuple(channel for channel in Channel if channel is not Channel.FEEDBACK)
"""The channels by which citizens turn to a service."""
_UNANSWERED: Final = ("letter_unanswered", "form_unanswered", "email_unanswered")
RECONTACT_REASONS: Final[Mapping[str, tuple[str, ...]]] = {
    Channel.CALL: (*_UNANSWERED, "no_show", "abandoned"),
    Channel.VISIT: (*_UNANSWERED, "no_show"),
    Channel.EMAIL: _UNANSWERED,
}
"""Channel → why a contact on it would not have been needed; the first that applies. All are avoidable contacts but `abandoned`,
which is a call after one that was given up."""
OTHER_REASON: Final = "other"
NO_PREVIOUS_CHANNEL: Final = "none"
"""In place of the channel of the contact before, where there was none of late."""


def handled_count_name(channel: str, *, is_first: bool, is_followed: bool) -> str:
    """Return the count of contacts that were handled: at first contact or not, with a recontact or alone."""
    return f"handled_{channel}_{'first' if is_first else 'again'}_{'followed' if is_followed else 'alone'}"


_OF_CITIZENS: Final = (
    "active",
    *(
        f"began_{channel}_{reason}"
        for channel in CONTACT_CHANNELS
        for reason in (*RECONTACT_REASONS.get(channel, ()), OTHER_REASON)
    ),
    *(
        handled_count_name(channel, is_first=first, is_followed=followed)
        for channel in CONTACT_CHANNELS
        for first in (True, False)
        for followed in (True, False)
    ),
    *(f"hop_{former}_{channel}" for channel in CONTACT_CHANNELS for former in (*CONTACT_CHANNELS, NO_PREVIOUS_CHANNEL)),
    *(f"unidentified_{channel}" for channel in CONTACT_CHANNELS),
)
CITIZENS: Final = FigureSchema(_OF_CITIZENS, (), (), amounts=[f"{name}_citizens" for name in _OF_CITIZENS])
"""What citizens do, by day, week and four weeks: on how many days they were active, contacts begun, contacts handled on the day
of their end, which channel came after which, contacts of nobody known. `*_citizens` says how many citizens a number stands for
in the period; a total does not know. Rows of `accueil.citizen-figures.v1`."""
