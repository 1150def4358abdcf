"""Satisfaction: what citizens think, and how sure that is."""

from typing import Final

from grafana.page import Page, Section
from grafana.panels import COUNT, SHARE, Column, Curve, Heat, Key, Query, Table, Tile
from grafana.promql import Scope, bound_of_share, ratio
from grafana.words import CHANNELS, Vocabulary, Words, board, same

ON: Final = Scope("channel", "service")
_SCORES: Final = "contact_satisfaction_score"
_EACH: Final = "channel, site, service, measure"
_MONTH: Final = 'window="28d"'
MEASURES: Final[Vocabulary] = {
    "csat": board("measure_csat"),
    "nps": same("NPS"),
    "ces_1_5": board("measure_ces_1_5"),
    "ces_1_7": board("measure_ces_1_7"),
    "jdma": board("measure_jdma"),
    "response": Words("Taux de réponse", "Response rate"),
}
EXPERIENCES: Final[Vocabulary] = {
    "promise_kept": Words("Délai tenu", "Promise kept"),
    "promise_missed": Words("Délai dépassé", "Promise broken"),
    "no_promise": Words("Sans délai promis", "No promise"),
    "wait_le_60": Words("Attente d’une minute au plus", "Waited a minute at most"),
    "wait_le_300": Words("Attente de 1 à 5 minutes", "Waited 1 to 5 minutes"),
    "wait_gt_300": Words("Attente de plus de 5 minutes", "Waited more than 5 minutes"),
}
_AFTER: Final = "contact_satisfaction_after_items"
_ANSWERS: Final = ON.during(f"{_SCORES}_count", window="28d")
_SATISFIED: Final = f"1 - ({ON.within(_SCORES, '3.0', window='28d')})"
_CSAT_FORMULA: Final = Words(
    "notes 4 et 5 ÷ réponses sur 1 à 5, sur 28d : contact_satisfaction_score",
    "scores 4 and 5 ÷ answers on 1 to 5, over 28d: contact_satisfaction_score",
)


def _scores(title: Words, histogram: str) -> Heat:
    return Heat(
        title=title,
        about=Words(
            f"Nombre de réponses, par note : croissance des classes de {histogram}.",
            f"How many answered, by score: growth of the buckets of {histogram}.",
        ),
        unit=COUNT,
        query=ON.buckets(histogram),
    )


