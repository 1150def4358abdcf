"""Page "Satisfaction": survey results with confidence intervals."""

from typing import Final

from grafana.page import Page
from grafana.panels import COUNT, SHARE, Column, HeatmapPanel, KeyColumn, Query, StatPanel, TablePanel, TimeSeriesPanel
from grafana.promql import Scope, ratio, wilson_bound
from grafana.texts import CHANNELS, LocalizedText, ValueNames, _, board_text, untranslated
from models.locale import C_

SCOPE: Final = Scope("channel", "service")
_SCORES: Final = "contact_satisfaction_score"
_EACH: Final = "channel, site, service, measure"
_MONTH: Final = 'window="28d"'
MEASURES: Final[ValueNames] = {
    "csat": board_text("measure_csat"),
    "nps": untranslated("NPS"),
    "ces_1_5": board_text("measure_ces_1_5"),
    "ces_1_7": board_text("measure_ces_1_7"),
    "jdma": board_text("measure_jdma"),
    "response": _("Response rate"),
}
EXPERIENCES: Final[ValueNames] = {
    "sla_met": _("SLA target met"),
    "sla_missed": _("SLA target missed"),
    "no_sla_target": _(C_("dashboard", "No SLA target")),
    "wait_le_60": _("Waited a minute at most"),
    "wait_le_300": _("Waited 1 to 5 minutes"),
    "wait_gt_300": _("Waited more than 5 minutes"),
}
_AFTER: Final = "contact_satisfaction_after_items"
_ANSWERS: Final = SCOPE.increase(f"{_SCORES}_count", window="28d")
_SATISFIED: Final = f"1 - ({SCOPE.share_at_most(_SCORES, '3.0', window='28d')})"
_CSAT_FORMULA: Final = _("scores 4 and 5 ÷ answers on 1 to 5, over 28d: contact_satisfaction_score")


def _scores(title: LocalizedText, histogram: str) -> HeatmapPanel:
    return HeatmapPanel(
        title=title,
        description=_("Answers by score: increase of the buckets of {histogram}.", histogram=histogram),
        unit=COUNT,
        query=SCOPE.buckets(histogram),
    )


PAGE: Final = Page(
    name="satisfaction",
    title=untranslated("Satisfaction"),
    description=_("Feedback of citizens, with the number of answers and the confidence interval."),
    scope=SCOPE,
    since="now-28d",
    parts=(
        _("Last 28 days"),
        StatPanel(
            title=board_text("measure_csat"),
            description=_("CSAT: {formula}.", formula=_CSAT_FORMULA),
            unit=SHARE,
            query=_SATISFIED,
            width=4,
        ),
        StatPanel(
            title=_("At least (95%)"),
            description=_("Lower Wilson bound, 95 %, of the share: {formula}.", formula=_CSAT_FORMULA),
            unit=SHARE,
            query=wilson_bound(_SATISFIED, _ANSWERS, "-"),
            width=4,
        ),
        StatPanel(
            title=_("At most (95%)"),
            description=_("Upper Wilson bound, 95 %, of the share: {formula}.", formula=_CSAT_FORMULA),
            unit=SHARE,
            query=wilson_bound(_SATISFIED, _ANSWERS, "+"),
            width=4,
        ),
        StatPanel(
            title=board_text("given"),
            description=_("Answers on the scale of 1 to 5, over 28d: contact_satisfaction_score_count."),
            query=_ANSWERS,
            width=4,
        ),
        StatPanel(
            title=untranslated("NPS"),
            description=_(
                "(Scores 9 and 10 − scores 0 to 6) ÷ answers on 0 to 10, over 28d: contact_recommendation_score."
            ),
            unit=SHARE,
            query=f"1 - ({SCOPE.share_at_most('contact_recommendation_score', '8.0', window='28d')})"
            f" - ({SCOPE.share_at_most('contact_recommendation_score', '6.0', window='28d')})",
            width=4,
        ),
        StatPanel(
            title=_("Invited"),
            description=_("Citizens invited to give feedback, over 28d: contact_survey_invited_total."),
            query=SCOPE.increase("contact_survey_invited_total", window="28d"),
            width=4,
        ),
        _("By service and channel"),
        TablePanel(
            title=_("Measures, 28 days"),
            description=_(
                "Exact, over 28 civil days: contact_satisfaction_ratio, and its Wilson bounds of 95%. CSAT:"
                " scores 4 and 5 ÷ answers. NPS: (9 and 10 − 0 to 6) ÷ answers. Effort: 4 and 5, or 5 to 7, ÷"
                " answers. JDMA: 8 to 10 ÷ answers. Rate: respondents ÷ invited. Nothing below"
                " contact_satisfaction_minimum_answers."
            ),
            keys=(
                KeyColumn("service", board_text("service"), page="channel"),
                KeyColumn("site", untranslated("Site")),
                KeyColumn("channel", _("Channel"), CHANNELS),
                KeyColumn("measure", _("Measure"), MEASURES),
            ),
            columns=(
                Column(board_text("given"), f"{SCOPE.gauge_sum('contact_satisfaction_answers', _MONTH, by=_EACH)} > 0"),
                Column(_("Value"), SCOPE.minimum("contact_satisfaction_ratio", _MONTH, by=_EACH), SHARE),
                Column(_("At least"), SCOPE.minimum("contact_satisfaction_lower_ratio", _MONTH, by=_EACH), SHARE),
                Column(_("At most"), SCOPE.minimum("contact_satisfaction_upper_ratio", _MONTH, by=_EACH), SHARE),
            ),
            height=12,
        ),
        _("By experience"),
        TablePanel(
            title=_("Satisfied, by earlier experience"),
            description=_(
                "Answers of 1 to 5 of the last 28 days, by the experience of the citizen; satisfied: scores 4"
                " and 5 ÷ answers. A contact is in one row of SLA targets and, if it waited, in one of waits:"
                " contact_satisfaction_after_items."
            ),
            keys=(KeyColumn("experience", _("Experience"), EXPERIENCES),),
            columns=(
                Column(board_text("given"), SCOPE.gauge_sum(_AFTER, by="experience")),
                Column(
                    board_text("measure_csat"),
                    ratio(
                        SCOPE.gauge_sum(_AFTER, 'satisfied="true"', by="experience"),
                        SCOPE.gauge_sum(_AFTER, by="experience"),
                    ),
                    SHARE,
                ),
            ),
            height=8,
        ),
        _("Over time"),
        TimeSeriesPanel(
            title=_("Satisfied, with its interval"),
            description=_("CSAT and its Wilson bounds of 95%: {formula}.", formula=_CSAT_FORMULA),
            unit=SHARE,
            queries=(
                Query(_SATISFIED, board_text("measure_csat")),
                Query(wilson_bound(_SATISFIED, _ANSWERS, "-"), _("at least")),
                Query(wilson_bound(_SATISFIED, _ANSWERS, "+"), _("at most")),
            ),
        ),
        TimeSeriesPanel(
            title=_("Invited and answers"),
            description=_(
                "Increase of contact_survey_invited_total and contact_satisfaction_score_count between two points."
            ),
            queries=(
                Query(SCOPE.increase_per_step("contact_survey_invited_total"), _("Invited")),
                Query(SCOPE.increase_per_step(f"{_SCORES}_count"), board_text("given")),
            ),
        ),
        _scores(_("Satisfaction, 1 to 5"), _SCORES),
        _scores(_("Recommendation, 0 to 10"), "contact_recommendation_score"),
        _scores(untranslated("Effort"), "contact_effort_score"),
        _scores(_("JeDonneMonAvis, 0 to 10"), "contact_jdma_score"),
    ),
)
