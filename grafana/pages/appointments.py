"""Page "Rendez-vous": appointments booked, attended, missed and cancelled, and their lead times."""

from typing import Final

from grafana.page import Page
from grafana.panels import (
    DAY,
    DAYS,
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
from grafana.texts import LocalizedText, ValueNames, _, board_text, untranslated
from models.locale import C_

SCOPE: Final = Scope("site", "service")
_APPOINTMENTS: Final = 'channel="appointment"'
_ENDED: Final = "contact_appointment_total"
_LEAD: Final = "contact_appointment_lead_seconds"
OUTCOMES: Final[ValueNames] = {
    "attended": board_text("attended"),
    "missed": board_text("missed"),
    "cancelled_by_citizen": _("Cancelled by the citizen"),
    "cancelled_by_service": _("Cancelled by the service"),
}
PARTIES: Final[ValueNames] = {"citizen": _("By the citizen"), "service": _("By the service")}


def missed(*matchers: str, by: str = "", window: str) -> str:
    """Return a query for the no-show rate in `window`: missed ÷ (missed + attended)."""
    return ratio(
        SCOPE.increase(_ENDED, 'outcome="missed"', *matchers, by=by, window=window),
        SCOPE.increase(_ENDED, 'outcome=~"attended|missed"', *matchers, by=by, window=window),
    )


def _today(title: LocalizedText, *flows: str) -> StatPanel:
    chosen = "|".join(flows)
    return StatPanel(
        title=title,
        description=_('Since midnight, exact: contact_today_items{{flow=~"{flow}"}}.', flow=chosen),
        query=SCOPE.gauge_sum("contact_today_items", _APPOINTMENTS, f'flow=~"{chosen}"'),
        width=4,
    )


PAGE: Final = Page(
    name="appointments",
    title=board_text("channel_appointment"),
    description=_("Appointments: booked, attended, missed, cancelled and by whom, and lead times."),
    scope=SCOPE,
    since="now-7d",
    parts=(
        board_text("today"),
        _today(board_text("booked"), "received"),
        _today(board_text("attended"), "attended"),
        _today(board_text("missed"), "missed"),
        _today(board_text("cancelled"), "cancelled_by_citizen", "cancelled_by_service"),
        StatPanel(
            title=board_text("upcoming"),
            description=_('Booked and yet to come, on any day: contact_backlog_items{state="pending_citizen"}.'),
            query=SCOPE.gauge_sum("contact_backlog_items", _APPOINTMENTS, 'state="pending_citizen"'),
            width=4,
        ),
        StatPanel(
            title=_("Here, waiting"),
            description=_('Citizens who have come and are not seen yet: contact_backlog_items{state="waiting"}.'),
            query=SCOPE.gauge_sum("contact_backlog_items", _APPOINTMENTS, 'state="waiting"'),
            width=4,
        ),
        _("Missed and cancelled"),
        StatPanel(
            title=_("No-show rate"),
            description=_("Missed ÷ (attended + missed), over the time range: contact_appointment_total."),
            unit=SHARE,
            query=missed(window="$__range"),
            height=8,
        ),
        BarGaugePanel(
            title=_("What became of them"),
            description=_("Appointments that ended in the time range, by outcome: contact_appointment_total."),
            queries=(Query(SCOPE.increase(_ENDED, by="outcome")),),
            by="outcome",
            names=OUTCOMES,
            width=10,
        ),
        BarGaugePanel(
            title=_("Booked by whom"),
            description=_("Appointments booked in the time range, by whom: contact_appointment_booked_total."),
            queries=(Query(SCOPE.increase("contact_appointment_booked_total", by="by")),),
            by="by",
            names=PARTIES,
        ),
        TablePanel(
            title=board_text("services"),
            description=_(
                "Over the time looked at. No-show rate: missed ÷ (attended + missed). Mean lead time: from the"
                " booking to the time booked first. Moved: at least once."
            ),
            keys=(KeyColumn("service", board_text("service"), page="channel"), KeyColumn("site", untranslated("Site"))),
            columns=(
                Column(board_text("booked"), SCOPE.increase("contact_appointment_booked_total", by="service, site")),
                Column(board_text("attended"), SCOPE.increase(_ENDED, 'outcome="attended"', by="service, site")),
                Column(board_text("missed"), SCOPE.increase(_ENDED, 'outcome="missed"', by="service, site")),
                Column(_(C_("appointments", "No-show rate")), missed(by="service, site", window="$__range"), SHARE),
                Column(_("Moved"), SCOPE.increase("contact_appointment_moved_total", by="service, site")),
                Column(
                    _(C_("appointments", "Mean lead time")), f"{SCOPE.mean(_LEAD, by='service, site')} / {DAY}", DAYS
                ),
            ),
        ),
        _("Over time"),
        TimeSeriesPanel(
            title=_("No-show rate"),
            description=_("Missed ÷ (attended + missed), over 1d and over 28d."),
            unit=SHARE,
            queries=(Query(missed(window="1d"), _("1 day")), Query(missed(window="28d"), _("28 days"))),
        ),
        HeatmapPanel(
            title=_("Lead times"),
            description=_(
                "From booking to the first booked start: increase of the buckets of contact_appointment_lead_seconds."
            ),
            query=SCOPE.buckets(_LEAD),
        ),
    ),
)
