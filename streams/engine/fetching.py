"""aiokafka's consumer without a wrapper object per record: a fetch yields the records as the C parser made them.

One class of aiokafka.consumer.fetcher is replaced, for the whole process; a test pins its source.
"""

from typing import Any

from aiokafka.consumer import fetcher


class PartitionRecords(fetcher.PartitionRecords):
    """The records of one fetch of one partition."""

    def _consumer_record(self, tp: Any, record: Any) -> Any:  # noqa: ARG002 - aiokafka's signature
        return record


def install() -> None:
    """Make every consumer of this process yield such records from now on."""
    fetcher.PartitionRecords = PartitionRecords
