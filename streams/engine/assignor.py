"""Who works on which partition numbers: sticky, and the same number of every topic goes to the same member."""

from collections.abc import Iterable, Mapping
from typing import Any

from aiokafka.coordinator.assignors.sticky.sticky_assignor import StickyPartitionAssignor
from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment, ConsumerProtocolMemberMetadata


class TopicsUnknown(RuntimeError):  # noqa: N818 - what it says
    """The broker has not told (yet) what partitions a topic has: to assign now would leave it without a worker."""


class CoPartitionedAssignor(StickyPartitionAssignor):
    """aiokafka's sticky assignor over the first topic; the others follow it number by number."""

    name = "copartitioned"

    @classmethod
    def assign(
        cls, cluster: Any, members: Mapping[str, ConsumerProtocolMemberMetadata]
    ) -> dict[str, ConsumerProtocolMemberAssignment]:
        """Assign the first topic's partitions, and the same numbers of each member's other topics with them.

        Raises `TopicsUnknown` rather than assign nothing: a group keeps what it was assigned until something changes, and
        a broker that comes back knows its topics a moment later.
        """
        topics = {topic for meta in members.values() for topic in meta.subscription}
        if unknown := sorted(topic for topic in topics if not cluster.partitions_for_topic(topic)):
            raise TopicsUnknown(f"no partitions known of {', '.join(unknown)}")
        leaders = {
            member: ConsumerProtocolMemberMetadata(meta.version, [min(meta.subscription)], meta.user_data)
            for member, meta in members.items()
        }
        return {
            member: ConsumerProtocolMemberAssignment(
                cls.version, _follow(plan.assignment, members[member].subscription), b""
            )
            for member, plan in super().assign(cluster, leaders).items()
        }

    @classmethod
    def metadata(cls, topics: Iterable[str]) -> ConsumerProtocolMemberMetadata:
        """Tell the group what we had before, in terms of the first topic."""
        topics = sorted(topics)
        before = cls.member_assignment
        return cls._metadata(topics, before and [tp for tp in before if tp.topic == topics[0]], cls.generation)


def _follow(assignment: Iterable[tuple[str, list[int]]], topics: Iterable[str]) -> list[tuple[str, list[int]]]:
    numbers = sorted({number for _, partitions in assignment for number in partitions})
    return [(topic, numbers) for topic in sorted(topics)] if numbers else []
