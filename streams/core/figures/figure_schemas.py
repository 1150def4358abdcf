"""Figure schemas: names and order of the numbers in a row of figures, for each kind of channel.

A schema only grows at its end. Rows of an earlier release have fewer numbers.
"""

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from models.events import CloseOutcome, FeedbackScale, FormDecision, LeaveReason, PostageClass
from models.topics import Channel

# Bounds are inclusive (le), in seconds. A service-level target or short-abandon limit must be one of the bounds, so that a
# change of it needs no recount. Sources: usual targets of switchboards (15, 20, 30, 60 …); delays that administrations announce
# (5 days for an e-mail, 15 for a letter), and legal delays of acknowledgement (7 and 14 days).
WAIT_BOUNDS: Final = (5, 10, 15, 20, 25, 30, 45, 60, 90, 120, 180, 240, 300, 600, 900, 1800)
HANDLE_BOUNDS: Final = (15, 30, 60, 120, 180, 300, 480, 600, 900, 1200, 1800, 3600)
_DAY: Final = 86_400
DELAY_BOUNDS: Final = (900, 3600, 7200, 14_400, 28_800, *(_DAY * days for days in (1, 2, 3, 5, 7, 10, 14, 15, 30, 60)))
_WORKING_DAY: Final = 7 * 3600
WORK_BOUNDS: Final = (900, 3600, 7200, *(_WORKING_DAY * days for days in (1, 2, 3, 5, 7, 10, 15, 22, 30, 44)))
"""Bounds of durations in opening hours: above two hours, working days of seven hours each."""
LEAD_BOUNDS: Final = tuple(_DAY * days for days in (1, 2, 3, 5, 7, 10, 14, 21, 30, 45, 60, 90))


class Duration(NamedTuple):
    """A distribution: a sum in milliseconds, and one slot per bound that counts the values up to it, above the previous bound."""

    name: str
    bounds: tuple[int, ...]
    """Inclusive bounds in seconds. One more slot counts longer values."""
    of: tuple[str, ...]
    """Names of the counts whose facts have this duration."""


class Part(NamedTuple):
    """Consecutive numbers of a row, added in the same release."""

    facts: tuple[str, ...]
    durations: tuple[Duration, ...] = ()
    amounts: tuple[str, ...] = ()

    @property
    def counts(self) -> tuple[str, ...]:
        """Return the names of all counts, in their order."""
        sums = [f"{duration.name}_milliseconds" for duration in self.durations]
        slots = [f"{duration.name}_le_{bound}" for duration in self.durations for bound in (*duration.bounds, "inf")]
        return (*self.facts, *self.amounts, *sums, *slots)


class FigureSchema:
    """Names of the `counts` of a row, with the sums and slots of durations, and of its `stocks`.

    The parts `added` hold the counts of later releases.
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
        """Names of the counts of facts, without amounts, sums and slots. For contact channels, the first counts arrivals."""
        self.counts: Final = tuple(name for part in parts for name in part.counts)
        self.stocks: Final = tuple(stocks)
        """Names of the current numbers of contacts, agents or clocks by state."""
        self.index: Final = MappingProxyType({name: index for index, name in enumerate(self.counts)})
        self.stock_index: Final = MappingProxyType({name: index for index, name in enumerate(self.stocks)})
        self.durations: Final[Mapping[str, Duration]] = MappingProxyType(
            {duration.name: duration for duration in durations}
        )
        self._measured = {
            self.index[fact]: (self.index[f"{duration.name}_milliseconds"], self.start(duration.name), duration.bounds)
            for duration in durations
            for fact in duration.of
        }
        self.with_duration: Final = frozenset(self._measured)
        """Indexes of the counts whose facts have a duration."""
        self._amounts = frozenset(self.index[name] for part in parts for name in part.amounts)
        self._one = tuple(((index, 1),) for index in range(len(self.counts)))

    def start(self, duration: str) -> int:
        """Return the index in `counts` of the first slot of a distribution."""
        return self.index[f"{duration}_le_{self.durations[duration].bounds[0]}"]

    def slot(self, duration: str, milliseconds: int) -> int:
        """Return the index in `counts` of the slot that counts a value of `milliseconds` in the distribution `duration`."""
        return self.start(duration) + bisect_left(self.durations[duration].bounds, milliseconds / 1000)

    def changes(self, index: int, amount: int) -> tuple[tuple[int, int], ...]:
        """Return index and amount of each count that one fact changes: its own, and the sum and slot of its duration.

        `amount` is the duration in milliseconds, or the amount that the fact adds to a count of amounts.
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
"""Queue stays of calls and visits. In total rows, `offered = answered + abandoned + left_* + waiting`."""

