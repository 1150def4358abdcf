"""Page "Satisfaction": survey results with confidence intervals."""

from typing import Final

from grafana.page import Page, Section
from grafana.panels import COUNT, SHARE, Column, HeatmapPanel, KeyColumn, Query, StatPanel, TablePanel, TimeSeriesPanel
from grafana.promql import Scope, ratio, wilson_bound
from grafana.texts import CHANNELS, LocalizedText, ValueNames, board_text, untranslated

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
    "response": LocalizedText("Taux de réponse", "Response rate"),
}
EXPERIENCES: Final[ValueNames] = {
    "promise_kept": LocalizedText("Délai tenu", "Promise kept"),
    "promise_missed": LocalizedText("Délai dépassé", "Promise broken"),
    "no_promise": LocalizedText("Sans délai promis", "No promise"),
    "wait_le_60": LocalizedText("Attente d’une minute au plus", "Waited a minute at most"),
    "wait_le_300": LocalizedText("Attente de 1 à 5 minutes", "Waited 1 to 5 minutes"),
    "wait_gt_300": LocalizedText("Attente de plus de 5 minutes", "Waited more than 5 minutes"),
}
_AFTER: Final = "contact_satisfaction_after_items"
_ANSWERS: Final = SCOPE.increase(f"{_SCORES}_count", window="28d")
_SATISFIED: Final = f"1 - ({SCOPE.share_at_most(_SCORES, '3.0', window='28d')})"
_CSAT_FORMULA: Final = LocalizedText(
    "notes 4 et 5 ÷ réponses sur 1 à 5, sur 28d : contact_satisfaction_score",
    "scores 4 and 5 ÷ answers on 1 to 5, over 28d: contact_satisfaction_score",
)


def _scores(title: LocalizedText, histogram: str) -> HeatmapPanel:
    return HeatmapPanel(
        title=title,
        description=LocalizedText(
            f"Nombre de réponses, par note : croissance des classes de {histogram}.",
            f"Answers by score: increase of the buckets of {histogram}.",
        ),
        unit=COUNT,
        query=SCOPE.buckets(histogram),
    )


