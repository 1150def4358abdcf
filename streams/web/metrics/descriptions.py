"""Texts of the metrics reference page: help texts in French, formulas, label values, and PromQL of common KPIs.

Formulas consist of event types, names of the SLA file and PromQL; the catalogue contains their French versions. One file, since
it is a table: a change of a metric concerns its entry and the queries of the KPIs that use it.
"""
# ruff: noqa: RUF001 - French has typographic apostrophes

from collections.abc import Mapping
from typing import Final, NamedTuple

from models.locale import N_
from streams.core.figures.figure_schemas import CONTACT_CHANNELS
from streams.web.metrics.measure import CORRECTED_SUFFIX


class MetricText(NamedTuple):
    """Entry of one metric in the metrics reference: French help text, formula, and label values or bucket bounds if needed.

    The English help text is the metric's own.
    """

    french: str
    formula: str
    labels: Mapping[str, tuple[str, ...]] | None = None
    """Label → all its values (empty if they come from settings), for a metric that may have no samples yet."""
    bounds: tuple[float, ...] | None = None
    """Bucket bounds, for a histogram that may have no samples yet."""


class Kpi(NamedTuple):
    """A KPI computed from metrics, and its query."""

    name: str
    promql: str


_CHANNEL: Final = {"channel": tuple(map(str, CONTACT_CHANNELS))}
_ANY_INSTANCE: Final = "max without (instance, job)"

