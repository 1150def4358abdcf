"""`accueil connectors`: list, check, reread and docs."""

import os
import re
import socket
import sqlite3
import time
import tomllib
from contextlib import closing
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import time_machine
from click.testing import Result

from connectors.sdk.ports import free_port
from connectors.sdk.reread import last_reread_ms
from connectors.sdk.runner import configure
from tests.support.commands import error, run
from tests.support.demarches_server import serving_dossiers
from tests.support.json_api import JsonApi, form, serving_switch


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", "whsec_" + "c2VjcmV0" * 4)
    monkeypatch.setattr("connectors.sdk.probe.WAIT_SECONDS", 0.0)


def command(*arguments: str, answer: str = "") -> Result:
    return run("connectors", *arguments, answer=answer)


def configure_logs(**instances: str) -> None:
    """Write settings with an instance of a connector per name, which read the same log."""
    tables = (f'[connectors.{name}]\nconnector = "{kind}"\npath = "queue_log"\n' for name, kind in instances.items())
    Path("accueil.toml").write_text("\n".join(tables))


def configure_webhooks(**ports: int) -> None:
    tables = (
        f'[connectors.{name}]\nconnector = "webhook"\nport = {port}\nsecret_env = "SECRET"\n'
        f'id = "id"\nevents = [{{ event = "visit.arrived", time = "at" }}]\n'
        for name, port in ports.items()
    )
    Path("accueil.toml").write_text("\n".join(tables))


class TestList:
    def test_list_shows_connectors_and_their_instances(self) -> None:
        configure_logs(siege="asterisk", annexe="asterisk")
        result = command("list")
        assert result.exit_code == 0, result.output
        titles, *rows = result.stdout.splitlines()
        assert titles.split() == ["CONNECTOR", "PACKAGE", "INSTANCES", "DESCRIPTION"]
        (row,) = (row for row in rows if row.startswith("asterisk "))
        assert f"accueil {version('accueil')}  siege annexe  Telephone switchboard Asterisk" in row

    def test_list_names_instances_without_an_installed_connector(self) -> None:
        configure_logs(siege="asterix")
        result = command("list")
        assert result.exit_code == 0
        assert result.stderr == (
            "accueil: settings: accueil.toml\n"
            "accueil: connectors.siege.connector: no connector 'asterix' is installed\n"
        )


UNKNOWN = "neither the format nor the settings know this kind of record"


