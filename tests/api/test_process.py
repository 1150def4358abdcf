"""`accueil api` as a process, over HTTP."""

import json
import re
import signal
import sqlite3
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import httpx
import pytest

from models.identities import IdentityKind
from models.roles import Role
from streams.access.audit import read as read_audit
from streams.access.audit import verify
from tests.support.api_harness import NUMBER, SECTOR, ApiHarness, letter, token
from tests.support.metrics_page import find_undescribed
from tests.support.postgres import Postgres
from tests.support.processes import ROOT, wait_until
from tests.support.timeline_page import Served


@contextmanager
def served(data: Path, url: str = "", place: Path | None = None) -> Iterator[Served]:
    """Run the API on the PostgreSQL database at `url`, or on the one in `data`."""
    settings = {"timeline": {"url": url}} if url.startswith("postgresql") else {}
    api = Served(place or data.parent, settings, data)
    with api.child:
        yield api.start()


@pytest.fixture
def data(tmp_path: Path, url: str) -> Path:
    """Data directory whose timelines have one letter, and whose token is `camille`."""
    data = tmp_path / "data"
    harness = ApiHarness(data, url if url.startswith("postgresql") else f"sqlite:///{data / 'timeline.db'}")
    harness.add(token(), token("sacha", Role.OPERATOR))
    harness.write(letter("1", 0, harness.pseudonym(IdentityKind.PHONE, NUMBER)))
    harness.close()
    return data


def test_process_answers_records_and_stops(data: Path, url: str) -> None:
    with served(data, url) as api:
        wait_until(api.is_up, "the API")
        answer = api.post("/v1/look-up", kind="phone", value=NUMBER)
        assert answer.status_code == 200
        assert [entry["contact"] for entry in answer.json()["entries"]] == ["mail:ged:1"] * 3
        assert api.post("/v1/look-up", "sacha", kind="phone", value=NUMBER).status_code == 403
        assert api.post("/v1/look-up", "unknown", kind="phone", value=NUMBER).status_code == 401
        metrics = httpx.get(f"{api.url}/metrics").text
        assert 'api_accesses_total{operation="look_up",purpose="contact",result="shown",role="dpo"} 1.0' in metrics
        assert find_undescribed(metrics) == []
        assert httpx.get(f"{api.url}/openapi.json").json()["openapi"].startswith("3.1")
        assert api.child.stop() == 0
        output = api.child.text
    records = [line.record or {} for line in read_audit(data / "audit")]
    assert [record["result"] for record in records if "result" in record] == ["shown", "refused"]
    everything = output + metrics + json.dumps(records)
    assert not [value for value in (NUMBER[1:], "camille", "sacha") if value in output + metrics]
    assert NUMBER[1:] not in everything


def post_repeatedly(api: Served, times: int) -> Iterator[int]:
    """Yield the status of each answer until the process ends."""
    with suppress(httpx.TransportError), httpx.Client(timeout=60) as client:
        headers = {"authorization": "Bearer camille"}
        body = {"kind": "phone", "value": NUMBER, "purpose": "contact"}
        for _ in range(times):
            yield client.post(f"{api.url}/v1/look-up", json=body, headers=headers).status_code


def test_concurrent_reads_during_writes(data: Path, url: str, tmp_path: Path) -> None:
    harness = ApiHarness(data, url if url.startswith("postgresql") else f"sqlite:///{data / 'timeline.db'}")
    with served(data, url) as api, ThreadPoolExecutor(12) as threads:
        wait_until(api.is_up, "the API")
        posting = [threads.submit(lambda: list(post_repeatedly(api, 20))) for _ in range(12)]
        for number in range(2, 30):
            harness.write(letter(str(number), number, harness.pseudonym(IdentityKind.PHONE, NUMBER)))
        assert [posts.result() for posts in posting] == [[200] * 20] * 12
    assert len(harness.recorded()) == 240
    harness.close()


