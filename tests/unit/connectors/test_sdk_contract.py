"""Configuration, registry, and the data flow from a source to a publisher."""

import errno
import json
import os
import queue
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, ClassVar, NoReturn, Self

import pytest
import structlog
from prometheus_client import CollectorRegistry, generate_latest
from pydantic import Field, SecretStr

from connectors.asterisk import CONNECTOR as ASTERISK
from connectors.sdk import docs, log_throttle, registry, rejects
from connectors.sdk import instance as lane
from connectors.sdk.config import ConnectorConfig, Options, parse, speaks_french, table
from connectors.sdk.contract import Connector, Context, Outcome, Reject, Source
from connectors.sdk.errors import (
    ConfigError,
    SourceMisconfiguredError,
    SourceUnavailableError,
    StuckError,
    safe_error_text,
    source_error,
)
from connectors.sdk.flow import Flow
from connectors.sdk.instance import Instance, InstanceRunner
from connectors.sdk.metrics import Meter, Metrics
from connectors.sdk.rejects import Rejects
from connectors.sdk.runner import ConnectorRunner, configure
from connectors.sdk.spool import Spool
from connectors.sdk.testing import ManualPublisher
from models.codec import UnusableRecord
from models.events import CallAbandoned, CallAbandonedData, Event
from models.reasons import Reason
from tests.support.processes import wait_until


class Inner(Options):
    """A nested table."""

    port: int = 993
    """Port of the server."""


class Config(ConnectorConfig):
    """A mailbox."""

    server: str
    """Host of the server."""
    password: SecretStr = SecretStr("")
    """Password of the server."""
    folders: dict[str, Inner] = Field(default_factory=dict)
    """Folders to read."""


class TestConfig:
    def test_secret_can_be_given_as_file_or_variable(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / "secret").write_text("from-file\n")
        monkeypatch.setenv("MAILBOX_SECRET", "from-variable")
        for given, secret in (
            ({"password": "plain"}, "plain"),
            ({"password_file": str(tmp_path / "secret")}, "from-file"),
            ({"password_env": "MAILBOX_SECRET"}, "from-variable"),
        ):
            config = parse(Config, "mail", {"server": "mail.example.org", **given})
            assert isinstance(config, Config)
            assert config.password.get_secret_value() == secret
            assert secret not in repr(config)

    @pytest.mark.parametrize(
        ("given", "complaint"),
        [
            ({"password_file": "/no/such/file"}, r"mail \(password_file\) /no/such/file is not there"),
            ({"password_env": "NO_SUCH_VARIABLE"}, r"mail \(password_env\) the variable NO_SUCH_VARIABLE is not set"),
            (
                {"folders": {"inbox": {"prot": 1}}},
                r"mail\.folders\.inbox\.prot is unknown; did you mean mail\.folders\.inbox\.port\?",
            ),
            ({"server_file": "x"}, r"mail\.server_file is unknown"),
        ],
    )
    def test_error_names_the_option(self, given: dict[str, Any], complaint: str) -> None:
        with pytest.raises(ConfigError, match=complaint):
            parse(Config, "mail", {"server": "mail.example.org", **given})

    def test_each_error_has_its_own_line(self) -> None:
        with pytest.raises(ConfigError) as refusal:
            parse(Config, "mail", {"a": 1, "b": 2})
        assert str(refusal.value).splitlines() == [
            "mail.server is missing",
            "mail.a is unknown",
            "mail.b is unknown",
        ]

    def test_configuration_is_immutable(self) -> None:
        with pytest.raises(ValueError, match="frozen"):
            parse(Config, "mail", {"server": "mail.example.org"}).server = "other"  # type: ignore[attr-defined]

    def test_option_without_a_description_raises(self) -> None:
        with pytest.raises(TypeError, match="Bare: no description of port"):
            type("Bare", (ConnectorConfig,), {"__annotations__": {"port": int}, "__module__": __name__})

    def test_table_lists_all_options(self) -> None:
        assert table(Config).splitlines()[2:] == [
            "| `server` | text | *required* | Host of the server. |",
            '| `password` | secret | `""` | Password of the server. |',
            "| `folders` | table | `{}` | Folders to read. |",
            "| `folders.<name>.port` | whole number | `993` | Port of the server. |",
        ]
        assert not speaks_french(Config)


