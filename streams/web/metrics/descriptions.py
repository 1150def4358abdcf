"""Texts of the metrics reference page: formulas, label values, and PromQL of common KPIs.

Formulas consist of event types, names of the SLA file and PromQL; the catalogue contains their French versions. One file, since
it is a table: a change of a metric concerns its entry and the queries of the KPIs that use it.
"""
# ruff: noqa: RUF001 - French has typographic apostrophes

from collections.abc import Mapping
from typing import Final, NamedTuple

from models.locale import N_
from models.topics import Channel
from streams.core.figures.figure_schemas import CONTACT_CHANNELS
from streams.web.metrics.measure import CORRECTED_SUFFIX


class MetricText(NamedTuple):
    """Entry of one metric in the metrics reference; its help text is the metric's own."""

    formula: str
    french: str = ""
    """French help text, where the catalogue has none because the English one depends on settings or is not ours."""
    labels: Mapping[str, tuple[str, ...]] | None = None
    """Label → all its values (empty if they come from settings), for a metric that may have no samples yet."""
    bounds: tuple[float, ...] | None = None
    """Bucket bounds, for a histogram that may have no samples yet."""


class Kpi(NamedTuple):
    """A KPI computed from metrics, and its query."""

    name: str
    promql: str


_CHANNEL: Final = {"channel": tuple(map(str, CONTACT_CHANNELS))}
_HISTORY_CHANNEL: Final = {"channel": tuple(str(channel) for channel in Channel if channel is not Channel.CALL)}
"""For calls, `contact_figures_timestamp_seconds` is the time up to which history is read."""
_ANY_INSTANCE: Final = "max without (instance, job)"

