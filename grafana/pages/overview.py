"""Page "Vue d'ensemble": all channels and services, now and today."""

from dataclasses import replace
from typing import Final

from grafana.page import Page
from grafana.palette import ACTION, ATTENTION, Stroke
from grafana.panels import (
    CLOCK,
    DAY,
    DAYS,
    SHARE,
    BarGaugePanel,
    Column,
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
    CALLS,
    FRESHNESS,
    OVERDUE_THRESHOLDS,
    WAITING_THRESHOLDS,
    WRITTEN,
    abandonment,
    overdue,
)
from grafana.texts import CHANNELS, _, board_text
from models.topics import Channel
from streams.web.options import LONGEST_WAIT_SECONDS

AT_RISK: Final = Stroke(ATTENTION.colour, (10, 6))
OVERDUE: Final = Stroke(ACTION.colour)
SCOPE: Final = Scope("channel", "site", "service")
_TO_DO: Final = SCOPE.gauge_sum("contact_backlog_items", WRITTEN, 'state=~"waiting|in_progress"')
_ONLINE: Final = ratio(SCOPE.today("received", 'channel="form"'), SCOPE.today("received", 'channel=~"form|mail"'))
OF_CITIZENS: Final = Scope("channel", "service")
_HANDLED: Final = "contact_citizen_handled"

