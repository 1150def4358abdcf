"""Page "SLA et échéances": SLA targets met and missed, and next deadlines."""

from typing import Final

from grafana.page import Page, Section
from grafana.panels import (
    DAY,
    DAYS,
    PLAIN,
    SHARE,
    BarGaugePanel,
    Column,
    KeyColumn,
    Query,
    StatPanel,
    TablePanel,
    TimeSeriesPanel,
)
from grafana.promql import RANGE, Scope, ratio
from grafana.shared_panels import OVERDUE_THRESHOLDS, overdue
from grafana.texts import CHANNELS, CLOCK_KINDS, OPENING_STATES, SLA_STATES, LocalizedText, ValueNames, board_text

SCOPE: Final = Scope("channel", "service", "policy")
EACH: Final = "policy, clock"
_BURN: Final = "place_policy_clock:contact_sla_burnrate"
_PROMISED: Final = Scope("policy")
"""Scope for metrics whose only label, of the variables of the page, is the policy."""
HORIZONS: Final[ValueNames] = {
    "1h": LocalizedText("1 heure", "1 hour"),
    "4h": LocalizedText("4 heures", "4 hours"),
    "1d": LocalizedText("1 jour", "1 day"),
    "3d": LocalizedText("3 jours", "3 days"),
    "7d": LocalizedText("7 jours", "7 days"),
}
RESULTS: Final[ValueNames] = {
    "met": LocalizedText("Tenus", "Kept"),
    "breached": LocalizedText("Dépassés", "Breached"),
    "cancelled": LocalizedText("Sans objet", "Cancelled"),
}


def kept(*matchers: str, by: str = "", window: str = RANGE) -> str:
    """Return the share of clocks met in `window`: met ÷ (met + breached)."""
    counter = "contact_sla_completed_total"
    return ratio(
        SCOPE.increase(counter, 'result="met"', *matchers, by=by, window=window),
        SCOPE.increase(counter, 'result=~"met|breached"', *matchers, by=by, window=window),
    )


def _state(title: LocalizedText, state: str) -> StatPanel:
    return StatPanel(
        title=title,
        description=LocalizedText(
            f'Délais promis encore à tenir, dans cet état : contact_sla_open_items{{state="{state}"}}.',
            f'Open promises in this state: contact_sla_open_items{{state="{state}"}}.',
        ),
        query=SCOPE.gauge_sum("contact_sla_open_items", f'state="{state}"'),
        width=4,
    )


