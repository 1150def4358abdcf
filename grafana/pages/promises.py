"""SLA et échéances: what is promised, what was kept, what falls due."""

from typing import Final

from grafana.page import Page, Section
from grafana.panels import DAY, DAYS, PLAIN, SHARE, Bars, Column, Curve, Key, Query, Table, Tile
from grafana.promql import RANGE, Scope, ratio
from grafana.shared import LATE, overdue
from grafana.words import CHANNELS, CLOCKS, OPENING, PROMISES, Vocabulary, Words, board

ON: Final = Scope("channel", "service", "policy")
EACH: Final = "policy, clock"
_BURN: Final = "place_policy_clock:contact_sla_burnrate"
_PROMISED: Final = Scope("policy")
"""What a policy says is told of no place."""
HORIZONS: Final[Vocabulary] = {
    "1h": Words("1 heure", "1 hour"),
    "4h": Words("4 heures", "4 hours"),
    "1d": Words("1 jour", "1 day"),
    "3d": Words("3 jours", "3 days"),
    "7d": Words("7 jours", "7 days"),
}
RESULTS: Final[Vocabulary] = {
    "met": Words("Tenus", "Kept"),
    "breached": Words("Dépassés", "Breached"),
    "cancelled": Words("Sans objet", "Cancelled"),
}


def kept(*matchers: str, by: str = "", window: str = RANGE) -> str:
    """Return the share that was kept of all of which it came out."""
    counter = "contact_sla_completed_total"
    return ratio(
        ON.during(counter, 'result="met"', *matchers, by=by, window=window),
        ON.during(counter, 'result=~"met|breached"', *matchers, by=by, window=window),
    )


def _state(title: Words, state: str) -> Tile:
    return Tile(
        title=title,
        about=Words(
            f'Délais promis encore à tenir, dans cet état : contact_sla_open_items{{state="{state}"}}.',
            f'Promises still to be kept, in this state: contact_sla_open_items{{state="{state}"}}.',
        ),
        query=ON.now("contact_sla_open_items", f'state="{state}"'),
        width=4,
    )


