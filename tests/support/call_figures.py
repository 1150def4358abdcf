"""Figures of calls and agents."""

from collections.abc import Sequence
from typing import Any

from models.events import Event
from streams.core.contacts import agent, contact
from streams.core.figures.figure_counts import count_agent, count_contact, count_rings
from tests.support.figures import Figures, named


def fold(events: Sequence[Event]) -> dict[str, dict[str, int]]:
    figures, rows = Figures(), dict[str, Any]()
    for event in events:
        before = rows.get(event.subject)
        if event.type == "agent.state_changed":
            after: Any = agent.fold(before, event)
            if after is not before:
                count_agent(before, after, figures.__getitem__)
                count_rings(before, after, figures.__getitem__)
        else:
            after = contact.fold(before, event)
            if after is not before:
                count_contact(before, after, figures.__getitem__)
        rows[event.subject] = after
    return {
        str(dimensions): {name: count for name, count in named(dimensions, figure).items() if not name.startswith("-")}
        for (bucket, dimensions), figure in figures.items()
        if bucket == 0
    }
