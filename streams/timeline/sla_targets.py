"""What is promised in matters and still to be kept, in SQL: of each contact what was told last, whatever comes in which order."""

from collections.abc import Collection, Iterable, Mapping
from functools import cache
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.dialects import postgresql, sqlite

from models.timestamps import milliseconds
from streams.core.sla.open_targets import SlaTarget, SlaTargetsEntry, dump, load
from streams.timeline.queries import Query, width_of
from streams.timeline.schema import PROMISES, Row


def upsert(dialect: str) -> Any:
    """Return the statement that writes `rows`, and leaves what was told later."""
    insert: Any = postgresql.insert if dialect == "postgresql" else sqlite.insert
    put = insert(PROMISES)
    told = {name: put.excluded[name] for name in ("sector", "told_at", "running")}
    return put.on_conflict_do_update(
        index_elements=[PROMISES.c.contact], set_=told, where=put.excluded.told_at >= PROMISES.c.told_at
    )


def rows(promised: Iterable[SlaTargetsEntry]) -> list[Row]:
    """Return the rows of what was told, one for each contact: of several the last; all columns, in their order."""
    latest: dict[str, SlaTargetsEntry] = {}
    for told in promised:
        if told.happened_at >= latest.setdefault(told.contact, told).happened_at:
            latest[told.contact] = told
    return [
        (contact, told.sector, milliseconds(told.happened_at), dump(told.promises))
        for contact, told in sorted(latest.items())
    ]


def read(
    connection: Connection, contacts: Collection[str], sectors: Collection[str] = ()
) -> Mapping[str, tuple[SlaTarget, ...]]:
    """Return what is promised to these contacts, and still to be kept: in these sectors, or in all if none is given."""
    if not contacts:
        return {}
    width = width_of(len(contacts))
    values = {f"contact_{number}": "" for number in range(width)}
    values |= {f"contact_{number}": contact for number, contact in enumerate(contacts)}
    found = _make_read(width).rows(connection, values)
    return {contact: load(running) for contact, sector, running in found if not sectors or sector in {"", *sectors}}


@cache
def _make_read(width: int) -> Query:
    names = ", ".join(f":contact_{number}" for number in range(width))
    columns = ("contact", "sector", "running")
    return Query(f"SELECT {', '.join(columns)} FROM promises WHERE contact IN ({names})", *columns)  # noqa: S608 - no value
