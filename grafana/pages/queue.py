"""Page "File": queues of the telephone and of front desks, and their agents."""

from typing import Final

from grafana.page import Page
from grafana.panels import (
    CLOCK,
    HOUR,
    HOURS,
    SHARE,
    BarGaugePanel,
    Column,
    HeatmapPanel,
    KeyColumn,
    Query,
    StatPanel,
    TablePanel,
    TimeSeriesPanel,
)
from grafana.promql import Scope, ratio
from grafana.shared_panels import (
    BOARD_DEFAULTS,
    BOARD_FORMULA,
    CALL_QUEUES,
    DESKS,
    QUEUED,
    WAITING_THRESHOLDS,
    abandonment_today,
    mean_handle,
    mean_wait,
    recent_service_level,
    service_levels,
    waits,
)
from grafana.texts import AGENT_STATES, LocalizedText, ValueNames, _, board_text, untranslated
from models.locale import C_
from models.topics import Channel
from streams.web.options import LONGEST_WAIT_SECONDS, Thresholds

SCOPE: Final = Scope("site", "service", "queue")
EACH: Final = "site, service, queue"
IN_A_QUEUE: Final = 'queue!=""'
"""Matcher of agents by queue; an agent of several queues counts in each."""
AT_WORK: Final = 'state=~"available|on_contact"'
LEFT: Final[ValueNames] = {
    "full": _("Queue full"),
    "closed": _(C_("dashboard", "Closed")),
    "diverted": _("Diverted"),
    "timeout": _("Timed out"),
    "empty": board_text("no_agent"),
    "key": _("Key"),
    "withdrawn": _("Withdrawn"),
    "forgotten": _("No end reported"),
    "incompatible": _("Incompatible"),
    "other": _(C_("dashboard", "Other")),
}
HEARING: Final = "contact_voice_message_hearing_seconds"
CALLBACK: Final = "contact_callback_seconds"
CALLBACKS: Final[ValueNames] = {
    "contact_voice_message_left_total": _("Messages left"),
    "contact_voice_message_heard_total": _("Messages listened to"),
    "contact_callback_requested_total": _("Callbacks requested"),
    "contact_callback_made_total": _(C_("dashboard", "Called back")),
}
"""Counter of voice messages or callbacks → its title."""
OF_CALLBACKS: Final = "service, queue"


def _queues(title: LocalizedText, matcher: str, longest: Thresholds, *further: Column) -> TablePanel:
    """Return a table of queues; `longest` are the thresholds of the longest wait."""
    return TablePanel(
        title=title,
        description=_(
            "Waiting, longest (now − arrival of the oldest), agents: now. Received, answered, service level"
            " (answered within the target ÷ (answered + abandons that were not short)), abandon rate: since midnight,"
            " exact."
        ),
        keys=(
            KeyColumn("site", untranslated("Site")),
            KeyColumn("service", board_text("service"), page="channel"),
            KeyColumn("queue", board_text("queue"), page="queue"),
        ),
        columns=(
            Column(
                board_text("waiting"),
                SCOPE.gauge_sum("contact_backlog_items", matcher, 'state="waiting"', by=EACH),
                thresholds=WAITING_THRESHOLDS,
            ),
            Column(
                board_text("longest"),
                SCOPE.age("contact_oldest_item_timestamp_seconds", matcher, by=EACH),
                CLOCK,
                thresholds=longest,
            ),
            *further,
            Column(board_text("received"), SCOPE.today("received", matcher, by=EACH)),
            Column(board_text("answered"), SCOPE.today("answered", matcher, by=EACH)),
            Column(
                board_text("level_short"),
                SCOPE.service_level_today(matcher, BOARD_FORMULA, by=EACH),
                SHARE,
                thresholds=BOARD_DEFAULTS.service_level,
            ),
            Column(
                board_text("abandonment"),
                abandonment_today(SCOPE, matcher, by=EACH),
                SHARE,
                thresholds=BOARD_DEFAULTS.abandonment,
            ),
        ),
    )


