"""Tests of disclosure control: only past periods, and no number that reveals few citizens."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from itertools import product
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from streams.core.citizens import citizen_figures
from streams.core.citizens.citizen_figures import (
    PROGRESS_KEY,
    CitizenFigureKey,
    Period,
    Progress,
    dump_key,
    encode_progress,
    start_of,
)
from streams.core.figures.disclosure import MIN_CITIZENS, MIN_WITHHELD, Cell, disclose
from streams.core.figures.figure import encode_figure
from streams.core.figures.figure_schemas import (
    CITIZENS,
    CONTACT_CAUSES,
    CONTACT_CHANNELS,
    NO_PREVIOUS_CHANNEL,
    OTHER_CAUSE,
    handled_count_name,
)
from streams.core.timeline.entries import Entry
from streams.web.citizens import CitizensView
from streams.web.metrics.citizens import CitizensCollector
from streams.web.topic_view import ReaderState
from tests.support.citizens import START_DAY, Figures, count, entry, fold

PARIS = ZoneInfo("Europe/Paris")
MONDAY = START_DAY  # 2025-03-03


def view_of(people: Iterable[Iterable[Entry]], over: int) -> CitizensView:
    """Return a view of these citizens, in two partitions complete until `over`."""
    view = CitizensView()
    view.begin(range(2))
    parts = Figures(), Figures()
    for number, entries in enumerate(people):
        count(None, fold(entries), parts[number % 2].__getitem__)
    for number, figures in enumerate(parts):
        rows = [(dump_key(key), encode_figure(figure)) for key, figure in figures.items()]
        view.apply_all(number, [*rows, (PROGRESS_KEY, encode_progress(Progress(over, 7, "Europe/Paris")))])
    view.set_state(ReaderState.FOLLOWING)
    return view


def call(person: int, day: float, service: str = "autonomie", end: str = "call.ended", nth: int = 0) -> list[Entry]:
    """Return a call of a citizen."""
    contact = f"call:s:{person}-{nth}-{service}"
    return [entry(kind, day, contact, service, f"phone:k1-{person}") for kind in ("call.queued", end)]


def samples(view: CitizensView) -> dict[tuple[str, tuple[str, ...]], float]:
    registry = CollectorRegistry()
    registry.register(CitizensCollector(view.disclosed_figures, PARIS))
    return {
        (sample.name, tuple(sample.labels.values())): sample.value
        for metric in registry.collect()
        for sample in metric.samples
    }


def test_week_is_published_after_its_end_and_recontacts_after_their_window() -> None:
    people = [call(person, 1) for person in range(6)] + [
        call(person, 2) + call(person, 4, nth=1) for person in range(6, 12)
    ]
    assert samples(view_of(people, MONDAY + 6)).get(("contact_citizens", ("week", "autonomie"))) is None
    week = samples(view_of(people, MONDAY + 7))
    assert week["contact_citizens", ("week", "autonomie")] == 12
    assert week["contact_citizens_of_all_services", ("week",)] == 12
    assert week["contact_citizen_contacts", ("autonomie", "call", "other")] == 18
    assert week["contact_citizen_hops", ("autonomie", "call", "call")] == 6
    assert week["contact_citizen_hops", ("autonomie", "call", "none")] == 12
    assert week["contact_citizen_pending", ("autonomie", "call")] == 18
    assert not any(name == "contact_citizen_handled" for name, _ in week)
    start = week["contact_citizen_period_start_timestamp_seconds", ("began", "week")]
    assert datetime.fromtimestamp(start, PARIS) == datetime(2025, 3, 3, tzinfo=PARIS)
    later = samples(view_of(people, MONDAY + 14))
    assert later["contact_citizen_handled", ("autonomie", "call", "true", "false")] == 6
    assert later["contact_citizen_handled", ("autonomie", "call", "true", "true")] == 6
    assert later["contact_citizen_handled", ("autonomie", "call", "false", "false")] == 6
    assert later["contact_citizen_recontact_days", ()] == 7


def test_period_without_data_is_not_published() -> None:
    published = samples(view_of([call(person, 8) for person in range(9)], MONDAY + 9))
    counts = {labels: number for (name, labels), number in published.items() if name.startswith("contact_citizens")}
    assert counts == {("day",): 9}, "the week and the four weeks before have no data"
    assert not any(number for (name, _), number in published.items() if name == "contact_citizen_withheld")


def test_citizen_with_many_calls_counts_as_one() -> None:
    people = [[one for nth in range(9) for one in call(person, nth / 4, nth=nth)] for person in range(4)]
    published = samples(view_of(people, MONDAY + 7))
    assert {labels for (name, labels), number in published.items() if "start" not in name and number} == {
        (),  # the recontact window
        *((name,) for name in ("active", "active_of_all", "began", "hops", "pending")),  # numbers of withheld values
    }


def test_withheld_number_is_not_the_difference_of_published_ones() -> None:
    people = [call(person, 1) for person in range(20)] + [call(person, 1, "enfance") for person in range(20, 30)]
    people += [call(person, 1, "routes") for person in range(30, 33)]
    published = samples(view_of(people, MONDAY + 7))
    assert published["contact_citizens_of_all_services", ("week",)] == 33
    assert {labels[1] for name, labels in published if name == "contact_citizens"} == {"autonomie"}
    assert published["contact_citizen_withheld", ("active",)] == 2


def test_week_with_a_withheld_day_is_withheld() -> None:
    people = [call(person, 1) for person in range(20)] + [call(person, 2) for person in range(20, 23)]
    published = samples(view_of(people, MONDAY + 7))
    assert ("contact_citizens_of_all_services", ("week",)) not in published
    assert published["contact_citizens", ("week", "autonomie")] == 23


@pytest.mark.parametrize(
    ("people", "published"),
    [
        pytest.param([*[("autonomie",)] * 9, *[("enfance",)] * 9], {"all", "autonomie", "enfance"}, id="apart"),
        pytest.param(
            [*[("autonomie",)] * 9, *[("enfance",)] * 9, ("autonomie", "enfance")], {"autonomie", "enfance"}, id="one"
        ),
        pytest.param([*[("autonomie", "enfance")] * 9, *[("enfance",)] * 3], {"autonomie", "enfance"}, id="but-three"),
        pytest.param(
            [*[("autonomie", "enfance")] * 5, *[("enfance",)] * 9], {"all", "autonomie", "enfance"}, id="five"
        ),
        pytest.param([*[("autonomie",)] * 9, ("autonomie", "autonomie")], set(), id="one-came-again"),
        pytest.param(
            [*[("autonomie", "autonomie")] * 5, *[("autonomie",)] * 9], {"all", "autonomie"}, id="five-came-again"
        ),
    ],
)
def test_few_citizens_of_several_services_or_contacts_are_not_revealed(
    people: list[tuple[str, ...]], published: set[str]
) -> None:
    week = samples(
        view_of(
            (
                [one for nth, service in enumerate(own) for one in call(person, 1, service, nth=nth)]
                for person, own in enumerate(people)
            ),
            MONDAY + 7,
        )
    )
    shown = {labels[1] for name, labels in week if name == "contact_citizens" and labels[0] == "week"}
    assert (
        shown | {"all" for name, labels in week if (name, labels) == ("contact_citizens_of_all_services", ("week",))}
        == published
    )


def test_few_citizens_of_a_single_week_of_four_are_not_revealed() -> None:
    people = [call(person, 1) for person in range(12)]
    returned = [call(person, 8, nth=1) for person in range(6)]
    for new, is_published in ((0, True), (3, False), (5, True)):
        published = samples(
            view_of(
                [[*first, *again] for first, again in zip(people, [*returned, *[[]] * 6], strict=True)]
                + [call(person, 8) for person in range(20, 20 + new)],
                MONDAY + 28,
            )
        )
        assert (("contact_citizens", ("four_weeks", "autonomie")) in published) is is_published


def test_few_unidentified_contacts_are_not_the_rest_of_a_total() -> None:
    unidentified = [[entry("call.queued", 1, f"call:s:n{number}", citizen="")] for number in range(3)]
    people = [call(person, 1) for person in range(20)] + [
        call(person, 1) + call(person, 3, nth=1) for person in range(20, 30)
    ]
    published = samples(view_of([*people, *unidentified], MONDAY + 7))
    known = {labels for name, labels in published if name in ("contact_citizen_contacts", "contact_citizen_hops")}
    assert ("autonomie", "call", "other") not in known
    assert ("autonomie", "call", "call") not in known
    assert not any(name == "contact_citizen_unidentified" for name, _ in published)


def test_nothing_is_published_while_partitions_disagree_or_are_missing() -> None:
    view = view_of([call(person, 1) for person in range(9)], MONDAY + 7)
    assert view.disclosed_figures() is not None
    view.apply_all(0, [(PROGRESS_KEY, encode_progress(Progress(MONDAY + 7, 14, "Europe/Paris")))])
    assert view.disclosed_figures() is None
    view.begin(range(3))
    assert view.disclosed_figures() is None
    view.set_state(ReaderState.FOLLOWING)
    assert view.disclosed_figures() is None


def test_unreadable_row_is_skipped(caplog: pytest.LogCaptureFixture) -> None:
    view = view_of([call(person, 1) for person in range(9)], MONDAY + 7)
    view.apply_all(0, [(b"nonsense", b""), (dump_key(CitizenFigureKey("week", MONDAY, "x")), b"[")])
    assert samples(view)["contact_citizens", ("week", "autonomie")] == 9
    assert caplog.text.count("unreadable row") == 2


CELLS = st.dictionaries(
    st.sampled_from("abcdef"), st.integers(0, 12).flatmap(lambda n: st.tuples(st.integers(n, 3 * n), st.just(n)))
)


@given(CELLS, st.booleans())
def test_withheld_part_of_a_sum_counts_enough_citizens_or_none(
    drawn: dict[str, tuple[int, int]], hides_sum: bool
) -> None:
    cells = {name: Cell(*numbers) for name, numbers in drawn.items()}
    published = disclose(cells, hides_sum=hides_sum)
    assert all(published[name] == cells[name].value and not cells[name].is_small for name in published)
    missing = [cells[name].citizens for name in cells.keys() - published.keys()]
    if published:
        assert not any(missing) or (max(missing) >= MIN_CITIZENS and sum(missing) + hides_sum >= MIN_WITHHELD)
        assert missing or not hides_sum


def test_published_numbers_never_determine_a_small_number() -> None:
    """Even with the rule and the sum, each withheld number may also be one that is not small."""
    fit: defaultdict[tuple[object, ...], list[tuple[int, ...]]] = defaultdict(list)
    most = 20
    for numbers in product(range(most + 1), repeat=3):
        published = disclose({name: Cell(number, number) for name, number in enumerate(numbers)})
        if published and sum(numbers) - sum(published.values()) <= most:  # all solutions are among these
            fit[sum(numbers), tuple(published.items())].append(numbers)
    for tables in fit.values():
        for found in map(set, zip(*tables, strict=True)):
            assert found == {0} or max(found) >= MIN_CITIZENS


@st.composite
def weeks_of_people(draw: st.DrawFn) -> list[list[Entry]]:
    """Generate a few dozen citizens person call two services: some often, some after an abandoned call, some unidentified."""
    people = []
    for person in range(draw(st.integers(0, 30))):
        entries = []
        for nth in range(draw(st.integers(1, 3))):
            service = draw(st.sampled_from(["autonomie", "autonomie", "enfance"]))
            end = draw(st.sampled_from(["call.ended", "call.ended", "call.abandoned"]))
            entries += call(person, draw(st.integers(0, 6)), service, end, nth)
        people.append(entries)
    unidentified = draw(st.integers(0, 8))
    return [*people, *([entry("call.queued", 1, f"call:s:n{number}", citizen="")] for number in range(unidentified))]


@given(weeks_of_people())
def test_counters_of_contacts_do_not_reveal_withheld_numbers(people: list[list[Entry]]) -> None:
    view = view_of(people, MONDAY + 14)
    now, known = view_of(people, MONDAY + 7).disclosed_figures(), view.disclosed_figures()
    assert now is not None
    assert known is not None
    figures = Figures()
    for entries in people:
        count(None, fold(entries), figures.__getitem__)
    for service in ("autonomie", "enfance"):
        figure = figures[CitizenFigureKey(Period.WEEK, start_of(Period.WEEK, MONDAY), service)]
        value = dict(zip(CITIZENS.counts, figure.counts, strict=True))

        def cell(name: str, value: dict[str, int] = value) -> Cell:
            return Cell(value[name], value[f"{name}_citizens"])

        tables = (
            (
                {
                    (service, "call", cause): cell(f"began_call_{cause}")
                    for cause in (*CONTACT_CAUSES["call"], OTHER_CAUSE)
                },
                now.contacts_by_cause,
            ),
            (
                {
                    (service, "call", str(one)): cell(f"hop_{one}_call")
                    for one in (*CONTACT_CHANNELS, NO_PREVIOUS_CHANNEL)
                },
                now.contacts_by_previous_channel,
            ),
        )
        unidentified = value["unidentified_call"]
        sums = []
        for cells, published in tables:
            shown = {name: number for name, number in published.items() if name in cells}
            missing = [cells[name].citizens for name in cells.keys() - shown.keys()]
            assert all(cells[name].citizens == 0 or cells[name].citizens >= MIN_CITIZENS for name in shown)
            if shown:
                assert not any(missing) or max(missing) >= MIN_CITIZENS
            sums.append(any(missing) or not shown)
        if (service, "call") not in now.unidentified and unidentified:
            assert all(sums)  # unidentified contacts would be the rest of the total
        for first, followed in product((True, False), (True, False)):
            number = known.handled.get((service, "call", first, followed))
            name = handled_count_name("call", is_first=first, is_followed=followed)
            assert number is None or number == 0 or value[f"{name}_citizens"] >= MIN_CITIZENS


@st.composite
def weeks_of_services(draw: st.DrawFn) -> list[list[tuple[int, str]]]:
    """Generate two groups with the same behaviour and some random citizens, for large sums with small overlaps."""
    visits = st.lists(st.tuples(st.integers(0, 27), st.sampled_from(["autonomie", "enfance"])), min_size=1, max_size=3)
    groups = [[draw(visits)] * draw(st.integers(5, 12)) for _ in range(2)]
    return [one for group in groups for one in group] + draw(st.lists(visits, max_size=6))


@given(weeks_of_services())
def test_no_difference_of_two_numbers_reveals_few_citizens(people: list[list[tuple[int, str]]]) -> None:
    entries = [
        [one for nth, visit in enumerate(own) for one in call(person, *visit, nth=nth)]
        for person, own in enumerate(people)
    ]
    by_period: dict[tuple[str, int, str], tuple[int, set[int], int]] = {}
    view = view_of(entries, MONDAY)
    for days in range(1, 29):
        over = (PROGRESS_KEY, encode_progress(Progress(MONDAY + days, 7, "Europe/Paris")))
        for partition in range(2):
            view.apply_all(partition, [over])
        published = view.disclosed_figures()
        assert published is not None
        numbers = {(period, service): number for (period, service), number in published.active.items()}
        numbers |= {(period, ""): number for period, number in published.active_of_all.items()}
        for (period, service), number in numbers.items():
            start = published.starts[period] - MONDAY
            span = range(start, start + citizen_figures.DAYS[period])
            begun = [
                (person, on)
                for person, own in enumerate(people)
                for on, at in own
                if on in span and service in {"", at}
            ]
            by_period[period, start, service] = number, {person for person, _ in begun}, len(begun)
    for (period, start, service), (number, person, contacts) in by_period.items():
        assert number == len(person)
        assert not 0 < contacts - number < MIN_CITIZENS
        ends = start + citizen_figures.DAYS[Period(period)]
        inner = [
            name for name in by_period if name[1] >= start and name[1] + citizen_figures.DAYS[Period(name[0])] <= ends
        ]
        splits = [[name for name in inner if name[0] == one and name[2] == service] for one in Period if one != period]
        splits += [[name for name in inner if name[0] == period and name[2]]] if not service else []
        for parts in splits:
            assert not any(0 < number - by_period[part][0] < MIN_CITIZENS for part in parts)
            if sum(by_period[part][2] for part in parts) == contacts:  # otherwise a part of the period is unknown
                assert not 0 < sum(by_period[part][0] for part in parts) - number < MIN_CITIZENS
