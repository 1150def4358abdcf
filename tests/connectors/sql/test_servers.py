"""The SQL connector on real PostgreSQL and MariaDB servers."""
# ruff: noqa: DTZ001 - databases store times without an offset

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import NullPool, create_engine, text

from connectors.sdk.errors import SourceMisconfiguredError, SourceRefusedError, SourceUnavailableError
from connectors.sdk.flow import Flow
from connectors.sdk.testing import ConnectorHarness
from connectors.sdk.testing.harness import run_until_idle
from connectors.sql import source
from models.reasons import Reason
from tests.support.postgres import Postgres
from tests.support.processes import wait_until
from tests.support.sql_calls import BEGIN, Calls, last_facts

PASSWORD = "essai-de-mot-de-passe"


def error_of(harness: ConnectorHarness) -> SourceUnavailableError:
    with pytest.raises(SourceUnavailableError) as caught:
        harness.read_all(confirm=False)
    return caught.value


def running_statements(calls: Calls) -> list[Any]:
    """Return the transactions of the connector that the server knows."""
    if isinstance(calls.server, Postgres):
        query = "SELECT state, query FROM pg_stat_activity WHERE application_name = 'accueil'"
    else:
        query = "SELECT command, info FROM information_schema.processlist WHERE id <> connection_id()"
        query += " AND command <> 'Daemon'"
    with calls.engine.connect() as connection:
        return [*connection.execute(text(query)).all()]


@pytest.mark.parametrize("since", ["changed_at", "call_id", ""])
def test_every_row_is_read_once(calls: Calls, tmp_path: Path, since: str) -> None:
    calls.add(range(1000))
    calls.execute("UPDATE calls SET answered_at = queued_at WHERE call_id LIKE '%7'")
    harness = calls.harness(tmp_path, since=since, page_rows=90)
    events = harness.read_all(confirm=True)
    assert len(events) == 1100
    assert last_facts(events) == calls.expected()
    assert harness.read_all(confirm=True) == []
    calls.add([5000])
    assert [event.type for event in harness.read_all(confirm=True)] == ([] if since == "call_id" else ["call.queued"])


def test_row_that_becomes_visible_late_is_read(calls: Calls, tmp_path: Path) -> None:
    harness = calls.harness(tmp_path)
    calls.add([1])
    with calls.engine.connect() as late, late.begin():
        calls.add([2], connection=late)
        calls.add([3, 55])
        assert {*last_facts(harness.read_all(confirm=True))} == {"C-1", "C-3", "C-55"}
    assert {*last_facts(harness.read_all(confirm=True))} == {"C-2"}
    assert harness.read_all(confirm=True) == []


def test_row_that_becomes_visible_during_a_long_read_is_read(calls: Calls, tmp_path: Path) -> None:
    """The query began before the row was visible, and reads rows far above it."""
    harness = calls.harness(tmp_path, page_rows=100)
    calls.add(range(0, 1000, 2))
    with harness.opened() as (flow, publisher):
        with calls.engine.connect() as late, late.begin():
            calls.add([951], connection=late)
            flow.step()
        run_until_idle(flow, harness.records_read)
        publisher.confirm()
        assert "C-951" not in last_facts(publisher.events)
    assert {*last_facts(harness.read_all(confirm=True))} == {"C-951"}


def test_rows_changed_while_they_are_read(calls: Calls, tmp_path: Path) -> None:
    harness = calls.harness(tmp_path, page_rows=50)
    calls.add(range(300))
    events = []
    with harness.opened() as (flow, publisher):
        flow.step()
        for call, second in (("C-10", 400), ("C-290", 401)):  # one already read, one not yet
            times = {"call": call, "at": BEGIN + timedelta(seconds=second)}
            calls.execute("UPDATE calls SET answered_at = :at, changed_at = :at WHERE call_id = :call", **times)
        calls.execute("DELETE FROM calls WHERE call_id = 'C-200'")
        run_until_idle(flow, harness.records_read)
        publisher.confirm()
        events += publisher.events
    events += harness.read_all(confirm=True)
    found = last_facts(events)
    assert found.pop("C-200"), "an event of a deleted row stays"
    assert found == calls.expected()


def test_many_rows_with_the_same_value_are_read_over_interruptions(calls: Calls, tmp_path: Path) -> None:
    calls.add(range(500), changed_at=BEGIN)
    harness, events = calls.harness(tmp_path, page_rows=50), []
    for _ in range(12):
        with harness.opened() as (flow, publisher):
            flow.step()
            publisher.confirm()
            events += publisher.events
    assert last_facts(events) == calls.expected()