class Kind(StrEnum):
    LETTER = "letter"
    PARCEL = "parcel"


class Everything(ConnectorConfig):
    """Options of every kind, in both languages."""

    path: Path
    """A file."""
    kind: Kind = Kind.LETTER
    """A choice."""
    limit: int | None = None
    """A limit."""
    ratio: float = 0.5
    """A share."""
    strict: bool = True
    """A switch."""
    kinds: tuple[Kind, ...] = (Kind.LETTER,)
    """Choices."""
    main: Inner = Inner()
    """A table."""
    others: tuple[Inner, ...] = ()
    """Tables."""

    french_descriptions: ClassVar = {
        "path": "Un fichier.",
        "kind": "Un choix.",
        "limit": "Une limite.",
        "ratio": "Une part.",
        "strict": "Un interrupteur.",
        "kinds": "Des choix.",
        "main": "Une table.",
        "others": "Des tables.",
    }


class TestTable:
    def test_every_type_has_a_name_in_both_languages(self) -> None:
        english, french = (table(Everything, language).splitlines()[2:] for language in ("en", "fr"))  # type: ignore[arg-type]
        assert english == [
            "| `path` | path | *required* | A file. |",
            '| `kind` | `letter`, `parcel` | `"letter"` | A choice. |',
            "| `limit` | whole number |  | A limit. |",
            "| `ratio` | number | `0.5` | A share. |",
            "| `strict` | true or false | `true` | A switch. |",
            '| `kinds` | list | `["letter"]` | Choices. |',
            "| `main` | table | `{}` | A table. |",
            "| `main.port` | whole number | `993` | Port of the server. |",
            "| `others` | list | `[]` | Tables. |",
            "| `others[].port` | whole number | `993` | Port of the server. |",
        ]
        assert french[0] == "| `path` | chemin | *obligatoire* | Un fichier. |"
        assert french[3:5] == [
            "| `ratio` | nombre | `0.5` | Une part. |",
            "| `strict` | true ou false | `true` | Un interrupteur. |",
        ]

    def test_french_description_requires_an_option(self) -> None:
        assert not speaks_french(Everything)  # its nested table has no French descriptions
        assert table(type("More", (Everything,), {}), "fr") == table(Everything, "fr")
        with pytest.raises(TypeError, match=r"Wrong\.french_descriptions: no option prt"):
            type(
                "Wrong",
                (ConnectorConfig,),
                {
                    "__annotations__": {"port": int},
                    "port": Field(description="Where."),
                    "french_descriptions": {"prt": "Où."},
                },
            )

    def test_table_is_written_between_the_two_markers_only(self, tmp_path: Path) -> None:
        readme = tmp_path / "README.md"
        readme.write_text(f"above\n\n{docs.BEGIN}\nan older table\n{docs.END}\n\nbelow\n")
        assert docs.update(readme, Config, "en")
        assert not docs.update(readme, Config, "en")
        assert readme.read_text() == f"above\n\n{docs.BEGIN}\n\n{table(Config)}\n\n{docs.END}\n\nbelow\n"
        readme.write_text("no markers")
        with pytest.raises(ConfigError, match=r"README\.md has no markers for the table"):
            docs.update(readme, Config, "en")


