"""Tests of the names of figures in `accueil explain`."""

import tomllib
from collections.abc import Iterable
from datetime import datetime, timedelta

import msgspec
import pytest

from models.events import Event
from models.policies import Policies, SlaFile
from streams.core.contacts.contact import Contact, fold
from streams.core.figures.figure import Dimensions, Figure, bucket_key, new_figure, total_key
from streams.core.figures.figure_counts import count_clocks, count_contact
from streams.core.figures.figure_explanation import FigureQuery, counted_facts, figure_names, formula_of
from streams.core.figures.figure_schemas import FIGURE_SCHEMAS
from streams.core.sla.clock_changes import advance
from streams.core.sla.clock_intervals import clock_intervals
from streams.web.board.explain_names import EXPLAIN_NAMES
from streams.web.board.payload import Board, make_message
from streams.web.options import WebOptions
from streams.web.view import FiguresView
from tests.support.events import START, answered_call, make
from tests.support.sla_events import SIEGE

NOW = START + timedelta(hours=3, minutes=2)
OPTIONS = WebOptions(brokers="")
POLICY = """
[[policy]]
name = "{name}"
match = {{ channel = "{channel}" }}
calendar = "siege"
clocks.{clock} = {{ target = 60, unit = "elapsed" }}
"""
POLICIES = Policies(
    SlaFile.model_validate(
        tomllib.loads(
            SIEGE
            + POLICY.format(name="telephone", channel="call", clock="answer")
            + POLICY.format(name="courrier", channel="mail", clock="resolution")
            + POLICY.format(name="courriel", channel="email", clock="resolution")
        )
    )
)


class FilledBoard:
    """Contacts in the state, and the board with their figures."""

    def __init__(self) -> None:
        self.rows: list[Contact] = []
        self._figures: dict[tuple[int, Dimensions], Figure] = {}

    def take(self, *events: Event) -> None:
        row = None
        for event in events:
            row = fold(row, event)
        assert row
        row.clocks, _ = advance((), clock_intervals(row), POLICIES, int(NOW.timestamp() * 1000))
        self.rows.append(row)
        count_contact(None, row, self._edit)
        count_clocks((), row.clocks, self._edit)

    def board(self) -> Board:
        view = FiguresView(OPTIONS.time_zone, NOW, lambda: POLICIES)
        for (start, place), figure in self._figures.items():
            key = bucket_key(start, place) if start else total_key(place)
            view.apply_all(0, [(key, msgspec.json.encode(figure))])
        return make_message(view.snapshot(NOW), OPTIONS, "v").board

    def listed(self, figures: Iterable[str], query: FigureQuery) -> tuple[int, int]:
        """Return the numbers of facts that the commands list, in the numerator and in the denominator."""
        judged = [
            formula_of(name, OPTIONS.formula, OPTIONS.target_seconds, OPTIONS.short_abandon_seconds).judge(
                fact.name, fact.amount
            )
            for name in figures
            for row in self.rows
            for fact in counted_facts(row)
            if query.fits(fact)
        ]
        return sum(above for above, _ in judged), sum(below for _, below in judged)

    def _edit(self, which: tuple[int, Dimensions]) -> Figure:
        return self._figures.setdefault(which, new_figure(FIGURE_SCHEMAS[which[1].channel]))


def days(number: int) -> FigureQuery:
    """Query like `--days`."""
    midnight = datetime.combine(NOW.astimezone(OPTIONS.time_zone), datetime.min.time(), OPTIONS.time_zone)
    first, end = midnight - timedelta(days=number - 1), midnight + timedelta(days=1)
    return FigureQuery(since=int(first.timestamp()), until=int(end.timestamp()))


@pytest.fixture
def filled() -> FilledBoard:
    filled = FilledBoard()
    for index, at in enumerate(
        (-90_000, 0, 9000, 9100, 10_700, 10_900)
    ):  # the day before; before the last half hour; in it
        filled.take(*answered_call(f"call:asterisk/siege:{index}", at=at, wait=5 if index % 2 else 100))
    for index in range(3):
        filled.take(make("call.queued", 0, subject=f"call:asterisk/siege:w{index}", queue="mdph", site="siege"))
    for channel, kind, number in (("mail", "letter.arrived", 2), ("email", "email.received", 4)):
        for index in range(number):
            filled.take(
                make(kind, 60 * index, subject=f"{channel}:essai/siege:{index}", channel=channel, service="rsa")
            )
    for index, (ago, scale, score) in enumerate(
        [(0, "csat_1_5", 5), (0, "nps_0_10", 9), (27, "csat_1_5", 1), (28, "csat_1_5", 4), (0, "jdma_0_10", 0)]
    ):
        subject = f"feedback:essai/siege:{index}"
        filled.take(
            make("feedback.given", -86_400 * ago, subject=subject, channel="feedback", scale=scale, score=score)
        )
    return filled