PAGE: Final = Page(
    name="satisfaction",
    title=LocalizedText("Satisfaction", "Satisfaction"),
    description=LocalizedText(
        "Ce que les usagers disent du service, avec le nombre de réponses et l’intervalle de confiance.",
        "Feedback of citizens, with the number of answers and the confidence interval.",
    ),
    scope=SCOPE,
    since="now-28d",
    sections=(
        Section(
            LocalizedText("28 derniers jours", "Last 28 days"),
            (
                StatPanel(
                    title=board_text("measure_csat"),
                    description=LocalizedText(f"CSAT : {_CSAT_FORMULA.fr}.", f"CSAT: {_CSAT_FORMULA.en}."),
                    unit=SHARE,
                    query=_SATISFIED,
                    width=4,
                ),
                StatPanel(
                    title=LocalizedText("Au moins (95 %)", "At least (95%)"),
                    description=LocalizedText(
                        f"Borne basse de Wilson à 95 % de la part : {_CSAT_FORMULA.fr}.",
                        f"Lower Wilson bound, 95 %, of the share: {_CSAT_FORMULA.en}.",
                    ),
                    unit=SHARE,
                    query=wilson_bound(_SATISFIED, _ANSWERS, "-"),
                    width=4,
                ),
                StatPanel(
                    title=LocalizedText("Au plus (95 %)", "At most (95%)"),
                    description=LocalizedText(
                        f"Borne haute de Wilson à 95 % de la part : {_CSAT_FORMULA.fr}.",
                        f"Upper Wilson bound, 95 %, of the share: {_CSAT_FORMULA.en}.",
                    ),
                    unit=SHARE,
                    query=wilson_bound(_SATISFIED, _ANSWERS, "+"),
                    width=4,
                ),
                StatPanel(
                    title=board_text("given"),
                    description=LocalizedText(
                        "Réponses sur l’échelle de 1 à 5, sur 28d : contact_satisfaction_score_count.",
                        "Answers on the scale of 1 to 5, over 28d: contact_satisfaction_score_count.",
                    ),
                    query=_ANSWERS,
                    width=4,
                ),
                StatPanel(
                    title=untranslated("NPS"),
                    description=LocalizedText(
                        "(Notes 9 et 10 − notes 0 à 6) ÷ réponses sur 0 à 10, sur 28d : contact_recommendation_score.",
                        "(Scores 9 and 10 − scores 0 to 6) ÷ answers on 0 to 10, over 28d: contact_recommendation_score.",
                    ),
                    unit=SHARE,
                    query=f"1 - ({SCOPE.share_at_most('contact_recommendation_score', '8.0', window='28d')})"
                    f" - ({SCOPE.share_at_most('contact_recommendation_score', '6.0', window='28d')})",
                    width=4,
                ),
                StatPanel(
                    title=LocalizedText("Invités", "Invited"),
                    description=LocalizedText(
                        "Usagers invités à donner leur avis, sur 28d : contact_survey_invited_total.",
                        "Citizens invited to give feedback, over 28d: contact_survey_invited_total.",
                    ),
                    query=SCOPE.increase("contact_survey_invited_total", window="28d"),
                    width=4,
                ),
            ),
        ),
        Section(
            LocalizedText("Par service et canal", "By service and channel"),
            (
                TablePanel(
                    title=LocalizedText("Mesures, 28 jours", "Measures, 28 days"),
                    description=LocalizedText(
                        "Exact, sur 28 jours civils : contact_satisfaction_ratio, et ses bornes de Wilson à 95 %. CSAT"
                        " : notes 4 et 5 ÷ réponses. NPS : (9 et 10 − 0 à 6) ÷ réponses. Effort : 4 et 5, ou 5 à 7, ÷"
                        " réponses. JDMA : 8 à 10 ÷ réponses. Taux : répondants ÷ invités. Rien sous"
                        " contact_satisfaction_minimum_answers.",
                        "Exact, over 28 civil days: contact_satisfaction_ratio, and its Wilson bounds of 95%. CSAT:"
                        " scores 4 and 5 ÷ answers. NPS: (9 and 10 − 0 to 6) ÷ answers. Effort: 4 and 5, or 5 to 7, ÷"
                        " answers. JDMA: 8 to 10 ÷ answers. Rate: respondents ÷ invited. Nothing below"
                        " contact_satisfaction_minimum_answers.",
                    ),
                    keys=(
                        KeyColumn("service", board_text("service"), page="channel"),
                        KeyColumn("site", LocalizedText("Site", "Site")),
                        KeyColumn("channel", LocalizedText("Canal", "Channel"), CHANNELS),
                        KeyColumn("measure", LocalizedText("Mesure", "Measure"), MEASURES),
                    ),
                    columns=(
                        Column(
                            board_text("given"),
                            f"{SCOPE.gauge_sum('contact_satisfaction_answers', _MONTH, by=_EACH)} > 0",
                        ),
                        Column(
                            LocalizedText("Valeur", "Value"),
                            SCOPE.minimum("contact_satisfaction_ratio", _MONTH, by=_EACH),
                            SHARE,
                        ),
                        Column(
                            LocalizedText("Au moins", "At least"),
                            SCOPE.minimum("contact_satisfaction_lower_ratio", _MONTH, by=_EACH),
                            SHARE,
                        ),
                        Column(
                            LocalizedText("Au plus", "At most"),
                            SCOPE.minimum("contact_satisfaction_upper_ratio", _MONTH, by=_EACH),
                            SHARE,
                        ),
                    ),
                    height=12,
                ),
            ),
        ),
        Section(
            LocalizedText("Après quoi", "By experience"),
            (
                TablePanel(
                    title=LocalizedText("Satisfaits, selon ce qui a précédé", "Satisfied, by earlier experience"),
                    description=LocalizedText(
                        "Réponses de 1 à 5 des 28 derniers jours, selon ce que l’usager a vécu ; satisfaits : notes 4"
                        " et 5 ÷ réponses. Un contact est dans une ligne des délais et, s’il a attendu, dans une des"
                        " attentes : contact_satisfaction_after_items.",
                        "Answers of 1 to 5 of the last 28 days, by the experience of the citizen; satisfied: scores 4"
                        " and 5 ÷ answers. A contact is in one row of promises and, if it waited, in one of waits:"
                        " contact_satisfaction_after_items.",
                    ),
                    keys=(KeyColumn("experience", LocalizedText("Vécu", "Experience"), EXPERIENCES),),
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
            ),
        ),
        Section(
            LocalizedText("Dans le temps", "Over time"),
            (
                TimeSeriesPanel(
                    title=LocalizedText("Satisfaits, avec l’intervalle", "Satisfied, with its interval"),
                    description=LocalizedText(
                        f"CSAT et ses bornes de Wilson à 95 % : {_CSAT_FORMULA.fr}.",
                        f"CSAT and its Wilson bounds of 95%: {_CSAT_FORMULA.en}.",
                    ),
                    unit=SHARE,
                    queries=(
                        Query(_SATISFIED, board_text("measure_csat")),
                        Query(wilson_bound(_SATISFIED, _ANSWERS, "-"), LocalizedText("au moins", "at least")),
                        Query(wilson_bound(_SATISFIED, _ANSWERS, "+"), LocalizedText("au plus", "at most")),
                    ),
                ),
                TimeSeriesPanel(
                    title=LocalizedText("Invités et réponses", "Invited and answers"),
                    description=LocalizedText(
                        "Croissance de contact_survey_invited_total et de contact_satisfaction_score_count entre deux points.",
                        "Increase of contact_survey_invited_total and contact_satisfaction_score_count between two points.",
                    ),
                    queries=(
                        Query(
                            SCOPE.increase_per_step("contact_survey_invited_total"), LocalizedText("Invités", "Invited")
                        ),
                        Query(SCOPE.increase_per_step(f"{_SCORES}_count"), board_text("given")),
                    ),
                ),
                _scores(LocalizedText("Satisfaction, de 1 à 5", "Satisfaction, 1 to 5"), _SCORES),
                _scores(
                    LocalizedText("Recommandation, de 0 à 10", "Recommendation, 0 to 10"),
                    "contact_recommendation_score",
                ),
                _scores(LocalizedText("Effort", "Effort"), "contact_effort_score"),
                _scores(LocalizedText("JeDonneMonAvis, de 0 à 10", "JeDonneMonAvis, 0 to 10"), "contact_jdma_score"),
            ),
        ),
    ),
)
