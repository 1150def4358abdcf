"""`accueil retention`: table, contradictions, and removal of expired data."""

import gc
import logging
import os
import re
import time
import warnings
from collections.abc import Sequence
from contextlib import closing
from datetime import datetime, timedelta
from datetime import time as clock
from operator import attrgetter
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from click.testing import Result
from confluent_kafka.admin import AdminClient, ConfigResource

from connectors.sdk import rejects
from connectors.sdk.contract import Reject
from connectors.sdk.rejects import Rejects
from models import topics
from models.events import Event
from models.locale import LANGUAGES
from models.reasons import Reason
from models.timestamps import milliseconds
from streams.access.audit import read as read_audit
from streams.cli import retention as retention_cli
from streams.core.contacts import contact as contacts
from streams.core.contacts.contact import Contact
from streams.core.timeline import entries
from streams.kafka.embedded_broker import EmbeddedKafka
from streams.privacy.erasures import Erasures, make_request_id
from streams.runtime.instance_lock import DEMO, write_running_file
from streams.runtime.prechecks import claim_data_directory
from streams.runtime.privacy_backend import retention_periods
from streams.runtime.supervisor import _LogFile
from streams.runtime.timeline_database import open_timeline
from streams.runtime.timeline_process import EXPIRY_INTERVAL_MS, make_store
from streams.settings.loader import load
from streams.settings.retention import (
    CITIZEN_RULES,
    CONTRADICTIONS,
    NOTHING,
    RULES,
    citizen_retention,
    describe,
    find_contradictions,
    find_due,
    retention_rules,
)
from streams.timeline import erasures
from streams.timeline.erasures import ErasureRequest
from streams.timeline.store import Timeline
from tests.support import commands
from tests.support.events import START_MS, make
from tests.support.timelines import call, entries_of

DAY = 86_400
ROOT = Path(__file__).parents[3]


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ACCUEIL_DATA", str(tmp_path))
    return tmp_path


def run(*arguments: str) -> Result:
    return commands.run("retention", *arguments)


def make_expired(*paths: Path) -> None:
    """Write files, last changed 91 days ago."""
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("line\n")
        os.utime(path, (time.time() - 91 * DAY,) * 2)


def test_show_uses_the_settings_of_a_running_demo(data: Path) -> None:
    (data / "accueil.toml").write_text("[timeline]\nkeep_days = 55\n")
    assert "55" in run("show").stdout
    demo = data / DEMO
    with claim_data_directory(demo):
        write_running_file(demo, "127.0.0.1:1", "")
        assert "55" not in run("show").stdout


