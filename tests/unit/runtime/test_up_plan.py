"""Programs that `accueil up` starts, with their options, without starting them."""

import asyncio
import errno
import os
import socket
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from connectors.sdk.instance import GRACE_SECONDS
from connectors.sdk.ports import free_port
from streams.runtime import supervisor
from streams.runtime.process_specs import BROKER_STOP_SECONDS
from streams.runtime.supervisor import Child, Program
from streams.runtime.up import APPLIED, LOOK_SECONDS, RETRY_SECONDS, Plan, up
from streams.settings.errors import OperatorError
from streams.settings.exit_codes import EXIT_CONFIGURATION, EXIT_RESTART
from streams.settings.loader import load
from streams.settings.schema import Retention, Settings, Web, Worker
from streams.web.http_server import STOP_SECONDS
from tests.support.process_tree import until

EXAMPLE = Path(__file__).parents[3] / "deploy" / "accueil.example.toml"


@pytest.fixture
def settings() -> Settings:
    return load(EXAMPLE)


@pytest.fixture
def _programs_fail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let `up` run in an empty directory and start programs that end with exit code 2."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ACCUEIL_WEB__PORT", str(free_port()))
    monkeypatch.setenv("ACCUEIL_API__PORT", str(free_port()))
    monkeypatch.setattr("streams.runtime.up.ACCUEIL", (sys.executable, "-c", "raise SystemExit(2)"))


def plan(settings: Settings, tmp_path: Path) -> Plan:
    return Plan(settings, EXAMPLE, tmp_path, demo=False)


def test_programs_have_enough_time_to_stop(settings: Settings, tmp_path: Path) -> None:
    own = plan(settings, tmp_path)
    seconds = {program.name: program.stop_seconds for program in (own.broker(), own.web(), *own.connect())}
    assert seconds["connect"] > GRACE_SECONDS
    assert seconds["web"] > STOP_SECONDS
    assert seconds["kafka"] > BROKER_STOP_SECONDS + 0.5  # plus the interval of its check for a signal


@pytest.mark.parametrize(
    ("host", "address", "url"),
    [
        ("127.0.0.1", "127.0.0.1", "http://127.0.0.1:8080/"),
        ("0.0.0.0", "127.0.0.1", "http://127.0.0.1:8080/"),
        ("::", "::1", "http://[::1]:8080/"),
        ("::1", "::1", "http://[::1]:8080/"),
        ("accueil.example.org", "accueil.example.org", "http://accueil.example.org:8080/"),
    ],
)
def test_url_of_the_board_is_reachable_from_this_machine(
    settings: Settings, tmp_path: Path, host: str, address: str, url: str
) -> None:
    own = plan(settings.model_copy(update={"web": Web(host=host, port=8080)}), tmp_path)
    assert (own.web().health, own.url) == ((address, 8080), url)


@pytest.mark.usefixtures("_programs_fail")
@pytest.mark.parametrize(("exit_code", "ends_with"), [(2, EXIT_CONFIGURATION), (70, EXIT_RESTART), (1, EXIT_RESTART)])
def test_program_that_cannot_run_decides_the_exit_code(
    monkeypatch: pytest.MonkeyPatch, exit_code: int, ends_with: int
) -> None:
    monkeypatch.setattr(supervisor, "RESTART_SECONDS", ())
    monkeypatch.setattr("streams.runtime.up.ACCUEIL", (sys.executable, "-c", f"raise SystemExit({exit_code})"))
    with pytest.raises(OperatorError, match=rf"cannot run \(exit code {exit_code}\)") as error:
        up(EXAMPLE, demo=False, verbose=False)
    assert error.value.exit_code == ends_with


