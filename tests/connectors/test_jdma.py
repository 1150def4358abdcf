"""JDMA connector on a simulated server with the refusals of the published code."""

import json
from collections.abc import Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from starlette.responses import JSONResponse, PlainTextResponse, Response

import connectors.jdma as jdma
from connectors.jdma import review_feed, simulate, source
from connectors.jdma.simulate import TOKEN
from connectors.sdk import pull
from connectors.sdk.errors import SourceRefusedError, SourceUnavailableError
from connectors.sdk.rejects import read as read_rejects
from connectors.sdk.testing import ConnectorHarness
from connectors.sdk.testing.hostile import LARGE_VALUE, VALUES, hostile_json
from models.events import Event, FeedbackGiven
from models.reasons import Reason
from tests.support.jdma_reviews import BEGIN, BUTTON, FORM, OTHER, ReviewServer, review, serving_reviews
from tests.support.polled_servers import ServerConformance, unavailable

PERSONAL = ("Mireille Exemple", "mireille.exemple@example.org", "06 39 98 55 11", "au guichet on m'a dit")

REVIEWS = [
    *(
        review(n, n * 7, ("good", "medium", "bad")[n % 3], verbatim=f"{PERSONAL[n % 4]} {n}")
        for n in range(1, 40)
        if n not in {9, 17}
    ),
    review(9, 63, None, verbatim=PERSONAL[0]),
    review(17, 119, "good", "bad"),
    review(40, 280, verbatim=PERSONAL[2]),
    review(41, 281, "good") | {"button_id": PERSONAL[2]},
    review(42, 282, "good") | {"answers": PERSONAL[1]},
]
REVIEWS.sort(key=lambda node: node["id"])


def options(url: str, **changes: Any) -> dict[str, Any]:
    forms = {str(FORM): {"service": "transports", "buttons": {str(BUTTON): {"site": "siege"}}}}
    return {"url": url, "token": TOKEN, "forms": forms, "poll_seconds": 3600} | changes


@pytest.fixture(autouse=True)
def _fast_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "REQUESTS_PER_MINUTE", 60_000)


