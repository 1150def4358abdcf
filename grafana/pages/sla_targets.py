"""Page "SLA et échéances": SLA targets met and missed, and next deadlines."""

from typing import Final

from grafana.page import Page
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
from grafana.texts import (
    CHANNELS,
    CLOCK_KINDS,
    OPENING_STATES,
    SLA_STATES,
    LocalizedText,
    ValueNames,
    _,
    board_text,
    untranslated,
)
from models.locale import C_

SCOPE: Final = Scope("channel", "service", "policy")
EACH: Final = "policy, clock"
_BURN: Final = "place_policy_clock:contact_sla_burnrate"
_BY_POLICY: Final = Scope("policy")
"""Scope for metrics whose only label, of the variables of the page, is the policy."""
HORIZONS: Final[ValueNames] = {
    "1h": _("1 hour"),
    "4h": _("4 hours"),
    "1d": _("1 day"),
    "3d": _("3 days"),
    "7d": _("7 days"),
}
RESULTS: Final[ValueNames] = {"met": _("Met"), "breached": _("Breached"), "cancelled": _(C_("dashboard", "Cancelled"))}


def kept(*matchers: str, by: str = "", window: str = RANGE) -> str:
    """Return a query for the share of SLA clocks met in `window`: met ÷ (met + breached)."""
    counter = "contact_sla_completed_total"
    return ratio(
        SCOPE.increase(counter, 'result="met"', *matchers, by=by, window=window),
        SCOPE.increase(counter, 'result=~"met|breached"', *matchers, by=by, window=window),
    )


def _state(title: LocalizedText, state: str) -> StatPanel:
    return StatPanel(
        title=title,
        description=_('Open SLA targets in this state: contact_sla_open_items{{state="{state}"}}.', state=state),
        query=SCOPE.gauge_sum("contact_sla_open_items", f'state="{state}"'),
        width=4,
    )


PAGE: Final = Page(
    name="sla-targets",
    title=_("SLA targets and deadlines"),
    description=_("Targets of the SLA file: met, missed, next deadlines, and the remaining margin."),
    scope=SCOPE,
    since="now-7d",
    parts=(
        board_text("now"),
        overdue(SCOPE),
        _state(board_text("at_risk"), "at_risk"),
        _state(board_text("running"), "running"),
        _state(_("Paused"), "paused"),
        StatPanel(
            title=_("SLA targets met in the time range"),
            description=_(
                "Met ÷ (met + missed), for SLA targets with a result in the time range: contact_sla_completed_total."
            ),
            unit=SHARE,
            query=kept(),
            width=4,
        ),
        StatPanel(
            title=_("Announced delay met"),
            description=_(
                'Met ÷ (met + missed) of announced delays (clock="announced"), over the time range: as Services'
                " Publics+ asks."
            ),
            unit=SHARE,
            query=kept('clock="announced"'),
            width=4,
        ),
        board_text("sla_targets"),
        TablePanel(
            title=board_text("sla_targets"),
            description=_(
                "Objective: contact_sla_objective_ratio. SLA targets met: met ÷ (met + missed), over the time range."
                " At risk, overdue: now. Longest overdue: now − the earliest missed deadline, in"
                " days. Calendar: open or closed."
            ),
            keys=(
                KeyColumn("policy", _("Policy"), page="sla-targets"),
                KeyColumn("clock", board_text("sla_target"), CLOCK_KINDS),
            ),
            columns=(
                Column(_("Objective"), f"max by ({EACH}) ({_BY_POLICY.select('contact_sla_objective_ratio')})", SHARE),
                Column(board_text("kept"), kept(by=EACH), SHARE),
                Column(board_text("at_risk"), SCOPE.gauge_sum("contact_sla_open_items", 'state="at_risk"', by=EACH)),
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
                    _("Calendar"),
                    f"max by ({EACH}) ({_BY_POLICY.select('policy_clock:contact_sla_open:max')})",
                    states=OPENING_STATES,
                ),
            ),
            height=11,
        ),
        board_text("due_heading"),
        BarGaugePanel(
            title=_("Due within…"),
            description=_(
                "SLA targets with a deadline within the horizon; each includes the shorter ones:"
                " contact_sla_due_items. Without overdue and paused ones."
            ),
            queries=[
                Query(SCOPE.gauge_sum("contact_sla_due_items", f'horizon="{horizon}"'), words)
                for horizon, words in HORIZONS.items()
            ],
            width=12,
        ),
        TimeSeriesPanel(
            title=_("Open SLA targets by state"),
            description=_("contact_sla_open_items, by state."),
            queries=(Query(SCOPE.gauge_sum("contact_sla_open_items", by="state")),),
            by="state",
            names=SLA_STATES,
        ),
        TimeSeriesPanel(
            title=_("Results"),
            description=_("Increase of contact_sla_completed_total between two points, by result."),
            queries=(Query(SCOPE.increase_per_step("contact_sla_completed_total", by="result")),),
            by="result",
            names=RESULTS,
        ),
        BarGaugePanel(
            title=_("Done after the deadline, by channel"),
            description=_("Done after the deadline, in the time range: increase of contact_sla_late_total."),
            queries=(Query(SCOPE.increase("contact_sla_late_total", by="channel")),),
            by="channel",
            names=CHANNELS,
            width=12,
        ),
        _("Margin"),
        TimeSeriesPanel(
            title=_("Burn rate, calls and visits"),
            description=_(
                "Share missed ÷ share allowed, the worst of all, over 30 min and 2 h. Above 1 the objective"
                " will be missed; at most 1 ÷ (1 − objective)."
            ),
            unit=PLAIN,
            queries=(
                Query(f"max({SCOPE.select(f'{_BURN}:ratio30m')})", untranslated("30 min")),
                Query(f"max({SCOPE.select(f'{_BURN}:ratio2h')})", untranslated("2 h")),
            ),
        ),
        TimeSeriesPanel(
            title=_("Burn rate, letters, e-mails, forms"),
            description=_("Share missed ÷ share allowed, the worst of all, over 5 and 28 days."),
            unit=PLAIN,
            queries=(
                Query(f"max({SCOPE.select(f'{_BURN}:ratio5d')})", _("5 days")),
                Query(f"max({SCOPE.select(f'{_BURN}:ratio28d')})", _("28 days")),
            ),
        ),
    ),
)
