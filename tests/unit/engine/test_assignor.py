"""Partition assignment: equal numbers of all topics go to one worker, and unknown topics are an error."""

import pytest
from aiokafka.coordinator.protocol import ConsumerProtocolMemberMetadata

from streams.engine.assignor import CoPartitionedAssignor, TopicsUnknown

TOPICS = ["a", "b", "c"]


class Cluster:
    """Fake of aiokafka's cluster metadata."""

    def __init__(self, known: dict[str, int]) -> None:
        self.known = known

    def topics(self) -> set[str]:
        return set(self.known)

    def partitions_for_topic(self, topic: str) -> set[int] | None:
        return set(range(self.known[topic])) if topic in self.known else None


def members(*names: str) -> dict[str, ConsumerProtocolMemberMetadata]:
    return {name: ConsumerProtocolMemberMetadata(0, TOPICS, b"") for name in names}


@pytest.mark.parametrize(
    ("workers", "shares"), [(["one"], [4]), (["one", "two"], [2, 2]), (["1", "2", "3"], [1, 1, 2])]
)
def test_partitions_are_spread_and_equal_numbers_stay_together(workers: list[str], shares: list[int]) -> None:
    plan = CoPartitionedAssignor.assign(Cluster(dict.fromkeys(TOPICS, 4)), members(*workers))
    taken = [dict(assignment.assignment) for assignment in plan.values()]
    assert all(len({tuple(numbers) for numbers in topics.values()}) == 1 for topics in taken)
    assert all(sorted(topics) == TOPICS for topics in taken)
    assert sorted(len(topics["a"]) for topics in taken) == shares
    assert sorted(number for topics in taken for number in topics["a"]) == [0, 1, 2, 3]


def test_surplus_workers_get_no_partition() -> None:
    plan = CoPartitionedAssignor.assign(Cluster(dict.fromkeys(TOPICS, 1)), members("one", "two"))
    assert sorted(len(assignment.assignment) for assignment in plan.values()) == [0, 3]


def test_nothing_is_assigned_while_a_topic_is_unknown() -> None:
    with pytest.raises(TopicsUnknown, match="no partitions known of b, c"):
        CoPartitionedAssignor.assign(Cluster({"a": 4}), members("one"))
