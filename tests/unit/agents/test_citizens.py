"""Citizens who are none any more: nothing names them after a day, and what was counted of them stays."""

from collections.abc import Collection

from streams.agents.citizens import Citizens
from streams.core.citizen_figures import Key, Period
from streams.core.citizens import MAX_CONTACTS
from streams.core.moves import WITHDRAWN
from streams.engine.job import Step
from tests.support.citizens import TERMS, entry, named
from tests.support.events import PHONE, START_MS
from tests.support.simulated_workers import DAY_MS


class Known:
    """Timelines of which these contacts were erased, and of which others have entries."""

    def __init__(self, erased: Collection[str] = (), owners: Collection[str] = ()) -> None:
        self.erased, self.owners = erased, {*owners}

    def find_erased(self) -> Collection[str]:
        return self.erased

    def find_owners(self, names: Collection[str]) -> set[str]:
        return self.owners & {*names}


def sweep(partition: Citizens, day: int, known: Known | None = None) -> bool:
    """Have a day begin; return whether the citizen is named."""
    partition.tick(Step(0, START_MS + day * DAY_MS, ()), known or Known())
    for table in partition.tables:
        table.commit()
    return PHONE.encode() in partition.citizens.rows


def test_whose_contacts_are_all_anothers_is_named_no_more_the_next_day() -> None:
    partition = Citizens(TERMS)
    first, second = "mail:s:1", "mail:s:2"
    partition.fold([entry("letter.arrived", 0, name) for name in (first, second)], START_MS)
    for day, name in enumerate((first, second), 1):
        partition.fold([entry(WITHDRAWN, 0.1, name)], START_MS)
        assert sweep(partition, day) is (name == first)


def test_who_was_erased_is_named_no_more_the_next_day_and_stays_counted() -> None:
    partition = Citizens(TERMS)
    partition.fold([entry("letter.arrived", 0, "mail:s:1"), entry("letter.answered", 2, "mail:s:1")], START_MS)
    counted = named(partition.figures.rows)
    assert sweep(partition, 3)  # the worker's row of it may be gone by now
    assert not sweep(partition, 4, Known(["mail:s:1"]))
    assert named(partition.figures.rows) == counted


def test_who_has_a_contact_left_is_counted_on_from_the_next_day() -> None:
    partition = Citizens(TERMS)
    partition.fold([entry("letter.arrived", 0, "mail:s:1"), entry("call.queued", 1, "call:s:1")], START_MS)
    counted = named(partition.figures.rows)
    assert sweep(partition, 2, Known(["mail:s:1"]))
    assert named(partition.figures.rows) == counted
    partition.fold([entry("call.ended", 1.1, "call:s:1"), entry("call.queued", 4, "call:s:2")], START_MS + 4 * DAY_MS)
    (row,) = partition.citizens.rows.values()
    assert {known.channel for known in row.contacts} == {"call"}
    days = {key.start: figure for key, figure in named(partition.figures.rows).items() if key.period == Period.DAY}
    assert len(days) == len({key.start for key in counted if key.period == Period.DAY}) + 1


def test_a_crowd_of_which_the_timelines_have_nothing_any_more_is_named_no_more() -> None:
    partition = Citizens(TERMS)
    calls = [entry("call.queued", number / 1000, f"call:s:{number}") for number in range(MAX_CONTACTS + 1)]
    partition.fold(calls, START_MS)
    assert sweep(partition, 1, Known(owners=[PHONE]))
    assert not sweep(partition, 2, Known([one.contact for one in calls]))


def test_what_is_over_is_not_kept_beside_a_letter_that_nobody_answers_but_what_it_means_for_that() -> None:
    partition = Citizens(TERMS)
    partition.fold(
        [entry("letter.arrived", 0, "mail:s:1"), entry("call.queued", -1), entry("call.ended", -1)], START_MS
    )
    for day in range(1, 92):
        assert sweep(partition, day)
    (row,) = partition.citizens.rows.values()
    assert {known.channel for known in row.contacts} == {"mail"}
    partition.fold([entry("letter.answered", 91, "mail:s:1")], START_MS + 91 * DAY_MS)
    (counts,) = (counts for key, counts in named(partition.figures.rows).items() if key == Key("total", 0, "autonomie"))
    assert counts["handled_mail_again_alone"] == 1
