"""Type of a consumed Kafka record, shared by the readers and the engine."""

from collections.abc import Sequence
from typing import Protocol

Header = tuple[str, bytes]


class Record(Protocol):
    """One record of a topic as the consumer returns it; `timestamp` in milliseconds since 1970."""

    @property
    def offset(self) -> int: ...  # noqa: D102
    @property
    def timestamp(self) -> int: ...  # noqa: D102
    @property
    def key(self) -> bytes | None: ...  # noqa: D102
    @property
    def value(self) -> bytes | None: ...  # noqa: D102
    @property
    def headers(self) -> Sequence[Header]: ...  # noqa: D102