@pytest.mark.usefixtures("_short_pauses")
def test_database_killed_while_it_is_read(calls: Calls, tmp_path: Path) -> None:
    calls.add(range(2000))
    harness = calls.harness(tmp_path, page_rows=50)
    with harness.opened() as (flow, publisher):
        flow.step()
        calls.server.stop("immediate")
        with pytest.raises(SourceUnavailableError):
            run_until_idle(flow, harness.records_read)
        calls.server.start()
        calls.add([5000])
        wait_until(lambda: _steps(flow) and len(publisher.events) >= 2001, "all rows")
        publisher.confirm()
        assert last_facts(publisher.events) == calls.expected()
    assert harness.read_all(confirm=True) == []


def _steps(flow: Flow) -> bool:
    try:
        flow.step()
    except SourceUnavailableError:
        return False
    return True


@pytest.mark.usefixtures("_short_pauses")
def test_database_away(calls: Calls, tmp_path: Path) -> None:
    calls.add([1])
    calls.server.stop()
    harness = calls.harness(tmp_path)
    error = error_of(harness)
    assert type(error) is SourceUnavailableError
    assert "cannot be reached: is the database running" in str(error)
    calls.server.start()
    assert len(harness.read_all(confirm=True)) == 1


def test_wrong_password(calls: Calls, tmp_path: Path) -> None:
    create_user(calls)
    error = error_of(calls.harness(tmp_path, url=url_of_user(calls), password="a-secret-value"))
    assert type(error) is SourceRefusedError
    assert "are user, password and database right?" in str(error)
    assert "a-secret-value" not in str(error)


def test_user_without_the_right_to_read(calls: Calls, tmp_path: Path) -> None:
    create_user(calls)
    harness = calls.harness(tmp_path, url=url_of_user(calls), password=PASSWORD)
    error = error_of(harness)
    assert "grant the user the right to SELECT" in str(error) or "database right?" in str(error)
    assert type(error) is SourceRefusedError
    user = "reader" if isinstance(calls.server, Postgres) else "reader@127.0.0.1"
    calls.execute(f"GRANT SELECT ON calls TO {user}")
    calls.add([1])
    assert len(calls.harness(tmp_path, url=url_of_user(calls), password=PASSWORD).read_all(confirm=True)) == 1


def url_of_user(calls: Calls) -> str:
    name = "postgresql" if isinstance(calls.server, Postgres) else "mariadb"
    return f"{name}://reader@127.0.0.1:{calls.engine.url.port}/{calls.engine.url.database}"


def create_user(calls: Calls) -> None:
    """Create the user `reader`, who needs a password and has no rights."""
    if not isinstance(calls.server, Postgres):
        calls.execute("DROP USER IF EXISTS reader@127.0.0.1")
        calls.execute(f"CREATE USER reader@127.0.0.1 IDENTIFIED BY '{PASSWORD}'")
        return
    access = calls.server.directory / "pg_hba.conf"
    rule = "host all reader 127.0.0.1/32 scram-sha-256\n"
    if not access.read_text().startswith(rule):
        access.write_text(rule + access.read_text())
        calls.execute(f"CREATE ROLE reader LOGIN PASSWORD '{PASSWORD}'")
        calls.execute("SELECT pg_reload_conf()")


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"table": "no_calls"}, "no_calls"),
        ({"table": "", "query": "SELECT nothing FROM calls"}, "nothing"),
        ({"table": "", "query": "SELECT FROM WHERE"}, "cannot run the query"),
        ({"queue": "waiting_room"}, "no column waiting_room; there are: call_id, caller, queue, queued_at"),
        ({"since": "updated"}, "no column updated"),
        ({"url": "x"}, "does not exist"),
    ],
)
def test_wrong_names(calls: Calls, tmp_path: Path, changes: dict[str, Any], problem: str) -> None:
    if "url" in changes:
        changes = {"url": f"{calls.options()['url'].rpartition('/')[0]}/nowhere"}
        problem = "database right?"
    error = error_of(calls.harness(tmp_path, **changes))
    assert problem in str(error)
    assert isinstance(error, SourceMisconfiguredError | SourceRefusedError)


def test_query_with_signs_that_drivers_interpret(calls: Calls, tmp_path: Path) -> None:
    calls.add([1, 2])
    query = "SELECT c.*, ':x' AS a, '10:30 %s %(x)s' AS b FROM calls c WHERE call_id LIKE 'C%' -- ends here: 100 %"
    assert len(calls.harness(tmp_path, table="", query=query).read_all(confirm=True)) == 2


