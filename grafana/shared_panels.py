"""Figures that several pages show in the same way."""

from typing import Final

from grafana.panels import CLOCK, COUNT, SHARE, BarGaugePanel, HeatmapPanel, Query, StatPanel, TimeSeriesPanel
from grafana.promql import Scope, ratio, since
from grafana.texts import CHANNELS, FORMULAS, LocalizedText, board_text
from models.topics import Channel
from streams.web.options import LONGEST_WAIT_SECONDS, Thresholds, WebOptions

BOARD_DEFAULTS: Final = WebOptions(brokers="")
"""The settings of the board where nobody set any: thresholds are the same."""
CALLS: Final = 'channel="call"'
CALL_QUEUES: Final = 'channel="call", queue!=""'
"""Each queue of the telephone; what has none are agents, each once."""
DESKS: Final = 'channel="visit"'
QUEUED: Final = 'channel=~"call|visit"'
WRITTEN: Final = 'channel=~"mail|email|form"'
BOARD_FORMULA: Final = f'formula="{BOARD_DEFAULTS.formula}"'
"""The service level that the board shows."""
WAITING_THRESHOLDS: Final = Thresholds(attention=5, action=10)
"""Contacts in a queue: as in the settings of a queue that say nothing else."""
OVERDUE_THRESHOLDS: Final = Thresholds(attention=1, action=10)
"""Contacts whose promise is broken."""
FRESH: Final = Thresholds(attention=BOARD_DEFAULTS.stale_after_seconds, action=60)
"""Age of figures, in seconds."""


def abandonment_today(scope: Scope, *matchers: str, by: str = "") -> str:
    """Return the abandon rate since midnight, those apart who gave up at once."""
    answered, gave_up, at_once = (
        scope.today(flow, *matchers, by=by) for flow in ("answered", "abandoned", "abandoned_short")
    )
    return ratio(f"{gave_up} - {at_once}", f"{answered} + {gave_up} - {at_once}")


FRESHNESS: Final = StatPanel(
    title=LocalizedText("Âge des chiffres", "Age of figures"),
    description=LocalizedText(
        "Maintenant − l’instant dont sont les chiffres de la partition la moins avancée"
        f" (contact_figures_timestamp_seconds). Périmés dès {FRESH.attention:.0f} s.",
        "Now − the moment that the figures of the partition are of that is furthest behind"
        f" (contact_figures_timestamp_seconds). Out of date from {FRESH.attention:.0f} s on.",
    ),
    unit=CLOCK,
    query=since("min(max by (partition) (contact_figures_timestamp_seconds))"),
    thresholds=FRESH,
    no_value_text=board_text("empty"),
    width=4,
)
"""Whether the figures are of now."""


def overdue(scope: Scope) -> StatPanel:
    """Return the tile of promises that are broken."""
    return StatPanel(
        title=LocalizedText("Délais en retard", "Promises overdue"),
        description=LocalizedText(
            'Délais promis dont l’échéance est passée et qui restent à tenir : contact_sla_open_items{state="overdue"}.',
            'Promises whose deadline passed and that are still to be kept: contact_sla_open_items{state="overdue"}.',
        ),
        unit=COUNT,
        query=scope.gauge_sum("contact_sla_open_items", 'state="overdue"'),
        thresholds=OVERDUE_THRESHOLDS,
        width=4,
    )


def waiting(scope: Scope) -> StatPanel:
    """Return the tile of who waits in a queue now."""
    return StatPanel(
        title=board_text("tile_waiting"),
        description=LocalizedText(
            'Appels en file en ce moment : contact_backlog_items{channel="call", state="waiting"}.',
            'Calls in a queue right now: contact_backlog_items{channel="call", state="waiting"}.',
        ),
        query=scope.gauge_sum("contact_backlog_items", CALLS, 'state="waiting"'),
        thresholds=WAITING_THRESHOLDS,
        width=4,
    )


def longest_wait(scope: Scope) -> StatPanel:
    """Return the tile of the call that waits longest."""
    return StatPanel(
        title=board_text("longest_wait"),
        description=LocalizedText(
            "Maintenant − l’arrivée du plus ancien appel en file (contact_oldest_item_timestamp_seconds).",
            "Now − the arrival of the oldest call in a queue (contact_oldest_item_timestamp_seconds).",
        ),
        unit=CLOCK,
        query=scope.age("contact_oldest_item_timestamp_seconds", CALLS),
        thresholds=LONGEST_WAIT_SECONDS[Channel.CALL],
        no_value_text=board_text("nobody_waits"),
        width=4,
    )


