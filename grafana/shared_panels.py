"""Panels and thresholds that several pages share."""

from typing import Final

from grafana.panels import CLOCK, COUNT, SHARE, BarGaugePanel, HeatmapPanel, Query, StatPanel, TimeSeriesPanel
from grafana.promql import Scope, ratio, since
from grafana.texts import CHANNELS, FORMULAS, _, board_text
from streams.web.options import Thresholds, WebOptions

BOARD_DEFAULTS: Final = WebOptions(brokers="")
"""Default settings of the board, for thresholds and targets."""
CALLS: Final = 'channel="call"'
CALL_QUEUES: Final = 'channel="call", queue!=""'
"""Telephone queues; call series without a queue count agents."""
DESKS: Final = 'channel="visit"'
QUEUED: Final = 'channel=~"call|visit"'
WRITTEN: Final = 'channel=~"mail|email|form"'
BOARD_FORMULA: Final = f'formula="{BOARD_DEFAULTS.formula}"'
"""Formula of the service level on the board."""
WAITING_THRESHOLDS: Final = Thresholds(attention=5, action=10)
"""Thresholds for the number of contacts that wait, the default of a queue."""
OVERDUE_THRESHOLDS: Final = Thresholds(attention=1, action=10)
"""Thresholds for the number of overdue SLA clocks."""
FRESH: Final = Thresholds(attention=BOARD_DEFAULTS.stale_after_seconds, action=60)
"""Thresholds for the age of the figures, in seconds."""


def abandonment_today(scope: Scope, *matchers: str, by: str = "") -> str:
    """Return a query for the abandon rate since midnight, without short abandons."""
    answered, abandoned, short = (
        scope.today(flow, *matchers, by=by) for flow in ("answered", "abandoned", "abandoned_short")
    )
    return ratio(f"{abandoned} - {short}", f"{answered} + {abandoned} - {short}")


FRESHNESS: Final = StatPanel(
    title=_("Age of figures"),
    description=_(
        "Now − the time of the figures in the partition that is furthest behind"
        " (contact_figures_timestamp_seconds). Out of date from {seconds:.0f} s on.",
        seconds=FRESH.attention,
    ),
    unit=CLOCK,
    query=since("min(max by (partition) (contact_figures_timestamp_seconds))"),
    thresholds=FRESH,
    no_value_text=board_text("empty"),
    width=4,
)
"""Tile with the age of the figures."""


def overdue(scope: Scope) -> StatPanel:
    """Return the tile of overdue SLA clocks."""
    return StatPanel(
        title=_("SLA targets overdue"),
        description=_(
            'SLA targets past their deadline, with the work still to be done: contact_sla_open_items{state="overdue"}.'
        ),
        unit=COUNT,
        query=scope.gauge_sum("contact_sla_open_items", 'state="overdue"'),
        thresholds=OVERDUE_THRESHOLDS,
        width=4,
    )


def service_levels(scope: Scope) -> BarGaugePanel:
    """Return bars of the service level today, one for each formula."""
    return BarGaugePanel(
        title=_("Service level today, four formulas"),
        description=_(
            "Exact since midnight; t is the target. Without short abandons: answered ≤ t ÷ (answered + abandons not"
            " short). Of answered: answered ≤ t ÷ answered. Quick abandons included: (answered + abandoned) ≤ t ÷"
            " (answered + abandoned). Of all received: answered ≤ t ÷ (answered + abandoned + left otherwise)."
        ),
        unit=SHARE,
        queries=(Query(scope.service_level_today(QUEUED, by="formula")),),
        by="formula",
        names=FORMULAS,
        height=6,
    )


def recent_service_level(scope: Scope) -> TimeSeriesPanel:
    """Return a graph of the service level over 30 minutes, by the formula of the board, for each channel."""
    return TimeSeriesPanel(
        title=_("Service level, 30 minutes"),
        description=_(
            "Answered within the target ÷ (answered + abandoned later than a short abandon), over 30m, by channel:"
            " contact_service_level_numerator_total ÷ contact_service_level_denominator_total."
        ),
        unit=SHARE,
        queries=(Query(scope.service_level("30m", BOARD_FORMULA, by="channel")),),
        by="channel",
        names={name: CHANNELS[name] for name in ("call", "visit")},
    )


def abandonment(scope: Scope, *matchers: str) -> StatPanel:
    """Return the tile of the abandon rate since midnight, for series that fit `matchers`."""
    return StatPanel(
        title=board_text("abandonment"),
        description=_(
            "Abandoned after more than {short} s ÷ (answered + those abandoned), exact since midnight.",
            short=BOARD_DEFAULTS.short_abandon_seconds,
        ),
        unit=SHARE,
        query=abandonment_today(scope, *matchers),
        thresholds=BOARD_DEFAULTS.abandonment,
        no_value_text=board_text("no_call_yet"),
        width=4,
    )


def mean_wait(scope: Scope) -> StatPanel:
    """Return the tile of the mean wait of answered contacts since midnight (ASA)."""
    return StatPanel(
        title=board_text("mean_wait"),
        description=_(
            "Sum of the waits of answered contacts ÷ their number (ASA), exact since midnight: contact_today_duration_seconds."
        ),
        unit=CLOCK,
        query=scope.mean_today("wait", QUEUED),
        width=4,
        height=6,
    )


def mean_handle(scope: Scope) -> StatPanel:
    """Return the tile of the mean handle time since midnight (AHT)."""
    return StatPanel(
        title=board_text("mean_handle"),
        description=_(
            "Sum of handle times ÷ their number (AHT), exact since midnight: contact_today_duration_seconds."
        ),
        unit=CLOCK,
        query=scope.mean_today("handle", QUEUED),
        width=4,
        height=6,
    )


def waits(scope: Scope) -> HeatmapPanel:
    """Return a heatmap of the waits of answered contacts."""
    return HeatmapPanel(
        title=_("Waits of answered contacts"),
        description=_("Answered contacts by wait: increase of the buckets of contact_wait_seconds."),
        unit=CLOCK,
        query=scope.buckets("contact_wait_seconds"),
    )
