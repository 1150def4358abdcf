"""Schedule of polls of a source that also pushes."""

from contextlib import closing
from datetime import UTC, datetime

from connectors.sdk.reconcile import PollScope
from connectors.sdk.webhook.polled import Page, Pager, Poller, PollSettings
from tests.support.processes import wait_until

NOW = datetime(2026, 3, 16, tzinfo=UTC)


class TwoPages(Pager):
    """Polls of two pages."""

    def __init__(self) -> None:
        self.asked = 0

    def next_page(self) -> Page:
        self.asked += 1
        return Page((), NOW, NOW, PollScope() if self.asked % 2 == 0 else None)

    def close(self) -> None:
        pass


def test_interval_of_polls_starts_with_the_poll() -> None:
    rounds = TwoPages()
    with closing(Poller(PollSettings(lambda: rounds, round_seconds=3_600, page_seconds=3_600))) as asker:
        wait_until(asker.take, "the first page")
        assert rounds.asked == 1
        assert not asker._interval.due
