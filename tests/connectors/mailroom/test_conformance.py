"""Conformance of the mailroom connector."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import connectors.mailroom as mailroom
from connectors.sdk.testing import Conformance, take_part
from connectors.sdk.testing.hostile import CONTENTS, hostile_fields, hostile_json
from tests.support.mailroom_harness import configuration
from tests.support.scans import drop, drop_letter, pdf

PERSONAL = ("Mireille Exemple", "mireille@example.org", "0639985511", "12 rue du Modele", "dossier-mireille", "Recours")


@pytest.mark.usefixtures("shared_page_counter")
class TestConformance(Conformance):
    connector = mailroom.CONNECTOR
    readme = Path(mailroom.__file__).with_name("README.md")
    personal = PERSONAL

    def options(self, directory: Path) -> dict[str, Any]:
        return configuration(directory)

    def supply(self, directory: Path, part: int, parts: int) -> None:
        for job in take_part(self.jobs(directory / "inbox"), part, parts):
            job()

    def supply_hostile(self, directory: Path) -> None:
        inbox = directory / "inbox"
        step = {"chrono": "2026-000001", "step": "assigned", "at": "2026-03-20T12:00", "service": "Routes"}
        table = b";".join(name.encode() for name in step) + b"\n" + b";".join(value.encode() for value in step.values())
        wide = b";".join(b"c%d" % number for number in range(95_000)) + b"\n" + b"x\n" * 100_000
        sidecars = {
            ".json": [*CONTENTS.values(), *hostile_json(step)],
            ".csv": [*CONTENTS.values(), *hostile_fields(table, b";"), wide],
            ".xml": [b"<c><chrono>" + content + b"</chrono></c>" for content in CONTENTS.values()],
            ".pdf": [b"%PDF-1.4 " + content for content in CONTENTS.values()],
        }
        for suffix, contents in sidecars.items():
            for order, content in enumerate(contents, 300):
                drop(inbox / f"hostile{suffix[1:]} {order}{suffix}", content, order)

    def jobs(self, inbox: Path) -> list[Callable[[], object]]:
        """Return functions that drop letters, steps and invalid files, some with personal values in content and name."""
        inbox.mkdir(parents=True, exist_ok=True)
        name, email, phone, street, case, subject = PERSONAL
        private = {
            "nom": name,
            "sender": name,
            "email": email,
            "phone": phone,
            "adresse": street,
            "case": case,
            "objet": subject,
        }
        jobs: list[Callable[[], object]] = [partial(drop_letter, inbox, n, **private) for n in range(20)]
        steps = [
            {"chrono": "2026-000002", "step": "assigned", "at": "2026-03-20T12:00", "service": "Routes", **private},
            {"chrono": "2026-000002", "step": "closed", "at": "2026-03-21", "outcome": "resolved"},
            {"chrono": name, "step": "answered"},
            {"chrono": "2026-000001", "step": subject},
            {"chrono": "2026-000001", "step": "assigned", "service": name},
        ]
        for order, step in enumerate(steps, start=100):
            jobs.append(partial(drop, inbox / f"{name} {order}.json", json.dumps(step).encode(), order))
        jobs.append(partial(drop, inbox / f"{name}.pdf", pdf(99), 200))
        jobs.append(partial(drop, inbox / f"{name}, broken.pdf", b"%PDF-1.4 " + name.encode(), 201))
        jobs.append(partial(drop, inbox / f"{email}.docx", subject.encode(), 202))
        return jobs