TEXTS: Final[Mapping[str, MetricText]] = {
    # ------------------------------------------------------------------------------------------------ all channels
    "contact_received": MetricText(
        "Contacts reçus : appels et visites entrés en file, même refusés ; courriers, courriels, formulaires ; rendez-vous pris.",
        "stays in a queue (call.queued, visit.arrived, or what follows) + letter.arrived + email.received + form.submitted +"
        " appointment.booked, each contact once",
    ),
    "contact_answered": MetricText(
        "Répondus par un agent ; ou, pour l’écrit, première réponse d’une personne.",
        "call.answered + visit.called (without visit.left after it) + the first of letter.answered, email.answered,"
        " form.decided, form.correction_requested",
    ),
    "contact_backlog_items": MetricText(
        "Ouverts maintenant : waiting (en file, ou à prendre en charge), in_progress, pending_citizen (à l’usager d’agir ou"
        " de venir).",
        "received − closed, by the state after the latest event",
    ),
    "contact_oldest_item_timestamp_seconds": MetricText(
        "Heure d’arrivée du contact qui attend le plus, en file ou côté service ; absent si aucun n’attend.",
        "min t(arrival) of state waiting; for letters, e-mails and forms also in_progress",
    ),
    "contact_corrected": MetricText(
        "Faits corrigés ensuite, que les compteurs comptent encore.",
        "true count = counter − contact_corrected_total of the same fact",
    ),
    "contact_today_items": MetricText(
        "Comptes exacts depuis minuit (fuseau horaire réglé).",
        "facts of the civil day, without those corrected later",
    ),
    "contact_today_duration_items": MetricText(
        "Combien de durées ont été mesurées depuis minuit, par durée ; les attentes sont celles des répondus.",
        "number of facts of today with this duration",
    ),
    "contact_today_duration_seconds": MetricText(
        "Somme de ces durées : divisée par contact_today_duration_items, leur moyenne du jour.",
        "Σ duration of the facts of today",
    ),
    # ------------------------------------------------------------------------------------------------------ queues
    "contact_transferred": MetricText(
        "Transmis par un agent, selon la file d’arrivée ; vide si ce n’est pas une file, ou si elle n’est pas connue.",
        "call.transferred, data.to_queue; if a call reports several: the latest known queue",
    ),
    "contact_abandoned": MetricText(
        "Abandonnés pendant l’attente ; short : dans la limite des abandons courts.",
        'call.abandoned + visit.left; short="true": wait ≤ web.short_abandon_seconds',
    ),
    "contact_left_queue": MetricText(
        "Sortis d’une file sans réponse ni abandon, par raison (pleine, fermée, déviée, délai …).",
        "call.left_queue by reason; forgotten: no end reported within worker.forget_*_after_seconds",
    ),
    "contact_service_level_numerator": MetricText(
        "Numérateur du niveau de service à la cible, selon la formule nommée.",
        "answered_share, offered_share, net_of_short: answered with wait ≤ T; removed_share: + abandoned with wait ≤ T",
    ),
    "contact_service_level_denominator": MetricText(
        "Dénominateur du niveau de service, selon la formule nommée.",
        "answered_share: answered; removed_share: answered + abandoned; offered_share: answered + abandoned + left;"
        " net_of_short: answered + abandoned with wait > web.short_abandon_seconds",
    ),
    "contact_today_service_level_numerator": MetricText(
        "Le même numérateur, exact, depuis minuit.", "as contact_service_level_numerator_total, of the civil day"
    ),
    "contact_today_service_level_denominator": MetricText(
        "Le même dénominateur, exact, depuis minuit.", "as contact_service_level_denominator_total, of the civil day"
    ),
    "contact_wait_seconds": MetricText(
        "Attentes des répondus.", "wait_seconds of the source, else t(answered) − t(queued)"
    ),
    "contact_abandon_wait_seconds": MetricText(
        "Attentes des abandonnés.", "wait_seconds of the source, else t(abandoned) − t(queued)"
    ),
    "contact_handle_seconds": MetricText(
        "Durées de traitement par les agents.",
        "handle_seconds of the source, else t(call.ended, call.transferred or visit.served) − t(answered)",
    ),
    "contact_agents": MetricText(
        "Agents maintenant, dans chaque file qu’ils servent, et une fois chacun sous une file vide.",
        "latest agent.state_changed of each agent",
    ),
    "contact_service_level_target_seconds": MetricText(
        "Attente cible T du niveau de service ; les délais promis sont dans contact_sla_target_seconds.",
        "web.target_seconds, web.desk_target_seconds",
    ),
    # ----------------------------------------------------------------------------------------------------- written
    "contact_registered": MetricText("Courriers enregistrés au registre (numéro chrono).", "letter.registered"),
    "contact_assigned": MetricText(
        "Dossiers attribués à un service, ou pris en charge.", "letter.assigned + form.taken_up"
    ),
    "contact_acknowledged": MetricText(
        "Dossiers dont l’expéditeur a reçu un accusé de réception.", "letter.acknowledged + email.acknowledged"
    ),
    "contact_form_correction": MetricText(
        "Formulaires à corriger par l’usager, ou corrigés.", "form.correction_requested, form.corrected"
    ),
    "contact_closed": MetricText(
        "Dossiers traités : répondus, décidés ou clos autrement, par issue.",
        "by the event that sets the state: letter.answered, letter.closed, email.answered, form.decided",
    ),
    "contact_sent": MetricText("Courriers partis, par type d’affranchissement.", "letter.sent by postage"),
    "contact_postage_euros": MetricText(
        "Affranchissement des courriers partis, par type.", "Σ letter.sent.cost_cents / 100, by postage"
    ),
    "contact_postage_corrected_euros": MetricText(
        "Affranchissement corrigé ensuite, que contact_postage_euros_total compte encore.", "as contact_corrected_total"
    ),
    "contact_reopened": MetricText(
        "Dossiers rouverts après une clôture ; chacun compte une fois.",
        "a state other than closed after it was closed: letter.assigned, email.received, form.corrected …",
    ),
    "contact_scan_seconds": MetricText(
        "De la réception à la numérisation, pour les courriers dont on sait les deux.",
        "t(letter.arrived) − letter.arrived.admitted_at, where the latter is earlier",
    ),
    "contact_backlog_by_age_items": MetricText(
        "Dossiers qui attendent le service, par jours civils depuis la réception ; total des tranches = waiting"
        " + in_progress.",
        "lt_1d: received today; each band excludes the earlier ones",
    ),
    "contact_first_response_business_seconds": MetricText(
        "Heures d’ouverture de la réception à la première réponse d’une personne, selon le calendrier de la règle.",
        "opening hours of the calendar from receipt to the response, pauses included; clocks first_response met or late",
    ),
    "contact_resolution_business_seconds": MetricText(
        "Heures d’ouverture de la réception à la réponse ou décision qui l’a clos, selon le calendrier de la règle.",
        "as contact_first_response_business_seconds, for clock resolution",
    ),
    "contact_registration_seconds": MetricText(
        "De la réception au numéro du registre.",
        "t(letter.registered) − t(letter.arrived.admitted_at, or the earliest of letter.arrived,"
        " email.received, form.submitted)",
    ),
    "contact_assignment_seconds": MetricText(
        "De la réception à l’attribution à un service.",
        "t(letter.assigned or form.taken_up) − t(letter.arrived.admitted_at, or the earliest of letter.arrived,"
        " email.received, form.submitted)",
    ),
    "contact_acknowledgement_seconds": MetricText(
        "De la réception à l’accusé de réception.",
        "t(letter.acknowledged or email.acknowledged) − t(letter.arrived.admitted_at, or the earliest of letter.arrived,"
        " email.received, form.submitted)",
    ),
    "contact_first_response_seconds": MetricText(
        "De la réception à la première réponse d’une personne, ou demande de correction ; nuits et jours fériés compris.",
        "t(first of letter.answered, email.answered, form.decided, form.correction_requested)"
        " − t(letter.arrived.admitted_at, or the earliest of letter.arrived, email.received, form.submitted)",
    ),
    "contact_resolution_seconds": MetricText(
        "De la réception à la réponse ou décision qui l’a clos ; nuits et jours fériés compris.",
        "t(the event that closed it) − t(letter.arrived.admitted_at, or the earliest of letter.arrived,"
        " email.received, form.submitted)",
    ),
    # ------------------------------------------------------------------------------------------------ appointments
    "contact_appointment": MetricText(
        "Issue des rendez-vous.",
        "appointment.attended, appointment.missed (no-show), appointment.cancelled by citizen or service: the latest counts",
    ),
    "contact_appointment_booked": MetricText("Rendez-vous pris, par qui.", "appointment.booked by `by`"),
    "contact_appointment_moved": MetricText("Rendez-vous déplacés au moins une fois.", "appointment.moved, each once"),
    "contact_appointment_checked_in": MetricText("Usagers venus à leur rendez-vous.", "appointment.checked_in"),
    "contact_appointment_lead_seconds": MetricText(
        "De la prise du rendez-vous à la première heure réservée.",
        "starts_at − t(appointment.booked), of the first booking",
    ),
    # ------------------------------------------------------------------------------------------------ satisfaction
    "contact_survey_invited": MetricText("Usagers à qui un avis a été demandé.", "feedback.invited"),
    "contact_satisfaction_score": MetricText(
        "Satisfaction de 1 à 5 (CSAT).", 'last feedback.given of a contact on csat_1_5; le="3.0": not satisfied'
    ),
    "contact_recommendation_score": MetricText(
        "Recommandation de 0 à 10 (NPS).",
        'last feedback.given of a contact on nps_0_10; detractors le="6.0", promoters above le="8.0"',
    ),
    "contact_effort_score": MetricText(
        "Facilité (CES), la note la plus haute étant la plus facile : de 1 à 5 ou à 7, selon l’échelle.",
        "last feedback.given of a contact on ces_1_5 or ces_1_7: no standard, so the variant is named",
    ),
    "contact_jdma_score": MetricText(
        "Avis sur JeDonneMonAvis, de 0 à 10.",
        'last feedback.given of a contact on jdma_0_10; above le="7.0": 8 and more',
    ),
    "contact_satisfaction_answers": MetricText(
        "Nombre d’avis d’une période de jours civils, aujourd’hui compris, sur lesquels reposent les taux.",
        "answers on the scale in the window; for response: invitations",
    ),
    "contact_satisfaction_ratio": MetricText(
        "Taux tiré de ces avis : parts de 0 à 1, nps de −1 à 1 ; absent sous contact_satisfaction_minimum_answers avis.",
        "csat: 4–5 of 5; ces_1_5: 4–5; ces_1_7: 5–7; jdma: 8–10; nps: share of 9–10 − share of 0–6; response:"
        " invited and answered / invited",
    ),
    "contact_satisfaction_lower_ratio": MetricText(
        "Borne inférieure de contact_satisfaction_ratio (Wilson, à 95 %).",
        "Wilson score interval, z = 1.95996; for nps: of (nps + 1) / 2, wider than necessary",
    ),
    "contact_satisfaction_upper_ratio": MetricText(
        "Borne supérieure de contact_satisfaction_ratio (Wilson, à 95 %).", "as contact_satisfaction_lower_ratio"
    ),
    "contact_satisfaction_after_items": MetricText(
        "Avis de 28 jours (1 à 5), selon ce que l’usager a vécu : délais tenus ou non, plus longue attente en file, en"
        " secondes.",
        "promise_missed: a deadline of the contact passed; promise_kept: none passed, one was met; wait_*: longest"
        " wait in a queue",
    ),
    "contact_satisfaction_minimum_answers": MetricText(
        "Nombre minimal d’avis pour publier un taux.", "web.fewest_answers"
    ),
    # ---------------------------------------------------------------------------------------------------- promises
    "contact_sla_started": MetricText(
        "Délais promis démarrés.", "clocks started; policy and clock are those of the SLA file"
    ),
    "contact_sla_completed": MetricText(
        "Délais promis dont l’issue est connue : met (tenus), breached (dépassés), cancelled (sans objet).",
        "met: done by the deadline; breached: not done at the deadline; cancelled: not needed any more before the deadline",
    ),
    "contact_sla_late": MetricText(
        "Délais promis tenus après l’échéance.", "done after the deadline; each counts as breached too"
    ),
    "contact_sla_open_items": MetricText(
        "Délais promis en cours : running, at_risk, overdue, ou paused tant que l’usager doit agir.",
        "open clocks by state",
    ),
    "contact_sla_oldest_overdue_timestamp_seconds": MetricText(
        "Échéance la plus ancienne des délais en retard ; absent si aucun n’est en retard.",
        "min deadline of open clocks that are overdue",
    ),
    "contact_sla_corrected": MetricText(
        "Faits corrigés ensuite, que les compteurs comptent encore.", "as contact_corrected_total"
    ),
    "contact_sla_due_items": MetricText(
        "Délais promis dont l’échéance tombe dans cet horizon (ou 5 min de plus), sans ceux en retard ou en pause ; chaque"
        " horizon comprend les précédents.",
        "open clocks with deadline ≤ now + horizon",
    ),
    "contact_sla_objective_ratio": MetricText(
        "Part des délais à tenir, pour qui arrive maintenant.", "objective of the SLA file"
    ),
    "contact_sla_target_seconds": MetricText(
        "Délai promis en secondes ouvrées ou écoulées (unité dans contact_sla_policy_info) ; absent en jours ou en mois.",
        "target of the SLA file, of units opening_hours and elapsed",
    ),
    "contact_sla_policy": MetricText(
        "Délai promis à qui arrive maintenant : valeur, unité et calendrier (durées en secondes).",
        "the SLA file, as of now",
    ),
    "contact_calendar_open": MetricText(
        "1 si le calendrier est ouvert, sinon 0.", "openings, holidays and closures of the calendar"
    ),
    "contact_calendar_change_timestamp_seconds": MetricText(
        "Prochaine ouverture ou fermeture ; absent s’il n’y en a plus.", "next change of the calendar"
    ),
    "contact_queue_open": MetricText(
        "1 si la file est ouverte, sinon 0, selon le calendrier de la règle qui vaut pour qui arrive maintenant ; absent sans"
        " règle.",
        "calendar of the first policy that matches",
    ),
    "contact_oldest_item_business_age_seconds": MetricText(
        "Attente du contact qui attend le plus, en heures d’ouverture ; absent si aucun n’attend, ou sans règle.",
        "opening hours of that calendar from contact_oldest_item_timestamp_seconds to now",
    ),
    "contact_sla_file_in_force": MetricText(
        "1 si le worker applique le fichier de délais lu ici à tous les contacts ouverts de la partition, sinon 0.",
        "fingerprint of the SLA file in the worker = fingerprint here",
    ),
    # ------------------------------------------------------------------------------------------------------- means
    "pipeline_events_processed": MetricText(
        "Événements par résultat.", "ok: counted; duplicate: received before; dead: dead letters"
    ),
    "pipeline_dead_letters": MetricText(
        "Enregistrements inutilisables, par raison.", "records of contact.deadletter.v1"
    ),
    "contact_figures_timestamp_seconds": MetricText(
        "Instant jusqu’où les chiffres sont complets : en retard si aucun worker n’écrit, s’il rattrape son retard, ou si un"
        " connecteur lit un ancien journal.",
        "step_at of each partition",
    ),
    "contact_figures_written_timestamp_seconds": MetricText(
        "Dernière écriture d’un worker.", "Kafka's time of the latest row"
    ),
    "contact_event_timestamp_seconds": MetricText("Heure du dernier événement.", "max t(event) counted"),
    "contact_history_timestamp_seconds": MetricText(
        "Canaux dont l’historique est en cours de lecture : date atteinte. Les autres canaux n’ont pas de série.",
        "event time of the slowest partition",
        _CHANNEL,
    ),
    "pipeline_expected_partitions": MetricText(
        "Partitions qui doivent avoir des chiffres.", "partitions of accueil.figures.v1"
    ),
    "contact_expected_gap_seconds": MetricText(
        "Temps sans arrivée après lequel la source d’un site ouvert est peut-être arrêtée. Les autres canaux n’ont pas de série.",
        "web.quiet_after_seconds, web.quiet_after_seconds_of",
        _CHANNEL,
    ),
    "contact_pipeline_build": MetricText("Versions d’Accueil et de Python utilisées.", "1"),
    "contact_collect_errors": MetricText("Lignes de chiffres illisibles.", "rows that could not be decoded"),
    "contact_collect_duration_seconds": MetricText(
        "Durée de collecte de ces métriques.", "time to collect the metrics, without writing them"
    ),
    "pipeline_sla_file_last_reload_successful": MetricText(
        "1 si le fichier de délais a pu être relu, 0 tant que l’ancien vaut.", "last reading of the SLA file"
    ),
    # ---------------------------------------------------------------------------------------------------- citizens
    "contact_citizens": MetricText(
        "Usagers venus vers un service pendant la dernière période close.", "distinct pseudonyms with a contact begun"
    ),
    "contact_citizens_of_all_services": MetricText(
        "Usagers venus pendant la dernière période close ; un usager de plusieurs services compte une fois.",
        "distinct pseudonyms with a contact begun",
    ),
    "contact_citizen_contacts": MetricText(
        "Contacts de la dernière semaine close, par ce qui les aurait évités ; abandoned : un appel après un abandon.",
        "contacts begun by reason; avoidable: all reasons but abandoned and other",
    ),
    "contact_citizen_hops": MetricText(
        "Les mêmes contacts, par le canal du précédent.",
        "channel of the previous contact; none: no recent one",
    ),
    "contact_citizen_unidentified": MetricText(
        "Contacts de cette semaine dont l’usager n’est pas connu.", "contacts begun without a pseudonym"
    ),
    "contact_citizen_handled": MetricText(
        "Contacts traités la dernière semaine dont la suite est connue : au premier contact ou non, suivis d’un nouveau"
        " contact ou non.",
        "recontact: another contact with the service within contact_citizen_recontact_days",
    ),
    "contact_citizen_pending": MetricText(
        "Contacts traités la dernière semaine close dont la suite n’est pas encore connue.",
        "handled − those whose recontact window is over",
    ),
    "contact_citizen_recontact_days": MetricText(
        "Délai en jours après lequel un nouveau contact n’est plus une réitération.", "citizens.recontact_days"
    ),
    "contact_citizen_withheld": MetricText(
        "Nombres non publiés, car ils concernent moins de 5 usagers ou en révéleraient un tel nombre.", "see README.md"
    ),
    "contact_citizen_period_start_timestamp_seconds": MetricText(
        "Début de la période de ces métriques ; plus ancien pour les contacts traités.", "midnight of its first day"
    ),
}
"""Name of a metric, without `_total` or `_info` → its texts."""