@pytest.mark.faults
def test_every_answer_is_in_the_audit_after_a_kill(data: Path, url: str) -> None:
    with served(data, url) as api, ThreadPoolExecutor(8) as threads:
        wait_until(api.is_up, "the API")
        answered: list[int] = []
        posting = [threads.submit(lambda: answered.extend(post_repeatedly(api, 10_000))) for _ in range(8)]
        wait_until(lambda: len(answered) > 100, "answers")
        api.child.kill(signal.SIGKILL)
        wait(posting)
    records = [line.record or {} for line in read_audit(data / "audit")]
    recorded = sum(record.get("result") == "shown" for record in records)
    assert set(answered) == {200}
    assert len(answered) <= recorded <= len(answered) + 8  # at most one per client was recorded without an answer
    assert verify(data / "audit").findings == []


def test_cursor_survives_a_restart(data: Path, url: str) -> None:
    with served(data, url) as api:
        wait_until(api.is_up, "the API")
        first = api.post("/v1/look-up", kind="phone", value=NUMBER, limit=1).json()
        api.child.kill(signal.SIGKILL)
    with served(data, url) as api:
        wait_until(api.is_up, "the API")
        page = api.post("/v1/timeline", subject=first["subject"], cursor=first["next"])
        assert len(page.json()["entries"]) == 2


@pytest.mark.parametrize("page", ["docs/how-to/citizens.md", "docs/how-to/citizens.fr.md"])
def test_request_of_the_docs_is_answered(page: str, tmp_path: Path) -> None:
    demo = tmp_path / "accueil-data" / "demo"
    harness = ApiHarness(demo)
    harness.add(token(sectors=(SECTOR,)))
    harness.write(letter("1", 0, harness.pseudonym(IdentityKind.PHONE, NUMBER)))
    harness.close()
    (demo / "access" / "demo-token").write_text("camille\n")
    (demo / "access" / "demo-number").write_text(f"{NUMBER}\n")
    command, *_ = re.findall(r"^curl .*?\n(?=```)", (ROOT / page).read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    with served(demo, place=tmp_path) as api:
        wait_until(api.is_up, "the API")
        request = command.replace("http://127.0.0.1:8081", api.url)
        done = subprocess.run(["bash", "-c", request], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert [entry["contact"] for entry in json.loads(done.stdout)["entries"]] == ["mail:ged:1"] * 3


def test_unavailable_database_is_answered_with_503(tmp_path: Path, postgres: Postgres) -> None:
    harness = ApiHarness(tmp_path / "data", f"sqlite:///{tmp_path / 'other.db'}")
    harness.add(token())
    harness.pseudonym(IdentityKind.PHONE, NUMBER)
    harness.close()
    postgres.stop("immediate")
    try:
        with served(tmp_path / "data", postgres.url) as api:
            wait_until(lambda: "waiting_for_database" in api.child.text, "the wait for the database")
            assert httpx.get(f"{api.url}/healthz").status_code == 200
            away = api.post("/v1/look-up", kind="phone", value=NUMBER)
            assert (away.status_code, away.json()["type"]) == (503, "urn:accueil:problem:database")
            postgres.start()
            wait_until(api.is_up, "the database")
            assert api.post("/v1/look-up", kind="phone", value=NUMBER).status_code == 404
            postgres.stop("immediate")  # unavailable again, during the requests
            assert api.post("/v1/look-up", kind="phone", value=NUMBER).status_code == 503
            postgres.start()
            wait_until(lambda: api.post("/v1/look-up", kind="phone", value=NUMBER).status_code == 404, "the database")
    finally:
        if not postgres.runs:
            postgres.start()


def test_newer_database_stops_the_process(tmp_path: Path) -> None:
    ApiHarness(tmp_path).close()
    with closing(sqlite3.connect(tmp_path / "timeline.db")) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    with Served(tmp_path, {}, tmp_path).child as child:
        assert child.start().wait() == 2
        assert "newer release" in child.text
