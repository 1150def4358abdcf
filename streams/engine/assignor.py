"""Sticky partition assignor that gives the same partition number of every topic to the same group member."""

from collections.abc import Iterable, Mapping
from typing import Any

from aiokafka.coordinator.assignors.sticky.sticky_assignor import StickyPartitionAssignor
from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment, ConsumerProtocolMemberMetadata


class TopicsUnknown(RuntimeError):  # noqa: N818 - names the state
    """The broker has not yet reported the partitions of a topic, so no worker can be assigned to it."""


class CoPartitionedAssignor(StickyPartitionAssignor):
    """Assign the alphabetically first topic by aiokafka's sticky assignor; the other topics follow by partition number."""

    name = "copartitioned"

    @classmethod
    def assign(
        cls, cluster: Any, members: Mapping[str, ConsumerProtocolMemberMetadata]
    ) -> dict[str, ConsumerProtocolMemberAssignment]:
        """Return each member's partitions of the first topic, with the same numbers of its other topics.

        Raises `TopicsUnknown` instead of assigning nothing. A group keeps an empty assignment until its members change, while a
        restarted broker knows its topics after a moment.
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
        """Return the data that this member sends to join: its topics and its previous partitions of the first topic."""
        topics = sorted(topics)
        before = cls.member_assignment
        return cls._metadata(topics, before and [tp for tp in before if tp.topic == topics[0]], cls.generation)


def _follow(assignment: Iterable[tuple[str, list[int]]], topics: Iterable[str]) -> list[tuple[str, list[int]]]:
    numbers = sorted({number for _, partitions in assignment for number in partitions})
    return [(topic, numbers) for topic in sorted(topics)] if numbers else []
