"""Tests of the metrics of reasons, lines, voice menus, voice messages, callbacks and counted post."""

from models.topics import Channel
from streams.core.figures.figure import Dimensions
from streams.web.options import QueueOptions, ReasonOptions, ServiceOptions, WebOptions
from tests.unit.web.exported_metrics import DAY, NOON, ExportedMetrics
from tests.web.rows import CALLBACK, EMAIL, LINE, MAIL, MENU, POST, REASON, SOCIAL

OPTIONS = WebOptions(
    brokers="",
    queues=(QueueOptions(SOCIAL, "Social", "Social"),),
    services=(ServiceOptions("social", "Social", "Social", (MAIL, EMAIL)),),
    reasons=(ReasonOptions("logement", "Logement", "Housing"), ReasonOptions("dossier", "Dossier", "Case", ("mail",))),
)
CALLS = Dimensions("call", "siege", "social", "")
LETTERS = Dimensions("mail", "siege", "social", "")


def new_exported() -> ExportedMetrics:
    exported = ExportedMetrics(OPTIONS)
    exported.worker.progress(NOON)
    return exported


def test_configured_reasons_have_series_from_the_start_in_their_channels() -> None:
    exported = new_exported()

    def channels_with(reason: str) -> set[str]:
        places = {channel: LETTERS._replace(channel=channel.value) for channel in Channel}
        return {
            channel.value
            for channel, place in places.items()
            if exported("contact_reason_total", place, reason=reason) == 0
        }

    assert channels_with("logement") == {"call", "mail", "email"}
    assert channels_with("dossier") == {"mail"}


def test_reason_is_counted_by_channel_and_its_change_is_a_correction() -> None:
    exported = new_exported()
    exported.worker.count(REASON, NOON, reason_contacts=3)
    exported.worker.correct(REASON, NOON, "reason_contacts")
    assert exported("contact_reason_total", CALLS, reason="logement") == 3
    assert exported("contact_reason_corrected_total", CALLS, reason="logement") == 1
    exported.worker.count(REASON._replace(queue="call:autre"), NOON, "reason_contacts")
    assert exported("contact_reason_total", CALLS, reason="autre") == 1, "a reason that is not configured any more"


def test_calls_of_a_line_are_counted_whether_they_reach_a_queue() -> None:
    exported = new_exported()
    exported.worker.count(LINE, NOON, line_arrived=5, line_queued=3)
    exported.worker.count(MENU, NOON, menu_chosen=2)
    assert exported("contact_line_arrived_total", CALLS, line="standard") == 5
    assert exported("contact_line_queued_total", CALLS, line="standard") == 3
    assert exported("contact_menu_chosen_total", CALLS, option="aides") == 2


def test_messages_and_callbacks_of_configured_queues_have_series_from_the_start() -> None:
    exported = new_exported()
    counters = ("voice_message_left", "voice_message_heard", "callback_requested", "callback_made")

    def values() -> list[float | None]:
        return [exported(f"contact_{name}_total", SOCIAL) for name in counters]

    assert values() == [0, 0, 0, 0]
    assert exported("contact_callback_seconds_count", SOCIAL) == 0
    assert exported("contact_voice_message_hearing_seconds_count", SOCIAL) == 0
    exported.worker.count(CALLBACK, NOON, message_left=4, callback_requested=1)
    exported.worker.count(CALLBACK, NOON, "message_heard", amount=600)
    exported.worker.count(CALLBACK, NOON, "called_back", amount=DAY)
    assert values() == [4, 1, 1, 1]
    assert exported("contact_voice_message_hearing_seconds_sum", SOCIAL) == 600
    assert exported("contact_callback_seconds_sum", SOCIAL) == DAY
    assert exported("contact_callback_seconds_bucket", SOCIAL, le="28800.0") == 0
    assert exported("contact_callback_seconds_bucket", SOCIAL, le="86400.0") == 1


def test_counted_post_has_items_and_euros_by_direction_and_class() -> None:
    exported = new_exported()
    labels = {"direction": "outgoing", "class": "lettre_verte"}
    assert exported("post_items_total", LETTERS, **{"direction": "incoming", "class": "colis"}) == 0
    exported.worker.count(POST, NOON, post_items=340, post_cost_cents=43_860)
    assert exported("post_items_total", LETTERS, **labels) == 340
    assert exported("post_cost_euros_total", LETTERS, **labels) == 438.6
    exported.worker.correct(POST, NOON, "post_cost_cents", amount=0.139)
    assert exported("post_cost_euros_total", LETTERS, **labels) == 438.6
    assert exported("post_cost_euros_corrected_total", LETTERS, **labels) == 1.39
    assert exported("post_items_corrected_total", LETTERS, **labels) == 0