class TestRegistry:
    def test_built_in_connectors_are_found_by_entry_point(self) -> None:
        assert "asterisk" in registry.names()
        assert registry.load("asterisk") is ASTERISK
        assert ("asterisk", "accueil", version("accueil")) in registry.installed()

    def test_unknown_connector_is_reported_with_the_installed_ones(self) -> None:
        with pytest.raises(ConfigError, match=r"no connector 'asterix' is installed; there are: .*asterisk"):
            registry.load("asterix")

    def test_instance_is_configured_by_name(self, tmp_path: Path) -> None:
        instance = configure("siege", "asterisk", {"path": str(tmp_path / "queue_log")})
        assert instance.source == "asterisk/siege"
        with pytest.raises(ConfigError, match=r"siege\.pth is unknown; did you mean siege\.path\?"):
            configure("siege", "asterisk", {"pth": "x"})
        with pytest.raises(ConfigError, match=r"'\.\./siege': a connector's name must match"):
            configure("../siege", "asterisk", {"path": "x"})


NOW = datetime.now(UTC)


class Numbers(Source[int, int]):
    """A source of numbers from a list, which logs its calls in `acts`."""

    def __init__(self, stock: list[int], acts: list[str], context: Context) -> None:
        self.context = context
        self.stock = stock
        self.acts = acts
        self.place = int(context.cursor.load() or 0)
        self.acts.append(f"open at {self.place}")

    def read(self, wait_seconds: float) -> Sequence[int]:
        new = self.stock[self.place : self.place + 2]
        if new and new[0] == -1:
            self.away()
        if new and new[0] == -2:
            raise RuntimeError("a secret value")
        if not new:
            threading.Event().wait(min(wait_seconds, 0.005))
        self.place += len(new)
        return new

    def away(self) -> NoReturn:
        raise SourceUnavailableError("no server is there")

    def map(self, raw: int) -> Outcome:
        match raw:
            case 0:
                return ()
            case 13:
                raise ValueError("a secret value")
            case 99:
                return Reject(Reason.UNKNOWN_RECORD, b"ninety-nine")
            case 98:
                raise UnusableRecord(Reason.MISSING_FIELD, "tens")
            case _:
                return (number(raw),)

    def position(self) -> int:
        return self.place

    def acknowledge(self, position: int) -> None:
        self.acts.append(f"acknowledge {position}")
        self.context.cursor.save(str(position).encode())

    def close(self) -> None:
        self.acts.append("close")


def number(n: int) -> Event:
    return CallAbandoned(
        id=f"id-{n}",
        source="numbers/essai",
        subject=f"call:numbers/essai:{n}",
        time=NOW + timedelta(days=1 if n == 1_000 else 0),
        data=CallAbandonedData(queue="accueil"),
    )


class LoggingPublisher(ManualPublisher):
    """A publisher that logs its calls in `acts`, and confirms one poll later."""

    def __init__(self, acts: list[str]) -> None:
        super().__init__()
        self.acts = acts

    def publish(self, events: Sequence[Event], on_confirmed: Callable[[], None]) -> None:
        self.acts.append(f"publish {[event.id for event in events]}")
        super().publish(events, on_confirmed)

    def poll(self, wait_seconds: float) -> None:
        self.confirm()


