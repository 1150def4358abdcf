"""What the page of metrics says beside the help text of each: the same in French, and what exactly is counted.

Formulas are written in event types, names of the SLA file and PromQL; `formulas_in_french` has the words between them in French.
"""
# ruff: noqa: RUF001 - French has typographic apostrophes

from collections.abc import Mapping
from typing import Final, NamedTuple

from streams.core.figures.figure_schemas import CONTACT_CHANNELS
from streams.web.metrics.measure import CORRECTED_SUFFIX


class MetricText(NamedTuple):
    """Of one metric."""

    french: str
    formula: str
    labels: Mapping[str, tuple[str, ...]] | None = None
    """Of a metric that may have no samples yet: label → all its values, none if settings say which there are."""
    bounds: tuple[float, ...] | None = None
    """Of such a histogram."""


class Kpi(NamedTuple):
    """What is divided of metrics, and how."""

    english: str
    french: str
    promql: str


_DELAY: Final = (
    "t({0}) − t(letter.arrived.admitted_at, or the earliest of letter.arrived, email.received, form.submitted)"
)
_CHANNEL: Final = {"channel": tuple(map(str, CONTACT_CHANNELS))}
_WEBS: Final = "max without (instance, job)"

TEXTS: Final[Mapping[str, MetricText]] = {
    # ------------------------------------------------------------------------------------------------ all channels
    "contact_received": MetricText(
        "Arrivées : dans une file, même si elle les refuse ; par courrier, courriel ou formulaire ; ou rendez-vous pris.",
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
        "Arrivée de qui attend le plus, en file ou que le service agisse ; absent si personne n’attend.",
        "min t(arrival) of state waiting; of what is written also in_progress",
    ),
    "contact_corrected": MetricText(
        "Faits repris après coup, que les compteurs comptent encore.",
        "what is true = counter − contact_corrected_total of the same fact",
    ),
    "contact_today_items": MetricText(
        "Comptes exacts depuis minuit (heure du fuseau réglé).",
        "facts of the civil day, without what was taken back",
    ),
    "contact_today_duration_items": MetricText(
        "Combien de durées ont été mesurées depuis minuit, par durée ; les attentes sont celles des répondus.",
        "number of facts of today that have this duration",
    ),
    "contact_today_duration_seconds": MetricText(
        "Somme de ces durées : divisée par contact_today_duration_items, leur moyenne du jour.",
        "Σ duration of the facts of today",
    ),
    # ------------------------------------------------------------------------------------------------------ queues
    "contact_transferred": MetricText(
        "Transmis par un agent, selon la file d’arrivée ; vide si ce n’est pas une file, ou si elle n’est pas connue.",
        "call.transferred, data.to_queue; told of a call more than once: the latest queue that is known",
    ),
    "contact_abandoned": MetricText(
        "Abandonnés pendant l’attente ; short : dans la limite des abandons courts.",
        'call.abandoned + visit.left; short="true": wait ≤ web.short_abandon_seconds',
    ),
    "contact_left_queue": MetricText(
        "Sortis d’une file sans réponse ni abandon, par raison (pleine, fermée, déviée, délai …).",
        "call.left_queue by reason; forgotten: no end was told within worker.forget_*_after_seconds",
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
        "Agents maintenant, dans chaque file qu’ils servent, et une fois chacun sous une file vide. Seuls les standards les"
        " disent.",
        "latest agent.state_changed of each agent",
    ),
    "contact_service_level_target_seconds": MetricText(
        "Cible T du niveau de service ; ce qui est promis est contact_sla_target_seconds.",
        "web.target_seconds, web.desk_target_seconds",
    ),
    # ----------------------------------------------------------------------------------------------------- written
    "contact_registered": MetricText("Enregistrés au registre (numéro chrono).", "letter.registered"),
    "contact_assigned": MetricText("Attribués à un service, ou pris en charge.", "letter.assigned + form.taken_up"),
    "contact_acknowledged": MetricText(
        "Dont l’expéditeur a eu un accusé de réception.", "letter.acknowledged + email.acknowledged"
    ),
    "contact_form_correction": MetricText(
        "Formulaires à corriger par l’usager, ou corrigés.", "form.correction_requested, form.corrected"
    ),
    "contact_closed": MetricText(
        "Traités : répondus, décidés ou clos autrement, par issue.",
        "by the event that decides the state: letter.answered, letter.closed, email.answered, form.decided",
    ),
    "contact_sent": MetricText("Courriers partis, par type d’affranchissement.", "letter.sent by postage"),
    "contact_postage_euros": MetricText(
        "Affranchissement des courriers partis, par type.", "Σ letter.sent.cost_cents / 100, by postage"
    ),
    "contact_postage_corrected_euros": MetricText(
        "Affranchissement repris, que le compteur compte encore.", "as contact_corrected_total"
    ),
    "contact_reopened": MetricText(
        "Reprises après une clôture ; chaque affaire une fois.",
        "a state other than closed after it was closed: letter.assigned, email.received, form.corrected …",
    ),
    "contact_scan_seconds": MetricText(
        "De la réception à la numérisation, pour les courriers dont on sait les deux.",
        "t(letter.arrived) − letter.arrived.admitted_at, where the latter is earlier",
    ),
    "contact_backlog_by_age_items": MetricText(
        "Ce qui attend que le service agisse, par jours civils depuis la réception ; les tranches s’ajoutent.",
        "lt_1d: received today; each band without those before it",
    ),
    "contact_first_response_business_seconds": MetricText(
        "Heures d’ouverture de la réception à la première réponse d’une personne, selon le calendrier de la règle qui la promet.",
        "opening hours of the calendar between the two, pauses included; of kept and late promises of clock first_response",
    ),
    "contact_resolution_business_seconds": MetricText(
        "Heures d’ouverture de la réception à ce qui l’a clos, selon le calendrier de la règle qui le promet.",
        "as contact_first_response_business_seconds, of clock resolution",
    ),
    "contact_registration_seconds": MetricText(
        "De la réception au numéro du registre.", _DELAY.format("letter.registered")
    ),
    "contact_assignment_seconds": MetricText(
        "De la réception au service qui l’a.", _DELAY.format("letter.assigned or form.taken_up")
    ),
    "contact_acknowledgement_seconds": MetricText(
        "De la réception à l’accusé de réception.", _DELAY.format("letter.acknowledged or email.acknowledged")
    ),
    "contact_first_response_seconds": MetricText(
        "De la réception à la première réponse d’une personne, ou demande de correction ; nuits et jours fériés compris.",
        _DELAY.format("first of letter.answered, email.answered, form.decided, form.correction_requested"),
    ),
    "contact_resolution_seconds": MetricText(
        "De la réception à ce qui l’a clos ; nuits et jours fériés compris.",
        _DELAY.format("the event that closed it"),
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
        "answers of the scale in the window; of response: invitations",
    ),
    "contact_satisfaction_ratio": MetricText(
        "Ce que disent ces avis : parts de 0 à 1, nps de −1 à 1 ; absent sous contact_satisfaction_minimum_answers avis.",
        "csat: 4–5 of 5; ces_1_5: 4–5; ces_1_7: 5–7; jdma: 8–10; nps: share of 9–10 − share of 0–6; response: invited and"
        " answered /"
        " invited",
    ),
    "contact_satisfaction_lower_ratio": MetricText(
        "Borne inférieure, de Wilson, à 95 %.",
        "Wilson score interval, z = 1.95996; of nps: of (nps + 1) / 2, wider than need be",
    ),
    "contact_satisfaction_upper_ratio": MetricText(
        "Borne supérieure, de Wilson, à 95 %.", "as contact_satisfaction_lower_ratio"
    ),
    "contact_satisfaction_after_items": MetricText(
        "Avis de 28 jours (1 à 5), selon ce que l’usager a vécu : délais tenus ou non, plus longue attente en file, en"
        " secondes.",
        "promise_missed: any deadline of the contact passed; promise_kept: none, and one kept; wait_*: longest wait of its stays",
    ),
    "contact_satisfaction_minimum_answers": MetricText(
        "Sous ce nombre d’avis, aucun taux n’est dit.", "web.fewest_answers"
    ),
    # ---------------------------------------------------------------------------------------------------- promises
    "contact_sla_started": MetricText("Délais promis.", "clocks started; policy and clock are those of the SLA file"),
    "contact_sla_completed": MetricText(
        "Délais promis dont l’issue est connue : met (tenus), breached (dépassés), cancelled (sans objet).",
        "met: done by the deadline; breached: at the deadline; cancelled: before it",
    ),
    "contact_sla_late": MetricText("Fait, mais après l’échéance.", "done after the deadline; each was breached before"),
    "contact_sla_open_items": MetricText(
        "Délais promis à tenir : running, at_risk, overdue, ou paused tant que l’usager doit agir.",
        "open clocks by state",
    ),
    "contact_sla_oldest_overdue_timestamp_seconds": MetricText(
        "Échéance passée la plus ancienne de ce qui reste à faire ; absent s’il n’y en a pas.",
        "min deadline of open clocks that are overdue",
    ),
    "contact_sla_corrected": MetricText(
        "Faits repris après coup, que les compteurs comptent encore.", "as contact_corrected_total"
    ),
    "contact_sla_due_items": MetricText(
        "Délais promis dont l’échéance est au plus à cette distance (ou 5 min de plus), sans ceux en retard ou en pause ;"
        " chaque horizon"
        " comprend les précédents.",
        "open clocks with deadline ≤ now + horizon",
    ),
    "contact_sla_objective_ratio": MetricText(
        "Part des délais à tenir, pour qui arrive maintenant.", "objective of the SLA file"
    ),
    "contact_sla_target_seconds": MetricText(
        "Délai promis, dans l’unité de contact_sla_policy_info ; absent s’il est en jours ou en mois.",
        "target of the SLA file, of units opening_hours and elapsed",
    ),
    "contact_sla_policy": MetricText(
        "Ce qui est promis à qui arrive maintenant : délai, unité et calendrier.", "the SLA file, as of now"
    ),
    "contact_calendar_open": MetricText(
        "1 si c’est ouvert, sinon 0.", "openings, holidays and closures of the calendar"
    ),
    "contact_calendar_change_timestamp_seconds": MetricText(
        "Prochaine ouverture ou fermeture ; absent s’il n’y en a plus.", "next change of the calendar"
    ),
    "contact_queue_open": MetricText(
        "Si c’est ouvert là, selon le calendrier de la règle qui vaut pour qui arrive maintenant ; absent sans règle.",
        "calendar of the first policy that fits",
    ),
    "contact_oldest_item_business_age_seconds": MetricText(
        "Depuis combien d’heures d’ouverture attend qui attend le plus ; absent si personne n’attend, ou sans règle.",
        "opening hours of that calendar from contact_oldest_item_timestamp_seconds to now",
    ),
    "contact_sla_file_in_force": MetricText(
        "1 là où toutes les horloges suivent le fichier de délais lu ici, 0 sinon.",
        "fingerprint of the file at the worker = here",
    ),
    # ------------------------------------------------------------------------------------------------------- means
    "pipeline_events_processed": MetricText(
        "Événements par résultat.", "ok: counted; duplicate: told again; dead: dead letters"
    ),
    "pipeline_dead_letters": MetricText(
        "Enregistrements inutilisables, par raison.", "records of contact.deadletter.v1"
    ),
    "contact_figures_timestamp_seconds": MetricText(
        "À quand sont les chiffres : plus tôt que maintenant si aucun worker n’écrit, s’il rattrape son retard, ou si un"
        " connecteur"
        " relit un ancien journal.",
        "step_at of each partition",
    ),
    "contact_figures_written_timestamp_seconds": MetricText(
        "Dernière écriture d’un worker.", "Kafka's time of the latest row"
    ),
    "contact_event_timestamp_seconds": MetricText("Heure du dernier événement.", "max t(event) counted"),
    "contact_history_timestamp_seconds": MetricText(
        "Canaux dont l’historique est relu : à quand on en est. Les autres canaux n’ont pas de série.",
        "event time of the slowest partition",
        _CHANNEL,
    ),
    "pipeline_expected_partitions": MetricText(
        "Partitions dont il faut les chiffres.", "partitions of accueil.figures.v1"
    ),
    "contact_expected_gap_seconds": MetricText(
        "Un site ouvert d’où personne n’est venu depuis si longtemps fait douter de sa source. Les autres canaux n’ont pas de"
        " série.",
        "web.quiet_after_seconds, web.quiet_after_seconds_of",
        _CHANNEL,
    ),
    "contact_pipeline_build": MetricText("Ce qui tourne ici : versions d’Accueil et de Python.", "1"),
    "contact_collect_errors": MetricText("Lignes de chiffres illisibles.", "rows that could not be decoded"),
    "contact_collect_duration_seconds": MetricText("Coût de ces métriques.", "time to make them, without writing them"),
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
        "channel of the contact before, none if there was none of late",
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
        "handled − known what followed",
    ),
    "contact_citizen_recontact_days": MetricText(
        "Délai en jours après lequel un nouveau contact n’est plus une réitération.", "citizens.recontact_days"
    ),
    "contact_citizen_withheld": MetricText(
        "Nombres tus, car ils concernent moins de 5 usagers ou en diraient trop.", "see README.md"
    ),
    "contact_citizen_period_start_timestamp_seconds": MetricText(
        "Début de la période dont il est question.", "midnight of its first day"
    ),
}
"""Name without `_total` or `_info` → what else there is to say."""