class FakeTree:
    """Fake of the process tree and of `asyncio.sleep` that records commands and pauses and runs code during pauses."""

    def __init__(self, *codes: int | OSError) -> None:
        self.commands = list[tuple[str, ...]]()
        self.pauses = list[float]()
        self._codes = iter(codes)

    async def run_once(self, program: Program) -> int:
        self.commands.append(tuple(program.command[program.command.index("retention") :]))
        if isinstance(code := next(self._codes), OSError):
            raise code
        return code

    def retain(self, own: Plan, monkeypatch: pytest.MonkeyPatch, *meanwhile: Callable[[], object]) -> None:
        """Run `own.retain`, call one function in each pause, and cancel it in the pause after the last."""
        left = iter(meanwhile)

        async def sleep(seconds: float) -> None:
            self.pauses.append(seconds)
            if (change := next(left, None)) is None:
                raise asyncio.CancelledError
            change()

        monkeypatch.setattr("streams.runtime.up.asyncio.sleep", sleep)
        with pytest.raises(asyncio.CancelledError):
            asyncio.run(own.retain(self))  # type: ignore[arg-type]


APPLY, LATE = ("retention", "apply"), ("retention", "apply", "--no-rewrite")


def retaining_at(settings: Settings, moment: datetime) -> Settings:
    return settings.model_copy(
        update={"retention": Retention(at=moment.astimezone(settings.web.zone).strftime("%H:%M"))}
    )


@pytest.fixture
def just_now(settings: Settings) -> Settings:
    """Settings with `retention.at` at the current minute."""
    return retaining_at(settings, datetime.now(UTC))


