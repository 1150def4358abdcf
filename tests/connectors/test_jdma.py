"""The connector of JeDonneMonAvis as a whole, on a fake that refuses what the published code refuses."""

import json
import re
import tomllib
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from starlette.responses import JSONResponse, PlainTextResponse, Response

import connectors.jdma as jdma
from connectors.jdma import review_feed, source
from connectors.jdma.config import JdmaConfig
from connectors.jdma.simulate import server as simulated
from connectors.jdma.simulate.command import give
from connectors.jdma.simulate.opinions import FORMS, opinions
from connectors.jdma.simulate.server import SMILEYS, TOKEN, JdmaServer, served
from connectors.sdk import pull
from connectors.sdk.errors import SourceRefusedError, SourceUnavailableError
from connectors.sdk.rejects import read as read_rejects
from connectors.sdk.testing import Conformance, ConnectorHarness, comparable_form
from connectors.sdk.testing.hostile import LARGE_VALUE, VALUES, hostile_json
from models.events import Event, FeedbackGiven
from models.reasons import Reason
from tests.support.jdma_reviews import BEGIN, BUTTON, FORM, OTHER, Served, review, serving, store_reviews
from tests.support.simulations import simulate

PERSONAL = ("Mireille Exemple", "mireille.exemple@example.org", "06 39 98 55 11", "au guichet on m'a dit")
SCORES = {"good": 10, "medium": 5, "bad": 0}

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
REVIEWS.sort(key=lambda one: one["id"])


def options(url: str, **more: Any) -> dict[str, Any]:
    forms = {str(FORM): {"service": "transports", "buttons": {str(BUTTON): {"site": "siege"}}}}
    pace = {"poll_seconds": 3600, "requests_per_minute": 60_000}
    return {"url": url, "token": TOKEN, "forms": forms, **pace} | more