PAGE: Final = Page(
    name="promises",
    title=Words("SLA et échéances", "Promises and deadlines"),
    about=Words(
        "Les délais promis par le fichier SLA : tenus, dépassés, à venir, et la marge qui reste.",
        "What the SLA file promises: kept, broken, to come, and the margin that is left.",
    ),
    scope=ON,
    since="now-7d",
    sections=(
        Section(
            board("now"),
            (
                overdue(ON),
                _state(board("at_risk"), "at_risk"),
                _state(board("running"), "running"),
                _state(Words("En pause", "Paused"), "paused"),
                Tile(
                    title=Words("Part tenue sur la période", "Share kept, over the time looked at"),
                    about=Words(
                        "Tenus ÷ (tenus + dépassés), délais dont l’issue est connue sur la période :"
                        " contact_sla_completed_total.",
                        "Kept ÷ (kept + broken), of promises of which it came out during the time looked at:"
                        " contact_sla_completed_total.",
                    ),
                    unit=SHARE,
                    query=kept(),
                    width=4,
                ),
                Tile(
                    title=Words("Délai annoncé respecté", "Announced delay kept"),
                    about=Words(
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
            board("promises"),
            (
                Table(
                    title=board("promises"),
                    about=Words(
                        "Objectif : contact_sla_objective_ratio. Part tenue : tenus ÷ (tenus + dépassés), sur la période. À"
                        " risque, en retard : maintenant. Plus long retard : maintenant − la plus ancienne échéance"
                        " dépassée, en jours. Calendrier : ouvert ou fermé.",
                        "Objective: contact_sla_objective_ratio. Share kept: kept ÷ (kept + broken), over the time looked at."
                        " At risk, overdue: right now. Longest overdue: now − the earliest deadline that passed, in"
                        " days. Calendar: open or closed.",
                    ),
                    keys=(
                        Key("policy", Words("Politique", "Policy"), page="promises"),
                        Key("clock", board("promise"), CLOCKS),
                    ),
                    columns=(
                        Column(
                            Words("Objectif", "Objective"),
                            f"max by ({EACH}) ({_PROMISED.select('contact_sla_objective_ratio')})",
                            SHARE,
                        ),
                        Column(board("kept"), kept(by=EACH), SHARE),
                        Column(board("at_risk"), ON.now("contact_sla_open_items", 'state="at_risk"', by=EACH)),
                        Column(
                            board("overdue"), ON.now("contact_sla_open_items", 'state="overdue"', by=EACH), levels=LATE
                        ),
                        Column(
                            board("longest_overdue"),
                            f"{ON.age('contact_sla_oldest_overdue_timestamp_seconds', by=EACH)} / {DAY}",
                            DAYS,
                        ),
                        Column(
                            Words("Calendrier", "Calendar"),
                            f"max by ({EACH}) ({_PROMISED.select('policy_clock:contact_sla_open:max')})",
                            states=OPENING,
                        ),
                    ),
                    height=11,
                ),
            ),
        ),
        Section(
            board("due_heading"),
            (
                Bars(
                    title=Words("À échéance d’ici…", "Due within…"),
                    about=Words(
                        "Délais à tenir dont l’échéance est au plus si loin, chacun avec les plus proches :"
                        " contact_sla_due_items. Sans ceux en retard ou en pause.",
                        "Promises whose deadline is at most that far away, each with those before it:"
                        " contact_sla_due_items. Without the overdue and the paused.",
                    ),
                    queries=[
                        Query(ON.now("contact_sla_due_items", f'horizon="{horizon}"'), words)
                        for horizon, words in HORIZONS.items()
                    ],
                    width=12,
                ),
                Curve(
                    title=Words("Délais à tenir, par état", "Promises to be kept, by state"),
                    about=Words("contact_sla_open_items, par état.", "contact_sla_open_items, by state."),
                    queries=(Query(ON.now("contact_sla_open_items", by="state")),),
                    by="state",
                    names=PROMISES,
                ),
                Curve(
                    title=Words("Issues", "What came of them"),
                    about=Words(
                        "Croissance de contact_sla_completed_total entre deux points, par issue.",
                        "Growth of contact_sla_completed_total from point to point, by result.",
                    ),
                    queries=(Query(ON.growth("contact_sla_completed_total", by="result")),),
                    by="result",
                    names=RESULTS,
                ),
                Bars(
                    title=Words("Faits après l’échéance, par canal", "Done after the deadline, by channel"),
                    about=Words(
                        "Promis, et fait en retard, sur la période : croissance de contact_sla_late_total.",
                        "Promised, and done late, during the time looked at: growth of contact_sla_late_total.",
                    ),
                    queries=(Query(ON.during("contact_sla_late_total", by="channel")),),
                    by="channel",
                    names=CHANNELS,
                    width=12,
                ),
            ),
        ),
        Section(
            Words("Marge", "Margin"),
            (
                Curve(
                    title=Words("Vitesse d’usure de la marge, appels et visites", "Burn rate, calls and visits"),
                    about=Words(
                        "Part dépassée ÷ part qui peut l’être, la pire de toutes, sur 30 min et 2 h. Au-dessus de 1,"
                        " l’objectif ne sera pas tenu ; au plus 1 ÷ (1 − objectif).",
                        "Share broken ÷ share that may be, the worst of all, over 30 min and 2 h. Above 1 the objective"
                        " will be missed; at most 1 ÷ (1 − objective).",
                    ),
                    unit=PLAIN,
                    queries=(
                        Query(f"max({ON.select(f'{_BURN}:ratio30m')})", Words("30 min", "30 min")),
                        Query(f"max({ON.select(f'{_BURN}:ratio2h')})", Words("2 h", "2 h")),
                    ),
                ),
                Curve(
                    title=Words("Vitesse d’usure de la marge, écrits", "Burn rate, what is written"),
                    about=Words(
                        "Part dépassée ÷ part qui peut l’être, la pire de toutes, sur 5 et 28 jours.",
                        "Share broken ÷ share that may be, the worst of all, over 5 and 28 days.",
                    ),
                    unit=PLAIN,
                    queries=(
                        Query(f"max({ON.select(f'{_BURN}:ratio5d')})", Words("5 jours", "5 days")),
                        Query(f"max({ON.select(f'{_BURN}:ratio28d')})", Words("28 jours", "28 days")),
                    ),
                ),
            ),
        ),
    ),
)
