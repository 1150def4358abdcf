"""Stop and resumption of the simulated département, and its command."""

import json
import os
import signal
import stat
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from pathlib import Path

import pytest
from click.testing import CliRunner

from connectors.simulator.case_tallies import DimensionKey, FigureCounts
from connectors.simulator.command import command
from connectors.simulator.departement import Departement
from connectors.simulator.illisa.procedures import PROCEDURES
from connectors.simulator.organisation import CONTACT_REASONS
from connectors.simulator.plan import Plan
from connectors.simulator.run_modes import RunProgress, run_live, run_span
from connectors.simulator.simulation_run import SimulationRun
from models.topics import Channel
from streams.core.figures.figure_schemas import REASON_CHANNEL
from streams.runtime.process_specs import configure_connectors
from streams.settings.loader import load
from tests.support.processes import wait_until
from tests.support.simulated_figures import (
    CALL_FIGURES,
    DERIVED_FIGURES,
    FoldedFigures,
    last_monday,
    plan_with,
    run_connectors,
    wait_for_figures,
)

PER_YEAR = 40_000
SINCE = last_monday()
CALLS = {Channel.CALL, Channel.FEEDBACK, *CALL_FIGURES}
PLANNED = {*Channel, *DERIVED_FIGURES} - CALLS


def without_calls(numbers: dict[DimensionKey, FigureCounts]) -> dict[DimensionKey, FigureCounts]:
    """Return the figures without calls, which the plan does not determine."""
    return {
        place: figures
        for place, figures in numbers.items()
        if place[0] not in CALLS and not place[3].startswith("call:")
    }


def test_simulation_resumes_after_a_stop(tmp_path: Path) -> None:
    stop, until = SINCE + timedelta(days=1, hours=11), SINCE + timedelta(days=2)
    simulation_run, folded = SimulationRun(tmp_path / "systems"), FoldedFigures(until)
    plan = plan_with(PLANNED, simulation_run, (SINCE, until), PER_YEAR)
    simulation_run.write_settings(Departement(simulation_run, plan).connectors())
    with run_connectors(simulation_run, tmp_path / "data") as collected:
        first = Departement(simulation_run, plan)
        with first.opened(SINCE):
            assert run_span(first, SINCE, stop, threading.Event())
        second = Departement(simulation_run, plan)
        with second.opened(SINCE, stop):
            assert run_span(second, stop, until, threading.Event())
            expected = without_calls(second.ledger.numbers(until))
            wait_for_figures(lambda: without_calls(folded.numbers(collected.events)), expected)
    planned = [*takewhile(lambda action: action.at <= until, plan.actions(SINCE))]
    assert max(first.completed, second.completed) < len(planned), "neither run executed the actions of the other"
    assert {place[0] for place in expected} == PLANNED


def test_live_simulation_runs_the_past_first_and_saves_its_progress(tmp_path: Path) -> None:
    simulation_run, stop = SimulationRun(tmp_path / "systems"), threading.Event()
    departement = Departement(simulation_run, Plan(1, 4_000_000, always=True))
    simulation_run.write_settings(departement.connectors())
    since = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=2)
    progress = RunProgress({"seed": 1}, since, since)
    path = tmp_path / "progress"
    with run_connectors(simulation_run, tmp_path / "data") as collected, departement.opened(progress.since):
        thread = threading.Thread(target=run_live, args=(departement, progress, path, stop))
        thread.start()
        wait_until(path.exists, "the past to be simulated")
        before = len(collected.events)
        wait_until(lambda: len(collected.events) > before + 20, "current events")
        stop.set()
        thread.join()
    saved = RunProgress.load(path, {"seed": 1})
    assert saved
    assert saved.since == progress.since < saved.played_until
    assert timedelta() <= datetime.now(UTC) - saved.played_until < timedelta(minutes=5)


def test_live_calls_are_current_while_the_past_is_simulated(tmp_path: Path) -> None:
    simulation_run, stop = SimulationRun(tmp_path / "systems"), threading.Event()
    departement = Departement(simulation_run, Plan(1, 200_000, always=True), calls_per_day=20_000)
    since = datetime.now(UTC).replace(microsecond=0) - timedelta(days=2)
    first_call_at = since + timedelta(days=1, hours=22)
    progress, log = RunProgress({"seed": 1}, since, since), simulation_run.root / "queue_log"

    def last_at() -> datetime:
        *_, last = [b"0", *log.read_bytes().splitlines()]
        return datetime.fromtimestamp(int(last.split(b"|")[0]), UTC)

    with departement.opened(since, calls_since=first_call_at):
        thread = threading.Thread(target=run_live, args=(departement, progress, tmp_path / "progress", stop))
        thread.start()
        try:
            wait_until(lambda: datetime.now(UTC) - last_at() < timedelta(seconds=30), "current calls")
            at = last_at()
            wait_until(lambda: last_at() > at, "the next call")
            behind = datetime.now(UTC) - departement.now
        finally:
            stop.set()
            thread.join()
    assert behind > timedelta(days=1), "without connectors for the other systems, the past cannot be complete"
    times = [int(line.split(b"|")[0]) for line in log.read_bytes().splitlines()]
    assert times == sorted(times)
    assert timedelta() <= datetime.fromtimestamp(times[0], UTC) - first_call_at < timedelta(minutes=5)


