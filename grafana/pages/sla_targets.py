"""SLA et échéances: what is promised, what was kept, what falls due."""

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
"""What a policy says is told of no place."""
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
    """Return the share that was kept of all of which it came out."""
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
            f'Promises still to be kept, in this state: contact_sla_open_items{{state="{state}"}}.',
        ),
        query=SCOPE.gauge_sum("contact_sla_open_items", f'state="{state}"'),
        width=4,
    )


PAGE: Final = Page(
    name="promises",
    title=LocalizedText("SLA et échéances", "Promises and deadlines"),
    description=LocalizedText(
        "Les délais promis par le fichier SLA : tenus, dépassés, à venir, et la marge qui reste.",
        "What the SLA file promises: kept, broken, to come, and the margin that is left.",
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
                    title=LocalizedText("Part tenue sur la période", "Share kept, over the time looked at"),
                    description=LocalizedText(
                        "Tenus ÷ (tenus + dépassés), délais dont l’issue est connue sur la période :"
                        " contact_sla_completed_total.",
                        "Kept ÷ (kept + broken), of promises of which it came out during the time looked at:"
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
                        'Kept ÷ (kept + broken) of announced delays (clock="announced"), over the time looked at: as Services'
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
                        "Objective: contact_sla_objective_ratio. Share kept: kept ÷ (kept + broken), over the time looked at."
                        " At risk, overdue: right now. Longest overdue: now − the earliest deadline that passed, in"
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
                        "Promises whose deadline is at most that far away, each with those before it:"
                        " contact_sla_due_items. Without the overdue and the paused.",
                    ),
                    queries=[
                        Query(SCOPE.gauge_sum("contact_sla_due_items", f'horizon="{horizon}"'), words)
                        for horizon, words in HORIZONS.items()
                    ],
                    width=12,
                ),
                TimeSeriesPanel(
                    title=LocalizedText("Délais à tenir, par état", "Promises to be kept, by state"),
                    description=LocalizedText("contact_sla_open_items, par état.", "contact_sla_open_items, by state."),
                    queries=(Query(SCOPE.gauge_sum("contact_sla_open_items", by="state")),),
                    by="state",
                    names=SLA_STATES,
                ),
                TimeSeriesPanel(
                    title=LocalizedText("Issues", "What came of them"),
                    description=LocalizedText(
                        "Croissance de contact_sla_completed_total entre deux points, par issue.",
                        "Growth of contact_sla_completed_total from point to point, by result.",
                    ),
                    queries=(Query(SCOPE.increase_per_step("contact_sla_completed_total", by="result")),),
                    by="result",
                    names=RESULTS,
                ),
                BarGaugePanel(
                    title=LocalizedText("Faits après l’échéance, par canal", "Done after the deadline, by channel"),
                    description=LocalizedText(
                        "Promis, et fait en retard, sur la période : croissance de contact_sla_late_total.",
                        "Promised, and done late, during the time looked at: growth of contact_sla_late_total.",
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
                        "Share broken ÷ share that may be, the worst of all, over 30 min and 2 h. Above 1 the objective"
                        " will be missed; at most 1 ÷ (1 − objective).",
                    ),
                    unit=PLAIN,
                    queries=(
                        Query(f"max({SCOPE.select(f'{_BURN}:ratio30m')})", LocalizedText("30 min", "30 min")),
                        Query(f"max({SCOPE.select(f'{_BURN}:ratio2h')})", LocalizedText("2 h", "2 h")),
                    ),
                ),
                TimeSeriesPanel(
                    title=LocalizedText("Vitesse d’usure de la marge, écrits", "Burn rate, what is written"),
                    description=LocalizedText(
                        "Part dépassée ÷ part qui peut l’être, la pire de toutes, sur 5 et 28 jours.",
                        "Share broken ÷ share that may be, the worst of all, over 5 and 28 days.",
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