TEXTS: Final[Mapping[str, MetricText]] = {
    # ------------------------------------------------------------------------------------------------ all channels
    "contact_received": MetricText(
        "stays in a queue (call.queued, visit.arrived, or what follows) + letter.arrived + email.received + form.submitted +"
        " appointment.booked, each contact once"
    ),
    "contact_answered": MetricText(
        "call.answered + visit.called (without visit.left after it) + the first of letter.answered, email.answered,"
        " form.decided, form.correction_requested"
    ),
    "contact_backlog_items": MetricText("received − closed, by the state after the latest event"),
    "contact_oldest_item_timestamp_seconds": MetricText(
        "min t(arrival) of state waiting; for letters, e-mails and forms also in_progress"
    ),
    "contact_corrected": MetricText("true count = counter − contact_corrected_total of the same fact"),
    "contact_today_items": MetricText(
        "facts of the civil day, without those corrected later",
        french="Comptes exacts depuis minuit (fuseau horaire réglé).",
    ),
    "contact_today_duration_items": MetricText(
        "number of facts of today with this duration",
        french="Combien de durées ont été mesurées depuis minuit, par durée ; les attentes sont celles des répondus.",
    ),
    "contact_today_duration_seconds": MetricText("Σ duration of the facts of today"),
    "contact_reason": MetricText(
        "latest contact.reason_set of the source, else of a rule, at t(contact began)",
        labels={**_CHANNEL, "site": (), "service": (), "queue": (), "reason": ()},
    ),
    # ------------------------------------------------------------------------------------------------------ queues
    "contact_transferred": MetricText(
        "call.transferred, data.to_queue; if a call reports several: the latest known queue"
    ),
    "contact_abandoned": MetricText(
        'call.abandoned + visit.left; short="true": wait ≤ web.short_abandon_seconds',
        french="Abandonnés pendant l’attente ; short : dans la limite des abandons courts.",
    ),
    "contact_left_queue": MetricText(
        "call.left_queue by reason; forgotten: no end reported within worker.forget_*_after_seconds"
    ),
    "contact_service_level_numerator": MetricText(
        "answered_share, offered_share, net_of_short: answered with wait ≤ T; removed_share: + abandoned with wait ≤ T",
        french="Numérateur du niveau de service à la cible, selon la formule nommée.",
    ),
    "contact_service_level_denominator": MetricText(
        "answered_share: answered; removed_share: answered + abandoned; offered_share: answered + abandoned + left;"
        " net_of_short: answered + abandoned with wait > web.short_abandon_seconds",
        french="Dénominateur du niveau de service, selon la formule nommée.",
    ),
    "contact_today_service_level_numerator": MetricText(
        "as contact_service_level_numerator_total, of the civil day", french="Le même numérateur, exact, depuis minuit."
    ),
    "contact_today_service_level_denominator": MetricText(
        "as contact_service_level_denominator_total, of the civil day",
        french="Le même dénominateur, exact, depuis minuit.",
    ),
    "contact_wait_seconds": MetricText("wait_seconds of the source, else t(answered) − t(queued)"),
    "contact_abandon_wait_seconds": MetricText("wait_seconds of the source, else t(abandoned) − t(queued)"),
    "contact_handle_seconds": MetricText(
        "handle_seconds of the source, else t(call.ended, call.transferred or visit.served) − t(answered)"
    ),
    "contact_agents": MetricText("latest agent.state_changed of each agent"),
    "contact_service_level_target_seconds": MetricText("web.target_seconds, web.desk_target_seconds"),
    # --------------------------------------------------------------------------------------------------- telephone
    "contact_line_arrived": MetricText("call.arrived, data.line"),
    "contact_line_queued": MetricText("call.arrived of calls that also have a stay in a queue"),
    "contact_menu_chosen": MetricText("call.menu_chosen, data.option"),
    "contact_voice_message_left": MetricText("call.voicemail_left, data.queue or else the last queue of the call"),
    "contact_voice_message_heard": MetricText("call.voicemail_heard after call.voicemail_left"),
    "contact_callback_requested": MetricText("call.callback_requested, data.queue or else the last queue of the call"),
    "contact_callback_made": MetricText("call.called_back after call.voicemail_left or call.callback_requested"),
    "contact_voice_message_hearing_seconds": MetricText("t(first call.voicemail_heard) − t(call.voicemail_left)"),
    "contact_callback_seconds": MetricText(
        "t(first call.called_back) − t(first of call.voicemail_left, call.callback_requested)"
    ),
    # ----------------------------------------------------------------------------------------------------- written
    "contact_registered": MetricText("letter.registered"),
    "contact_assigned": MetricText("letter.assigned + form.taken_up"),
    "contact_acknowledged": MetricText("letter.acknowledged + email.acknowledged"),
    "contact_form_correction": MetricText("form.correction_requested, form.corrected"),
    "contact_closed": MetricText(
        "by the event that sets the state: letter.answered, letter.closed, email.answered, form.decided"
    ),
    "contact_sent": MetricText("letter.sent by postage"),
    "contact_postage_euros": MetricText("Σ letter.sent.cost_cents / 100, by postage"),
    "contact_postage_corrected_euros": MetricText("as contact_corrected_total"),
    "contact_reopened": MetricText(
        "a state other than closed after it was closed: letter.assigned, email.received, form.corrected …"
    ),
    "contact_scan_seconds": MetricText("t(letter.arrived) − letter.arrived.admitted_at, where the latter is earlier"),
    "contact_backlog_by_age_items": MetricText("lt_1d: received today; each band excludes the earlier ones"),
    "contact_first_response_business_seconds": MetricText(
        "opening hours of the calendar from receipt to the response, pauses included; clocks first_response met or late"
    ),
    "contact_resolution_business_seconds": MetricText(
        "as contact_first_response_business_seconds, for clock resolution"
    ),
    "contact_registration_seconds": MetricText(
        "t(letter.registered) − t(letter.arrived.admitted_at, or the earliest of letter.arrived,"
        " email.received, form.submitted)"
    ),
    "contact_assignment_seconds": MetricText(
        "t(letter.assigned or form.taken_up) − t(letter.arrived.admitted_at, or the earliest of letter.arrived,"
        " email.received, form.submitted)"
    ),
    "contact_acknowledgement_seconds": MetricText(
        "t(letter.acknowledged or email.acknowledged) − t(letter.arrived.admitted_at, or the earliest of letter.arrived,"
        " email.received, form.submitted)"
    ),
    "contact_first_response_seconds": MetricText(
        "t(first of letter.answered, email.answered, form.decided, form.correction_requested)"
        " − t(letter.arrived.admitted_at, or the earliest of letter.arrived, email.received, form.submitted)"
    ),
    "contact_resolution_seconds": MetricText(
        "t(the event that closed it) − t(letter.arrived.admitted_at, or the earliest of letter.arrived,"
        " email.received, form.submitted)"
    ),
    "post_items": MetricText("Σ post.counted.items, by direction and post_class"),
    "post_cost_euros": MetricText("Σ post.counted.cost_cents / 100, by direction and post_class"),
    # ------------------------------------------------------------------------------------------------ appointments
    "contact_appointment": MetricText(
        "appointment.attended, appointment.missed (no-show), appointment.cancelled by citizen or service: the latest counts"
    ),
    "contact_appointment_booked": MetricText("appointment.booked by `by`"),
    "contact_appointment_moved": MetricText("appointment.moved, each once"),
    "contact_appointment_checked_in": MetricText("appointment.checked_in"),
    "contact_appointment_lead_seconds": MetricText("starts_at − t(appointment.booked), of the first booking"),
    # ------------------------------------------------------------------------------------------------ satisfaction
    "contact_survey_invited": MetricText("feedback.invited"),
    "contact_satisfaction_score": MetricText('last feedback.given of a contact on csat_1_5; le="3.0": not satisfied'),
    "contact_recommendation_score": MetricText(
        'last feedback.given of a contact on nps_0_10; detractors le="6.0", promoters above le="8.0"'
    ),
    "contact_effort_score": MetricText(
        "last feedback.given of a contact on ces_1_5 or ces_1_7: no standard, so the variant is named"
    ),
    "contact_jdma_score": MetricText('last feedback.given of a contact on jdma_0_10; above le="7.0": 8 and more'),
    "contact_satisfaction_answers": MetricText("answers on the scale in the window; for response: invitations"),
    "contact_satisfaction_ratio": MetricText(
        "csat: 4–5 of 5; ces_1_5: 4–5; ces_1_7: 5–7; jdma: 8–10; nps: share of 9–10 − share of 0–6; response:"
        " invited and answered / invited"
    ),
    "contact_satisfaction_lower_ratio": MetricText(
        "Wilson score interval, z = 1.95996; for nps: of (nps + 1) / 2, wider than necessary"
    ),
    "contact_satisfaction_upper_ratio": MetricText("as contact_satisfaction_lower_ratio"),
    "contact_satisfaction_after_items": MetricText(
        "sla_missed: a deadline of the contact passed; sla_met: none passed, one was met; wait_*: longest"
        " wait in a queue",
    ),
    "contact_satisfaction_minimum_answers": MetricText("web.fewest_answers"),
    # ------------------------------------------------------------------------------------------------- SLA targets
    "contact_sla_started": MetricText("clocks started; policy and clock are those of the SLA file"),
    "contact_sla_completed": MetricText(
        "met: done by the deadline; breached: not done at the deadline; cancelled: not needed any more before the deadline"
    ),
    "contact_sla_late": MetricText("done after the deadline; each counts as breached too"),
    "contact_sla_open_items": MetricText("open clocks by state"),
    "contact_sla_oldest_overdue_timestamp_seconds": MetricText("min deadline of open clocks that are overdue"),
    "contact_sla_corrected": MetricText("as contact_corrected_total"),
    "contact_sla_due_items": MetricText("open clocks with deadline ≤ now + horizon"),
    "contact_sla_objective_ratio": MetricText("objective of the SLA file"),
    "contact_sla_target_seconds": MetricText("target of the SLA file, of units opening_hours and elapsed"),
    "contact_sla_policy": MetricText("the SLA file, as of now"),
    "contact_calendar_open": MetricText("openings, holidays and closures of the calendar"),
    "contact_calendar_change_timestamp_seconds": MetricText("next change of the calendar"),
    "contact_queue_open": MetricText("calendar of the first policy that matches"),
    "contact_oldest_item_business_age_seconds": MetricText(
        "opening hours of that calendar from contact_oldest_item_timestamp_seconds to now"
    ),
    "contact_sla_file_in_force": MetricText("fingerprint of the SLA file in the worker = fingerprint here"),
    # ------------------------------------------------------------------------------------------------------- means
    "pipeline_events_processed": MetricText("ok: counted; duplicate: received before; dead: dead letters"),
    "pipeline_dead_letters": MetricText("records of contact.deadletter.v1"),
    "contact_figures_timestamp_seconds": MetricText("step_at of each partition"),
    "contact_figures_written_timestamp_seconds": MetricText("Kafka's time of the latest row"),
    "contact_event_timestamp_seconds": MetricText("max t(event) counted"),
    "contact_history_timestamp_seconds": MetricText("event time of the slowest partition", labels=_HISTORY_CHANNEL),
    "pipeline_expected_partitions": MetricText("partitions of accueil.figures.v1"),
    "contact_expected_gap_seconds": MetricText("web.quiet_after_seconds, web.quiet_after_seconds_of", labels=_CHANNEL),
    "contact_pipeline_build": MetricText("1"),
    "contact_collect_errors": MetricText("rows that could not be decoded"),
    "contact_collect_duration_seconds": MetricText("time to collect the metrics, without writing them"),
    "pipeline_sla_file_last_reload_successful": MetricText(
        "last reading of the SLA file",
        french="1 si le dernier fichier de délais est valable, 0 tant que l’ancien reste en vigueur.",
    ),
    # ---------------------------------------------------------------------------------------------------- citizens
    "contact_citizens": MetricText("distinct pseudonyms with a contact begun"),
    "contact_citizens_of_all_services": MetricText("distinct pseudonyms with a contact begun"),
    "contact_citizen_contacts": MetricText("contacts begun by cause; avoidable: all causes but abandoned and other"),
    "contact_citizen_hops": MetricText("channel of the previous contact; none: no recent one"),
    "contact_citizen_unidentified": MetricText("contacts begun without a pseudonym"),
    "contact_citizen_handled": MetricText(
        "recontact: another contact with the service within contact_citizen_recontact_days"
    ),
    "contact_citizen_pending": MetricText("handled − those whose recontact window is over"),
    "contact_citizen_recontact_days": MetricText("citizens.recontact_days"),
    "contact_citizen_withheld": MetricText(
        "see README.md",
        french="Nombres non publiés, car ils concernent moins de 5 usagers ou en révéleraient un tel nombre.",
    ),
    "contact_citizen_period_start_timestamp_seconds": MetricText("midnight of its first day"),
}
"""Name of a metric, without `_total` or `_info` → its texts."""