@pytest.mark.parametrize(
    ("only", "instances", "channels"),
    [
        (["demarches", "jdma"], {"demarches", "avis"}, {Channel.FORM, Channel.FEEDBACK, REASON_CHANNEL}),
        (["http", "sql"], {*PROCEDURES}, {Channel.FORM, REASON_CHANNEL}),
    ],
)
def test_only_the_systems_of_the_named_connectors_run(
    tmp_path: Path, only: list[str], instances: set[str], channels: set[str]
) -> None:
    until, stop = SINCE + timedelta(days=1), threading.Event()
    simulation_run, folded = SimulationRun(tmp_path / "systems"), FoldedFigures(until)
    plan = plan_with(channels, simulation_run, (SINCE, until), PER_YEAR, only)
    departement = Departement(simulation_run, plan, only=only)
    assert departement.connectors().keys() == instances
    simulation_run.write_settings(departement.connectors())
    with run_connectors(simulation_run, tmp_path / "data") as collected, departement.opened(SINCE):
        assert run_span(departement, SINCE, until, stop)
        expected = departement.ledger.numbers(until)
        wait_for_figures(lambda: folded.numbers(collected.events), expected)
        stop.set()
        run_live(departement, RunProgress.new({}, 0), tmp_path / "progress", stop)
    assert {place[0] for place in expected} == channels


def test_prepare_writes_valid_settings(tmp_path: Path) -> None:
    done = CliRunner().invoke(command, ["--into", str(tmp_path / "systems"), "--prepare"])
    assert done.exit_code == 0, done.output
    settings = tmp_path / "systems" / "accueil.toml"
    assert stat.S_IMODE(settings.stat().st_mode) == 0o600
    written = load(settings)
    instances = configure_connectors(written)
    assert {instance.name for instance in instances} == written.connectors.keys()
    assert written.contact_reasons.keys() == CONTACT_REASONS.keys()


@pytest.mark.parametrize(
    ("arguments", "refusal"),
    [
        ([], "--prepare"),
        (["--live", "--days", "3"], "--live"),
        (["--days", "2", "--from", "2999-01-01"], "must be in the past"),
    ],
)
def test_command_refuses_invalid_options(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], refusal: str
) -> None:
    monkeypatch.setenv("LANG", "C")
    done = CliRunner().invoke(command, ["--into", str(tmp_path / "systems"), *arguments])
    assert done.exit_code == 2
    assert refusal in done.output


def test_unusable_directory_is_reported_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "C")
    (tmp_path / "file").touch()
    done = CliRunner().invoke(command, ["--into", str(tmp_path / "file" / "systems"), "--days", "1"])
    assert (done.exit_code, type(done.exception)) == (1, SystemExit)
    assert str(tmp_path / "file") in done.output


def test_command_simulates_days_and_writes_the_ledger(tmp_path: Path) -> None:
    simulation_run = SimulationRun(tmp_path / "systems")
    plan = plan_with(PLANNED, simulation_run, (SINCE, SINCE + timedelta(days=1)), 5_000)
    into = ["--into", str(simulation_run.root), "--seed", str(plan.seed), "--per-year", str(plan.per_year)]
    program = ["-c", "from connectors.simulator.command import command; command()", *into]
    options = ["--days", "1", "--from", f"{SINCE + timedelta(hours=12):%Y-%m-%d}", "--calls-per-hour", "20"]
    ledger = tmp_path / "ledger.json"
    assert CliRunner().invoke(command, [*into, "--prepare"]).exit_code == 0  # this process keeps the ports free
    with (
        run_connectors(simulation_run, tmp_path / "data"),
        subprocess.Popen(
            [sys.executable, *program, *options, "--ledger", str(ledger)],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "LANG": "C", "PYTHONUNBUFFERED": "1"},
        ) as process,
    ):
        assert process.stdout
        while "serving until stopped" not in (line := process.stdout.readline()):
            assert line, "the process ended"
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    figures = json.loads(ledger.read_text())
    assert {place["channel"] for place in figures} >= {Channel.CALL, *PLANNED}