PAGE: Final = Page(
    name="overview",
    title=_("Overview"),
    description=_("All channels and services: backlog, flows of today, and overdue contacts."),
    scope=SCOPE,
    parts=(
        board_text("now"),
        FRESHNESS,
        StatPanel(
            title=board_text("tile_waiting"),
            description=_('Calls in a queue now: contact_backlog_items{channel="call", state="waiting"}.'),
            query=SCOPE.gauge_sum("contact_backlog_items", CALLS, 'state="waiting"'),
            thresholds=WAITING_THRESHOLDS,
            width=4,
        ),
        StatPanel(
            title=board_text("longest_wait"),
            description=_("Now − the arrival of the oldest call in a queue (contact_oldest_item_timestamp_seconds)."),
            unit=CLOCK,
            query=SCOPE.age("contact_oldest_item_timestamp_seconds", CALLS),
            thresholds=LONGEST_WAIT_SECONDS[Channel.CALL],
            no_value_text=board_text("nobody_waits"),
            width=4,
        ),
        StatPanel(
            title=_("Letters, e-mails and forms to do"),
            description=_(
                "Open letters, e-mails and forms that the service has to act on: contact_backlog_items, waiting"
                " + in_progress."
            ),
            query=_TO_DO,
            width=4,
        ),
        overdue(SCOPE),
        StatPanel(
            title=_("Alerts firing"),
            description=_("Alerts of Prometheus that fire, without Watchdog (deploy/prometheus/rules)."),
            query='count(ALERTS{alertstate="firing", alertname!="Watchdog"}) or vector(0)',
            thresholds=OVERDUE_THRESHOLDS,
            width=4,
        ),
        board_text("today"),
        StatPanel(
            title=board_text("service_level"),
            description=_(
                "Calls answered within {target} s ÷ (answered + abandoned after more than {short} s), exact since midnight."
                " Target and short abandon: defaults of [web].",
                target=BOARD_DEFAULTS.target_seconds,
                short=BOARD_DEFAULTS.short_abandon_seconds,
            ),
            unit=SHARE,
            query=SCOPE.service_level_today(CALLS, BOARD_FORMULA),
            thresholds=BOARD_DEFAULTS.service_level,
            no_value_text=board_text("no_call_yet"),
            height=4,
        ),
        replace(abandonment(SCOPE, CALLS), width=6, height=4),
        StatPanel(
            title=_("Online share"),
            description=_("Online procedures ÷ (online procedures + letters), received since midnight, exact."),
            unit=SHARE,
            query=_ONLINE,
            height=4,
        ),
        StatPanel(
            title=_("Letters and e-mails done"),
            description=_('Done since midnight, exact: contact_today_items{flow="closed"}.'),
            query=SCOPE.today("closed", 'channel=~"mail|email"'),
            height=4,
        ),
        BarGaugePanel(
            title=board_text("received"),
            description=_('Received since midnight, by channel, exact: contact_today_items{flow="received"}.'),
            queries=(Query(SCOPE.today("received", by="channel")),),
            by="channel",
            names=CHANNELS,
            width=12,
        ),
        BarGaugePanel(
            title=board_text("answered"),
            description=_(
                'Answered by a person since midnight, by channel, exact: contact_today_items{flow="answered"}.'
            ),
            queries=(Query(SCOPE.today("answered", by="channel")),),
            by="channel",
            names=CHANNELS,
            width=12,
        ),
        _("Over time"),
        TimeSeriesPanel(
            title=_("Arrivals of the day, by channel"),
            description=_('Total since midnight, exact: contact_today_items{flow="received"}.'),
            queries=(Query(SCOPE.today("received", by="channel")),),
            by="channel",
            names=CHANNELS,
        ),
        TimeSeriesPanel(
            title=_("Today and a week ago"),
            description=_(
                "Arrivals since midnight, all channels: this day, and the same weekday of last week (offset 1w)."
            ),
            queries=(
                Query(SCOPE.today("received"), board_text("chart_today")),
                Query(SCOPE.today("received", ago="1w"), _("a week ago")),
            ),
        ),
        TimeSeriesPanel(
            title=_("Backlog by channel"),
            description=_('Open and not taken up yet: contact_backlog_items{state="waiting"}.'),
            queries=(Query(SCOPE.gauge_sum("contact_backlog_items", 'state="waiting"', by="channel")),),
            by="channel",
            names=CHANNELS,
        ),
        TimeSeriesPanel(
            title=_("SLA targets: at risk and overdue"),
            description=_("Open SLA targets, by state: contact_sla_open_items."),
            queries=(
                Query(SCOPE.gauge_sum("contact_sla_open_items", 'state="at_risk"'), board_text("at_risk"), AT_RISK),
                Query(SCOPE.gauge_sum("contact_sla_open_items", 'state="overdue"'), board_text("overdue"), OVERDUE),
            ),
        ),
        board_text("services"),
        TablePanel(
            title=board_text("services"),
            description=_(
                "Received, answered: since midnight (contact_today_items). To do, overdue: now. Oldest:"
                " now − the arrival of the oldest case that waits for the service, in days."
            ),
            keys=(KeyColumn("service", board_text("service"), page="channel"),),
            columns=(
                Column(board_text("received"), SCOPE.today("received", by="service")),
                Column(board_text("answered"), SCOPE.today("answered", by="service")),
                Column(board_text("to_do"), SCOPE.gauge_sum("contact_backlog_items", 'state="waiting"', by="service")),
                Column(
                    board_text("oldest"),
                    f"{SCOPE.age('contact_oldest_item_timestamp_seconds', WRITTEN, by='service')} / {DAY}",
                    DAYS,
                ),
                Column(
                    board_text("overdue"),
                    SCOPE.gauge_sum("contact_sla_open_items", 'state="overdue"', by="service"),
                    thresholds=OVERDUE_THRESHOLDS,
                ),
            ),
        ),
        _("Citizens, last completed week"),
        StatPanel(
            title=_("Citizens"),
            description=_(
                "Citizens (pseudonyms) who made contact in the last completed week:"
                " contact_citizens_of_all_services. Nothing below 5."
            ),
            query='max(contact_citizens_of_all_services{period="week"})',
            width=4,
            height=6,
        ),
        StatPanel(
            title=_("Recontacts"),
            description=_(
                "Contacts followed by another with the service within the recontact window ÷ contacts"
                " handled (contact_citizen_handled)."
            ),
            unit=SHARE,
            query=ratio(OF_CITIZENS.gauge_sum(_HANDLED, 'recontact="true"'), OF_CITIZENS.gauge_sum(_HANDLED)),
            width=4,
            height=6,
        ),
        StatPanel(
            title=_("Resolved at first contact"),
            description=_(
                "Handled at first contact and without a recontact ÷ contacts handled (contact_citizen_handled)."
            ),
            unit=SHARE,
            query=ratio(
                OF_CITIZENS.gauge_sum(_HANDLED, 'first_contact="true"', 'recontact="false"'),
                OF_CITIZENS.gauge_sum(_HANDLED),
            ),
            width=4,
            height=6,
        ),
        BarGaugePanel(
            title=_("Avoidable contacts"),
            description=_(
                "Contacts of the last completed week, by their cause in an earlier contact (contact_citizen_contacts)."
            ),
            queries=(Query(OF_CITIZENS.gauge_sum("contact_citizen_contacts", 'reason!="other"', by="reason")),),
            by="reason",
            names={
                "letter_unanswered": _("Letter not answered"),
                "form_unanswered": _("Procedure not answered"),
                "email_unanswered": _("E-mail not answered"),
                "no_show": _("Appointment missed"),
                "abandoned": _("Call abandoned"),
            },
            width=12,
            height=6,
        ),
    ),
)