def test_query_that_writes_is_refused(calls: Calls, tmp_path: Path) -> None:
    calls.execute("CREATE SEQUENCE IF NOT EXISTS numbers")
    calls.add([1])
    if isinstance(calls.server, Postgres):
        error = error_of(
            calls.harness(tmp_path, table="", query="WITH gone AS (DELETE FROM calls RETURNING *) SELECT * FROM gone")
        )
        assert "cannot run the query: correct `table`, `query` or `since` (WITH clause containing" in str(error)
    number = "nextval('numbers')" if isinstance(calls.server, Postgres) else "NEXTVAL(numbers)"
    error = error_of(calls.harness(tmp_path, table="", query=f"SELECT c.*, {number} AS n FROM calls c", since="n"))
    assert "the query changes data" in str(error)


def test_query_that_takes_too_long_is_ended_in_the_database(calls: Calls, tmp_path: Path) -> None:
    calls.add([1])
    sleep = "pg_sleep(60)::text" if isinstance(calls.server, Postgres) else "SLEEP(60)"
    query = f"SELECT c.*, {sleep} AS slept FROM calls c"
    error = error_of(
        calls.harness(
            tmp_path,
            table="",
            query=query,
            timeout_seconds=1,
            service={"value": "a"},
            site="slept",
            values={"queue": {"rsa": "rsa"}, "site": {"*": "a"}},
        )
    )
    assert "needs more than timeout_seconds (1 s)" in str(error)
    wait_until(
        lambda: not running_statements(calls), "the end of the query", otherwise=lambda: running_statements(calls)
    )


def test_query_is_ended_while_nothing_can_be_published(
    calls: Calls, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source, "IDLE_SECONDS", 0.0)
    calls.add(range(5000))
    harness = calls.harness(tmp_path, page_rows=100)
    with harness.opened() as (flow, publisher):
        flow.step()
        assert running_statements(calls)
        publisher.ready = False  # type: ignore[misc]
        flow.step()
        wait_until(lambda: not running_statements(calls), "the end of the query")
        publisher.ready = True  # type: ignore[misc]
        run_until_idle(flow, harness.records_read)
        assert len(publisher.events) == 5000


def test_no_connection_stays_open_between_two_reads(calls: Calls, tmp_path: Path) -> None:
    calls.add([1])
    harness = calls.harness(tmp_path)
    with harness.opened() as (flow, _):
        run_until_idle(flow, harness.records_read)
        wait_until(lambda: not running_statements(calls), "the end of the connection")


def test_rows_without_a_value_in_the_cursor_column_are_reported(calls: Calls, tmp_path: Path) -> None:
    calls.add([1, 2])
    calls.execute("UPDATE calls SET changed_at = NULL WHERE call_id = 'C-2'")
    harness = calls.harness(tmp_path)
    with harness.opened() as (flow, publisher):
        run_until_idle(flow, harness.records_read)
        assert {*last_facts(publisher.events)} == {"C-1"}
        assert "rows without a value in changed_at are not read" in flow.trouble


def test_row_of_the_future_hides_no_later_row(calls: Calls, tmp_path: Path) -> None:
    harness = calls.harness(tmp_path)
    calls.add([1], changed_at=datetime(2099, 1, 1))
    assert len(harness.read_all(confirm=True)) == 1
    now = "now() AT TIME ZONE 'UTC'" if isinstance(calls.server, Postgres) else "UTC_TIMESTAMP(6)"
    calls.add([2])
    calls.execute(f"UPDATE calls SET changed_at = {now} WHERE call_id = 'C-2'")
    assert {*last_facts(harness.read_all(confirm=True))} == {"C-2"}


def test_times_that_python_cannot_hold_reject_only_their_rows(calls: Calls, tmp_path: Path) -> None:
    calls.add([1, 2, 3])
    if isinstance(calls.server, Postgres):
        calls.execute("UPDATE calls SET queued_at = 'infinity', changed_at = 'infinity' WHERE call_id = 'C-2'")
    else:
        with calls.engine.begin() as connection:
            connection.execute(text("SET SESSION sql_mode = ''"))
            connection.execute(text("UPDATE calls SET queued_at = '0000-00-00 00:00:00' WHERE call_id = 'C-2'"))
    harness = calls.harness(tmp_path)
    assert {*last_facts(harness.read_all(confirm=True))} == {"C-1", "C-3"}
    assert harness.rejected() == {Reason.INVALID_FIELD: 1}
    calls.add([4])
    assert {*last_facts(harness.read_all(confirm=True))} == {"C-4"}


@pytest.mark.parametrize("server", ["mariadb"], indirect=True)  # PostgreSQL has no such times
def test_impossible_times_in_the_cursor_column_stop_nothing(calls: Calls, tmp_path: Path) -> None:
    calls.add([1, 2])
    with calls.engine.begin() as connection:
        connection.execute(text("SET SESSION sql_mode = ''"))
        connection.execute(text("UPDATE calls SET changed_at = '0000-00-00 00:00:00'"))
    harness = calls.harness(tmp_path)
    assert {*last_facts(harness.read_all(confirm=True))} == {"C-1", "C-2"}
    calls.add([3])
    assert {*last_facts(harness.read_all(confirm=True))} == {"C-3"}