class TestCheck:
    LOG = (
        "1773650000|1773650000.1|600|NONE|ENTERQUEUE||0639985511|1\n"
        "1773650004|1773650000.1|600|PJSIP/9901|CONNECT|4|1773650000.2|2\n"
        "1773650010|1773650010.1|600|NONE|SURVEY|0639985512\n"
        "1773650020|NONE|NONE|NONE|QUEUESTART|\n"
    )

    def test_check_counts_events_by_type_and_stores_nothing(self) -> None:
        configure_logs(siege="asterisk")
        Path("queue_log").write_text(self.LOG)
        for _ in range(2):  # the second run finds the same records: nothing was acknowledged
            result = command("check", "siege")
            assert result.exit_code == 0, result.output
            assert result.stdout.splitlines() == [
                "asterisk/siege: the settings are valid, the source is readable (records read: 4, up to the newest)",
                "       1  agent.state_changed",
                "       1  call.answered",
                "       1  call.queued",
                "       1  ignored: not about contacts",
                f"       1  rejected: unknown_record, {UNKNOWN} (SURVEY has no meaning in custom_events)",
            ]
            assert "06399855" not in result.output
        assert {path.name for path in Path().iterdir()} == {"accueil.toml", "queue_log"}

    def test_check_reports_parts_that_are_not_read(self) -> None:
        with closing(sqlite3.connect("mail.db")) as database, database:
            database.execute("CREATE TABLE mail (id, at, changed_at)")
            database.execute("INSERT INTO mail VALUES ('M-1', '2026-03-16 09:00:00', NULL)")
        Path("accueil.toml").write_text(
            '[connectors.mail]\nconnector = "sql"\nurl = "sqlite:///mail.db"\ntable = "mail"\nsince = "changed_at"\n'
            'timezone = "UTC"\nid = "id"\nevents = [{ event = "email.received", time = "at" }]\n'
        )
        result = command("check", "mail")
        assert result.exit_code == 0, result.output
        assert result.stdout.splitlines()[1].startswith("warning: rows without a value in changed_at are not read")

    def test_check_says_that_one_page_of_an_api_was_read(self) -> None:
        with serving_switch() as switch:
            api = JsonApi(records=[form(number) for number in range(20)], wrap=lambda records: records)
            switch.switch_to(api)
            Path("accueil.toml").write_text(
                f'[connectors.forms]\nconnector = "http"\nurl = "{api.url}"\nid = "id"\nprocedure = {{ value = "x" }}\n'
                'events = [{ event = "form.submitted", time = "submitted_at" }]\n'
            )
            lines = command("check", "forms").stdout.splitlines()
        assert lines[0].endswith("(records read: 20; one page; no pagination is set)")

    def test_check_reads_only_the_beginning_of_a_long_log(self) -> None:
        configure_logs(siege="asterisk")
        Path("queue_log.1").write_text("1773650010|NONE|NONE|NONE|QUEUESTART|\n" * 20_000)
        os.utime("queue_log.1", (time.time() - 86_400,) * 2)
        Path("queue_log").write_text("1773650020|NONE|NONE|NONE|QUEUESTART|\n" * 60_000)
        output = command("check", "siege").stdout
        assert "\nnot read yet: 3 MB\n" in output
        found = re.search(r"\(records read: the oldest (\d+); newer ones exist\)$", output, re.MULTILINE)
        assert found
        assert int(found[1]) < 20_000

    def test_check_names_the_size_of_tables_that_were_not_read(self) -> None:
        Path("accueil.toml").write_text(
            '[connectors.mail]\nconnector = "table"\nfiles = "*.csv"\ntimezone = "UTC"\nid = "id"\n'
            'events = [{ event = "email.received", time = "at" }]\n'
        )
        for number in range(3):
            rows = (f"{number}-{row};2026-03-16 09:00:00;{'x' * 60}\n" for row in range(12_000))
            Path(f"{number}.csv").write_text(f"id;at;subject\n{''.join(rows)}")
            os.utime(f"{number}.csv", (time.time() - 86_400 + number,) * 2)
        output = command("check", "mail").stdout
        assert re.search(r"\(records read: the oldest (4000|8000|12000); newer ones exist\)\n", output)
        assert re.search(r"\nnot read yet: [23] MB\n", output)  # a slow machine reads less

    def test_check_reads_rotated_logs_and_the_current_one(self) -> None:
        configure_logs(siege="asterisk")
        now = time.time()
        for number in (3, 2, 1):
            line = f"17736{4 - number}0000|NONE|NONE|NONE|QUEUESTART|{number}\n"
            Path(f"queue_log.{number}").write_text(line * 13)
            os.utime(f"queue_log.{number}", (now - 86_400 * number,) * 2)
        names = ("SURVEY", "SURVEY", "SURVEY", "BADGE", "BADGE", "QUIZ", "RADIO")
        surveys = (f"17736500{nth:02}|17736500{nth:02}.1|600|NONE|{name}|\n" for nth, name in enumerate(names))
        Path("queue_log").write_text(self.LOG.splitlines(keepends=True)[0] + "".join(surveys))
        lines = command("check", "siege").stdout.splitlines()
        assert lines[0].endswith("(records read: 47, up to the newest)")
        assert lines[-5:] == [
            f"       7  rejected: unknown_record, {UNKNOWN}",
            "               3  SURVEY has no meaning in custom_events",
            "               2  BADGE has no meaning in custom_events",
            "               1  QUIZ has no meaning in custom_events",
            "               1  others",
        ]

    def test_check_of_a_listening_connector_stores_nothing(self) -> None:
        configure_webhooks(guichets=0)
        result = command("check", "guichets")
        assert result.exit_code == 0, result.output
        assert {path.name for path in Path().iterdir()} == {"accueil.toml"}

    def test_unreachable_server_exits_with_70(self) -> None:
        ami = f'{{ host = "127.0.0.1", port = {free_port()}, username = "accueil", secret_env = "SECRET" }}'
        Path("accueil.toml").write_text(f'[connectors.siege]\nconnector = "asterisk"\nami = {ami}\n')
        result = command("check", "siege")
        assert result.exit_code == 70, result.output

    def test_unreadable_file_exits_with_2(self) -> None:
        configure_logs(siege="asterisk")
        for reason in ("is not there: is the path right?", "is a directory, not a file"):
            assert f"accueil: queue_log {reason}\n" in error("connectors", "check", "siege")
            Path("queue_log").mkdir(exist_ok=True)

    def test_port_in_use_exits_with_2(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as other:
            port = other.getsockname()[1]
            configure_webhooks(guichets=port)
            assert f"127.0.0.1:{port}" in error("connectors", "check", "guichets")

    def test_refused_secret_exits_with_2(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TOKEN", "un-autre-jeton")
        with serving_dossiers() as server:
            Path("accueil.toml").write_text(
                f'[connectors.aides]\nconnector = "demarches"\nurl = "{server.url}"\ntoken_env = "TOKEN"\n'
                "procedures.48210 = {}\n"
            )
            refusal = error("connectors", "check", "aides")
        assert "refuses the token (403)" in refusal
        assert "un-autre-jeton" not in refusal

    def test_check_does_not_read_the_source_of_a_running_instance(self) -> None:
        configure_logs(siege="asterisk")
        with configure("siege", "asterisk", {"path": "queue_log"}).locked(Path("accueil-data/connectors")):
            result = command("check", "siege")
        assert result.exit_code == 0
        assert "asterisk/siege: the settings are valid; this instance is running" in result.stdout
        assert "/readyz of connect" in result.stdout

    @pytest.mark.parametrize(("bad", "code"), [(1, 0), (4, 2)])
    def test_check_counts_rejected_records_by_reason(self, bad: int, code: int) -> None:
        configure_logs(siege="asterisk")
        Path("queue_log").write_text(self.LOG + "1773650030|1773650000.1|600|NONE|SURVEY|0639985512\n" * (bad - 1))
        result = command("check", "siege")
        assert result.exit_code == code
        rejected = f"       {bad}  rejected: unknown_record, {UNKNOWN}"
        assert rejected in result.stdout
        assert ("the settings are valid" in result.stdout) == (code == 0)
        assert (f"{bad} of {bad + 3} records are rejected: is this the right source" in result.stderr) == (code == 2)
        assert "0639985512" not in result.output

    def test_unknown_setting_is_named(self) -> None:
        configure_logs(siege="asterisk")
        with Path("accueil.toml").open("a") as settings:
            settings.write('sektor = "social"\n')
        hint = "connectors.siege.sektor is unknown; did you mean connectors.siege.sector?"
        assert hint in error("connectors", "check", "siege")
        assert error("connectors", "check", "seige").endswith("did you mean siege?\n")

    def test_instances_with_the_same_port_or_file_are_refused(self) -> None:
        configure_webhooks(guichets=9000, kiosque=9000, ailleurs=9001)
        for name in ("guichets", "kiosque"):
            other = ({"guichets", "kiosque"} - {name}).pop()
            conflict = f"connectors.{name}.port and connectors.{other}.port listen on the same port\n"
            assert error("connectors", "check", name).endswith(f"\naccueil: accueil.toml: {conflict}")
        configure_logs(siege="asterisk", annexe="asterisk")
        conflict = "connectors.siege.path and connectors.annexe.path are the same"
        assert conflict in error("connectors", "check", "siege")

    def test_instance_is_checked_even_if_others_are_invalid(self) -> None:
        configure_webhooks(guichets=0, kiosque=-1)
        assert command("check", "guichets").exit_code == 0
        assert command("check", "kiosque").exit_code == 2

    def test_check_without_a_name_checks_all_instances(self) -> None:
        Path("queue_log").write_text(self.LOG)
        tables = {"siege": ("asterisk", "queue_log"), "annexe": ("asterisk", "missing"), "depot": ("asterix", "depot")}
        Path("accueil.toml").write_text(
            "\n".join(
                f'[connectors.{name}]\nconnector = "{kind}"\npath = "{path}"\n' for name, (kind, path) in tables.items()
            )
        )
        result = command("check")
        assert result.exit_code == 1
        first, *_, last = result.stdout.splitlines()
        assert first.startswith("asterisk/siege: the settings are valid, the source is readable")
        assert last == ""
        settings, annexe, depot, failed = result.stderr.splitlines()
        assert settings == "accueil: settings: accueil.toml"
        assert annexe == "annexe: missing is not there: is the path right?"
        assert depot.startswith("depot: accueil.toml: connectors.depot.connector: no connector 'asterix' is installed")
        assert failed == "accueil: connectors with a problem: 2 of 3 (annexe, depot)"

    def test_check_without_a_name_succeeds_if_all_instances_are_reached(self) -> None:
        configure_webhooks(guichets=0, kiosque=0)
        result = command("check")
        assert result.exit_code == 0, result.output
        assert [line.partition(":")[0] for line in result.stdout.splitlines() if line] == [
            "webhook/guichets",
            "webhook/kiosque",
        ]
        Path("accueil.toml").write_text("")
        assert command("check").exit_code == 1


class TestTry:
    MESSAGES = """
        {"id": 1, "type": "in", "at": "2026-03-16T09:00:00Z"}
        [{"id": 1, "type": "out", "at": "2026-03-16T09:05:00Z"}]
    """
    MAPPING = """
        id = "id"
        events = [
            { event = "visit.arrived", time = "at", when.type = "in" },
            { event = "visit.served", time = "at", when.type = "out" },
        ]
    """

    @pytest.mark.parametrize(
        ("file", "head"),
        [
            ("visits.toml", 'connector = "webhook"'),
            ("accueil.toml", '[connectors.visits]\nconnector = "webhook"\nsignature.bearer.token_env = "SECRET"'),
        ],
    )
    def test_mapping_of_messages_is_tried_without_port_and_secret(self, file: str, head: str) -> None:
        Path("messages.jsonl").write_text(self.MESSAGES)
        Path(file).write_text(head + self.MAPPING)
        result = command("try", file, "--with", "messages.jsonl")
        assert result.exit_code == 0, result.output
        assert "records: 2" in result.stdout
        assert [line.split()[0] for line in result.stdout.splitlines() if line.startswith("  visit")] == [
            "visit.arrived",
            "visit.served",
        ]

    def test_mapping_of_a_running_connector_is_tried(self) -> None:
        Path("visits.csv").write_text("id;type;at\n1;in;2026-03-16T09:00:00Z\n")
        Path("accueil.toml").write_text(
            '[connectors.visits]\nconnector = "table"\nfiles = "visits.csv"\n' + self.MAPPING
        )
        running = configure("visits", "table", tomllib.loads(self.MAPPING) | {"files": "visits.csv"})
        with (
            running.locked(Path("accueil-data/connectors")) as own,
            closing(running.connector.open(running.config, own)),
        ):
            before = {path: path.stat().st_mtime_ns for path in own.directory.iterdir()}
            result = command("try", "accueil.toml", "--name", "visits")
            assert {path: path.stat().st_mtime_ns for path in own.directory.iterdir()} == before
        assert result.exit_code == 0, result.output
        assert "visit.arrived" in result.stdout

    def test_connector_that_receives_records_needs_a_sample(self) -> None:
        configure_webhooks(guichets=0)
        assert "webhook/guichets receives its records: add --with FILE" in error("connectors", "try", "accueil.toml")


class TestReread:
    HOME = Path("accueil-data/connectors/asterisk/siege")

    def read_once(self) -> None:
        configure_logs(siege="asterisk")
        Path("queue_log").write_text(TestCheck.LOG)
        with configure("siege", "asterisk", {"path": "queue_log"}).locked(Path("accueil-data/connectors")) as own:
            own.cursor.save(b"here")

    @time_machine.travel(datetime(2026, 11, 25, 12, tzinfo=ZoneInfo("Europe/Paris")))
    def test_reread_explains_itself_and_saves_the_position(self) -> None:
        self.read_once()
        declined = command("reread", "siege", answer="n\n")
        assert (declined.exit_code, (self.HOME / "cursor-1.json").exists()) == (1, True)
        result = command("reread", "siege", "--yes")
        assert result.exit_code == 0, result.output
        assert result.stdout.splitlines()[:5] == [
            "asterisk/siege: the source goes back to 2026-03-16 09:33:20+01:00",
            (
                "asterisk/siege: contacts that are open, or closed since 2026-10-21 (35 days), are known: "
                "their events count once"
            ),
            (
                "asterisk/siege: older contacts may have been counted before, so they do not count a second time: their "
                "events are kept among the dead letters with the reason duplicate. This is expected and needs no action"
            ),
            "asterisk/siege: later events that were never read count now",
            "asterisk/siege: if Kafka's data were lost, all events count as new",
        ]
        assert "the next start reads it from its beginning; the old position is in" in result.stdout
        assert [path.name for path in (self.HOME / "before-reread").iterdir()] == ["cursor-1.json"]
        assert not [*self.HOME.glob("cursor-*")]
        assert time.time() - last_reread_ms(self.HOME) / 1000 < 60
        again = command("reread", "siege", "--yes")
        assert (again.exit_code, "nothing was read yet" in again.stderr) == (1, True)

    def test_reread_names_where_the_option_start_begins(self) -> None:
        self.read_once()
        with Path("accueil.toml").open("a") as settings:
            settings.write('start = "end"\n')
        result = command("reread", "siege", "--yes")
        assert result.stdout.splitlines()[:2] == [
            'asterisk/siege: start = "end" skips all records that the source has now; to read them, set start = "beginning"',
            f"the next start reads it from its end; the old position is in {self.HOME / 'before-reread'}",
        ]
        again = command("reread", "siege", "--yes")
        assert "nothing was read yet, so it starts from its end anyway" in again.stderr

    @pytest.mark.parametrize("cluster", ["one", "two"])
    def test_reread_for_another_cluster_says_that_all_events_count(
        self, monkeypatch: pytest.MonkeyPatch, cluster: str
    ) -> None:
        self.read_once()
        (self.HOME / "cluster.json").write_text('{"cluster": "one"}')
        monkeypatch.setenv("ACCUEIL_BROKERS", "127.0.0.1:1")
        monkeypatch.setattr("streams.kafka.topic_reader.read_cluster", lambda *_: cluster)
        explained = command("reread", "siege", answer="n\n").stdout
        assert ("all events count as new" in explained) == (cluster == "two")
        assert ("their events count once" in explained) == (cluster == "one")

    def test_reread_refuses_running_and_push_connectors(self) -> None:
        self.read_once()
        with configure("siege", "asterisk", {"path": "queue_log"}).locked(Path("accueil-data/connectors")):
            assert "is in use by another process: stop it first" in error("connectors", "reread", "siege", "--yes")
        Path("queue_log").unlink()
        assert "queue_log is not there" in error("connectors", "reread", "siege", "--yes")
        assert (self.HOME / "cursor-1.json").exists()
        configure_webhooks(guichets=0)
        reason = "sends its records only once; they cannot be read again"
        assert reason in error("connectors", "reread", "guichets", "--yes")


class TestDocs:
    def test_table_of_options_is_in_the_language_of_the_locale(self, monkeypatch: pytest.MonkeyPatch) -> None:
        assert "| `inbox` | path | *required* | Directory" in command("docs", "mailroom").stdout
        monkeypatch.setenv("LC_ALL", "fr_FR.UTF-8")
        assert "| `inbox` | chemin | *obligatoire* | Dossier" in command("docs", "mailroom").stdout

    def test_docs_names_an_unknown_connector(self) -> None:
        hint = "accueil: no connector 'asterix' is installed; there are: asterisk"
        assert error("connectors", "docs", "asterix").startswith(hint)