def _true_increase(counter: str, window: str, **labels: str) -> str:
    """Return PromQL for the increase of `counter` over `window` (`28d`), minus that of its correction metric.

    `counter` is the name of a counter or of a series of a histogram, with its suffix.

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
        f'sum({_ANY_INSTANCE} (contact_satisfaction_after_items{{experience="sla_missed",satisfied="true"}}))'
        f' / sum({_ANY_INSTANCE} (contact_satisfaction_after_items{{experience="sla_missed"}}))',
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
        N_("Share of calls that never reach a queue, by line, over four weeks"),
        f"1 - sum by (line) ({_true_increase('contact_line_queued_total', '28d')})"
        f" / sum by (line) ({_true_increase('contact_line_arrived_total', '28d')})",
    ),
    Kpi(
        N_("Contacts by reason and channel, over four weeks"),
        f"sum by (reason, channel) ({_true_increase('contact_reason_total', '28d')})",
    ),
    Kpi(
        N_("Mean hours from a voice message or request to the callback, over four weeks"),
        f"sum by (queue) ({_true_increase('contact_callback_seconds_sum', '28d')})"
        f" / sum by (queue) ({_true_increase('contact_callback_seconds_count', '28d')}) / 3600",
    ),
    Kpi(
        N_("Cost per item of post counted in total, by class, over four weeks"),
        f"sum by (class) ({_true_increase('post_cost_euros_total', '28d')})"
        f" / sum by (class) ({_true_increase('post_items_total', '28d')})",
    ),
    Kpi(
        N_("CSAT below 70 %, even at its upper bound"),
        f'{_ANY_INSTANCE} (contact_satisfaction_upper_ratio{{measure="csat",window="28d"}}) < 0.7',
    ),
)
