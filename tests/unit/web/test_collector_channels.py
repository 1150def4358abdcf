"""Tests of the metrics of letters, e-mails, forms, appointments, visits and feedback."""

import shutil
import subprocess
from datetime import timedelta

import pytest
from prometheus_client import generate_latest

from models.events import CloseOutcome, FormDecision
from models.topics import Channel
from streams.core.figures import facts
from streams.core.figures.figure import Dimensions
from streams.core.figures.figure_schemas import CASE_SCHEMA, CLOSED_COUNTS, FEEDBACK, FIGURE_SCHEMAS
from streams.web.board.payload import make_message
from streams.web.metrics.cases import AGES, FACTS, OLDEST, STEPS
from streams.web.options import WebOptions
from tests.unit.web.exported import DAY, NOON, OPTIONS, Exported, fill
from tests.web.rows import APPOINTMENT, DESK, EMAIL, FORM, MAIL, OPINION, SOCIAL

ABOUT_CALLS = Dimensions("call", "siege", "social", "")


@pytest.fixture
def exported() -> Exported:
    return Exported()


def test_received_contacts_have_one_metric_in_all_channels(exported: Exported) -> None:
    fill(exported.worker)
    exported.worker.offered(SOCIAL, NOON, 5)
    numbers = [exported("contact_received_total", p) for p in (SOCIAL, DESK, MAIL, EMAIL, FORM, APPOINTMENT)]
    assert numbers == [5, 1, 1, 1, 1, 2]
    assert exported("contact_today_items", APPOINTMENT, flow="received") == 2
    answered = [exported("contact_answered_total", p) for p in (SOCIAL, DESK, MAIL, EMAIL, FORM, APPOINTMENT)]
    assert answered == [0, 1, 1, 1, 0, None]


def test_steps_of_a_letter_are_counted_and_measured(exported: Exported) -> None:
    fill(exported.worker)
    for step in ("registered", "assigned", "acknowledged"):
        assert exported(f"contact_{step}_total", MAIL) == 1, step
        assert exported("contact_today_items", MAIL, flow=step) == 1
    assert exported("contact_registration_seconds_bucket", MAIL, le="900.0") == 1
    assert exported("contact_assignment_seconds_bucket", MAIL, le="172800.0") == 0
    assert exported("contact_assignment_seconds_bucket", MAIL, le="259200.0") == 1
    assert exported("contact_acknowledgement_seconds_sum", MAIL) == 3 * DAY
    assert exported("contact_first_response_seconds_bucket", MAIL, le="432000.0") == 1
    assert exported("contact_resolution_seconds_sum", MAIL) == 5 * DAY
    assert exported("contact_closed_total", MAIL, outcome="answered") == 1
    assert exported("contact_closed_total", MAIL, outcome="duplicate") == 0
    assert exported("contact_today_items", MAIL, flow="closed") == 1
    assert exported("contact_today_items", EMAIL, flow="closed") == 0, "that was yesterday"
    assert exported("contact_first_response_seconds_sum", EMAIL) == 61


def test_postage_is_exported_in_euros(exported: Exported) -> None:
    fill(exported.worker)
    assert exported("contact_sent_total", MAIL, postage="lettre_recommandee") == 1
    assert exported("contact_sent_total", MAIL, postage="lettre_verte") == 0
    assert exported("contact_postage_euros_total", MAIL, postage="lettre_recommandee") == 5.74
    assert exported("contact_postage_euros_total", MAIL, postage="lettre_verte") == 0
    assert exported("contact_postage_euros_total", EMAIL, postage="lettre_verte") is None


def test_form_corrections_and_decisions_are_counted(exported: Exported) -> None:
    fill(exported.worker)
    assert exported("contact_form_correction_total", FORM, step="requested") == 1
    assert exported("contact_form_correction_total", FORM, step="received") == 1
    assert exported("contact_closed_total", FORM, outcome="accepted") == 1
    assert exported("contact_resolution_seconds_bucket", FORM, le="5184000.0") == 1
    assert exported("contact_resolution_seconds_bucket", FORM, le="2592000.0") == 0


def test_appointments_have_one_of_four_outcomes(exported: Exported) -> None:
    fill(exported.worker)
    outcomes = ("attended", "missed", "cancelled_by_citizen", "cancelled_by_service")
    assert [exported("contact_appointment_total", APPOINTMENT, outcome=name) for name in outcomes] == [3, 1, 0, 1]
    assert exported("contact_appointment_booked_total", APPOINTMENT, by="citizen") == 1
    assert exported("contact_appointment_booked_total", APPOINTMENT, by="service") == 1
    assert exported("contact_appointment_lead_seconds_bucket", APPOINTMENT, le="604800.0") == 1
    assert exported("contact_appointment_lead_seconds_bucket", APPOINTMENT, le="+Inf") == 2
    assert exported("contact_backlog_items", APPOINTMENT, state="pending_citizen") == 8
    assert exported("contact_backlog_items", APPOINTMENT, state="waiting") == 1


