"""A board on a real uvicorn with its own port and a test worker."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from threading import Thread

from models.policies import Policies
from streams.web.app import Server, Site
from streams.web.board.at_risk import AtRiskView
from streams.web.citizens import CitizensView, DisclosedFigures
from streams.web.http_server import listen
from streams.web.metrics.sample_figures import sample_disclosed_figures
from streams.web.options import WebOptions
from streams.web.topic_view import ReaderState
from streams.web.view import NO_POLICIES, FiguresView
from tests.web.rows import Worker


class SampleCitizens(CitizensView):
    """Citizen figures with a number of each kind."""

    def disclosed_figures(self) -> DisclosedFigures:
        return sample_disclosed_figures()


class Served:
    """A running board; its clock starts at `now` if given."""

    def __init__(
        self,
        options: WebOptions,
        now: datetime | None = None,
        port: int = 0,
        policies: Policies = NO_POLICIES,
        citizens: CitizensView | None = None,
    ) -> None:
        self._ahead = now - datetime.now(UTC) if now else timedelta(0)
        self.view = FiguresView(options.time_zone, self.now(), lambda: policies)
        self.worker = Worker(self.view)
        self.risks = AtRiskView()
        self.rejected: dict[str, int] = {}
        """Connector instance → number of records that it rejected today."""
        site = Site(
            self.view,
            options,
            now=self.now,
            citizens=citizens,
            risks=self.risks,
            rejected=lambda _since: self.rejected,
        )
        self.broadcaster = site.broadcaster
        self._server = Server(site)
        self._listener = listen("127.0.0.1", port)
        self.port = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._thread = Thread(target=self._server.run, args=([self._listener],))

    def now(self) -> datetime:
        return datetime.now(UTC) + self._ahead

    def advance_clock(self, time: timedelta) -> None:
        """Move the clock forward."""
        self._ahead += time

    def follow(self) -> None:
        """Make the figures complete and current."""
        self.view.begin([0])
        self.view.set_state(ReaderState.FOLLOWING)
        self.worker.progress(self.now())

    def start(self) -> None:
        self._thread.start()

    @property
    def running(self) -> bool:
        return self._thread.is_alive()

    def stop(self) -> None:
        """Stop the server like SIGTERM, and wait for its end."""
        self._server.should_exit = True
        self._thread.join(60)
        assert not self._thread.is_alive(), "the server did not stop"


@contextmanager
def serving(
    options: WebOptions,
    now: datetime | None = None,
    port: int = 0,
    policies: Policies = NO_POLICIES,
    citizens: CitizensView | None = None,
) -> Iterator[Served]:
    served = Served(options, now, port, policies, citizens)
    served.start()
    try:
        yield served
    finally:
        served.stop()
