"""Personal data of a simulated département stays in the connectors, and no erased citizen can be identified.

All simulated source systems except FreeSWITCH emit invented citizens with names, phone numbers and e-mail addresses. The
conformance suite in tests/connectors checks each field of each connector (`test_nothing_personal_leaves` and
`test_a_personal_value_in_any_field_stays_inside`), and `test_canary.py` checks the switchboard's log.
"""

import json
import threading
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Self

import httpx
import pytest

from connectors.sdk.ports import free_port
from connectors.simulator.actions import ActionKind
from connectors.simulator.departement import Departement
from connectors.simulator.plan import Plan
from connectors.simulator.population import Citizen, citizen_by_phone
from connectors.simulator.run_modes import run_span
from connectors.simulator.simulation_run import SimulationRun
from models import topics
from streams.cli.sla import EXAMPLE
from streams.kafka.embedded_broker import EmbeddedKafka
from streams.timeline.store import Timeline
from tests.support import kafka_io
from tests.support.phone_leaks import found, keep_numbers
from tests.support.processes import wait_until
from tests.support.running_stack import RunningOffice, content_of
from tests.support.simulated_figures import last_monday

pytestmark = [pytest.mark.faults, pytest.mark.broker, pytest.mark.timeout(900)]

SEED, PER_YEAR = 5, 60_000
SECTOR = "demonstration"
PROCESSES = ("connect", "worker", "timeline", "web", "api", "notify")


def simulate(simulation_run: SimulationRun, departement: Departement, since: datetime, until: datetime) -> set[Citizen]:
    """Simulate a day in all source systems; return the citizens with contacts."""
    plan = Plan(SEED, PER_YEAR)
    assert run_span(departement, since, until, threading.Event())
    people = set()
    for action in plan.actions(since):
        if action.at > until:
            break
        if action.kind is not ActionKind.POST_FRANKED:  # a total is about nobody
            people.add(action.citizen_case.citizen)
    log = next(path for path in simulation_run.root.rglob("queue_log") if path.is_file())
    callers = {line.split("|")[6] for line in log.read_text().splitlines() if "|ENTERQUEUE|" in line}
    return people | {citizen_by_phone(SEED, caller) for caller in callers if caller}


def find_personal(people: Iterable[Citizen], content: bytes) -> list[str]:
    """Return the names, e-mail addresses and phone numbers found in `content`, in any notation of the numbers."""
    lowered, numbers = content.lower(), keep_numbers(content)
    matches = []
    for citizen in people:
        texts = [citizen.name, *filter(None, [citizen.email])]
        matches += [text for text in texts if text.lower().encode() in lowered]
        matches += [citizen.phone for _ in found(citizen.phone, numbers)]
    return matches


class Office(RunningOffice):
    """All processes of an installation, and requests of a data protection officer."""

    _secret = ""

    def __enter__(self) -> Self:
        for child in self.children.values():
            child.start()
        return self

    def request(self, path: str, **body: object) -> httpx.Response:
        """Send a request to the API: GET without a body, else POST."""
        if not self._secret:
            code, shown, error = self.run("tokens", "add", "camille", "--role", "dpo", "--sector", SECTOR)
            assert code == 0, error
            self._secret = next(word for word in shown.split() if word.startswith("accueil_"))
        wait_until(lambda: self.is_up("api"), "the API")
        headers = {"authorization": f"Bearer {self._secret}"}
        address = f"http://127.0.0.1:{self.ports['api']}{path}"
        return httpx.request("POST" if body else "GET", address, json=body or None, headers=headers, timeout=60)

    def look_up(self, people: Iterable[Citizen]) -> None:
        """Look citizens up by their raw identities, so that these pass through requests, logs and the audit."""
        for citizen in people:
            for kind, value in (("phone", citizen.phone), ("email", citizen.email or "unknown@example.org")):
                answer = self.request("/v1/look-up", kind=kind, value=value, sector=SECTOR, purpose="contact")
                assert answer.status_code in {200, 404}, answer.text
                assert find_personal([citizen], answer.content) == []

    def contents(self) -> Mapping[str, bytes]:
        """Return all content outside the connectors' files of rejected records, by place."""
        records = kafka_io.read(self.bootstrap, *(topic.name for topic in topics.TOPIC_CATALOGUE))
        stored = [path for path in self.data.rglob("*") if path.is_file() and "keys" not in path.parts]
        files = [path for path in stored if not path.name.startswith("rejects")]
        return {
            "topics": content_of(records),
            "files": b"\n".join(path.read_bytes() for path in files),
            "logs": b"\n".join(path.read_bytes() for path in self.directory.rglob("*.log")),
            "answers": self.answers(),
        }