class TestConformance(ServerConformance):
    connector = jdma.CONNECTOR
    readme = Path(jdma.__file__).with_name("README.md")
    personal = PERSONAL

    def serve(self, directory: Path) -> AbstractContextManager[ReviewServer]:
        return serving_reviews()

    def options(self, directory: Path) -> dict[str, Any]:
        return options(self.server(directory).url)

    def supply(self, directory: Path, part: int, parts: int) -> None:
        size = -(-len(REVIEWS) // parts)
        reviews = REVIEWS[: (part + 1) * size]
        server = self.server(directory)
        server.before_answer = lambda: None
        server.set_reviews(*reviews)
        (directory / "reviews.json").write_text(json.dumps(reviews, ensure_ascii=False))

    def supply_hostile(self, directory: Path) -> None:
        reviews = [LARGE_VALUE, *VALUES.values(), *hostile_json(review(900, 100, "good", verbatim="x"))]
        end = b'],"metadata":{"has_more":false,"next_cursor":null}}'
        self.server(directory).before_answer = lambda: Response(b'{"data":[' + b",".join(reviews) + end)


@pytest.fixture
def server() -> Iterator[ReviewServer]:
    with serving_reviews() as started:
        yield started


def harness(server: ReviewServer, tmp_path: Path, data: str = "data", **changes: Any) -> ConnectorHarness:
    return ConnectorHarness(jdma.CONNECTOR, options(server.url, **changes), tmp_path / data, tmp_path / "keys")


class Clock:
    """Clock that advances only by `sleep`."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def scores_of(events: list[Event]) -> list[tuple[str, int]]:
    feedback = [event for event in events if isinstance(event, FeedbackGiven)]
    assert feedback == events
    return [(event.subject.rpartition(":")[2], event.data.score) for event in feedback]


def test_reviews_become_scores_out_of_ten(server: ReviewServer, tmp_path: Path) -> None:
    server.set_reviews(review(1, 10, "bad"), review(2, 20, "medium"), review(3, 30, "good"))
    events = harness(server, tmp_path).read_all(confirm=True)
    assert scores_of(events) == [("1", 0), ("2", 5), ("3", 10)]
    first = events[0]
    assert first.subject == "feedback:jdma/essai:1"
    assert (first.time, first.service, first.site) == (BEGIN + timedelta(minutes=10), "transports", "siege")
    assert first.model_dump()["data"] == {"scale": "jdma_0_10", "score": 0}


def test_routing_uses_button_then_form_then_instance(server: ReviewServer, tmp_path: Path) -> None:
    server.set_reviews(review(1, 1, "good"), review(2, 2, "good", button_id=77), review(3, 3, "good", form_id=OTHER))
    forms = {FORM: {"service": "voirie", "site": "nord", "buttons": {BUTTON: {"site": "sud"}}}, OTHER: {}}
    events = harness(server, tmp_path, forms=forms, service="accueil", site="siege").read_all(confirm=True)
    routings = {event.subject[-1]: (event.service, event.site) for event in events}
    assert routings == {"1": ("voirie", "sud"), "2": ("voirie", "nord"), "3": ("accueil", "siege")}


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (review(1, 1, "neutral", verbatim=PERSONAL[3]), Reason.UNKNOWN_ENUM),
        (review(1, 1, "good", "bad"), Reason.INVALID_FIELD),
        (review(1, 1, "good") | {"answers": None}, Reason.UNREADABLE_LINE),
        (review(1, 1, "good") | {"id": "0639985511"}, Reason.UNREADABLE_LINE),
        (review(1, 1, "good") | {"created_at": "hier, chez Mireille Exemple"}, Reason.UNREADABLE_LINE),
    ],
)
def test_invalid_review_is_rejected_once_and_alone(
    server: ReviewServer, tmp_path: Path, wrong: dict[str, Any], reason: Reason
) -> None:
    server.set_reviews(review(2, 0, "good"), wrong, review(3, 2, "medium"))
    connector = harness(server, tmp_path)
    assert scores_of(connector.read_all(confirm=True)) == [("2", 10), ("3", 5)]
    assert connector.read_all(confirm=True) == []
    (entry,) = read_rejects(connector.directory)
    assert entry.reject.reason == reason
    assert "0639985511" not in entry.reject.detail
    assert PERSONAL[3] not in entry.reject.record.decode()


def test_review_without_the_question_is_ignored(server: ReviewServer, tmp_path: Path) -> None:
    server.set_reviews(review(1, 1), review(2, 2, "good", "good"))
    connector = harness(server, tmp_path)
    assert scores_of(connector.read_all(confirm=True)) == [("2", 10)]
    assert connector.rejected() == {}


def test_review_is_published_when_it_can_no_longer_change(server: ReviewServer, tmp_path: Path) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    young, old = (review(n, (now - BEGIN) / timedelta(minutes=1) - ago, "good") for n, ago in ((1, 55), (2, 70)))
    server.set_reviews(old, young)
    connector = harness(server, tmp_path)
    assert scores_of(connector.read_all(confirm=True)) == [("2", 10)]
    again = harness(server, tmp_path, settle_seconds=60)
    assert scores_of(again.read_all(confirm=True)) == [("1", 10)]


@pytest.mark.parametrize("count", [1, 99, 100, 101, 250])
def test_reviews_of_the_same_second_are_not_missed_across_pages(
    server: ReviewServer, tmp_path: Path, count: int
) -> None:
    same_second = [review(n, 10, "good") for n in range(1, count + 2)]
    server.set_reviews(*same_second[:-1])
    connector = harness(server, tmp_path)
    events = connector.read_all(confirm=True)
    server.set_reviews(*same_second)
    events += connector.read_all(confirm=True)
    assert scores_of(events) == [(str(n), 10) for n in range(1, count + 2)]


def test_late_visible_review_is_not_missed(server: ReviewServer, tmp_path: Path) -> None:
    server.set_reviews(review(2, 14, "good"))
    connector = harness(server, tmp_path)
    connector.read_all(confirm=True)
    server.set_reviews(review(1, 10, "bad"), review(2, 14, "good"))
    assert scores_of(connector.read_all(confirm=True)) == [("1", 0)]


def test_years_of_reviews_are_published_in_order(
    server: ReviewServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some spans are empty, some are split because they are too long, and restarts continue at the position."""
    monkeypatch.setattr(review_feed, "MAX_PAGES", 2)
    day = 24 * 60
    minutes = [-900 * day, -400 * day, *(-30 * day + n for n in range(450)), 0, 1]
    server.set_reviews(*(review(n, minute, "good") for n, minute in enumerate(minutes, start=1)))
    connector, events = harness(server, tmp_path), []
    for _ in range(8):
        with connector.opened() as (flow, publisher):
            flow.step()
            publisher.confirm()
            events += publisher.events
    assert scores_of(events) == [(str(n), 10) for n in range(1, len(minutes) + 1)]
    assert len(server.requests) < 120


def test_different_days_of_the_server_hide_no_review(server: ReviewServer, tmp_path: Path) -> None:
    """The server's days begin an hour late, so that a request must begin a day earlier."""
    midnight = BEGIN.replace(hour=0)
    minutes = [(midnight - BEGIN) / timedelta(minutes=1) + offset for offset in (0, 30, 59, 60)]
    server.set_reviews(*(review(n, minute, "good") for n, minute in enumerate(minutes, start=1)))
    events = harness(server, tmp_path, start=midnight.date()).read_all(confirm=True)
    assert scores_of(events) == [(str(n), 10) for n in (1, 2, 3, 4)]


def test_first_start_begins_at_the_configured_day(server: ReviewServer, tmp_path: Path) -> None:
    server.set_reviews(review(1, 10, "good"), review(2, 24 * 60, "good"))
    events = harness(server, tmp_path, start=(BEGIN + timedelta(days=1)).date()).read_all(confirm=True)
    assert scores_of(events) == [("2", 10)]


def test_probe_reads_one_review_per_form_and_raises_refusals(server: ReviewServer, tmp_path: Path) -> None:
    server.set_reviews(*(review(n, n, "good") for n in range(1, 4)))
    found = harness(server, tmp_path, forms={FORM: {}, OTHER: {}}).probe()
    assert (found.records, found.events) == (1, {"feedback.given": 1})
    for changes, is_refused in (({"token": "une-autre-cle"}, True), ({"forms": {1: {}}}, False)):
        with pytest.raises(SourceUnavailableError) as error:
            harness(server, tmp_path, "refused", **changes).probe()
        assert isinstance(error.value, SourceRefusedError) == is_refused


def test_refused_key_is_not_retried_soon(server: ReviewServer, tmp_path: Path) -> None:
    """The server bans an address after ten refusals in ten minutes."""
    forms: dict[int, Any] = {FORM: {}, OTHER: {}, 7003: {}}
    with harness(server, tmp_path, token="une-autre-cle", forms=forms).opened() as (flow, _):
        for _ in range(20):
            with pytest.raises(SourceUnavailableError, match="refuses the token"):
                flow.step()
    assert len(server.requests) == 1
    assert 600 / source.REST_SECONDS < 9


def test_refused_form_does_not_block_others(
    server: ReviewServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source, "REST_SECONDS", 0.0)
    server.set_reviews(review(1, 10, "good"))
    with harness(server, tmp_path, forms={1: {}, FORM: {}}).opened() as (flow, publisher):
        with pytest.raises(SourceUnavailableError, match="form 1: "):
            flow.step()
        flow.step()
        assert scores_of(publisher.events) == [("1", 10)]
        with pytest.raises(SourceUnavailableError, match="form 1: "):
            flow.step()


@pytest.mark.parametrize(
    ("response", "message"),
    [
        (PlainTextResponse("<html>Mireille Exemple"), "does not match the documentation"),
        (JSONResponse({"data": [], "metadata": {"has_more": True, "next_cursor": None}}), "repeats a page"),
    ],
)
def test_failing_server_is_named_and_reading_continues(
    server: ReviewServer, tmp_path: Path, response: Any, message: str
) -> None:
    server.before_answer = lambda: response
    connector = harness(server, tmp_path)
    error = unavailable(connector)
    assert message in error
    assert PERSONAL[0] not in error
    server.before_answer = lambda: None
    server.set_reviews(review(1, 10, "good"))
    assert scores_of(connector.read_all(confirm=True)) == [("1", 10)]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Let the connector and the server use a clock that advances only by `sleep`, at the real rate of requests."""
    monkeypatch.setattr(source, "REQUESTS_PER_MINUTE", 50)
    clock = Clock()
    for module in (pull, source, simulate):
        monkeypatch.setattr(module, "time", clock)
    return clock


def test_history_of_a_hundred_pages_is_read_at_the_allowed_rate(tmp_path: Path, clock: Clock) -> None:
    requested_at: list[float] = []
    (answer, *_) = review(1, 0, "good")["answers"]
    with serving_reviews(requests_per_minute=60) as server:
        server.before_answer = lambda: requested_at.append(clock.now)
        server.set_reviews(
            *(review(n, n * 5, form_id=(FORM, OTHER)[n % 2]) | {"answers": [answer]} for n in range(1, 10_001))
        )
        connector = harness(server, tmp_path, forms={FORM: {}, OTHER: {}}, start=BEGIN.date())
        with connector.opened() as (flow, publisher):
            while len(requested_at) < 10:
                flow.step()
                publisher.confirm()
        with connector.opened() as (flow, publisher):  # a restart does not raise the rate
            while len(publisher.events) < 10_000:
                flow.step()
                publisher.confirm()
    assert len(requested_at) >= 100
    assert max(sum(at <= later < at + 60 for later in requested_at) for at in requested_at) < 60
    assert requested_at[-1] - requested_at[0] < len(requested_at) * 1.4


def test_more_forms_than_requests_per_poll_are_all_read(tmp_path: Path, clock: Clock) -> None:
    forms = range(1, 13)
    with serving_reviews(*forms, requests_per_minute=60) as server:
        server.set_reviews(*(review(form, form, "good", form_id=form) for form in forms))
        settings = {"forms": {form: {} for form in forms}, "start": BEGIN.date(), "poll_seconds": 5}
        with harness(server, tmp_path, **settings).opened() as (flow, publisher):
            started_at = clock.now
            while clock.now < started_at + 300 and len(publisher.events) < len(forms):
                flow.step()
                publisher.confirm()
    assert sorted(scores_of(publisher.events)) == sorted((str(form), 10) for form in forms)


def test_retry_after_pauses_all_forms(server: ReviewServer, tmp_path: Path, clock: Clock) -> None:
    """The server counts the requests of a key for all forms together."""
    server.before_answer = lambda: PlainTextResponse("", 429, {"Retry-After": "600"})
    with harness(server, tmp_path, forms={FORM: {}, OTHER: {}}).opened() as (flow, _):
        for seconds, requests in ((0, 1), (599, 1), (2, 2)):
            clock.now += seconds
            with pytest.raises(SourceUnavailableError, match="less often"):
                flow.step()
            assert len(server.requests) == requests