OPEN: Final = ("waiting", "in_progress", "pending_citizen")
"""States of an open contact (`case_event.ContactState`)."""
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
"""Cases: letters, e-mails, forms. In total rows, `received = closed_* + waiting + in_progress + pending_citizen`. All durations
are elapsed time since the receipt. `sent_*` are outgoing letters, and `postage_cents*` their cost, in total and by class.
`scanned` are letters whose receipt before the scan is known. `reopened` are cases that continued after they were closed, each
counted once."""

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
"""Appointments. In total rows, `booked = cancelled_* + attended + missed + waiting + pending_citizen`: waiting after the
check-in, pending before it. `lead` is the time from the first booking to the appointment as first booked; later moves do not
change it."""

MIN_SATISFIED_SCORE: Final = 4
"""Lowest score of a satisfied citizen on the scale 1 to 5 (CSAT: the two highest scores)."""
SLA_RESULTS: Final = ("promise_kept", "promise_missed", "no_promise")
WAIT_CLASS_SECONDS: Final = (60, 300)
"""Upper bounds of the wait classes, in seconds."""
WAIT_CLASSES: Final = (*(f"wait_le_{bound}" for bound in WAIT_CLASS_SECONDS), f"wait_gt_{WAIT_CLASS_SECONDS[-1]}")
EXPERIENCES: Final = (*SLA_RESULTS, *WAIT_CLASSES)
"""A citizen's experiences with a contact: the result of its SLA targets, and the class of its longest wait in a queue."""


def csat_count_name(experience: str, *, is_satisfied: bool) -> str:
    """Return the name of the count of satisfied, or else unsatisfied, answers of citizens with an experience (`EXPERIENCES`)."""
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
"""Opinions: the latest of each scale per contact. The `queue` of these rows is the channel of the contacts.
`invited_answered` are invitations with an answer, at the time of the invitation. `csat_*` are the answers on `csat_1_5`, by
experience."""

SLA: Final = "sla"
"""Channel of the SLA figures. The `queue` of these rows is `<policy>:<clock>:<channel>`."""

SLA_SCHEMA: Final = FigureSchema(
    facts=("started", "met", "late", "cancelled", "cancelled_late", "breached", "due"),
    durations=(),
    stocks=("running", "at_risk", "overdue", "paused"),
    added=(Part(facts=("worked",), durations=(Duration("work", WORK_BOUNDS, ("worked",)),)),),
)
"""In total rows, `started = met + late + cancelled + cancelled_late + running + at_risk + overdue + paused`, and
`breached = late + cancelled_late + overdue`. `paused` counts the open clocks without a deadline. `due` counts all other open
clocks, also overdue ones, in the bucket that contains their deadline, which may lie in the future. `worked` counts clocks of
letters, e-mails and forms whose target was met, in time or late, if the calendar covers them. Its duration `work` is the opening
hours from start to end, including pauses."""

TRANSFER_CHANNEL: Final = "transfer"
"""Channel of the transfer figures. The `queue` of these rows is `<channel>:<queue>:<target queue>`."""

TRANSFER_SCHEMA: Final = FigureSchema(facts=("handed_on",), durations=(), stocks=())
"""Transferred calls by target queue, empty for an unknown target. Their sum over the targets of a queue is its `transferred`,
without transfers of an earlier release, which did not record the target."""

REASON_CHANNEL: Final = "reason"
"""Channel of the figures of reasons for contact. The `queue` of these rows is `<channel>:<reason>`."""

REASON_SCHEMA: Final = FigureSchema(facts=("reason_contacts",), durations=(), stocks=())
"""Contacts by their reason, at the time when the contact began. The latest reason of the source counts, else the latest that
a rule set. Contacts without a reason are not counted."""