PAGE: Final = Page(
    name="promises",
    title=LocalizedText("SLA et échéances", "Promises and deadlines"),
    description=LocalizedText(
        "Les délais promis par le fichier SLA : tenus, dépassés, à venir, et la marge qui reste.",
        "Targets of the SLA file: kept, broken, next deadlines, and the remaining margin.",
    ),
    scope=SCOPE,
    since="now-7d",
    sections=(
        Section(
            board_text("now"),
            (
                overdue(SCOPE),
                _state(board_text("at_risk"), "at_risk"),
                _state(board_text("running"), "running"),
                _state(LocalizedText("En pause", "Paused"), "paused"),
                StatPanel(
                    title=LocalizedText("Part tenue sur la période", "Share kept in the time range"),
                    description=LocalizedText(
                        "Tenus ÷ (tenus + dépassés), délais dont l’issue est connue sur la période :"
                        " contact_sla_completed_total.",
                        "Kept ÷ (kept + broken), for promises with a result in the time range:"
                        " contact_sla_completed_total.",
                    ),
                    unit=SHARE,
                    query=kept(),
                    width=4,
                ),
                StatPanel(
                    title=LocalizedText("Délai annoncé respecté", "Announced delay kept"),
                    description=LocalizedText(
                        'Tenus ÷ (tenus + dépassés) des délais annoncés (clock="announced"), sur la période : engagement'
                        " Services Publics+.",
                        'Kept ÷ (kept + broken) of announced delays (clock="announced"), over the time range: as Services'
                        " Publics+ asks.",
                    ),
                    unit=SHARE,
                    query=kept('clock="announced"'),
                    width=4,
                ),
            ),
        ),
        Section(
            board_text("promises"),
            (
                TablePanel(
                    title=board_text("promises"),
                    description=LocalizedText(
                        "Objectif : contact_sla_objective_ratio. Part tenue : tenus ÷ (tenus + dépassés), sur la période. À"
                        " risque, en retard : maintenant. Plus long retard : maintenant − la plus ancienne échéance"
                        " dépassée, en jours. Calendrier : ouvert ou fermé.",
                        "Objective: contact_sla_objective_ratio. Share kept: kept ÷ (kept + broken), over the time range."
                        " At risk, overdue: now. Longest overdue: now − the earliest missed deadline, in"
                        " days. Calendar: open or closed.",
                    ),
                    keys=(
                        KeyColumn("policy", LocalizedText("Politique", "Policy"), page="promises"),
                        KeyColumn("clock", board_text("promise"), CLOCK_KINDS),
                    ),
                    columns=(
                        Column(
                            LocalizedText("Objectif", "Objective"),
                            f"max by ({EACH}) ({_PROMISED.select('contact_sla_objective_ratio')})",
                            SHARE,
                        ),
                        Column(board_text("kept"), kept(by=EACH), SHARE),
                        Column(
                            board_text("at_risk"), SCOPE.gauge_sum("contact_sla_open_items", 'state="at_risk"', by=EACH)
                        ),
                        Column(
                            board_text("overdue"),
                            SCOPE.gauge_sum("contact_sla_open_items", 'state="overdue"', by=EACH),
                            thresholds=OVERDUE_THRESHOLDS,
                        ),
                        Column(
                            board_text("longest_overdue"),
                            f"{SCOPE.age('contact_sla_oldest_overdue_timestamp_seconds', by=EACH)} / {DAY}",
                            DAYS,
                        ),
                        Column(
                            LocalizedText("Calendrier", "Calendar"),
                            f"max by ({EACH}) ({_PROMISED.select('policy_clock:contact_sla_open:max')})",
                            states=OPENING_STATES,
                        ),
                    ),
                    height=11,
                ),
            ),
        ),
        Section(
            board_text("due_heading"),
            (
                BarGaugePanel(
                    title=LocalizedText("À échéance d’ici…", "Due within…"),
                    description=LocalizedText(
                        "Délais à tenir dont l’échéance est au plus si loin, chacun avec les plus proches :"
                        " contact_sla_due_items. Sans ceux en retard ou en pause.",
                        "Promises with a deadline within the horizon; each includes the shorter ones:"
                        " contact_sla_due_items. Without overdue and paused ones.",
                    ),
                    queries=[
                        Query(SCOPE.gauge_sum("contact_sla_due_items", f'horizon="{horizon}"'), words)
                        for horizon, words in HORIZONS.items()
                    ],
                    width=12,
                ),
                TimeSeriesPanel(
                    title=LocalizedText("Délais à tenir, par état", "Open promises by state"),
                    description=LocalizedText("contact_sla_open_items, par état.", "contact_sla_open_items, by state."),
                    queries=(Query(SCOPE.gauge_sum("contact_sla_open_items", by="state")),),
                    by="state",
                    names=SLA_STATES,
                ),
                TimeSeriesPanel(
                    title=LocalizedText("Issues", "Results"),
                    description=LocalizedText(
                        "Croissance de contact_sla_completed_total entre deux points, par issue.",
                        "Increase of contact_sla_completed_total between two points, by result.",
                    ),
                    queries=(Query(SCOPE.increase_per_step("contact_sla_completed_total", by="result")),),
                    by="result",
                    names=RESULTS,
                ),
                BarGaugePanel(
                    title=LocalizedText("Faits après l’échéance, par canal", "Done after the deadline, by channel"),
                    description=LocalizedText(
                        "Promis, et fait en retard, sur la période : croissance de contact_sla_late_total.",
                        "Done after the deadline, in the time range: increase of contact_sla_late_total.",
                    ),
                    queries=(Query(SCOPE.increase("contact_sla_late_total", by="channel")),),
                    by="channel",
                    names=CHANNELS,
                    width=12,
                ),
            ),
        ),
        Section(
            LocalizedText("Marge", "Margin"),
            (
                TimeSeriesPanel(
                    title=LocalizedText(
                        "Vitesse d’usure de la marge, appels et visites", "Burn rate, calls and visits"
                    ),
                    description=LocalizedText(
                        "Part dépassée ÷ part qui peut l’être, la pire de toutes, sur 30 min et 2 h. Au-dessus de 1,"
                        " l’objectif ne sera pas tenu ; au plus 1 ÷ (1 − objectif).",
                        "Share broken ÷ share allowed, the worst of all, over 30 min and 2 h. Above 1 the objective"
                        " will be missed; at most 1 ÷ (1 − objective).",
                    ),
                    unit=PLAIN,
                    queries=(
                        Query(f"max({SCOPE.select(f'{_BURN}:ratio30m')})", LocalizedText("30 min", "30 min")),
                        Query(f"max({SCOPE.select(f'{_BURN}:ratio2h')})", LocalizedText("2 h", "2 h")),
                    ),
                ),
                TimeSeriesPanel(
                    title=LocalizedText("Vitesse d’usure de la marge, écrits", "Burn rate, letters, e-mails, forms"),
                    description=LocalizedText(
                        "Part dépassée ÷ part qui peut l’être, la pire de toutes, sur 5 et 28 jours.",
                        "Share broken ÷ share allowed, the worst of all, over 5 and 28 days.",
                    ),
                    unit=PLAIN,
                    queries=(
                        Query(f"max({SCOPE.select(f'{_BURN}:ratio5d')})", LocalizedText("5 jours", "5 days")),
                        Query(f"max({SCOPE.select(f'{_BURN}:ratio28d')})", LocalizedText("28 jours", "28 days")),
                    ),
                ),
            ),
        ),
    ),
)