def test_feedback_has_the_channel_of_its_contact(exported: Exported) -> None:
    fill(exported.worker)
    assert exported("contact_survey_invited_total", ABOUT_CALLS) == 9
    bounds = [exported("contact_satisfaction_score_bucket", ABOUT_CALLS, le=le) for le in ("3.0", "4.0", "5.0", "+Inf")]
    assert bounds == [0, 2, 2, 2]
    assert exported("contact_satisfaction_score_sum", ABOUT_CALLS) == 8
    assert exported("contact_recommendation_score_bucket", ABOUT_CALLS, le="9.0") == 0
    assert exported("contact_recommendation_score_count", ABOUT_CALLS) == 1
    assert exported("contact_jdma_score_count", ABOUT_CALLS) == 0
    assert exported("contact_today_items", ABOUT_CALLS, flow="given") == 3
    exported.worker.count(OPINION, NOON, given_ces_1_7_7=1)
    assert exported("contact_effort_score_sum", ABOUT_CALLS, scale="ces_1_7") == 7
    assert exported("contact_effort_score_sum", ABOUT_CALLS, scale="ces_1_5") == 0
    about_letters = Dimensions("mail", "siege", "social", "")
    assert exported("contact_satisfaction_score_count", about_letters) == 0, "without answers"
    assert exported("contact_survey_invited_total", about_letters) == 0


def test_satisfaction_measures_have_confidence_bounds(exported: Exported) -> None:
    def measured(measure: str, window: str = "28d", place: Dimensions = ABOUT_CALLS) -> list[float | None]:
        names = ("answers", "ratio", "lower_ratio", "upper_ratio")
        values = (exported(f"contact_satisfaction_{name}", place, measure=measure, window=window) for name in names)
        return [value if value is None else round(value, 3) for value in values]

    exported.worker.count(OPINION, NOON, given_csat_1_5_5=4)
    assert measured("csat") == [4, None, None, None], "too few"
    exported.worker.count(OPINION, NOON - timedelta(days=1), given_csat_1_5_1=1)
    exported.worker.count(
        OPINION, NOON - timedelta(days=10), given_csat_1_5_4=5, given_nps_0_10_9=5, given_nps_0_10_0=5
    )
    assert measured("csat", "7d") == [5, 0.8, 0.376, 0.964]
    assert measured("csat") == [10, 0.9, 0.596, 0.982]
    assert measured("nps") == [10, 0, -0.527, 0.527]
    assert measured("nps", "7d") == [0, None, None, None]
    assert measured("jdma") == [0, None, None, None]
    assert measured("csat", place=Dimensions("mail", "siege", "social", "")) == [0, None, None, None]
    assert exported("contact_satisfaction_minimum_answers") == 5


def test_response_rate_is_answers_of_invited_citizens(exported: Exported) -> None:
    exported.worker.count(OPINION, NOON, invited=20, invited_answered=5)

    def measured(name: str, place: Dimensions = ABOUT_CALLS) -> float | None:
        return exported(f"contact_satisfaction_{name}", place, measure="response", window="7d")

    assert (measured("answers"), measured("ratio")) == (20, 0.25)
    assert round(measured("upper_ratio") or 0, 3) == 0.469
    nobody = Dimensions("mail", "siege", "social", "")
    assert (measured("answers", nobody), measured("ratio", nobody)) == (0, None)


def test_answers_are_counted_by_experience(exported: Exported) -> None:
    exported.worker.count(
        OPINION, NOON, given_csat_1_5_1=3, csat_promise_missed_unsatisfied=3, csat_wait_gt_300_unsatisfied=2
    )

    def measured(experience: str, satisfied: str) -> float | None:
        labels = {"experience": experience, "satisfied": satisfied}
        return exported("contact_satisfaction_after_items", ABOUT_CALLS, **labels)

    assert (measured("promise_missed", "false"), measured("promise_missed", "true")) == (3, 0)
    assert (measured("wait_gt_300", "false"), measured("wait_le_60", "false")) == (2, 0)


