"""Expected values of the columns of reports, counted from the facts, independent of figures."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from models.topics import Channel
from tests.support.expected_history import HistoryFact
from tests.support.expected_metrics import MEASURES, SHORT_SECONDS, TARGETS, count, mean, seconds, service_levels


def _share(numerator: int, denominator: int) -> float | None:
    return numerator / denominator if denominator else None


def _days(numbers: Sequence[float]) -> float | None:
    number = mean(numbers)
    return None if number is None else number / 86_400


def _score(facts: Sequence[HistoryFact], measure: str) -> float | None:
    scale, good = MEASURES[measure]
    given = [int(fact.name.rpartition("_")[2]) for fact in facts if fact.name.startswith(f"given_{scale}_")]
    return sum(score >= good for score in given) / len(given) if len(given) >= 5 else None


Column = Callable[[Sequence[HistoryFact], str], float | None]


def _counted(*names: str) -> Column:
    return lambda facts, _: count(facts, *names)


def _responded_within(days: int) -> Column:
    def read(facts: Sequence[HistoryFact], _: str) -> float | None:
        in_time = sum(one <= days * 86_400 for one in seconds(facts, "first_response"))
        return _share(in_time, count(facts, "responded"))

    return read


def _of_channel(channel: str) -> Column:
    """Return the contacts of a channel, of a table of reasons."""
    return lambda facts, _: sum(fact.place[0] == channel for fact in facts)


POSTAGES: Final = (
    *("lettre_verte", "lettre_services_plus", "lettre_recommandee", "lettre_recommandee_avec_avis"),
    *("economique", "lettre_en_ligne"),
)
COLUMNS: Final[Mapping[str, Column]] = {
    "received": _counted("offered", "received"),
    "answered": _counted("answered"),
    "abandoned": lambda facts, _: len(seconds(facts, "abandon_wait")),
    "abandoned_short": lambda facts, _: sum(wait <= SHORT_SECONDS for wait in seconds(facts, "abandon_wait")),
    "left_otherwise": _counted("left_"),
    "service_level": lambda facts, table: _share(*service_levels(facts, TARGETS[table])["net_of_short"]),
    "abandonment": lambda facts, _: _share(
        patient := sum(wait > SHORT_SECONDS for wait in seconds(facts, "abandon_wait")),
        count(facts, "answered") + patient,
    ),
    "mean_wait": lambda facts, _: mean(seconds(facts, "wait")),
    "mean_handle": lambda facts, _: mean(seconds(facts, "handle")),
    "transferred": _counted("transferred"),
    "mean_registration": lambda facts, _: _days(seconds(facts, "registration")),
    "responded": _counted("responded"),
    "mean_first_response": lambda facts, _: _days(seconds(facts, "first_response")),
    "responded_within_5": _responded_within(5),
    "responded_within_15": _responded_within(15),
    "closed": _counted("closed_"),
    "mean_resolution": lambda facts, _: _days(seconds(facts, "resolution")),
    "sent": _counted("sent_"),
    "postage": lambda facts, _: sum(fact.cents for fact in facts) / 100,
    "booked": _counted("booked"),
    **{name: _counted(name) for name in ("attended", "missed", "cancelled_by_citizen", "cancelled_by_service")},
    "no_show": lambda facts, _: _share(count(facts, "missed"), count(facts, "missed", "attended")),
    "mean_lead": lambda facts, _: _days(seconds(facts, "lead")),
    "invited": _counted("invited"),
    "answered_invitation": lambda facts, _: count(_of_invited(facts), "given_csat_1_5_"),
    "response_rate": lambda facts, _: _share(count(_of_invited(facts), "given_csat_1_5_"), count(facts, "invited")),
    "given": lambda facts, table: count(facts, f"given_{MEASURES[table][0]}_"),
    **{f"score_{measure}": _score for measure in MEASURES},
    **{f"sent_{postage}": _counted(f"sent_{postage}") for postage in POSTAGES},
    "line_arrived": _counted("line_arrived"),
    "line_queued": _counted("line_queued"),
    "line_unqueued": lambda facts, _: count(facts, "line_arrived") - count(facts, "line_queued"),
    "unqueued_share": lambda facts, _: _share(
        count(facts, "line_arrived") - count(facts, "line_queued"), count(facts, "line_arrived")
    ),
    "menu_chosen": _counted("menu_chosen"),
    "post_items": lambda facts, _: sum(fact.number for fact in facts),
    "contacts": _counted("reason_contacts"),
    **{channel.value: _of_channel(channel.value) for channel in Channel},
    "messages_left": _counted("message_left"),
    "messages_heard": _counted("message_heard"),
    "mean_hearing": lambda facts, _: mean(seconds(facts, "message_hearing")),
    "callbacks_requested": _counted("callback_requested"),
    "called_back": _counted("called_back"),
    "mean_callback": lambda facts, _: mean(seconds(facts, "callback")),
}
"""Column of a report → its expected value, from the facts of one row and the name of the table."""


def _of_invited(facts: Sequence[HistoryFact]) -> list[HistoryFact]:
    """Return the facts of places with invitations."""
    invited_places = {fact.place for fact in facts if fact.name == "invited"}
    return [fact for fact in facts if fact.place in invited_places]
