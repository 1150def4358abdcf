"""A board whose figures a test worker writes."""

from datetime import datetime
from zoneinfo import ZoneInfo

from models.policies import Policies
from streams.web.board.at_risk import AtRiskTargets
from streams.web.board.payload import Board, Message, make_message
from streams.web.board.services import Service
from streams.web.board.sla_targets import Deadline
from streams.web.options import WebOptions
from streams.web.topic_view import ReaderState
from streams.web.view import NO_POLICIES, FiguresView
from tests.web.rows import Worker

NOON = datetime(2026, 3, 10, 12, 0, tzinfo=ZoneInfo("Europe/Paris"))
"""A Tuesday."""
DEFAULTS = WebOptions(brokers="")


class FilledBoard:
    """A board at `now` that has read its topic, and its test worker."""

    def __init__(self, options: WebOptions = DEFAULTS, policies: Policies = NO_POLICIES, now: datetime = NOON) -> None:
        self.options, self.now = options, now
        self.view = FiguresView(options.time_zone, now, lambda: policies)
        self.view.begin([0])
        self.view.set_state(ReaderState.FOLLOWING)
        self.worker = Worker(self.view)

    def message(self, now: datetime | None = None, risks: AtRiskTargets | None = None) -> Message:
        return make_message(self.view.snapshot(now or self.now), self.options, "v", risks)

    def board(self, now: datetime | None = None, risks: AtRiskTargets | None = None) -> Board:
        return self.message(now, risks).board

    def services(self) -> list[Service]:
        return self.board().services

    def overdue(self) -> list[Deadline]:
        return self.board().sla_targets.overdue

    def due(self) -> list[Deadline]:
        return self.board().sla_targets.due