def test_command_of_the_sla_card_lists_the_counted_contacts(filled: FilledBoard) -> None:
    standing = [status for status in filled.board().sla_targets.standing if status.channel not in ("call", "visit")]
    channels = {status.channel for status in standing}
    assert channels == {"mail", "email"}
    for name in ("overdue", "running", "at_risk"):
        (figure,) = EXPLAIN_NAMES[f"sla_targets_{name}"]
        number = sum(getattr(status, name) for status in standing)
        assert filled.listed([figure], FigureQuery(channels)) == (number, 0), name
    assert sum(status.overdue for status in standing) == 6
    everything = sum(status.overdue for status in filled.board().sla_targets.standing)
    assert filled.listed(["overdue"], FigureQuery(["sla"])) == (everything, 0) == (9, 0)
    assert filled.listed(["overdue"], FigureQuery(queue="courrier:resolution:mail")) == (2, 0)


def test_command_of_the_last_half_hour_lists_the_counted_contacts(filled: FilledBoard) -> None:
    board = filled.board()
    assert (board.recent.since, board.recent.until) == ("2025-03-03T11:35+01:00", "2025-03-03T12:05+01:00")
    since, until = (int(datetime.fromisoformat(at).timestamp()) for at in (board.recent.since, board.recent.until))
    recent = board.all.recent_service_level
    assert filled.listed(EXPLAIN_NAMES["queues_recent"], FigureQuery(["call"], since=since, until=until)) == (
        recent.numerator,
        recent.denominator,
    )
    today = board.all.today.service_level
    assert filled.listed(EXPLAIN_NAMES["queues_service"], days(1)._replace(channels=["call"])) == (
        today.numerator,
        today.denominator,
    )
    assert 0 < recent.denominator < today.denominator < 6


def test_command_of_feedback_figures_lists_the_counted_contacts(filled: FilledBoard) -> None:
    board = filled.board()
    assert board.all_services.feedback is not None
    assert filled.listed(EXPLAIN_NAMES["opinions_given"], days(1)._replace(channels=["feedback"])) == (3, 0)
    assert board.all_services.feedback.given == 3
    (csat,) = (line for line in board.satisfaction if line.service is None and line.measure == "csat")
    assert (
        filled.listed(EXPLAIN_NAMES["opinions_csat"], days(28)._replace(channels=["feedback"]))
        == (csat.answers, 0)
        == (2, 0)
    )


def test_commands_of_details_list_the_counted_contacts(filled: FilledBoard) -> None:
    subject = "call:asterisk/siege:details"
    filled.take(
        make("call.arrived", 0, subject=subject, line="direct", site="siege"),
        make("call.menu_chosen", 5, subject=subject, option="rsa", site="siege"),
        make("contact.reason_set", 5, subject=subject, channel="call", contact_reason="aides", site="siege"),
        make("call.voicemail_left", 20, subject=subject, queue="mdph", site="siege"),
        make("call.voicemail_heard", 900, subject=subject, site="siege"),
        make("call.called_back", 1800, subject=subject, site="siege"),
    )
    board, today = filled.board(), days(1)
    on_line = today._replace(channels=["call"], site="siege", queue="direct")
    (line,) = (line for line in board.lines if line.line == "direct")
    assert filled.listed(EXPLAIN_NAMES["lines_arrived"], on_line) == (line.arrived, 0) == (1, 0)
    assert filled.listed(EXPLAIN_NAMES["lines_queued"], on_line) == (line.queued, 0) == (0, 0)
    (choice,) = board.menu
    chosen = on_line._replace(queue=choice.option)
    assert filled.listed(EXPLAIN_NAMES["menu_chosen"], chosen) == (choice.chosen, 0) == (1, 0)
    (reason,) = board.reasons
    of_reason = today._replace(queue=f"call:{reason.reason}")
    assert filled.listed(EXPLAIN_NAMES["reasons_contacts"], of_reason) == (reason.by_channel["call"], 0) == (1, 0)
    (callbacks,) = board.callbacks
    of_queue = on_line._replace(service=callbacks.service, queue=callbacks.queue)
    assert filled.listed(EXPLAIN_NAMES["callbacks_left"], of_queue) == (callbacks.messages_left, 0) == (1, 0)
    assert filled.listed(EXPLAIN_NAMES["callbacks_heard"], of_queue) == (callbacks.messages_heard, 0) == (1, 0)
    assert filled.listed(EXPLAIN_NAMES["callbacks_called_back"], of_queue) == (callbacks.called_back, 0) == (1, 0)


def test_omitted_service_or_site_matches_all(filled: FilledBoard) -> None:
    assert filled.listed(["waiting"], FigureQuery(service="rsa"))[0] == 6
    assert filled.listed(["waiting"], FigureQuery(site="siege"))[0] == 3
    assert filled.listed(["waiting"], FigureQuery(service=""))[0] == 3, "none has this name"


def test_explain_names_exist_in_accueil_explain() -> None:
    assert {name for several in EXPLAIN_NAMES.values() for name in several} <= set(figure_names())