def service_level(scope: Scope) -> StatPanel:
    """Return the tile of the service level of calls."""
    return StatPanel(
        title=board_text("service_level"),
        description=LocalizedText(
            f"Appels répondus en {BOARD_DEFAULTS.target_seconds} s ou moins ÷ (répondus + abandonnés après plus de"
            f" {BOARD_DEFAULTS.short_abandon_seconds} s), exact depuis minuit."
            " Cible et abandon court : valeurs par défaut de [web].",
            f"Calls answered within {BOARD_DEFAULTS.target_seconds} s ÷ (answered + abandoned after more than"
            f" {BOARD_DEFAULTS.short_abandon_seconds} s), exact since midnight. Target and short abandon: defaults of [web].",
        ),
        unit=SHARE,
        query=scope.service_level_today(CALLS, BOARD_FORMULA),
        thresholds=BOARD_DEFAULTS.service_level,
        no_value_text=board_text("no_call_yet"),
        width=4,
    )


def service_levels(scope: Scope) -> BarGaugePanel:
    """Return the service level by each formula, side by side."""
    return BarGaugePanel(
        title=LocalizedText("Niveau de service du jour, quatre formules", "Service level today, four formulas"),
        description=LocalizedText(
            "Exact depuis minuit ; t est la cible. Hors abandons courts : répondus ≤ t ÷ (répondus + abandons non"
            " courts). Des répondus : répondus ≤ t ÷ répondus. Abandons rapides compris : (répondus + abandonnés) ≤ t ÷"
            " (répondus + abandonnés). De tous les reçus : répondus ≤ t ÷ (répondus + abandonnés + autres sorties).",
            "Exact since midnight; t is the target. Short abandons apart: answered ≤ t ÷ (answered + abandons not"
            " short). Of answered: answered ≤ t ÷ answered. Quick abandons included: (answered + abandoned) ≤ t ÷"
            " (answered + abandoned). Of all received: answered ≤ t ÷ (answered + abandoned + left otherwise).",
        ),
        unit=SHARE,
        queries=(Query(scope.service_level_today(QUEUED, by="formula")),),
        by="formula",
        names=FORMULAS,
        height=6,
    )


def recent_service_level(scope: Scope) -> TimeSeriesPanel:
    """Return how the service level changes."""
    return TimeSeriesPanel(
        title=LocalizedText("Niveau de service, 30 minutes", "Service level, 30 minutes"),
        description=LocalizedText(
            "Répondus dans la cible ÷ (répondus + abandons non courts), sur 30m, par canal :"
            " contact_service_level_numerator_total ÷ contact_service_level_denominator_total.",
            "Answered within the target ÷ (answered + abandons that were not short), over 30m, by channel:"
            " contact_service_level_numerator_total ÷ contact_service_level_denominator_total.",
        ),
        unit=SHARE,
        queries=(Query(scope.service_level("30m", BOARD_FORMULA, by="channel")),),
        by="channel",
        names={name: CHANNELS[name] for name in ("call", "visit")},
    )


def abandonment(scope: Scope, *matchers: str) -> StatPanel:
    """Return the tile of who gave up."""
    return StatPanel(
        title=board_text("abandonment"),
        description=LocalizedText(
            f"Abandonnés après plus de {BOARD_DEFAULTS.short_abandon_seconds} s"
            " ÷ (répondus + ces abandonnés), exact depuis minuit.",
            f"Abandoned after more than {BOARD_DEFAULTS.short_abandon_seconds} s"
            " ÷ (answered + those abandoned), exact since midnight.",
        ),
        unit=SHARE,
        query=abandonment_today(scope, *matchers),
        thresholds=BOARD_DEFAULTS.abandonment,
        no_value_text=board_text("no_call_yet"),
        width=4,
    )


def mean_wait(scope: Scope) -> StatPanel:
    """Return the tile of the mean wait (ASA)."""
    return StatPanel(
        title=board_text("mean_wait"),
        description=LocalizedText(
            "Somme des attentes des répondus ÷ répondus (ASA), exact depuis minuit : contact_today_duration_seconds.",
            "Sum of the waits of the answered ÷ answered (ASA), exact since midnight: contact_today_duration_seconds.",
        ),
        unit=CLOCK,
        query=scope.mean_today("wait", QUEUED),
        width=4,
        height=6,
    )


def mean_handle(scope: Scope) -> StatPanel:
    """Return the tile of the mean handle time (AHT)."""
    return StatPanel(
        title=board_text("mean_handle"),
        description=LocalizedText(
            "Somme des durées ÷ leur nombre (AHT), exact depuis minuit : contact_today_duration_seconds.",
            "Sum of handle times ÷ their number (AHT), exact since midnight: contact_today_duration_seconds.",
        ),
        unit=CLOCK,
        query=scope.mean_today("handle", QUEUED),
        width=4,
        height=6,
    )


def waits(scope: Scope) -> HeatmapPanel:
    """Return the distribution of waits."""
    return HeatmapPanel(
        title=LocalizedText("Attentes des répondus", "Waits of the answered"),
        description=LocalizedText(
            "Nombre de répondus, par attente : croissance des classes de contact_wait_seconds.",
            "How many were answered, by wait: growth of the buckets of contact_wait_seconds.",
        ),
        unit=CLOCK,
        query=scope.buckets("contact_wait_seconds"),
    )