PAGE: Final = Page(
    name="queue",
    title=board_text("queue"),
    description=_("Queues of the telephone and front desks: waits, answers and service levels."),
    scope=SCOPE,
    refresh="10s",
    parts=(
        board_text("queues"),
        _queues(
            _("Queues of the telephone"),
            CALL_QUEUES,
            LONGEST_WAIT_SECONDS[Channel.CALL],
            Column(
                board_text("available"), SCOPE.gauge_sum("contact_agents", CALL_QUEUES, 'state="available"', by=EACH)
            ),
        ),
        _queues(board_text("channel_visit"), DESKS, LONGEST_WAIT_SECONDS[Channel.VISIT]),
        board_text("today"),
        service_levels(SCOPE),
        mean_wait(SCOPE),
        StatPanel(
            title=_("90% wait at most"),
            description=_(
                "Ninth decile of the waits of answered contacts, over the time range, estimated within its"
                " bucket: histogram_quantile(0.9) of contact_wait_seconds."
            ),
            unit=CLOCK,
            query=SCOPE.quantile(0.9, "contact_wait_seconds"),
            width=4,
            height=6,
        ),
        mean_handle(SCOPE),
        StatPanel(
            title=_("Occupancy"),
            description=_("Agents on contact ÷ (available + on contact), now; without paused agents: contact_agents."),
            unit=SHARE,
            query=ratio(
                SCOPE.gauge_sum("contact_agents", IN_A_QUEUE, 'state="on_contact"'),
                SCOPE.gauge_sum("contact_agents", IN_A_QUEUE, AT_WORK),
            ),
            no_value_text=board_text("no_agent_logged_in"),
            width=4,
            height=6,
        ),
        _("Over time"),
        TimeSeriesPanel(
            title=_("Received, answered, abandoned"),
            description=_(
                "Increase of the counters contact_received_total, contact_answered_total, contact_abandoned_total"
                " between two points."
            ),
            queries=(
                Query(SCOPE.increase_per_step("contact_received_total", QUEUED), board_text("received")),
                Query(SCOPE.increase_per_step("contact_answered_total", QUEUED), board_text("answered")),
                Query(SCOPE.increase_per_step("contact_abandoned_total", QUEUED), board_text("abandoned")),
            ),
        ),
        TimeSeriesPanel(
            title=board_text("agents"),
            description=_("Agents by state; an agent of several selected queues counts in each: contact_agents."),
            queries=(Query(SCOPE.gauge_sum("contact_agents", IN_A_QUEUE, by="state")),),
            by="state",
            names=AGENT_STATES,
        ),
        recent_service_level(SCOPE),
        waits(SCOPE),
        HeatmapPanel(
            title=_("Waits of abandoned contacts"),
            description=_("Abandoned contacts by wait: increase of the buckets of contact_abandon_wait_seconds."),
            unit=CLOCK,
            query=SCOPE.buckets("contact_abandon_wait_seconds"),
        ),
        BarGaugePanel(
            title=board_text("left"),
            description=_(
                "Left the queue neither answered nor abandoned, in the time range, by reason: contact_left_queue_total."
            ),
            queries=(Query(SCOPE.increase("contact_left_queue_total", by="reason")),),
            by="reason",
            names=LEFT,
            width=12,
        ),
        _("Voice messages and callbacks"),
        BarGaugePanel(
            title=_("Voice messages and callbacks"),
            description=_(
                "Calls in the time range with a voice message, with a message that an agent listened to, with a request"
                " for a callback, and called back: contact_voice_message_left_total, contact_voice_message_heard_total,"
                " contact_callback_requested_total, contact_callback_made_total."
            ),
            queries=[Query(SCOPE.increase(counter), title) for counter, title in CALLBACKS.items()],
            width=12,
            height=6,
        ),
        StatPanel(
            title=_("Mean time to listen"),
            description=_(
                "Sum of the times from a voice message until an agent listened to it ÷ messages listened to, over the"
                " time range: contact_voice_message_hearing_seconds."
            ),
            unit=CLOCK,
            query=SCOPE.mean(HEARING),
            width=4,
            height=6,
        ),
        StatPanel(
            title=_("Mean time to callback"),
            description=_(
                "Sum of the times from a voice message or request to the first callback ÷ calls called back, over the"
                " time range: contact_callback_seconds."
            ),
            unit=CLOCK,
            query=SCOPE.mean(CALLBACK),
            width=4,
            height=6,
        ),
        StatPanel(
            title=_("Called back within a day"),
            description=_(
                "Callbacks within 24 hours ÷ callbacks, over the time range: contact_callback_seconds, le=86400."
            ),
            unit=SHARE,
            query=SCOPE.share_at_most(CALLBACK, "86400.0"),
            width=4,
            height=6,
        ),
        TablePanel(
            title=_("Voice messages and callbacks by queue"),
            description=_(
                "Calls in the time range, by the queue that must call back, and mean times to listen and to call back, in"
                " hours: contact_voice_message_hearing_seconds, contact_callback_seconds."
            ),
            keys=(
                KeyColumn("service", board_text("service"), page="channel"),
                KeyColumn("queue", board_text("queue"), page="queue"),
            ),
            columns=(
                *(Column(title, SCOPE.increase(counter, by=OF_CALLBACKS)) for counter, title in CALLBACKS.items()),
                Column(_("Time to listen"), f"{SCOPE.mean(HEARING, by=OF_CALLBACKS)} / {HOUR}", HOURS),
                Column(_("Time to callback"), f"{SCOPE.mean(CALLBACK, by=OF_CALLBACKS)} / {HOUR}", HOURS),
            ),
        ),
        HeatmapPanel(
            title=_("Times to listen"),
            description=_(
                "Messages listened to, by time since the message: buckets of contact_voice_message_hearing_seconds."
            ),
            unit=CLOCK,
            query=SCOPE.buckets(HEARING),
        ),
        HeatmapPanel(
            title=_("Times to callback"),
            description=_("Callbacks by time since the message or request: buckets of contact_callback_seconds."),
            unit=CLOCK,
            query=SCOPE.buckets(CALLBACK),
        ),
    ),
)