LINE_CHANNEL: Final = "line"
"""Channel of the figures of dialled lines. The `queue` of these rows is the name of the line, empty for an unknown line."""

LINE_SCHEMA: Final = FigureSchema(facts=("line_arrived", "line_queued"), durations=(), stocks=())
"""Calls that arrived on a line, and those of them that entered a queue or were refused by one, both at the time of the
arrival."""

MENU_CHANNEL: Final = "menu"
"""Channel of the figures of voice menus. The `queue` of these rows is the name of the choice, empty for an unknown choice."""

MENU_SCHEMA: Final = FigureSchema(facts=("menu_chosen",), durations=(), stocks=())
"""Choices in voice menus. A choice counts once per call."""

CALLBACK_CHANNEL: Final = "callback"
"""Channel of the figures of voice messages and callbacks. The `queue` of these rows is the queue that must call back."""

CALLBACK_SCHEMA: Final = FigureSchema(
    facts=("message_left", "message_heard", "callback_requested", "called_back"),
    durations=(
        Duration("message_hearing", DELAY_BOUNDS, ("message_heard",)),
        Duration("callback", DELAY_BOUNDS, ("called_back",)),
    ),
    stocks=(),
)
"""Calls with a voice message, calls with a request for a callback, and what followed. `message_hearing` is the time from the
message until an agent first listened to it. `callback` is the time from the message or request, whichever came first, until the
first callback. A heard message or a callback without a known message or request is not counted."""

POST_CHANNEL: Final = "post"
"""Channel of the figures of post counted in total. The `queue` of these rows is `<direction>:<class>`."""

POST_SCHEMA: Final = FigureSchema(facts=(), durations=(), stocks=(), amounts=("post_items", "post_cost_cents"))
"""Items of post counted in total, and their postage in cents. Letters known one by one are counted as `sent_*`."""

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
    REASON_CHANNEL: REASON_SCHEMA,
    LINE_CHANNEL: LINE_SCHEMA,
    MENU_CHANNEL: MENU_SCHEMA,
    CALLBACK_CHANNEL: CALLBACK_SCHEMA,
    POST_CHANNEL: POST_SCHEMA,
}
"""Channel, or name in its place → figure schema of its rows."""

# ---------------------------------------------------------------------------------------------------------------- citizens
CONTACT_CHANNELS: Final = tuple(channel for channel in Channel if channel is not Channel.FEEDBACK)
"""Channels through which citizens contact a service."""
_UNANSWERED: Final = ("letter_unanswered", "form_unanswered", "email_unanswered")
CONTACT_CAUSES: Final[Mapping[str, tuple[str, ...]]] = {
    Channel.CALL: (*_UNANSWERED, "no_show", "abandoned"),
    Channel.VISIT: (*_UNANSWERED, "no_show"),
    Channel.EMAIL: _UNANSWERED,
}
"""Channel → what in an earlier contact may have caused a new one; the first that applies counts.

All causes make the new contact avoidable, except `abandoned`: a call after an abandoned call. The label `reason` of the metric
`contact_citizen_contacts` has the cause; it is not the reason for contact."""
OTHER_CAUSE: Final = "other"
NO_PREVIOUS_CHANNEL: Final = "none"
"""Name in place of the previous channel, for a contact without a recent previous contact."""


def handled_count_name(channel: str, *, is_first: bool, is_followed: bool) -> str:
    """Return the name of the count of handled contacts: first contact or not, followed by a recontact or not."""
    return f"handled_{channel}_{'first' if is_first else 'again'}_{'followed' if is_followed else 'alone'}"


_CITIZEN_FACTS: Final = (
    "active",
    *(
        f"began_{channel}_{cause}"
        for channel in CONTACT_CHANNELS
        for cause in (*CONTACT_CAUSES.get(channel, ()), OTHER_CAUSE)
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
CITIZENS: Final = FigureSchema(_CITIZEN_FACTS, (), (), amounts=[f"{name}_citizens" for name in _CITIZEN_FACTS])
"""Figures of citizens by day, week and four weeks, in `accueil.citizen-figures.v1`: active days, contacts begun, contacts handled
(on the day of their end), successions of channels, and contacts without an identity. `*_citizens` is the number of citizens
behind a number in the period; it is not available for the total."""