class TestConformance(Conformance):
    connector = jdma.CONNECTOR
    readme = Path(jdma.__file__).with_name("README.md")
    personal = PERSONAL

    @pytest.fixture(autouse=True)
    def _servers(self) -> Iterator[None]:
        self._started: dict[Path, Served] = {}
        with ExitStack() as self._stack:
            yield

    def options(self, directory: Path) -> dict[str, Any]:
        if directory not in self._started:
            self._started[directory] = self._stack.enter_context(serving(directory / "reviews.json"))
        return options(self._started[directory].url)

    def supply(self, directory: Path, part: int, parts: int) -> None:
        size = -(-len(REVIEWS) // parts)
        self._started[directory].jdma.before_answer = self._started[directory].load
        store_reviews(directory / "reviews.json", *REVIEWS[: (part + 1) * size])

    def supply_hostile(self, directory: Path) -> None:
        reviews = [LARGE_VALUE, *VALUES.values(), *hostile_json(review(900, 100, "good", verbatim="x"))]
        end = b'],"metadata":{"has_more":false,"next_cursor":null}}'
        self._started[directory].jdma.before_answer = lambda: Response(b'{"data":[' + b",".join(reviews) + end)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "reviews.json"


@pytest.fixture
def server(path: Path) -> Iterator[Served]:
    with serving(path) as started:
        yield started


def harness(server: Served, tmp_path: Path, data: str = "data", **more: Any) -> ConnectorHarness:
    return ConnectorHarness(jdma.CONNECTOR, options(server.url, **more), tmp_path / data, tmp_path / "keys")


class Clock:
    """A clock that goes on when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def told(events: list[Event]) -> list[tuple[str, int]]:
    given = [event for event in events if isinstance(event, FeedbackGiven)]
    assert given == events
    return [(event.subject.rpartition(":")[2], event.data.score) for event in given]


def unavailable(harness: ConnectorHarness) -> str:
    """Why the source is not read."""
    with harness.opened() as (flow, _), pytest.raises(SourceUnavailableError) as trouble:
        flow.step()
    return str(trouble.value)


def test_opinions_become_scores_out_of_ten(server: Served, path: Path, tmp_path: Path) -> None:
    store_reviews(path, review(1, 10, "bad"), review(2, 20, "medium"), review(3, 30, "good"))
    events = harness(server, tmp_path).read_all(confirm=True)
    assert told(events) == [("1", 0), ("2", 5), ("3", 10)]
    first = events[0]
    assert first.subject == "feedback:jdma/essai:1"
    assert (first.time, first.service, first.site) == (BEGIN + timedelta(minutes=10), "transports", "siege")
    assert first.model_dump()["data"] == {"scale": "jdma_0_10", "score": 0}


def test_a_button_tells_more_than_its_form_and_that_more_than_the_instance(
    server: Served, path: Path, tmp_path: Path
) -> None:
    store_reviews(path, review(1, 1, "good"), review(2, 2, "good", button_id=77), review(3, 3, "good", form_id=OTHER))
    forms = {FORM: {"service": "voirie", "site": "nord", "buttons": {BUTTON: {"site": "sud"}}}, OTHER: {}}
    events = harness(server, tmp_path, forms=forms, service="accueil", site="siege").read_all(confirm=True)
    places = {event.subject[-1]: (event.service, event.site) for event in events}
    assert places == {"1": ("voirie", "sud"), "2": ("voirie", "nord"), "3": ("accueil", "siege")}


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (review(1, 1, "neutral"), Reason.UNKNOWN_ENUM),
        (review(1, 1, None), Reason.UNKNOWN_ENUM),
        (review(1, 1, "good", "bad"), Reason.INVALID_FIELD),
        (review(1, 1, "good") | {"answers": None}, Reason.UNREADABLE_LINE),
        (review(1, 1, "good") | {"id": "0639985511"}, Reason.UNREADABLE_LINE),
        (review(1, 1, "good") | {"created_at": "hier, chez Mireille Exemple"}, Reason.UNREADABLE_LINE),
    ],
)
def test_what_cannot_be_used_is_kept_once_and_takes_nothing_with_it(
    server: Served, path: Path, tmp_path: Path, wrong: dict[str, Any], reason: Reason
) -> None:
    store_reviews(path, review(2, 0, "good"), wrong, review(3, 2, "medium"))
    one = harness(server, tmp_path)
    assert told(one.read_all(confirm=True)) == [("2", 10), ("3", 5)]
    assert one.read_all(confirm=True) == []
    (kept,) = read_rejects(one.directory)
    assert kept.reject.reason == reason
    assert "0639985511" not in kept.reject.detail


def test_what_a_form_does_not_ask_is_no_mistake(server: Served, path: Path, tmp_path: Path) -> None:
    store_reviews(path, review(1, 1), review(2, 2, "good", "good"))
    one = harness(server, tmp_path)
    assert told(one.read_all(confirm=True)) == [("2", 10)]
    assert one.rejected() == {}


def test_what_was_written_is_not_even_kept(server: Served, path: Path, tmp_path: Path) -> None:
    store_reviews(path, review(1, 1, "neutral", verbatim=PERSONAL[0]))
    one = harness(server, tmp_path)
    one.read_all(confirm=True)
    (kept,) = read_rejects(one.directory)
    assert PERSONAL[0] not in kept.reject.record.decode()


def test_an_opinion_is_told_once_it_can_change_no_more(server: Served, path: Path, tmp_path: Path) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    young, old = (review(n, (now - BEGIN) / timedelta(minutes=1) - ago, "good") for n, ago in ((1, 55), (2, 70)))
    store_reviews(path, old, young)
    one = harness(server, tmp_path)
    assert told(one.read_all(confirm=True)) == [("2", 10)]
    again = harness(server, tmp_path, settle_seconds=60)
    assert told(again.read_all(confirm=True)) == [("1", 10)]


@pytest.mark.parametrize("in_one_second", [1, 99, 100, 101, 250])
def test_of_many_none_is_missed_however_they_fall_on_pages(
    server: Served, path: Path, tmp_path: Path, in_one_second: int
) -> None:
    same = [review(n, 10, "good") for n in range(1, in_one_second + 1)]
    store_reviews(path, *same)
    one = harness(server, tmp_path)
    events = one.read_all(confirm=True)
    late = review(in_one_second + 1, 10, "bad")
    store_reviews(path, *same, late)
    events += one.read_all(confirm=True)
    assert told(events) == [*((str(n), 10) for n in range(1, in_one_second + 1)), (str(in_one_second + 1), 0)]


def test_one_that_became_visible_late_is_not_missed(server: Served, path: Path, tmp_path: Path) -> None:
    store_reviews(path, review(2, 14, "good"))
    one = harness(server, tmp_path, overlap_seconds=300)
    one.read_all(confirm=True)
    store_reviews(path, review(1, 10, "bad"), review(2, 14, "good"))
    assert told(one.read_all(confirm=True)) == [("1", 0)]


def test_years_are_told_in_order_in_spans_that_fit(
    server: Served, path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some with nobody in them, some so full that they are cut; and a restart goes on where it was."""
    monkeypatch.setattr(review_feed, "MOST_PAGES", 2)
    day = 24 * 60
    minutes = [-900 * day, -400 * day, *(-30 * day + n for n in range(450)), 0, 1]
    store_reviews(path, *(review(n, minute, "good") for n, minute in enumerate(minutes, start=1)))
    one, events = harness(server, tmp_path), []
    for _ in range(8):
        with one.opened() as (flow, publisher):
            flow.step()
            publisher.confirm()
            events += publisher.events
    assert told(events) == [(str(n), 10) for n in range(1, len(minutes) + 1)]
    assert len(server.jdma.questions) < 120


def test_a_day_of_the_server_is_not_a_day_of_ours(server: Served, path: Path, tmp_path: Path) -> None:
    """Its days begin an hour late: what is asked for from a day on has to be asked for from the day before."""
    midnight = BEGIN.replace(hour=0)
    minutes = [(midnight - BEGIN) / timedelta(minutes=1) + offset for offset in (0, 30, 59, 60)]
    store_reviews(path, *(review(n, minute, "good") for n, minute in enumerate(minutes, start=1)))
    events = harness(server, tmp_path, start=midnight.date()).read_all(confirm=True)
    assert told(events) == [(str(n), 10) for n in (1, 2, 3, 4)]


def test_on_a_first_start_it_begins_where_it_is_told(server: Served, path: Path, tmp_path: Path) -> None:
    store_reviews(path, review(1, 10, "good"), review(2, 24 * 60, "good"))
    events = harness(server, tmp_path, start=(BEGIN + timedelta(days=1)).date()).read_all(confirm=True)
    assert told(events) == [("2", 10)]


def test_a_deleted_one_takes_nothing_with_it(server: Served, path: Path, tmp_path: Path) -> None:
    store_reviews(path, *(review(n, n, "good") for n in range(1, 4)))
    one = harness(server, tmp_path)
    one.read_all(confirm=True)
    store_reviews(path, review(4, 5, "medium"))
    assert told(one.read_all(confirm=True)) == [("4", 5)]


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"token": "une-autre-cle"}, "refuses the token (401)"),
        ({"forms": {1: {}}}, "form 1: "),
    ],
)
def test_a_wrong_configuration_is_named(server: Served, tmp_path: Path, more: dict[str, Any], words: str) -> None:
    assert words in unavailable(harness(server, tmp_path, **more))
    with pytest.raises(SourceUnavailableError) as trouble:
        harness(server, tmp_path, "probed", **more).probe()
    assert isinstance(trouble.value, SourceRefusedError) == ("token" in more)


