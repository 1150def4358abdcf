"""Citizens who are none any more: nothing names them after a day."""

from streams.agents.citizens import Citizens
from streams.core.moves import WITHDRAWN
from streams.engine.job import Step
from tests.support.citizens import TERMS, entry
from tests.support.events import PHONE, START_MS
from tests.support.simulated_workers import DAY_MS


def test_whose_contacts_are_all_gone_is_named_no_more_the_next_day() -> None:
    partition = Citizens(TERMS)
    first, second = "mail:s:1", "mail:s:2"
    partition.fold([entry("letter.arrived", 0, name) for name in (first, second)], START_MS)
    for day, name in enumerate((first, second), 1):
        partition.fold([entry(WITHDRAWN, 0.1, name)], START_MS)
        partition.tick(Step(0, START_MS + day * DAY_MS, ()))
        for table in partition.tables:
            table.commit()
        assert (PHONE.encode() in partition.citizens.rows) is (name == first)
