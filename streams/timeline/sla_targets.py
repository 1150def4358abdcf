"""Open SLA targets in SQL. For each contact, the latest event counts, in whatever order events arrive."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final

from sqlalchemy import Connection
from sqlalchemy.dialects import postgresql, sqlite

from models.timestamps import milliseconds
from streams.core.sla.open_targets import SlaTarget, SlaTargetsEntry, dump, load
from streams.timeline.queries import rows_of
from streams.timeline.schema import SLA_TARGETS, Row


def upsert(dialect: str) -> Any:
    """Return the SQL statement that inserts the `rows` of contacts, or replaces stored rows unless they are later."""
    insert: Any = postgresql.insert if dialect == "postgresql" else sqlite.insert
    put = insert(SLA_TARGETS)
    new = {name: put.excluded[name] for name in ("sector", "told_at", "running")}
    return put.on_conflict_do_update(
        index_elements=[SLA_TARGETS.c.contact], set_=new, where=put.excluded.told_at >= SLA_TARGETS.c.told_at
    )


def rows(entries: Iterable[SlaTargetsEntry]) -> list[Row]:
    """Return one table row per contact, from its latest entry in `entries`, with all columns in order."""
    latest: dict[str, SlaTargetsEntry] = {}
    for entry in entries:
        if entry.happened_at >= latest.setdefault(entry.contact, entry).happened_at:
            latest[entry.contact] = entry
    return [
        (contact, entry.sector, milliseconds(entry.happened_at), dump(entry.sla_targets))
        for contact, entry in sorted(latest.items())
    ]


def read(
    connection: Connection, contacts: Collection[str], sectors: Collection[str] = ()
) -> Mapping[str, tuple[SlaTarget, ...]]:
    """Return contact → open SLA targets in these sectors or without one (no sector given: all), for contacts with a row."""
    found = rows_of(connection, _READ, ("contact", "sector", "running"), contacts)
    return {contact: load(running) for contact, sector, running in found if not sectors or sector in {"", *sectors}}


_READ: Final = "SELECT contact, sector, running FROM promises WHERE contact IN ({contacts})"
