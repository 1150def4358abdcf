"""A preset of a telephone system with the events of its sample, and stories of calls as its records tell them."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

PARIS: Final = "Europe/Paris"


class Case(NamedTuple):
    """A preset with the options of a settings file, and the events of its sample: record, type, time (UTC) and data."""

    settings: Mapping[str, Any]
    events: Sequence[tuple[int, str, str, dict[str, Any]]]
    phones: Sequence[str]
    """Numbers of callers that events have as identities, in the order of the sample."""
    line_fields: frozenset[str] = frozenset()
    """Fields with the number of a direct line that no id contains: with another number, the record is about no line."""
    empty_values: frozenset[str] = frozenset()
    """Fields without a value in ordinary records that the preset treats otherwise, besides those with `""` in `ignored`."""


def _name_tables(queues: Sequence[str], line: str) -> dict[str, dict[str, str]]:
    """Return the tables of names: of queues, and of a direct line."""
    names = {"queue": dict.fromkeys(queues, "accueil")}
    return {"queue": names["queue"] | {line: "mdph"}, "line": {line: "mdph"}} if line else names


def file_settings(*queues: str, zone: str = PARIS, line: str = "") -> dict[str, Any]:
    """Return the settings of a preset for files: queues, and a direct line."""
    settings: dict[str, Any] = {"files": "/srv/appels/*", "values": _name_tables(queues, line)}
    return settings | ({"timezone": zone} if zone else {})


def query_settings(*queues: str, zone: str = PARIS, line: str = "") -> dict[str, Any]:
    """Return the same for a preset with a query."""
    settings: dict[str, Any] = {
        "url": "postgresql://accueil@pbx.example.org/asterisk",
        "values": _name_tables(queues, line),
    }
    return settings | ({"timezone": zone} if zone else {})


QUEUE: Final[dict[str, Any]] = {"queue": "accueil"}
ENDED: Final[dict[str, Any]] = {"queue": "accueil", "ended_by": "unknown"}
LINE: Final[dict[str, Any]] = {"line": "mdph"}
DIRECT: Final[dict[str, Any]] = {"queue": "mdph"}
DIRECT_ENDED: Final[dict[str, Any]] = {"queue": "mdph", "ended_by": "unknown"}


class Stay(NamedTuple):
    """What must come out of a stay in a queue. All times are in seconds."""

    queue: str
    queued: str
    """Time in UTC."""
    outcome: str
    wait: float
    finish: str = ""
    handle: float = 0


class Story(NamedTuple):
    """The records of a story, and the stays in queues of all its calls."""

    preset: str
    about: str
    records: Sequence[Any]
    """Lines of a file, rows of a table, or the values of fields that differ from the first record of the preset's sample."""
    stays: Sequence[Stay]