def pick_citizen(timeline: Timeline, owners: Mapping[str, str]) -> tuple[str, set[str], set[str]]:
    """Return an identity of the citizen with the most identities, all identities of this citizen only, and the contacts."""
    found = []
    for owner in sorted({owner for contact, owner in owners.items() if owner != contact}):
        subject = timeline.resolve_identities(owner)
        if subject.is_own:
            own = {*subject.identities}
            found.append((owner, own, {contact for contact, other in owners.items() if other in own}))
    chosen = max(found, key=lambda one: (len(one[1]), len(one[2])))
    assert len(chosen[1]) > 1, "no citizen has several identities, so the test proves nothing"
    return chosen


def test_no_personal_data_leaves_the_connectors_and_erased_citizens_disappear(
    own_kafka: EmbeddedKafka, tmp_path: Path
) -> None:
    since = last_monday()
    simulation_run = SimulationRun(tmp_path / "systems")
    departement = Departement(simulation_run, Plan(SEED, PER_YEAR))
    simulation_run.write_settings(departement.connectors())
    unreachable = f"http://127.0.0.1:{free_port()}"  # so that notify stores its messages
    keep = {"ACCUEIL_TIMELINE__KEEP_DAYS": "1100"}  # also a simulated day of more than a year ago
    environment = keep | {"ACCUEIL_SLA": str(EXAMPLE), "ACCUEIL_NOTIFY__ALERTMANAGERS__LOCAL__URL": unreachable}
    office = Office(own_kafka, tmp_path, simulation_run.settings, PROCESSES, **environment)
    with office, departement.opened(since):
        people = simulate(simulation_run, departement, since, since + timedelta(days=1))
        wait_until(departement.drain, "the connectors to read all actions")
        office.drain()
        office.look_up(list(people)[:20])
        wait_until(lambda: [*office.data.rglob("notify.db")], "the database of notify")
        assert kafka_io.read(office.bootstrap, topics.SLA.name), "no SLA events, so the test proves nothing about them"
        for place, content in office.contents().items():
            assert content, f"{place} is empty, so the test proves nothing about it"
            assert find_personal(people, content) == [], place

        owners = office.owners()
        timeline = Timeline(office.url)
        subject, own, contacts = pick_citizen(timeline, owners)
        timeline.close()
        assert all(one.encode() in office.state() for one in own), "the state must contain them before the erasure"
        exported = office.request("/v1/export", subject=subject, format="html")
        assert all(one in exported.text for one in contacts | own)
        assert find_personal(people, exported.content) == []
        address = f"/v1/erasures/{office.request('/v1/erasures', subject=subject).json()['id']}"
        wait_until(
            lambda: office.request(address).json()["state"] == "proved",
            "the proof",
            otherwise=lambda: office.request(address).text,
        )
        for name in ("worker", "timeline"):
            office.children[name].kill()
            office.children[name].wait()
            office.children[name].start()
        office.drain()
        assert not contacts & office.owners().keys()
        assert find_personal(people, office.contents()["logs"] + office.answers()) == []
        _, shown, error = office.run("audit", "show", "--json", "--subject", subject)
        audited = [(record["operation"], record["result"]) for record in map(json.loads, shown.splitlines())]
        assert (audited[0][0], {operation for operation, _ in audited[1:]}) == ("export", {"erase"}), error
        assert audited[1][1] == "begun", audited
        assert "proved" in {result for _, result in audited}, audited
        assert [child.stop() for child in office.children.values()] == [0] * len(office.children)
        logs = b"".join(path.read_bytes() for path in tmp_path.glob("*.log"))
        remaining = {"state": office.state(), "logs": logs, "database": office.content_of_database()}
        for place, content in remaining.items():
            assert [identity for identity in own if identity.encode() in content] == [], place