class RunnerHarness:
    """An instance runner of numbers, in a thread."""

    def __init__(self, directory: Path, *stock: int) -> None:
        self.stock = list(stock)
        self.acts: list[str] = []
        self.registry = CollectorRegistry()
        self.publisher = LoggingPublisher(self.acts)
        self.directory = directory
        self.stop = threading.Event()
        connector = Connector("numbers", ConnectorConfig, lambda _, context: Numbers(self.stock, self.acts, context))
        self.runner = InstanceRunner(
            Instance("essai", connector, ConnectorConfig()),
            directory=directory,
            open_publisher=lambda source, spool, meter: self.publisher,
            meter=Meter(Metrics(self.registry), "numbers/essai"),
            spool_limit_bytes=1_000_000,
        )
        self.thread = threading.Thread(target=self.runner.run, args=(self.stop,))

    def __enter__(self) -> Self:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        self.thread.join(60)
        assert not self.thread.is_alive()

    def wait_for(self, act: str) -> None:
        wait_until(lambda: act in self.acts, f"{act!r} in {self.acts}")

    def count(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(name, {"connector": "numbers/essai", **labels})


class TestInstanceRunner:
    def test_events_are_published_before_records_are_acknowledged(self, tmp_path: Path) -> None:
        with RunnerHarness(tmp_path, 1, 2, 3) as running:
            running.wait_for("acknowledge 3")
        assert running.acts == [
            "open at 0",
            "publish ['id-1', 'id-2']",
            "acknowledge 2",
            "publish ['id-3']",
            "acknowledge 3",
            "close",
        ]

    def test_reading_continues_at_the_saved_position(self, tmp_path: Path) -> None:
        with RunnerHarness(tmp_path, 1, 2) as running:
            running.wait_for("acknowledge 2")
        with RunnerHarness(tmp_path, 1, 2, 3) as running:
            running.wait_for("acknowledge 3")
        assert running.acts[:2] == ["open at 2", "publish ['id-3']"]

    def test_rejected_record_is_stored_and_counted_before_acknowledgement(self, tmp_path: Path) -> None:
        with RunnerHarness(tmp_path, 0, 99, 13, 1_000, 5) as running:
            running.wait_for("acknowledge 5")
            kept = (tmp_path / "numbers" / "essai" / "rejects.jsonl").read_text().splitlines()
        assert [(entry["reason"], entry["record"][:11]) for entry in map(json.loads, kept)] == [
            ("unknown_record", "ninety-nine"),
            ("internal_error", "13"),
            ("time_in_future", "1000"),
        ]
        assert [event.id for event in running.publisher.events] == ["id-5"]
        for reason in ("unknown_record", "internal_error", "time_in_future"):
            assert running.count("connector_errors_total", reason=reason) == 1
        assert running.count("connector_records_ignored_total") == 1
        assert running.count("connector_records_read_total") == 5

    def test_dropped_rejects_are_counted(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(lane, "Rejects", partial(Rejects, limit_bytes=400))
        with RunnerHarness(tmp_path, *[99] * 20, 5) as running:
            running.wait_for("acknowledge 21")
            kept = len(list(rejects.read(tmp_path / "numbers" / "essai")))
        assert 0 < kept < 20
        assert running.count("connector_rejects_dropped_total") == 20 - kept

    def test_rejections_are_logged_at_intervals_also_across_restarts(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def logged() -> list[tuple[int, str]]:
            return [(entry["count"], entry["log_level"]) for entry in logs if entry["event"] == "records_rejected"]

        monkeypatch.setattr(lane, "RESTART_SECONDS", (0.001,))
        monkeypatch.setattr(log_throttle, "GATHER_SECONDS", 0.0)
        with structlog.testing.capture_logs() as logs, RunnerHarness(tmp_path, 99, 13) as running:
            wait_until(lambda: logged() == [(2, "warning")], "both rejections in one message")
            running.stock += [99, 99, -2]
            wait_until(lambda: running.runner.trouble.startswith("RuntimeError"), "a new start")
            running.stock[4] = 5
            running.wait_for("acknowledge 5")
            assert len(logged()) == 1
        monkeypatch.setattr(log_throttle, "INTERVAL_SECONDS", 0.0)
        with structlog.testing.capture_logs() as logs, RunnerHarness(tmp_path, *[0] * 5, 99) as running:
            wait_until(lambda: logged() == [(1, "warning")], "the message")
            running.stock.append(99)
            wait_until(lambda: len(logged()) == 2, "a second message")

    def test_unavailable_source_is_tried_again(self, tmp_path: Path) -> None:
        with RunnerHarness(tmp_path, -1) as running:
            wait_until(lambda: running.runner.trouble == "no server is there", "the trouble")
            running.stock[0] = 7
            running.wait_for("publish ['id-7']")
            wait_until(lambda: running.runner.trouble == "", "no trouble")
        assert running.acts.count("open at 0") == 1

    def test_unavailable_source_is_logged_at_intervals(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def logged() -> list[Any]:
            return [entry["trouble"] for entry in logs if entry["event"] == "connector_in_trouble"]

        monkeypatch.setattr(lane, "UNAVAILABLE_SECONDS", 0.001)
        reads: list[int] = []
        monkeypatch.setattr(Numbers, "read", lambda self, wait_seconds: reads.append(1) or self.away())
        with structlog.testing.capture_logs() as logs, RunnerHarness(tmp_path, -1):
            wait_until(lambda: len(reads) > 20, "many vain readings")
            assert logged() == ["no server is there"]
            monkeypatch.setattr(lane, "REMIND_SECONDS", 0.0)
            wait_until(lambda: len(logged()) > 2, "another message")

    def test_initial_position_is_saved_even_if_the_source_is_unavailable(self, tmp_path: Path) -> None:
        with RunnerHarness(tmp_path, -1) as running:
            running.wait_for("acknowledge 0")
            wait_until(lambda: running.runner.trouble == "no server is there", "the trouble")
        assert running.acts.count("acknowledge 0") == 1

    def test_any_failure_restarts_from_the_acknowledged_position(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        with RunnerHarness(tmp_path, 1, 2, -2) as running:
            wait_until(
                lambda: running.runner.trouble.startswith("RuntimeError at test_sdk_contract.py:"), "the message"
            )
            running.stock[2] = 3
            running.wait_for("acknowledge 3")
        assert running.acts.count("open at 2") >= 1
        assert running.count("connector_errors_total", reason="internal_error") >= 1
        assert "a secret value" not in capsys.readouterr().out
        assert "a secret value" not in running.runner.trouble

    def test_source_is_not_read_while_the_publisher_is_full(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(lane, "MIN_DELAY_SECONDS", 0.1)
        running = RunnerHarness(tmp_path, 1)
        running.publisher.ready = False
        with running:
            running.wait_for("open at 0")
            wait_until(lambda: running.runner.trouble == lane.NO_ROOM, "the trouble")
            assert not any("publish" in act for act in running.acts)
            running.publisher.ready = True
            running.wait_for("acknowledge 1")
            wait_until(lambda: running.runner.trouble == "", "no trouble")

    def test_instance_runs_in_one_process_only(self, tmp_path: Path) -> None:
        with RunnerHarness(tmp_path, 1) as first:
            first.wait_for("acknowledge 1")
            with RunnerHarness(tmp_path, 1) as second:
                wait_until(lambda: "is in use by another process" in second.runner.trouble, "the refusal")
            assert second.acts == []

    def test_all_metrics_exist_from_the_start(self, tmp_path: Path) -> None:
        text = generate_latest(RunnerHarness(tmp_path).registry).decode()
        for reason in Reason:
            assert f'connector_errors_total{{connector="numbers/essai",reason="{reason.value}"}} 0.0' in text
        assert 'connector_events_published_total{connector="numbers/essai"} 0.0' in text
        assert 'connector_spool_limit_bytes{connector="numbers/essai"} 1e+06' in text


class Letterbox(Source[int, int]):
    """A source that receives messages: its web server would call `post`."""

    def __init__(self) -> None:
        self.waiting: queue.Queue[tuple[int, Future[str]]] = queue.Queue(maxsize=2)
        self.unanswered: list[Future[str]] = []
        self.answered = 0

    def post(self, letter: int) -> "Future[str]":
        answer: Future[str] = Future()
        try:
            self.waiting.put_nowait((letter, answer))
        except queue.Full:
            answer.set_result("503 Service Unavailable")
        return answer

    def read(self, wait_seconds: float) -> Sequence[int]:
        try:
            letter, answer = self.waiting.get(timeout=max(wait_seconds, 0.001))
        except queue.Empty:
            return ()
        self.unanswered.append(answer)
        return (letter,)

    def map(self, raw: int) -> Outcome:
        return (number(raw),)

    def position(self) -> int:
        return self.answered + len(self.unanswered)

    def acknowledge(self, position: int) -> None:
        while self.answered < position:
            self.unanswered.pop(0).set_result("202 Accepted")
            self.answered += 1

    def close(self) -> None:
        """Nothing to close."""


def test_push_source_responds_once_its_events_are_safe(tmp_path: Path) -> None:
    box, publisher = Letterbox(), ManualPublisher()
    meter = Meter(Metrics(CollectorRegistry()), "letters/essai")
    with closing(Rejects(tmp_path)) as kept:
        flow = Flow(box, publisher, kept, meter)
        first, second = box.post(1), box.post(2)
        assert box.post(3).result(0) == "503 Service Unavailable"
        for _ in range(4):
            flow.step()
        assert [event.id for event in publisher.events] == ["id-1", "id-2"]
        assert not first.done()
        publisher.confirm()
        assert [first.result(0), second.result(0)] == ["202 Accepted"] * 2


def test_runner_names_instances_in_trouble(tmp_path: Path) -> None:
    def instance(name: str, *stock: int) -> Instance:
        connector = Connector("numbers", ConnectorConfig, lambda _, context: Numbers(list(stock), [], context))
        return Instance(name, connector, ConnectorConfig())

    def open_publisher(source: str, spool: Spool, meter: Meter) -> ManualPublisher:
        return LoggingPublisher([])

    runner = ConnectorRunner(
        [instance("nord", 1), instance("sud", -1)],
        brokers="unused",
        directory=tmp_path,
        registry=CollectorRegistry(),
        open_publisher=open_publisher,
    )
    assert runner.ready() == (False, "numbers/nord: not started; numbers/sud: not started")
    stop = threading.Event()
    thread = threading.Thread(target=runner.run, args=(stop,))
    thread.start()
    try:
        wait_until(lambda: runner.ready() == (False, "numbers/sud: no server is there"), "the instance in trouble")
        assert runner.healthy() == (True, "ok")
    finally:
        stop.set()
        thread.join(60)
    assert not thread.is_alive()


@pytest.mark.parametrize("ending", [SystemExit("0639980000"), KeyboardInterrupt()])
def test_runner_ends_if_a_thread_ends_unexpectedly(tmp_path: Path, ending: BaseException) -> None:
    class Ending(Numbers):
        def read(self, wait_seconds: float) -> NoReturn:
            raise ending

    def instance(name: str, source: type[Numbers]) -> Instance:
        connector = Connector("numbers", ConnectorConfig, lambda _, context: source([], [], context))
        return Instance(name, connector, ConnectorConfig())

    runner = ConnectorRunner(
        [instance("nord", Numbers), instance("sud", Ending)],
        brokers="unused",
        directory=tmp_path,
        registry=CollectorRegistry(),
        open_publisher=lambda *_: LoggingPublisher([]),
    )
    stop = threading.Event()
    with structlog.testing.capture_logs() as logs, ThreadPoolExecutor() as pool:
        run = pool.submit(runner.run, stop)
        try:
            with pytest.raises(StuckError, match="numbers/sud"):
                run.result(20)
        finally:
            stop.set()
    (ended,) = (entry for entry in logs if entry["event"] == "connector_ended")
    assert (ended["connector"], ended["trouble"], ended["log_level"]) == ("numbers/sud", type(ending).__name__, "error")
    assert not any(thread.name.startswith("numbers/") for thread in threading.enumerate())


def test_safe_error_text_contains_no_value() -> None:
    assert safe_error_text(ValueError("0639980000")) == "ValueError at ?"
    assert safe_error_text(ConfigError("a.b is unknown")) == "a.b is unknown"


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (errno.ENOENT, SourceMisconfiguredError),
        (errno.ENOTDIR, SourceMisconfiguredError),
        (errno.EISDIR, SourceMisconfiguredError),
        (errno.EACCES, SourceMisconfiguredError),
        (errno.EIO, SourceUnavailableError),
        (errno.ESTALE, SourceUnavailableError),
        (errno.ENOSPC, SourceUnavailableError),
    ],
)
def test_type_of_an_os_error_shows_a_wrong_configuration(number: int, kind: type[SourceUnavailableError]) -> None:
    raised = source_error(OSError(number, os.strerror(number)), "queue_log")
    assert type(raised) is kind
    assert str(raised).startswith("queue_log")