def test_a_probe_reads_one_of_each_form(server: Served, path: Path, tmp_path: Path) -> None:
    store_reviews(path, *(review(n, n, "good") for n in range(1, 4)))
    found = harness(server, tmp_path, forms={FORM: {}, OTHER: {}}).probe()
    assert (found.records, found.events) == (1, {"feedback.given": 1})


def test_a_refused_key_is_not_tried_again_and_again(server: Served, tmp_path: Path) -> None:
    """Ten refusals in ten minutes, and the server would ban the address."""
    forms: dict[int, Any] = {FORM: {}, OTHER: {}, 7003: {}}
    with harness(server, tmp_path, token="une-autre-cle", forms=forms).opened() as (flow, _):
        for _ in range(20):
            with pytest.raises(SourceUnavailableError, match="refuses the token"):
                flow.step()
    assert len(server.jdma.questions) == 1
    assert 600 / source.REST_SECONDS < 9


def test_a_form_that_is_refused_does_not_hold_up_the_others(
    server: Served, path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source, "REST_SECONDS", 0.0)
    store_reviews(path, review(1, 10, "good"))
    with harness(server, tmp_path, forms={1: {}, FORM: {}}).opened() as (flow, publisher):
        with pytest.raises(SourceUnavailableError, match="form 1: "):
            flow.step()
        flow.step()
        assert told(publisher.events) == [("1", 10)]
        with pytest.raises(SourceUnavailableError, match="form 1: "):
            flow.step()


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (PlainTextResponse("", 429, {"Retry-After": "30"}), "less often"),
        (PlainTextResponse("", 500), "out of order"),
        (PlainTextResponse("<html>Mireille Exemple"), "otherwise than documented"),
        (JSONResponse({"data": [], "metadata": {"has_more": True, "next_cursor": None}}), "repeats a page"),
    ],
)
def test_a_server_that_does_not_answer_is_left_alone_and_then_goes_on(
    server: Served, path: Path, tmp_path: Path, answer: Any, words: str
) -> None:
    load, server.jdma.before_answer = server.jdma.before_answer, lambda: answer
    one = harness(server, tmp_path)
    trouble = unavailable(one)
    assert words in trouble
    assert PERSONAL[0] not in trouble
    server.jdma.before_answer = load
    store_reviews(path, review(1, 10, "good"))
    assert told(one.read_all(confirm=True)) == [("1", 10)]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The time of connector and fake, which goes on only when somebody sleeps."""
    clock = Clock()
    for module in (pull, source, simulated):
        monkeypatch.setattr(module, "time", clock)
    return clock


def test_a_history_of_a_hundred_pages_is_read_as_fast_as_the_server_lets(tmp_path: Path, clock: Clock) -> None:
    fake, asked_at = JdmaServer(FORM, OTHER), []
    fake.before_answer = lambda: asked_at.append(clock.now)
    fake.reviews += [
        review(n, n * 5, "good", form_id=(FORM, OTHER)[n % 2]) | {"answers": review(n, 0, "good")["answers"][:1]}
        for n in range(1, 10_001)
    ]
    with served(fake) as url:
        config = options(url, forms={FORM: {}, OTHER: {}}, start=BEGIN.date())
        del config["requests_per_minute"]
        one = ConnectorHarness(jdma.CONNECTOR, config, tmp_path / "data", tmp_path / "keys")
        with one.opened() as (flow, publisher):
            while len(asked_at) < 10:
                flow.step()
                publisher.confirm()
        with one.opened() as (flow, publisher):  # a restart is no reason to ask more
            while len(publisher.events) < 10_000:
                flow.step()
                publisher.confirm()
    assert len(asked_at) >= 100
    assert max(sum(at <= one < at + 60 for one in asked_at) for at in asked_at) < 60
    assert asked_at[-1] - asked_at[0] < len(asked_at) * 1.4


def test_more_forms_than_can_be_asked_in_time_are_all_read(tmp_path: Path, clock: Clock) -> None:
    fake = JdmaServer(*range(1, 13))
    fake.reviews += [review(form, form, "good", form_id=form) for form in range(1, 13)]
    with served(fake) as url:
        more = {"forms": {form: {} for form in range(1, 13)}, "start": BEGIN.date()}
        config = options(url, **more, poll_seconds=5, requests_per_minute=50)
        with ConnectorHarness(jdma.CONNECTOR, config, tmp_path / "data", tmp_path / "keys").opened() as (
            flow,
            publisher,
        ):
            began_at = clock.now
            while clock.now < began_at + 300 and len(publisher.events) < len(fake.reviews):
                flow.step()
                publisher.confirm()
    assert sorted(told(publisher.events)) == sorted((str(form), 10) for form in range(1, 13))


def test_a_pause_that_the_server_asks_for_is_kept_by_all_forms(tmp_path: Path, clock: Clock) -> None:
    """It counts the requests of a key, whatever form they are about."""
    fake = JdmaServer(FORM, OTHER)
    fake.before_answer = lambda: PlainTextResponse("", 429, {"Retry-After": "600"})
    with served(fake) as url:
        one = ConnectorHarness(
            jdma.CONNECTOR, options(url, forms={FORM: {}, OTHER: {}}), tmp_path / "data", tmp_path / "keys"
        )
        with one.opened() as (flow, _):
            for until in (clock.now, clock.now + 599):
                clock.now = until
                with pytest.raises(SourceUnavailableError, match="less often"):
                    flow.step()
            assert len(fake.questions) == 1
            clock.now += 2
            with pytest.raises(SourceUnavailableError, match="less often"):
                flow.step()
            assert len(fake.questions) == 2


def test_the_fake_asks_for_patience_and_refuses_what_the_real_one_does(tmp_path: Path) -> None:
    with serving(tmp_path / "reviews.json", requests_per_minute=1) as server:
        assert "less often" in unavailable(harness(server, tmp_path))
    fake = JdmaServer(FORM)
    number = fake.give_opinion(FORM, BUTTON, BEGIN, "good")
    fake.change_opinion(number, BEGIN + timedelta(minutes=59), "bad")
    with pytest.raises(LookupError):
        fake.change_opinion(number, BEGIN + timedelta(minutes=61), "good")
    assert [one["answers"][0]["intention"] for one in fake.reviews] == ["bad"]


def test_a_week_of_opinions_is_told_number_for_number(tmp_path: Path) -> None:
    """Looked at twice a day; what is changed within the hour counts as it was in the end."""
    fake, now = JdmaServer(*FORMS, requests_per_minute=100_000), BEGIN
    happened: Counter[int] = Counter()
    scores: dict[str, int] = {}
    with served(fake) as url:
        one = ConnectorHarness(
            jdma.CONNECTOR,
            options(url, forms={form: {} for form in FORMS}),
            tmp_path / "data",
            tmp_path / "keys",
        )
        while now < BEGIN + timedelta(days=7):
            for opinion in opinions(7, now, now + timedelta(hours=12), 4.0):
                give(fake, opinion)
                happened[SCORES[opinion.changed_to if opinion.changed_at else opinion.satisfaction]] += 1
            now += timedelta(hours=12)
            events = one.read_all(confirm=True)
            assert not {event.subject for event in events} & scores.keys()
            scores |= dict(told(events))
    assert Counter(scores.values()) == happened
    assert set(happened) == {SCORES[one] for one in SMILEYS}
    assert one.rejected() == {}


def test_a_restart_at_any_turn_misses_nothing(server: Served, path: Path, tmp_path: Path) -> None:
    store_reviews(path, *REVIEWS)
    whole = comparable_form(harness(server, tmp_path, "whole").read_all(confirm=True))
    one, events = harness(server, tmp_path), []
    for _ in range(6):
        with one.opened() as (flow, publisher):
            flow.step()
            publisher.confirm()
            events += publisher.events
    assert comparable_form(events) == whole


def test_the_command_prints_the_configuration_that_reads_it(tmp_path: Path) -> None:
    with simulate(jdma.CONNECTOR, "--port", "0", "--days", "2") as options:
        given = options | {"requests_per_minute": 60_000}
        one = ConnectorHarness(jdma.CONNECTOR, given, tmp_path / "data", tmp_path / "keys")
        assert {event.site for event in one.read_all(confirm=True)} >= {"cdas-nord", "cdas-sud"}


def test_the_readmes_example_is_understood() -> None:
    for readme in ("README.md", "README.fr.md"):
        text = Path(jdma.__file__).with_name(readme).read_text(encoding="utf-8")
        (written,) = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)
        options = tomllib.loads(written)["connectors"]["avis"]
        assert options.pop("connector") == "jdma"
        assert options.pop("token_file")
        config = JdmaConfig(**options, token=json.dumps("t"))
        assert config.forms[7002].buttons
