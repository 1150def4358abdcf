"""Expected results of the generated events, and their comparison with a peer's changelog."""

import re
from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from tests.bench.peers.generate import generate
from tests.bench.peers.job import state
from tests.bench.records import latest, read

# Each peer encodes its keys differently, with the same contact id. Other keys are the peer's internal records.
CONTACT = re.compile(rb"call:[a-z-]+:[0-9.]+")


class Row(msgspec.Struct):
    milestones: dict[str, str]
    state: str


class Truth(NamedTuple):
    milestones: dict[bytes, dict[str, str]]
    """Time of the first event, by contact id and event type."""
    figures: Counter[str]
    """Number of distinct events by `service/type`."""


def compute_truth(events: int, seed: int) -> Truth:
    truth = Truth({}, Counter())
    for event in generate(events, seed):
        contact = truth.milestones.setdefault(event.contact.encode(), {})
        if event.type not in contact:  # a duplicate changes nothing
            contact[event.type] = event.time
            truth.figures[f"{event.service}/{event.type}"] += 1
    return truth


def read_rows(bootstrap: str, changelog: str) -> tuple[dict[bytes, Row], int]:
    """Return the last committed row of each contact, and the number of written rows."""
    decode = msgspec.json.Decoder(Row).decode
    records = list(read(bootstrap, changelog))
    found = ((CONTACT.search(key), value) for (_, key), value in latest(records).items())
    return {contact[0]: decode(value) for contact, value in found if contact}, len(records)


def differences(truth: Truth, rows: Mapping[bytes, Row], figures: Mapping[str, int]) -> list[str]:
    known = [(row, truth.milestones[contact]) for contact, row in rows.items() if contact in truth.milestones]
    counted = {
        "contacts missing": sum(contact not in rows for contact in truth.milestones),
        "unknown contacts": len(rows) - len(known),
        "wrong milestones": sum(row.milestones != milestones for row, milestones in known),
        "wrong state": sum(row.state != state(milestones) for row, milestones in known),
    }
    found = [f"{count} {what}" for what, count in counted.items() if count]
    if dict(figures) != truth.figures:
        found.append(f"figures count {sum(figures.values())} events instead of {truth.figures.total()}")
    return found