def test_times_of_24_hours_are_read(calls: Calls, tmp_path: Path) -> None:
    calls.add([1, 2])
    query = "SELECT c.*, CAST('24:00:00' AS TIME) AS wait FROM calls c"
    events = [{"event": "call.answered", "time": "queued_at", "wait_seconds": "wait"}]
    found = calls.harness(tmp_path, table="", query=query, events=events).read_all(confirm=True)
    assert [event.model_dump()["data"]["wait_seconds"] for event in found] == [86_400, 86_400]


def test_value_that_the_query_cannot_compute_is_explained(calls: Calls, tmp_path: Path) -> None:
    calls.add([1, 2])
    value = "CAST(caller AS INTEGER)" if isinstance(calls.server, Postgres) else "9223372036854775807 + 1"
    error = error_of(calls.harness(tmp_path, table="", query=f"SELECT c.*, {value} AS n FROM calls c", id="n"))
    assert type(error) is SourceMisconfiguredError
    assert "cannot compute a value of the query or view" in str(error)


@pytest.mark.parametrize("server", ["postgres"], indirect=True)  # MariaDB has no such databases
def test_database_without_an_encoding(calls: Calls, tmp_path: Path) -> None:
    with calls.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("DROP DATABASE IF EXISTS plain"))
        connection.execute(
            text("CREATE DATABASE plain TEMPLATE template0 ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C'")
        )
    url = calls.server.url.rpartition("/")[0] + "/plain"
    plain = create_engine(url, poolclass=NullPool, connect_args={"client_encoding": "utf8"})
    with plain.begin() as connection:
        connection.execute(text("CREATE TABLE calls (call_id text, caller text, queue text, queued_at timestamp)"))
        connection.execute(
            text("INSERT INTO calls VALUES ('C-1', NULL, chr(195) || chr(169), '2026-03-16')")
        )  # in UTF-8
    events = [{"event": "call.queued", "time": "queued_at"}]
    options: dict[str, Any] = {"since": "", "values": {"queue": {"é": "ete"}}, "events": events}
    options["url"] = url.replace("+psycopg", "")
    assert len(calls.harness(tmp_path, **options).read_all(confirm=True)) == 1
    with plain.begin() as connection:
        connection.execute(text("UPDATE calls SET call_id = 'C-2', queue = chr(233)"))  # in Latin-1
    assert "add it to `url`, as ?client_encoding=win1252" in str(error_of(calls.harness(tmp_path, **options)))
    options["url"] += "?client_encoding=latin1"
    assert {*last_facts(calls.harness(tmp_path, **options).read_all(confirm=True))} == {"C-2"}


def test_query_without_a_cursor_column_is_bounded(calls: Calls, tmp_path: Path) -> None:
    calls.add(range(300))
    error = error_of(calls.harness(tmp_path, since="", max_rows=299, page_rows=100))
    assert "the query has more than max_rows (299) rows: set `since`" in str(error)
    assert len(calls.harness(tmp_path / "more", since="", max_rows=300, page_rows=100).read_all(confirm=True)) == 300


def test_changed_rows_without_a_cursor_column(calls: Calls, tmp_path: Path) -> None:
    calls.add(range(100))
    harness = calls.harness(tmp_path, since="", page_rows=10)
    events = harness.read_all(confirm=True)
    calls.execute("UPDATE calls SET queue = 'pmi' WHERE call_id = 'C-7'")
    changed = harness.read_all(confirm=True)
    assert {*last_facts(changed)} == {"C-7"}
    assert last_facts(events + changed) == calls.expected()


def test_deleted_rows_of_a_complete_query_are_retracted(calls: Calls, tmp_path: Path) -> None:
    calls.add(range(100))
    harness = calls.harness(tmp_path, since="", complete=True, page_rows=10)
    events = harness.read_all(confirm=True)
    calls.execute("DELETE FROM calls WHERE call_id IN ('C-7', 'C-77')")
    retractions = harness.read_all(confirm=True)
    assert [event.type for event in retractions] == ["contact.retracted"] * 2
    assert last_facts(events + retractions) == calls.expected()
    assert harness.read_all(confirm=True) == []


def test_deleted_rows_of_other_queries_stay(calls: Calls, tmp_path: Path) -> None:
    calls.add(range(100))
    harness = calls.harness(tmp_path, since="", page_rows=10)
    harness.read_all(confirm=True)
    calls.execute("DELETE FROM calls WHERE call_id = 'C-7'")
    assert harness.read_all(confirm=True) == []