def test_retention_runs_daily_and_is_retried_without_rewrite(
    just_now: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tree, stamp = FakeTree(70, 0), tmp_path / APPLIED

    def become_due() -> None:
        assert not tree.commands, "a new directory contains no expired data"
        os.utime(stamp, (0, 0))

    def pass_an_hour() -> None:
        an_hour_ago = datetime.now(UTC) - timedelta(hours=1)
        own._settings = retaining_at(own._settings, an_hour_ago)

    own = plan(just_now, tmp_path)
    tree.retain(own, monkeypatch, become_due, pass_an_hour)
    assert tree.commands == [APPLY, LATE]
    assert tree.pauses == [LOOK_SECONDS, RETRY_SECONDS, LOOK_SECONDS]
    assert capsys.readouterr().out.count("retention.log") == 1
    assert stamp.stat().st_mtime > 0
    never = just_now.model_copy(update={"retention": Retention(at="")})
    asyncio.run(plan(never, tmp_path).retain(tree))  # type: ignore[arg-type]


def test_missing_or_future_stamp_does_not_prevent_retention(
    just_now: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree, stamp = FakeTree(0, 0), tmp_path / APPLIED
    to_come = datetime.now(UTC).timestamp() + 900 * 86_400
    tree.retain(plan(just_now, tmp_path), monkeypatch, stamp.unlink, lambda: os.utime(stamp, (to_come, to_come)))
    assert tree.commands == [APPLY] * 2
    assert tree.pauses == [LOOK_SECONDS] * 3
    assert stamp.stat().st_mtime < to_come


def test_os_error_of_retention_is_reported_and_retried(
    just_now: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tree = FakeTree(OSError(errno.EAGAIN, "no more processes"), 0, 0)
    (tmp_path / APPLIED).touch()
    os.utime(tmp_path / APPLIED, (0, 0))
    refusals = [OSError(errno.ENOSPC, "full")]

    def touch(path: Path) -> None:
        if refusals:
            raise refusals.pop()
        os.utime(path)

    monkeypatch.setattr(Path, "touch", touch)
    tree.retain(plan(just_now, tmp_path), monkeypatch, lambda: None, lambda: None)
    assert tree.commands == [APPLY] * 3
    assert tree.pauses == [RETRY_SECONDS, RETRY_SECONDS, LOOK_SECONDS]
    assert capsys.readouterr().out.count("in an hour") == 2


class StartedPrograms(dict[str, Child]):
    """Fake of the process tree: children by name, which are ready except `late`."""

    def __init__(self, logs: Path, late: str) -> None:
        super().__init__()
        self._logs, self._late = logs, late

    def start(self, *programs: Program) -> list[Child]:
        for program in programs:
            child = self[program.name] = Child(program, self._logs, lambda *_: None, verbose=False)
            if program.name != self._late:
                child.ready.set()
        return [self[program.name] for program in programs]


def test_retention_starts_although_a_source_is_not_ready(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    retaining, own = asyncio.Event(), plan(settings, tmp_path)

    async def retain(_: object) -> None:
        retaining.set()

    async def grow() -> None:
        growing = asyncio.create_task(own._grow(StartedPrograms(tmp_path, "connect")))  # type: ignore[arg-type]
        await asyncio.wait_for(retaining.wait(), 30)
        assert not growing.done()
        growing.cancel()
        await asyncio.gather(growing, return_exceptions=True)

    monkeypatch.setattr(own, "retain", retain)
    monkeypatch.setattr("streams.runtime.up.SOURCE_SECONDS", 0.0)
    asyncio.run(grow())


def test_connectors_of_the_demo_start_after_the_simulator_is_ready(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own, started = Plan(settings, EXAMPLE, tmp_path, demo=True), StartedPrograms(tmp_path, "simulator")
    own._systems.mkdir()
    (own._systems / "accueil.toml").write_text(EXAMPLE.read_text())

    async def grow() -> None:
        growing = asyncio.create_task(own._grow(started))  # type: ignore[arg-type]
        await until(lambda: "simulator" in started)
        for _ in range(100):  # enough for everything that does not wait for the simulator
            await asyncio.sleep(0)
        assert "connect" not in started
        started["simulator"].ready.set()
        await until(lambda: "connect" in started)
        growing.cancel()
        await asyncio.gather(growing, return_exceptions=True)

    monkeypatch.setattr(own, "retain", lambda _: asyncio.sleep(0))
    asyncio.run(asyncio.wait_for(grow(), 30))


def test_sudo_user_is_not_passed_to_the_children(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SUDO_USER", "marie")
    assert "SUDO_USER" not in plan(settings, tmp_path).retention().environment


@pytest.mark.usefixtures("_programs_fail")
@pytest.mark.parametrize("config", [None, EXAMPLE])
def test_missing_connectors_are_reported_at_the_start(capsys: pytest.CaptureFixture[str], config: Path | None) -> None:
    with pytest.raises(OperatorError, match="cannot run"):
        up(config, demo=False, verbose=False)
    assert ("no connector configured" in capsys.readouterr().out) == (config is None)


@pytest.mark.usefixtures("_programs_fail")
def test_demo_warns_about_ignored_settings(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for is_there in (False, True):
        with pytest.raises(OperatorError, match="cannot run"):
            up(None, demo=True, verbose=False)
        assert ("ignores accueil.toml" in capsys.readouterr().out) == is_there
        (tmp_path / "accueil.toml").write_text('sla = "sla.toml"\n', encoding="utf-8")


def test_instance_id_of_workers_is_the_host_name(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for hostname in ("accueil-1", "b" * 64, "with spaces (and more)"):
        monkeypatch.setattr(socket, "gethostname", lambda name=hostname: name)
        two = settings.model_copy(update={"worker": Worker(processes=2)})
        names = [program.environment["ACCUEIL_WORKER__INSTANCE_ID"] for program in plan(two, tmp_path).workers()]
        assert [Worker(instance_id=name).instance_id for name in names] == names
        assert len(set(names)) == 2


def test_instance_id_comes_from_the_settings(settings: Settings, tmp_path: Path) -> None:
    named = settings.model_copy(update={"worker": Worker(instance_id="guichet")})
    (worker,) = plan(named, tmp_path).workers()
    assert worker.environment["ACCUEIL_WORKER__INSTANCE_ID"] == "guichet-1"