def _true_increase(counter: str, window: str, **labels: str) -> str:
    """Return PromQL for the true increase of a counter, or of a histogram series, over `window`.

    A label value that begins with `~` is a regular expression.
    """
    matchers = ",".join(
        f'{name}=~"{value[1:]}"' if value.startswith("~") else f'{name}="{value}"' for name, value in labels.items()
    )
    selector, (stem, _, part) = f"{{{matchers}}}" if matchers else "", counter.rpartition("_")
    both = (
        f"{_ANY_INSTANCE} (increase({name}{selector}[{window}]))"
        for name in (counter, f"{stem}{CORRECTED_SUFFIX}_{part}")
    )
    return " - ".join(both)


_NET: Final = 'formula="net_of_short"'
KPIS: Final = (
    Kpi(
        N_("Service level of today, by one of four formulas"),
        f"sum by (queue) ({_ANY_INSTANCE} (contact_today_service_level_numerator{{{_NET}}}))"
        f" / sum by (queue) ({_ANY_INSTANCE} (contact_today_service_level_denominator{{{_NET}}}))",
    ),
    Kpi(
        N_("Service level of the last half hour"),
        f"sum by (queue) ({_true_increase('contact_service_level_numerator_total', '30m', formula='net_of_short')})"
        f" / sum by (queue) ({_true_increase('contact_service_level_denominator_total', '30m', formula='net_of_short')})",
    ),
    Kpi(
        N_("Answer rate (Services Publics+: taux de décroché)"),
        f'sum({_ANY_INSTANCE} (contact_today_items{{channel="call",flow="answered"}}))'
        f' / sum({_ANY_INSTANCE} (contact_today_items{{channel="call",flow=~"answered|abandoned"}}))',
    ),
    Kpi(
        N_("Abandon rate, without short abandons"),
        f'(sum({_ANY_INSTANCE} (contact_today_items{{channel="call",flow="abandoned"}}))'
        f' - sum({_ANY_INSTANCE} (contact_today_items{{channel="call",flow="abandoned_short"}})))'
        f' / (sum({_ANY_INSTANCE} (contact_today_items{{channel="call",flow=~"answered|abandoned"}}))'
        f' - sum({_ANY_INSTANCE} (contact_today_items{{channel="call",flow="abandoned_short"}})))',
    ),
    Kpi(
        N_("ASA, average speed of answer, of today"),
        f'sum by (channel) ({_ANY_INSTANCE} (contact_today_duration_seconds{{duration="wait"}}))'
        f' / sum by (channel) ({_ANY_INSTANCE} (contact_today_duration_items{{duration="wait"}}))',
    ),
    Kpi(
        N_("AHT, average handling time, of today"),
        f'sum by (channel) ({_ANY_INSTANCE} (contact_today_duration_seconds{{duration="handle"}}))'
        f' / sum by (channel) ({_ANY_INSTANCE} (contact_today_duration_items{{duration="handle"}}))',
    ),
    Kpi(
        N_("Occupancy, where a switchboard reports agents"),
        f'sum by (site) ({_ANY_INSTANCE} (avg_over_time(contact_agents{{queue="",state="on_contact"}}[30m])))'
        f' / sum by (site) ({_ANY_INSTANCE} (avg_over_time(contact_agents{{queue="",state=~"on_contact|available"}}[30m])))',
    ),
    Kpi(
        N_("Longest wait, in seconds"),
        "time() - min by (channel) (contact_oldest_item_timestamp_seconds)",
    ),
    Kpi(
        N_("Share of online forms among letters, e-mails and forms"),
        f"sum({_true_increase('contact_received_total', '28d', channel='form')})"
        f" / sum({_true_increase('contact_received_total', '28d', channel='~form|mail|email')})",
    ),
    Kpi(
        N_("No-show rate over four weeks"),
        f"sum by (service) ({_true_increase('contact_appointment_total', '28d', outcome='missed')})"
        f" / sum by (service) ({_true_increase('contact_appointment_total', '28d', outcome='~missed|attended')})",
    ),
    Kpi(
        N_("Mean lead time of appointments, in days"),
        f"sum by (service) ({_true_increase('contact_appointment_lead_seconds_sum', '28d')})"
        f" / sum by (service) ({_true_increase('contact_appointment_lead_seconds_count', '28d')}) / 86400",
    ),
    Kpi(
        N_("Announced delay met, over four weeks"),
        f"sum by (service) ({_true_increase('contact_sla_completed_total', '28d', clock='announced', result='met')})"
        " / sum by (service)"
        f" ({_true_increase('contact_sla_completed_total', '28d', clock='announced', result='~met|breached')})",
    ),
    Kpi(
        N_("CSAT after a missed deadline, over four weeks"),
        f'sum({_ANY_INSTANCE} (contact_satisfaction_after_items{{experience="promise_missed",satisfied="true"}}))'
        f' / sum({_ANY_INSTANCE} (contact_satisfaction_after_items{{experience="promise_missed"}}))',
    ),
    Kpi(
        N_("Mail: mean days from receipt to scan, to registration, to assignment and to answer, over four weeks"),
        " or ".join(
            f"label_replace(sum({_true_increase(f'contact_{step}_seconds_sum', '28d', channel='mail')})"
            f" / sum({_true_increase(f'contact_{step}_seconds_count', '28d', channel='mail')})"
            f' / 86400, "step", "{step}", "", "")'
            for step in ("scan", "registration", "assignment", "first_response")
        ),
    ),
    Kpi(
        N_("Postage over four weeks, in euros"),
        f"sum by (service, postage) ({_ANY_INSTANCE} (increase(contact_postage_euros_total[28d]))"
        f" - {_ANY_INSTANCE} (increase(contact_postage_corrected_euros_total[28d])))",
    ),
    Kpi(
        N_("CSAT below 70 %, even at its upper bound"),
        f'{_ANY_INSTANCE} (contact_satisfaction_upper_ratio{{measure="csat",window="28d"}}) < 0.7',
    ),
)
