"""What a peer must have made of the generated events, and whether its changelog says so."""

import re
from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from tests.bench.peers.generate import generate
from tests.bench.peers.job import state
from tests.bench.records import latest, read

# Each peer wraps its keys in its own way; the contact id in them is the same. Other keys are the peer's own records.
CONTACT = re.compile(rb"call:[a-z-]+:[0-9.]+")


class Row(msgspec.Struct):
    """What is looked at of a row."""

    milestones: dict[str, str]
    state: str


class Truth(NamedTuple):
    """What the generator knows."""

    milestones: dict[bytes, dict[str, str]]
    """Contact id → event type → when it first happened."""
    figures: Counter[str]
    """`service/type` → how many different events."""


def tell_truth(events: int, seed: int) -> Truth:
    """Return what `events` events of `seed` come to."""
    truth = Truth({}, Counter())
    for event in generate(events, seed):
        contact = truth.milestones.setdefault(event.contact.encode(), {})
        if event.type not in contact:  # a second delivery changes nothing
            contact[event.type] = event.time
            truth.figures[f"{event.service}/{event.type}"] += 1
    return truth


def read_rows(bootstrap: str, changelog: str) -> tuple[dict[bytes, Row], int]:
    """Return the last committed row of each contact, and how many rows were written."""
    decode = msgspec.json.Decoder(Row).decode
    records = list(read(bootstrap, changelog))
    found = ((CONTACT.search(key), value) for (_, key), value in latest(records).items())
    return {contact[0]: decode(value) for contact, value in found if contact}, len(records)


def differences(truth: Truth, rows: Mapping[bytes, Row], figures: Mapping[str, int]) -> list[str]:
    """Return what is not as it must be; nothing if all is exact."""
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