def test_backlog_is_counted_by_civil_days_since_receipt(exported: Exported) -> None:
    midnight = NOON.replace(hour=0)
    came = [
        *(NOON, midnight),
        midnight - timedelta(minutes=30),
        midnight - timedelta(days=4),
        *(midnight - timedelta(days=29), midnight - timedelta(days=29, minutes=30)),
    ]
    exported.worker.stocks(MAIL, waiting=len(came))
    exported.worker.totals[MAIL].open_since = {int(at.timestamp()): 1 for at in came}
    exported.worker.count(MAIL, NOON, received=len(came))

    def bands(place: Dimensions) -> list[float | None]:
        return [exported("contact_backlog_by_age_items", place, age=age) for age in (*AGES, OLDEST)]

    assert bands(MAIL) == [2, 1, 1, 0, 0, 1, 1]
    assert bands(EMAIL) == [0] * 7
    exported.worker.stocks(FORM, waiting=1)
    exported.worker.totals[FORM].open_since = None
    exported.worker.count(FORM, NOON, "received")
    assert bands(FORM) == [None] * 7, "its row is of an earlier release"
    exported.now = NOON + timedelta(days=1)
    assert bands(MAIL) == [0, 2, 1, 1, 0, 0, 2]


def test_open_contacts_have_the_time_of_the_oldest(exported: Exported) -> None:
    fill(exported.worker)
    for place in (MAIL, EMAIL, FORM):
        assert exported("contact_backlog_items", place, state="waiting") == 3
        assert exported("contact_backlog_items", place, state="in_progress") == 1
        assert exported("contact_backlog_items", place, state="pending_citizen") == 0
        oldest = exported("contact_oldest_item_timestamp_seconds", place)
        assert oldest == (NOON - timedelta(days=2)).timestamp()


def test_desks_have_their_own_target_and_no_agents(exported: Exported) -> None:
    fill(exported.worker)
    exported.worker.answered(SOCIAL, NOON, 400)
    level = {"formula": "answered_share"}
    assert exported("contact_service_level_target_seconds", DESK) == 900
    assert exported("contact_service_level_numerator_total", DESK, **level) == 1
    assert exported("contact_service_level_numerator_total", SOCIAL, **level) == 0
    assert exported("contact_agents", SOCIAL, state="available") == 0
    assert exported("contact_agents", DESK, state="available") is None


def test_reattribution_to_another_service_does_not_lower_a_counter(exported: Exported) -> None:
    worker = exported.worker
    unassigned = MAIL._replace(service="")
    worker.count(unassigned, NOON, "received", "responded")
    worker.count(unassigned, NOON, "sent_lettre_verte", postage_cents_lettre_verte=139)
    before = exported("contact_received_total", unassigned)
    for name in ("received", "responded", "sent_lettre_verte"):
        worker.took_back(unassigned, NOON, name)
    for _ in range(139):
        worker.took_back(unassigned, NOON, "postage_cents_lettre_verte")
    worker.count(MAIL, NOON, "received")
    assert exported("contact_received_total", unassigned) == before == 1
    for fact in ("received", "answered", "sent_lettre_verte"):
        assert exported("contact_corrected_total", unassigned, fact=fact) == 1, fact
    assert exported("contact_postage_euros_total", unassigned, postage="lettre_verte") == 1.39
    assert exported("contact_postage_corrected_euros_total", unassigned, postage="lettre_verte") == 1.39
    assert exported("contact_today_items", unassigned, flow="received") == 0
    assert exported("contact_received_total", MAIL) == 1
    worker.count(OPINION, NOON, given_csat_1_5_5=1)
    worker.took_back(OPINION, NOON, "given_csat_1_5_5")
    assert exported("contact_satisfaction_score_bucket", ABOUT_CALLS, le="5.0") == 1
    assert exported("contact_corrected_total", ABOUT_CALLS, fact="given_csat_1_5") == 1
    worker.took_back(APPOINTMENT, NOON, "booked")
    assert exported("contact_corrected_total", APPOINTMENT, fact="received") == 1


def test_configured_dimensions_have_all_series_from_the_start(exported: Exported) -> None:
    exported.worker.progress(NOON)
    before = exported.numbers().keys()
    for place in (MAIL, EMAIL, FORM, APPOINTMENT):
        for name in FACTS.get(Channel(place.channel), FIGURE_SCHEMAS[place.channel].facts):
            exported.worker.count(place, NOON, name, amount=1)
        exported.worker.stocks(place, waiting=1)
    assert exported.numbers().keys() == before


NOT_SHOWN = {"ended_forgotten", "ring_unanswered", "invited_answered", *(n for n in FEEDBACK.facts if n[:5] == "csat_")}
"""Counts without a counter: forgotten calls, calls that an agent let ring, and feedback counts used only by windows."""


def test_all_counts_are_exported(exported: Exported) -> None:
    left_out = set()
    before = exported.counted()
    for place in (SOCIAL, DESK, MAIL, EMAIL, FORM, APPOINTMENT, OPINION):
        for name in FACTS.get(Channel(place.channel), FIGURE_SCHEMAS[place.channel].facts):
            exported.worker.count(place, NOON, name, amount=1)
            after = exported.counted()
            if after == before:
                left_out.add(name)
            before = after
    assert left_out == NOT_SHOWN