PAGE: Final = Page(
    name="satisfaction",
    title=Words("Satisfaction", "Satisfaction"),
    about=Words(
        "Ce que les usagers disent du service, avec le nombre de réponses et l’intervalle de confiance.",
        "What citizens say of the service, with the number of answers and the confidence interval.",
    ),
    scope=ON,
    since="now-28d",
    sections=(
        Section(
            Words("28 derniers jours", "Last 28 days"),
            (
                Tile(
                    title=board("measure_csat"),
                    about=Words(f"CSAT : {_CSAT_FORMULA.fr}.", f"CSAT: {_CSAT_FORMULA.en}."),
                    unit=SHARE,
                    query=_SATISFIED,
                    width=4,
                ),
                Tile(
                    title=Words("Au moins (95 %)", "At least (95%)"),
                    about=Words(
                        f"Borne basse de Wilson à 95 % de la part : {_CSAT_FORMULA.fr}.",
                        f"Lower Wilson bound, 95 %, of the share: {_CSAT_FORMULA.en}.",
                    ),
                    unit=SHARE,
                    query=bound_of_share(_SATISFIED, _ANSWERS, "-"),
                    width=4,
                ),
                Tile(
                    title=Words("Au plus (95 %)", "At most (95%)"),
                    about=Words(
                        f"Borne haute de Wilson à 95 % de la part : {_CSAT_FORMULA.fr}.",
                        f"Upper Wilson bound, 95 %, of the share: {_CSAT_FORMULA.en}.",
                    ),
                    unit=SHARE,
                    query=bound_of_share(_SATISFIED, _ANSWERS, "+"),
                    width=4,
                ),
                Tile(
                    title=board("given"),
                    about=Words(
                        "Réponses sur l’échelle de 1 à 5, sur 28d : contact_satisfaction_score_count.",
                        "Answers on the scale of 1 to 5, over 28d: contact_satisfaction_score_count.",
                    ),
                    query=_ANSWERS,
                    width=4,
                ),
                Tile(
                    title=same("NPS"),
                    about=Words(
                        "(Notes 9 et 10 − notes 0 à 6) ÷ réponses sur 0 à 10, sur 28d : contact_recommendation_score.",
                        "(Scores 9 and 10 − scores 0 to 6) ÷ answers on 0 to 10, over 28d: contact_recommendation_score.",
                    ),
                    unit=SHARE,
                    query=f"1 - ({ON.within('contact_recommendation_score', '8.0', window='28d')})"
                    f" - ({ON.within('contact_recommendation_score', '6.0', window='28d')})",
                    width=4,
                ),
                Tile(
                    title=Words("Invités", "Invited"),
                    about=Words(
                        "Usagers invités à donner leur avis, sur 28d : contact_survey_invited_total.",
                        "Citizens asked for their opinion, over 28d: contact_survey_invited_total.",
                    ),
                    query=ON.during("contact_survey_invited_total", window="28d"),
                    width=4,
                ),
            ),
        ),
        Section(
            Words("Par service et canal", "By service and channel"),
            (
                Table(
                    title=Words("Mesures, 28 jours", "Measures, 28 days"),
                    about=Words(
                        "Exact, sur 28 jours civils : contact_satisfaction_ratio, et ses bornes de Wilson à 95 %. CSAT"
                        " : notes 4 et 5 ÷ réponses. NPS : (9 et 10 − 0 à 6) ÷ réponses. Effort : 4 et 5, ou 5 à 7, ÷"
                        " réponses. JDMA : 8 à 10 ÷ réponses. Taux : répondants ÷ invités. Rien sous"
                        " contact_satisfaction_minimum_answers.",
                        "Exact, over 28 civil days: contact_satisfaction_ratio, and its Wilson bounds of 95%. CSAT:"
                        " scores 4 and 5 ÷ answers. NPS: (9 and 10 − 0 to 6) ÷ answers. Effort: 4 and 5, or 5 to 7, ÷"
                        " answers. JDMA: 8 to 10 ÷ answers. Rate: who answered ÷ invited. Nothing below"
                        " contact_satisfaction_minimum_answers.",
                    ),
                    keys=(
                        Key("service", board("service"), page="channel"),
                        Key("site", Words("Site", "Site")),
                        Key("channel", Words("Canal", "Channel"), CHANNELS),
                        Key("measure", Words("Mesure", "Measure"), MEASURES),
                    ),
                    columns=(
                        Column(board("given"), f"{ON.now('contact_satisfaction_answers', _MONTH, by=_EACH)} > 0"),
                        Column(
                            Words("Valeur", "Value"), ON.least("contact_satisfaction_ratio", _MONTH, by=_EACH), SHARE
                        ),
                        Column(
                            Words("Au moins", "At least"),
                            ON.least("contact_satisfaction_lower_ratio", _MONTH, by=_EACH),
                            SHARE,
                        ),
                        Column(
                            Words("Au plus", "At most"),
                            ON.least("contact_satisfaction_upper_ratio", _MONTH, by=_EACH),
                            SHARE,
                        ),
                    ),
                    height=12,
                ),
            ),
        ),
        Section(
            Words("Après quoi", "After what"),
            (
                Table(
                    title=Words("Satisfaits, selon ce qui a précédé", "Satisfied, by what came before"),
                    about=Words(
                        "Réponses de 1 à 5 des 28 derniers jours, selon ce que l’usager a vécu ; satisfaits : notes 4"
                        " et 5 ÷ réponses. Un contact est dans une ligne des délais et, s’il a attendu, dans une des"
                        " attentes : contact_satisfaction_after_items.",
                        "Answers of 1 to 5 of the last 28 days, by what the citizen went through; satisfied: scores 4"
                        " and 5 ÷ answers. A contact is in one line of promises and, if it waited, in one of waits:"
                        " contact_satisfaction_after_items.",
                    ),
                    keys=(Key("experience", Words("Vécu", "Experience"), EXPERIENCES),),
                    columns=(
                        Column(board("given"), ON.now(_AFTER, by="experience")),
                        Column(
                            board("measure_csat"),
                            ratio(ON.now(_AFTER, 'satisfied="true"', by="experience"), ON.now(_AFTER, by="experience")),
                            SHARE,
                        ),
                    ),
                    height=8,
                ),
            ),
        ),
        Section(
            Words("Dans le temps", "Over time"),
            (
                Curve(
                    title=Words("Satisfaits, avec l’intervalle", "Satisfied, with its interval"),
                    about=Words(
                        f"CSAT et ses bornes de Wilson à 95 % : {_CSAT_FORMULA.fr}.",
                        f"CSAT and its Wilson bounds of 95%: {_CSAT_FORMULA.en}.",
                    ),
                    unit=SHARE,
                    queries=(
                        Query(_SATISFIED, board("measure_csat")),
                        Query(bound_of_share(_SATISFIED, _ANSWERS, "-"), Words("au moins", "at least")),
                        Query(bound_of_share(_SATISFIED, _ANSWERS, "+"), Words("au plus", "at most")),
                    ),
                ),
                Curve(
                    title=Words("Invités et réponses", "Invited and answers"),
                    about=Words(
                        "Croissance de contact_survey_invited_total et de contact_satisfaction_score_count entre deux points.",
                        "Growth of contact_survey_invited_total and contact_satisfaction_score_count from point to point.",
                    ),
                    queries=(
                        Query(ON.growth("contact_survey_invited_total"), Words("Invités", "Invited")),
                        Query(ON.growth(f"{_SCORES}_count"), board("given")),
                    ),
                ),
                _scores(Words("Satisfaction, de 1 à 5", "Satisfaction, 1 to 5"), _SCORES),
                _scores(Words("Recommandation, de 0 à 10", "Recommendation, 0 to 10"), "contact_recommendation_score"),
                _scores(Words("Effort", "Effort"), "contact_effort_score"),
                _scores(Words("JeDonneMonAvis, de 0 à 10", "JeDonneMonAvis, 0 to 10"), "contact_jdma_score"),
            ),
        ),
    ),
)