@pytest.mark.parametrize("language", LANGUAGES)
def test_show_fits_a_terminal_of_100_columns(language: str, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANG", language)
    lines = run("show").stdout.splitlines()
    assert len(lines) > 3 * len(RULES)
    assert [line for line in lines if len(line) > 100] == []


@pytest.mark.parametrize(("page", "language"), [("PRIVACY.md", "en"), ("PRIVACY.fr.md", "fr")])
def test_privacy_pages_contain_the_table_of_defaults(data: Path, page: str, language: str) -> None:
    assert describe(load(), language) in (ROOT / page).read_text(encoding="utf-8")


def test_the_citizens_table_has_all_periods_and_no_setting_or_path(data: Path) -> None:
    settings = {rule.setting for rule in RULES if rule.personal != NOTHING} - {""}
    assert {setting for rule in CITIZEN_RULES for setting in rule.settings} == settings
    rows = [*citizen_retention(load(), "fr")]
    assert [days for _, days, _ in rows] == [92, 30, 30, 365, None]
    assert not [row for row in rows if {*"/=_`"} & {*f"{row[0]}{row[2]}"}]


@pytest.mark.parametrize(
    ("applied", "now", "due"),
    [
        ("2026-11-25T02:30", "2026-11-26T02:29", ""),
        ("2026-11-25T02:30", "2026-11-26T02:30", "2026-11-26T02:30"),
        ("2026-11-25T02:31", "2026-11-26T02:31", "2026-11-26T02:30"),
        ("2026-11-26T02:30", "2026-11-26T23:59", ""),
        ("2026-11-25T18:00", "2026-11-26T09:00", "2026-11-26T02:30"),
        ("2026-11-25T18:00", "2026-11-25T23:00", ""),
        ("2026-03-28T02:31", "2026-03-29T03:31", "2026-03-29T02:30"),
        ("2026-10-24T12:00", "2026-10-25T04:00", "2026-10-25T02:30"),
        ("", "2026-11-26T01:00", "2026-11-25T02:30"),
        ("2029-11-26T02:30", "2026-11-26T09:00", "2026-11-26T02:30"),
    ],
)
def test_apply_is_due_once_a_day_or_as_soon_as_possible(applied: str, now: str, due: str) -> None:
    def at(moment: str) -> datetime:
        return datetime.fromisoformat(moment).replace(tzinfo=ZoneInfo("Europe/Paris"))

    found = find_due(at(applied) if applied else None, at(now), clock(2, 30))
    assert found == (at(due) if due else None)


def test_defaults_have_no_contradictions(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert list(find_contradictions(load())) == []
    for longer, shorter, *_ in CONTRADICTIONS:
        name = "ACCUEIL_" + shorter.upper().replace(".", "__")
        monkeypatch.setenv(name, str(attrgetter(longer)(load())))
        assert any(text.startswith(f"{longer} = ") for text in find_contradictions(load())), longer
        monkeypatch.delenv(name)


def test_failing_step_does_not_prevent_the_others(data: Path) -> None:
    (data / "audit").write_text("no directory")
    open_timeline(load()).close()
    log = data / "logs" / "web.log.2"
    make_expired(log)
    done = run("apply")
    assert (done.exit_code, log.exists()) == (70, False)
    assert done.stderr.count("no broker: start accueil up") == 2
    assert "audit" in done.stderr


def test_no_rewrite_leaves_the_tables_unchanged(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    open_timeline(load()).close()
    monkeypatch.setattr(Timeline, "vacuum", lambda _: True)
    assert "rewritten" in run("apply").stdout
    assert "rewritten" not in run("apply", "--no-rewrite").stdout


def test_apply_cleans_a_running_demo_and_creates_no_files(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention_cli, "BROKER_SECONDS", 0.0)
    log = data / DEMO / "logs" / "web.log.2"
    make_expired(log)
    with claim_data_directory(data / DEMO):
        write_running_file(data / DEMO, "127.0.0.1:1", "")
        before = {*data.rglob("*")} - {log}
        done = run("apply")
        assert {*data.rglob("*")} == before
    assert "no Kafka broker answers at 127.0.0.1:1" in done.stderr, "it uses the broker of the demo"
    assert "logs: 1" in done.stdout
    assert "no broker: start" in run("apply").stderr
    assert not [*data.rglob("timeline.db")]


def test_log_file_emptied_by_retention_still_receives_lines(data: Path) -> None:
    path = data / "logs" / "web.log"
    path.parent.mkdir()
    with closing(_LogFile(path, pytest.fail)) as held:
        held.emit(logging.makeLogRecord({"msg": "all is well"}))
        os.utime(path, (time.time() - 91 * DAY,) * 2)
        assert "logs: would remove 1" in run("apply", "--dry-run").stdout
        assert "logs: 1" in run("apply").stdout
        os.utime(path, (time.time() - 91 * DAY,) * 2)
        assert "logs: 0" in run("apply").stdout, "it is empty already"
        held.emit(logging.makeLogRecord({"msg": "out of memory"}))
    assert path.read_text() == "out of memory\n"


def test_damaged_and_unfinished_files_of_connectors_expire(data: Path) -> None:
    home = data / "connectors/asterisk/siege"
    due = [home / name for name in ("ami/3.bad", "spool/3.bad", "ami/4.spool.new", "rejects.jsonl.new")]
    stays = [home / name for name in ("ami/4.spool", "spool/4.spool", "cursor-0.json", "esl/5.bad")]
    make_expired(*due, *stays)
    stays[-1].touch()
    assert "damaged files of connectors: 4" in run("apply").stdout
    assert [path.exists() for path in (*due, *stays)] == [False] * 4 + [True] * 4


def test_rejected_records_expire_if_only_the_older_file_exists(data: Path) -> None:
    home = data / "connectors/a/b"
    log = open_rejects(home)
    log.close()
    log.path.rename(home / "rejects.old.jsonl")
    assert "rejected records: 1" in run("apply").stdout
    assert [stored.reject.record for stored in rejects.read(home)] == [b"now"]


@pytest.mark.broker
def test_expired_data_are_removed_and_counted(
    data: Path, own_kafka: EmbeddedKafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACCUEIL_BROKERS", own_kafka.bootstrap)
    monkeypatch.setenv("ACCUEIL_RETENTION__EVENTS_DAYS", "21")
    old, fresh, spoilt = (
        data / name for name in ("logs/worker.log.1", "logs/worker.log", "connectors/a/b/spool/0.bad")
    )
    make_expired(old, fresh, spoilt)
    fresh.touch()
    log = open_rejects(data / "connectors/a/b")
    planned = run("apply", "--dry-run")
    assert planned.exit_code == 0, planned.output
    assert "logs: would remove 1" in planned.stdout
    assert "rejected records: would remove 1" in planned.stdout
    assert f"would be: created {topics.SLA.name} with 4 partitions" in planned.stdout
    assert old.exists()
    assert len([*rejects.read(log.path.parent)]) == 2

    done = run("apply")
    assert done.exit_code == 0, done.output
    assert "rejected records: 1" in done.stdout
    assert [path.exists() for path in (old, fresh, spoilt)] == [False, True, False]
    log.add(Reject(Reason.INVALID_JSON, b"after", "", b""))  # a running connector goes on
    log.close()
    assert [stored.reject.record for stored in rejects.read(log.path.parent)] == [b"now", b"after"]
    assert b"long ago" not in log.path.read_bytes()
    assert "topics: up to date" in run("apply").stdout
    assert read_retention(own_kafka) == str(21 * DAY * 1000)


@pytest.mark.broker
def test_apply_publishes_and_proves_pending_erasures(
    data: Path, own_kafka: EmbeddedKafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    with warnings.catch_warnings(action="ignore", category=ResourceWarning):
        gc.collect()  # collect cycles of earlier tests, because `apply` collects too
    monkeypatch.setenv("ACCUEIL_BROKERS", own_kafka.bootstrap)
    assert run("apply").exit_code == 0, "topics exist"
    name, contact = "0" * 32, "call:a:1"
    with closing(open_timeline(load())) as timeline:
        timeline.write(entries_of(call(contact)))
        with timeline.write_transaction() as connection:
            erasures.begin(connection, ErasureRequest(name, "", "camille", START_MS, None, 1, 0, 0, None), [contact])
        assert "published now: 1" in run("apply").stdout
        assert "proved now: 0; not yet: 1" in run("apply").stdout
        timeline.write(entries_of([make("personal_data.erased", 99, subject=contact, channel="call")]))
        assert "proved now: 1; not yet: 0" in run("apply").stdout
        with timeline.read_connection() as connection:
            assert erasures.list_contacts(connection, name) == []
    (proved,) = [
        line.record for line in read_audit(data / "audit") if line.record and line.record["operation"] == "erase"
    ]
    assert proved["whose"].startswith(f"erasure:{name}:")


def test_proof_table_and_process_have_the_same_retention_of_erased_contacts(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACCUEIL_TIMELINE__KEEP_DAYS", "120")
    settings, contact, rows = load(), "call:a:1", dict[bytes, Contact]()
    sink = make_store(settings)

    def publish(events: Sequence[Event]) -> None:
        for event in events:
            row = rows[event.subject.encode()] = contacts.fold(rows.get(event.subject.encode()), event)
            timeline.write([entries.decode(entries.record(event, row)[1])])

    with closing(open_timeline(settings)) as timeline:
        publish(call(contact))
        requests = Erasures(
            timeline,
            lambda _: {key: contacts.encode(row) for key, row in rows.items()},
            publish,
            retention_periods(settings),
        )
        name = requests.begin(make_request_id(), [contact], "", "camille").id
        requests.publish_pending()
        found = requests.look(name, lambda _: None)
        assert found is not None
        assert found.proof is not None
        (until,) = (rest.until for rest in found.proof.remains if rest.what == "erased")
        rules = retention_rules(settings)
        (days,) = (
            rule.days
            for rule in rules
            if rule.what == "contacts whose person was erased, or whose record was corrected"
        )
        assert days == 120
        requested_at = datetime.fromisoformat(found.proof.requested_at)
        assert datetime.fromisoformat(until) == requested_at + timedelta(days=days)
        sink.timeline = timeline
        at = milliseconds(datetime.fromisoformat(until))
        for moment, known in ((at, {contact}), (at + EXPIRY_INTERVAL_MS, set[str]())):
            for _ in range(2):  # the second run finishes the first
                sink.expire(moment)
            assert timeline.find_erased().keys() == known


def open_rejects(directory: Path) -> Rejects:
    """Return the open rejects of a connector: an old record and a new one."""
    directory.mkdir(parents=True, exist_ok=True)
    log = Rejects(directory)
    for content in (b"long ago", b"now"):
        log.add(Reject(Reason.INVALID_JSON, content, "", b""))
    log.sync()
    first, rest = log.path.read_bytes().split(b"\n", 1)
    log.path.write_bytes(re.sub(rb"\d{4}-\d\d-\d\d", b"2020-03-16", first) + b"\n" + rest)
    return log


def read_retention(kafka: EmbeddedKafka) -> str:
    topic = ConfigResource("topic", topics.SLA.name)
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap})
    return str(admin.describe_configs([topic])[topic].result(30)["retention.ms"].value)