def test_steps_of_a_channel_match_its_event_types() -> None:
    nouns = {"letter": Channel.MAIL, "email": Channel.EMAIL, "form": Channel.FORM}
    emitted: dict[Channel, set[str]] = {channel: set() for channel in nouns.values()}
    for kind, step in facts._STEPS.items():
        emitted[nouns[kind.partition(".")[0]]].add(step)
    assert {channel: set(steps) for channel, steps in STEPS.items()} == emitted
    every = {name for facts_ in FACTS.values() for name in facts_}
    assert every == set(CASE_SCHEMA.facts)
    assert set(CLOSED_COUNTS) == {f"closed_{name}" for name in ("answered", *CloseOutcome, *FormDecision)}


def test_metrics_and_board_show_the_same_figures_of_services(exported: Exported) -> None:
    fill(exported.worker)
    (service,) = make_message(exported.view.snapshot(NOON), OPTIONS, "v").board.services
    for place, cases in ((MAIL, service.mail), (EMAIL, service.email), (FORM, service.form)):
        assert cases is not None
        assert exported("contact_today_items", place, flow="received") == cases.received
        assert exported("contact_today_items", place, flow="closed") == cases.closed
        for state in ("waiting", "in_progress", "pending_citizen"):
            assert exported("contact_backlog_items", place, state=state) == getattr(cases, state)
    appointment = service.appointment
    assert appointment is not None
    for outcome in ("attended", "missed", "cancelled_by_citizen", "cancelled_by_service"):
        assert exported("contact_today_items", APPOINTMENT, flow=outcome) == getattr(appointment, outcome)


def test_means_of_today_are_exact(exported: Exported) -> None:
    fill(exported.worker)
    exported.worker.answered(DESK, NOON - timedelta(days=1), 9)

    def today(place: Dimensions, duration: str) -> tuple[float | None, float | None]:
        return (
            exported("contact_today_duration_seconds", place, duration=duration),
            exported("contact_today_duration_items", place, duration=duration),
        )

    assert today(DESK, "wait") == (400, 1)
    assert today(DESK, "handle") == (60, 1)
    assert today(MAIL, "registration") == (600, 1)
    assert today(MAIL, "resolution") == (5 * DAY, 1)
    assert today(EMAIL, "first_response") == (0, 0), "that was yesterday"
    assert today(EMAIL, "registration") == (None, None), "e-mails have no number in a register"
    assert today(APPOINTMENT, "lead") == (206 * DAY, 2)
    level = {"formula": "answered_share"}
    assert exported("contact_today_service_level_numerator", DESK, **level) == 1
    assert exported("contact_today_service_level_denominator", DESK, **level) == 1
    assert exported("contact_service_level_denominator_total", DESK, **level) == 2


def test_versions_and_limits_of_silence_are_exported() -> None:
    exported = Exported(WebOptions(brokers="", quiet_after_seconds=60, quiet_after_seconds_of={"mail": 86_400}))
    gaps = {channel: exported("contact_expected_gap_seconds", channel=channel) for channel in ("call", "mail", "form")}
    assert gaps == {"call": 60, "mail": 86_400, "form": None}
    (build,) = (metric for metric in exported.registry.collect() if metric.name == "contact_pipeline_build")
    assert build.samples[0].labels.keys() == {"version", "python"}


def test_promtool_accepts_the_metrics_of_all_channels(exported: Exported) -> None:
    fill(exported.worker)
    exported.worker.answered(SOCIAL, NOON, 4)
    exported.worker.progress(NOON)
    promtool = shutil.which("promtool")
    assert promtool, "promtool is missing: apt-get install prometheus"
    answer = subprocess.run(
        [promtool, "check", "metrics"], input=generate_latest(exported.registry), capture_output=True, check=False
    )
    assert (answer.returncode, answer.stdout, answer.stderr) == (0, b"", b"")


def test_number_of_series_of_a_large_organisation_is_limited() -> None:
    exported = Exported(WebOptions(brokers=""))
    worker = exported.worker
    for number in range(10):
        service = f"service-{number}"
        worker.offered(Dimensions("call", "siege", service, service), NOON)
        worker.count(Dimensions("mail", "siege", service, ""), NOON, "received")
        worker.count(Dimensions("form", "siege", service, f"procedure-{number}"), NOON, "received")
        if number < 4:
            worker.count(Dimensions("appointment", "siege", service, ""), NOON, "booked")
            worker.count(Dimensions("feedback", "siege", service, "call"), NOON, given_csat_1_5_5=1, given_nps_0_10_9=1)
    assert len(exported.numbers()) < 12_000