def _grown(counter: str, window: str, **labels: str) -> str:
    """Return the growth of a counter, or of a part of a histogram, in `window`, without corrected counts.

    The value of a label is a regular expression if it begins with `~`.
    """
    matchers = ",".join(
        f'{name}=~"{value[1:]}"' if value.startswith("~") else f'{name}="{value}"' for name, value in labels.items()
    )
    which, (stem, _, part) = f"{{{matchers}}}" if matchers else "", counter.rpartition("_")
    both = (f"{_WEBS} (increase({name}{which}[{window}]))" for name in (counter, f"{stem}{CORRECTED_SUFFIX}_{part}"))
    return " - ".join(both)


_NET: Final = 'formula="net_of_short"'
KPIS: Final = (
    Kpi(
        "Service level of today, by one of four formulas",
        "Niveau de service du jour, selon une des quatre formules",
        f"sum by (queue) ({_WEBS} (contact_today_service_level_numerator{{{_NET}}}))"
        f" / sum by (queue) ({_WEBS} (contact_today_service_level_denominator{{{_NET}}}))",
    ),
    Kpi(
        "Service level of the last half hour",
        "Niveau de service de la dernière demi-heure",
        f"sum by (queue) ({_grown('contact_service_level_numerator_total', '30m', formula='net_of_short')})"
        f" / sum by (queue) ({_grown('contact_service_level_denominator_total', '30m', formula='net_of_short')})",
    ),
    Kpi(
        "Answer rate (Services Publics+: taux de décroché)",
        "Taux de décroché (Services Publics+)",
        f'sum({_WEBS} (contact_today_items{{channel="call",flow="answered"}}))'
        f' / sum({_WEBS} (contact_today_items{{channel="call",flow=~"answered|abandoned"}}))',
    ),
    Kpi(
        "Abandon rate, short abandons apart",
        "Taux d’abandon, abandons courts à part",
        f'(sum({_WEBS} (contact_today_items{{channel="call",flow="abandoned"}}))'
        f' - sum({_WEBS} (contact_today_items{{channel="call",flow="abandoned_short"}})))'
        f' / (sum({_WEBS} (contact_today_items{{channel="call",flow=~"answered|abandoned"}}))'
        f' - sum({_WEBS} (contact_today_items{{channel="call",flow="abandoned_short"}})))',
    ),
    Kpi(
        "ASA, average speed of answer, of today",
        "ASA, attente moyenne avant réponse, du jour",
        f'sum by (channel) ({_WEBS} (contact_today_duration_seconds{{duration="wait"}}))'
        f' / sum by (channel) ({_WEBS} (contact_today_duration_items{{duration="wait"}}))',
    ),
    Kpi(
        "AHT, average handling time, of today",
        "DMT, durée moyenne de traitement, du jour",
        f'sum by (channel) ({_WEBS} (contact_today_duration_seconds{{duration="handle"}}))'
        f' / sum by (channel) ({_WEBS} (contact_today_duration_items{{duration="handle"}}))',
    ),
    Kpi(
        "Occupancy, where a switchboard tells of agents",
        "Taux d’occupation, là où un standard dit l’état des agents",
        f'sum by (site) ({_WEBS} (avg_over_time(contact_agents{{queue="",state="on_contact"}}[30m])))'
        f' / sum by (site) ({_WEBS} (avg_over_time(contact_agents{{queue="",state=~"on_contact|available"}}[30m])))',
    ),
    Kpi(
        "Longest wait, in seconds",
        "Plus longue attente, en secondes",
        "time() - min by (channel) (contact_oldest_item_timestamp_seconds)",
    ),
    Kpi(
        "Online share of what is written",
        "Part en ligne de l’écrit",
        f"sum({_grown('contact_received_total', '28d', channel='form')})"
        f" / sum({_grown('contact_received_total', '28d', channel='~form|mail|email')})",
    ),
    Kpi(
        "No-show rate of four weeks",
        "Taux d’absence aux rendez-vous, sur quatre semaines",
        f"sum by (service) ({_grown('contact_appointment_total', '28d', outcome='missed')})"
        f" / sum by (service) ({_grown('contact_appointment_total', '28d', outcome='~missed|attended')})",
    ),
    Kpi(
        "Mean lead time of appointments, in days",
        "Délai moyen avant rendez-vous, en jours",
        f"sum by (service) ({_grown('contact_appointment_lead_seconds_sum', '28d')})"
        f" / sum by (service) ({_grown('contact_appointment_lead_seconds_count', '28d')}) / 86400",
    ),
    Kpi(
        "Announced delay kept, four weeks",
        "Délai annoncé tenu, sur quatre semaines",
        f"sum by (service) ({_grown('contact_sla_completed_total', '28d', clock='announced', result='met')})"
        f" / sum by (service) ({_grown('contact_sla_completed_total', '28d', clock='announced', result='~met|breached')})",
    ),
    Kpi(
        "CSAT of those whose promise was broken, four weeks",
        "CSAT après un délai dépassé, sur quatre semaines",
        f'sum({_WEBS} (contact_satisfaction_after_items{{experience="promise_missed",satisfied="true"}}))'
        f' / sum({_WEBS} (contact_satisfaction_after_items{{experience="promise_missed"}}))',
    ),
    Kpi(
        "Mail: mean days from receipt to scan, to registration, to assignment and to answer, four weeks",
        "Courrier : jours, en moyenne, de la réception à la numérisation, au registre, au service et à la réponse, quatre"
        " semaines",
        " or ".join(
            f"label_replace(sum({_grown(f'contact_{step}_seconds_sum', '28d', channel='mail')})"
            f" / sum({_grown(f'contact_{step}_seconds_count', '28d', channel='mail')})"
            f' / 86400, "step", "{step}", "", "")'
            for step in ("scan", "registration", "assignment", "first_response")
        ),
    ),
    Kpi(
        "Postage of four weeks, in euros",
        "Affranchissement de quatre semaines, en euros",
        f"sum by (service, postage) ({_WEBS} (increase(contact_postage_euros_total[28d]))"
        f" - {_WEBS} (increase(contact_postage_corrected_euros_total[28d])))",
    ),
    Kpi(
        "CSAT that is certainly below 70 %",
        "CSAT sûrement sous 70 %",
        f'{_WEBS} (contact_satisfaction_upper_ratio{{measure="csat",window="28d"}}) < 0.7',
    ),
)
