"""Page "Canal": figures of one or several channels, with queues or with cases."""

from dataclasses import replace
from typing import Final

from grafana.page import Page
from grafana.panels import (
    DAY,
    DAYS,
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
from grafana.promql import Scope
from grafana.shared_panels import (
    OVERDUE_THRESHOLDS,
    QUEUED,
    WRITTEN,
    abandonment,
    mean_handle,
    mean_wait,
    overdue,
    recent_service_level,
    service_levels,
    waits,
)
from grafana.texts import BACKLOG_STATES, CHANNELS, ValueNames, _, board_text
from models.locale import C_

SCOPE: Final = Scope("channel", "site", "service")
OUTCOMES: Final[ValueNames] = {
    "answered": board_text("answered"),
    "accepted": _("Accepted"),
    "rejected": _("Rejected"),
    "resolved": _("Resolved"),
    "redirected": _("Redirected"),
    "duplicate": _("Duplicate"),
    "no_action": _("No action"),
}
AGES: Final[ValueNames] = {
    "lt_1d": _("Less than a day"),
    "lt_2d": _("1 day"),
    "lt_5d": _("2 to 4 days"),
    "lt_10d": _("5 to 9 days"),
    "lt_15d": _("10 to 14 days"),
    "lt_30d": _("15 to 29 days"),
    "ge_30d": _("30 days and more"),
}

ARRIVED_CALLS: Final = "contact_line_arrived_total"
QUEUED_CALLS: Final = "contact_line_queued_total"
MOST_BARS: Final = 15
"""Maximum number of bars where the settings decide how many values there are."""


def most_frequent(query: str) -> str:
    """Return a query for the highest values of `query`, in descending order."""
    return f"topk({MOST_BARS}, {query})"


PAGE: Final = Page(
    name="channel",
    title=_("Channel"),
    description=_("One channel or several: arrivals, backlog, and response times."),
    scope=SCOPE,
    parts=(
        board_text("now"),
        StatPanel(
            title=_("Received today"),
            description=_('Received since midnight, exact: contact_today_items{flow="received"}.'),
            query=SCOPE.today("received"),
            width=4,
        ),
        StatPanel(
            title=_("Answered today"),
            description=_('Answered by a person since midnight, exact: contact_today_items{flow="answered"}.'),
            query=SCOPE.today("answered"),
            width=4,
        ),
        StatPanel(
            title=_("Reopened today"),
            description=_('Reopened after being done, since midnight, exact: contact_today_items{flow="reopened"}.'),
            query=SCOPE.today("reopened"),
            width=4,
        ),
        overdue(SCOPE),
        BarGaugePanel(
            title=_("Open, by state"),
            description=_("Open now, by state: contact_backlog_items."),
            queries=(Query(SCOPE.gauge_sum("contact_backlog_items", by="state")),),
            by="state",
            names=BACKLOG_STATES,
            height=5,
        ),
        TablePanel(
            title=_("By channel"),
            description=_(
                "Received, answered: since midnight (contact_today_items). Waiting, overdue, oldest: now."
                " Oldest: now − arrival, in days."
            ),
            keys=(
                KeyColumn("channel", _("Channel"), CHANNELS, page="channel"),
                KeyColumn("service", board_text("service")),
            ),
            columns=(
                Column(board_text("received"), SCOPE.today("received", by="channel, service")),
                Column(board_text("answered"), SCOPE.today("answered", by="channel, service")),
                Column(
                    board_text("waiting"),
                    SCOPE.gauge_sum("contact_backlog_items", 'state="waiting"', by="channel, service"),
                ),
                Column(
                    board_text("oldest"),
                    f"{SCOPE.age('contact_oldest_item_timestamp_seconds', by='channel, service')} / {DAY}",
                    DAYS,
                ),
                Column(
                    board_text("overdue"),
                    SCOPE.gauge_sum("contact_sla_open_items", 'state="overdue"', by="channel, service"),
                    thresholds=OVERDUE_THRESHOLDS,
                ),
            ),
        ),
        _("Telephone and front desks"),
        replace(service_levels(SCOPE), width=12),
        replace(abandonment(SCOPE, QUEUED), height=6),
        mean_wait(SCOPE),
        mean_handle(SCOPE),
        recent_service_level(SCOPE),
        waits(SCOPE),
        _("Dialled lines and voice menus"),
        StatPanel(
            title=_("Never reached a queue"),
            description=_(
                "Calls that arrived on a line and never entered a queue ÷ calls that arrived, over the time range:"
                " contact_line_arrived_total, contact_line_queued_total."
            ),
            unit=SHARE,
            query=SCOPE.share_without(QUEUED_CALLS, ARRIVED_CALLS),
            width=4,
            height=9,
        ),
        TablePanel(
            title=_("Calls by line"),
            description=_(
                "Calls that arrived on each line, those of them that entered a queue, and the share of the others,"
                " over the time range: contact_line_arrived_total, contact_line_queued_total."
            ),
            keys=(
                KeyColumn("line", _("Line")),
                KeyColumn("service", board_text("service"), page="channel"),
            ),
            columns=(
                Column(_("Arrived"), SCOPE.increase(ARRIVED_CALLS, by="line, service")),
                Column(_("Entered a queue"), SCOPE.increase(QUEUED_CALLS, by="line, service")),
                Column(
                    _("Never reached a queue"),
                    SCOPE.share_without(QUEUED_CALLS, ARRIVED_CALLS, by="line, service"),
                    SHARE,
                ),
            ),
            width=12,
        ),
        BarGaugePanel(
            title=_("Choices in voice menus"),
            description=_(
                "Calls by choice in a voice menu, over the time range, the {limit} most frequent: contact_menu_chosen_total.",
                limit=MOST_BARS,
            ),
            queries=(Query(most_frequent(SCOPE.increase("contact_menu_chosen_total", by="option"))),),
            by="option",
            height=9,
        ),
        _("Reasons for contact"),
        BarGaugePanel(
            title=_("Contacts by reason"),
            description=_(
                "Contacts of the time range by reason, all channels, the {limit} most frequent: contact_reason_total.",
                limit=MOST_BARS,
            ),
            queries=(Query(most_frequent(SCOPE.increase("contact_reason_total", by="reason"))),),
            by="reason",
            height=9,
        ),
        TablePanel(
            title=_("Reasons by channel"),
            description=_("Contacts of the time range by reason and channel: contact_reason_total."),
            keys=(KeyColumn("reason", _(C_("dashboard", "Reason"))),),
            columns=[
                Column(title, SCOPE.increase("contact_reason_total", f'channel="{channel}"', by="reason"))
                for channel, title in CHANNELS.items()
            ],
            width=16,
        ),
        _(C_("dashboard", "Letters, e-mails, procedures")),
        TimeSeriesPanel(
            title=_("First response, mean"),
            description=_(
                "Sum of times to the first response ÷ responses, since midnight, nights and weekends included:"
                " contact_today_duration_seconds."
            ),
            unit=DAYS,
            queries=(Query(f"{SCOPE.mean_today('first_response', WRITTEN, by='channel')} / {DAY}"),),
            by="channel",
            names={name: CHANNELS[name] for name in ("mail", "email", "form")},
        ),
        BarGaugePanel(
            title=_("First response within 15 days"),
            description=_(
                "First responses within 15 days ÷ first responses, over the time range:"
                " contact_first_response_seconds, le=1296000."
            ),
            unit=SHARE,
            queries=(Query(SCOPE.share_at_most("contact_first_response_seconds", "1296000.0", by="channel")),),
            by="channel",
            names=CHANNELS,
            width=6,
        ),
        BarGaugePanel(
            title=_("First response within 5 days"),
            description=_(
                "First responses within 5 days ÷ first responses, over the time range:"
                " contact_first_response_seconds, le=432000."
            ),
            unit=SHARE,
            queries=(Query(SCOPE.share_at_most("contact_first_response_seconds", "432000.0", by="channel")),),
            by="channel",
            names=CHANNELS,
            width=6,
        ),
        BarGaugePanel(
            title=_("Backlog by age"),
            description=_(
                "Cases that wait for the service, by civil days since receipt: contact_backlog_by_age_items."
            ),
            queries=[
                Query(SCOPE.gauge_sum("contact_backlog_by_age_items", f'age="{age}"'), words)
                for age, words in AGES.items()
            ],
            width=12,
        ),
        BarGaugePanel(
            title=_("First response, opening hours"),
            description=_(
                "Sum of opening hours from receipt to the response ÷ responses, over the time range, where an"
                " SLA policy applies: contact_first_response_business_seconds."
            ),
            unit=HOURS,
            queries=(Query(f"{SCOPE.mean('contact_first_response_business_seconds', by='channel')} / {HOUR}"),),
            by="channel",
            names=CHANNELS,
            width=6,
        ),
        BarGaugePanel(
            title=_("Resolution, opening hours"),
            description=_(
                "Sum of opening hours from receipt to the end ÷ done, over the time range, where an SLA"
                " policy applies: contact_resolution_business_seconds."
            ),
            unit=HOURS,
            queries=(Query(f"{SCOPE.mean('contact_resolution_business_seconds', by='channel')} / {HOUR}"),),
            by="channel",
            names=CHANNELS,
            width=6,
        ),
        HeatmapPanel(
            title=_("Times to resolution"),
            description=_("Cases done, by time since receipt: increase of the buckets of contact_resolution_seconds."),
            query=SCOPE.buckets("contact_resolution_seconds"),
        ),
        BarGaugePanel(
            title=_("Done, by outcome"),
            description=_("Done in the time range: increase of contact_closed_total."),
            queries=(Query(SCOPE.increase("contact_closed_total", by="outcome")),),
            by="outcome",
            names=OUTCOMES,
            width=12,
        ),
    ),
)
