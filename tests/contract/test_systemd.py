"""systemd units: they are valid, their commands and settings exist, and exit code 2 prevents a restart."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest

from streams.cli.main import main
from streams.runtime.up import Plan
from streams.settings.exit_codes import EXIT_CONFIGURATION
from streams.settings.loader import load

EXAMPLE = Path(__file__).parents[2] / "deploy" / "accueil.example.toml"
INSTANCES = ("1", "12")
"""Number of workers, chosen by the operator."""
UNITS = sorted((Path(__file__).parents[2] / "deploy" / "systemd").glob("*.service"))
PROCESSES = [unit for unit in UNITS if "Type=oneshot" not in unit.read_text(encoding="utf-8")]
UNIT_IN_README = re.compile(r"^ *\[Unit\]\n(?:.*\n)*?(?= *```)", re.MULTILINE)
READMES_WITH_A_UNIT = [
    readme
    for readme in sorted((Path(__file__).parents[2] / "connectors").rglob("README*.md"))
    if UNIT_IN_README.search(readme.read_text(encoding="utf-8"))
]
COMMAND = re.compile(r"^ExecStart=/opt/accueil/\.venv/bin/accueil (\w+)(?: \w+)*$", re.MULTILINE)
EXPOSURE = 1.3
"""Highest exposure by `systemd-analyze security`. `NEEDS` adds the exposure of a unit's own needs."""
NEEDS = {"accueil.service": 0.1, "accueil-timeline.service": 0.1}
"""Lower priority of the process (setpriority); for `accueil up` also Java, whose compiler writes executable memory."""


@pytest.fixture
def _systemd_analyze() -> None:
    if not shutil.which("systemd-analyze"):
        assert not os.environ.get("CI"), "systemd-analyze is missing: apt-get install systemd"
        pytest.skip("no systemd here")


def test_each_process_of_a_cluster_has_a_unit() -> None:
    assert [unit.name for unit in UNITS if unit.name != "accueil.service"] == [
        "accueil-api.service",
        "accueil-connect.service",
        "accueil-notify.service",
        "accueil-retention.service",
        "accueil-timeline.service",
        "accueil-web.service",
        "accueil-worker@.service",
    ]


@pytest.mark.parametrize("unit", PROCESSES, ids=lambda unit: unit.name)
def test_unit_restarts_its_command_unless_it_ends_with_code_2(unit: Path) -> None:
    text = unit.read_text(encoding="utf-8")
    (command,) = COMMAND.findall(text)
    assert command in main.list_commands(click.Context(main))
    assert unit.name.startswith("accueil." if command == "up" else f"accueil-{command}")
    assert {"Restart=always", f"RestartPreventExitStatus={EXIT_CONFIGURATION}"} <= set(text.splitlines())


@pytest.mark.parametrize("instance", INSTANCES)
@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_settings_of_a_unit_exist(unit: Path, instance: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith("ACCUEIL_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    text = unit.read_text(encoding="utf-8").replace("%H", "host").replace("%i", instance)
    for assignment in re.findall(r"ACCUEIL_\w+=[^\s…]+", text):
        name, _, value = assignment.partition("=")
        if name != "ACCUEIL_CONFIG":
            monkeypatch.setenv(name, value)
    settings = load()
    assert settings.data == Path("/var/lib/accueil")
    assert settings.log.format == "json"


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_unit_starts_after_the_clock_is_synchronised(unit: Path) -> None:
    lines = unit.read_text(encoding="utf-8").splitlines()
    assert {f"{order}=network-online.target time-sync.target" for order in ("Wants", "After")} <= set(lines)


@pytest.mark.parametrize("readme", READMES_WITH_A_UNIT, ids=lambda readme: readme.name)
def test_unit_in_a_readme_starts_after_the_clock_is_synchronised(readme: Path) -> None:
    for unit in UNIT_IN_README.findall(readme.read_text(encoding="utf-8")):
        for order in ("Wants", "After"):
            assert re.search(rf"^ *{order}=.*\btime-sync\.target$", unit, re.MULTILINE), readme


def test_timer_deletes_expired_data_each_night() -> None:
    (service,) = (unit for unit in UNITS if unit not in PROCESSES)
    assert COMMAND.search(service.read_text(encoding="utf-8"))
    assert "Persistent=true" in service.with_suffix(".timer").read_text(encoding="utf-8")


@pytest.mark.parametrize("instance", INSTANCES)
@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
@pytest.mark.usefixtures("_systemd_analyze")
def test_systemd_reports_no_problem(unit: Path, instance: str, tmp_path: Path) -> None:
    copy = tmp_path / unit.name.replace("@.", f"@{instance}.")
    # It looks for the program.
    copy.write_text(unit.read_text(encoding="utf-8").replace("/opt/accueil/.venv/bin/accueil", sys.executable))
    done = subprocess.run(["systemd-analyze", "verify", str(copy)], capture_output=True, text=True, check=False)
    assert (done.returncode, [line for line in done.stderr.splitlines() if unit.stem.rstrip("@") in line]) == (0, [])


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
@pytest.mark.usefixtures("_systemd_analyze")
def test_exposure_of_a_unit_is_low(unit: Path) -> None:
    threshold = round(10 * (EXPOSURE + NEEDS.get(unit.name, 0)))
    command = ["systemd-analyze", "security", "--offline=true", f"--threshold={threshold}", "--no-pager", str(unit)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_unit_limits_memory_and_only_java_writes_executable_memory(unit: Path) -> None:
    lines = unit.read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if re.fullmatch(r"MemoryMax=\d+[MG%]", line)]
    assert ("MemoryDenyWriteExecute=yes" in lines) == (unit.name != "accueil.service")


def test_accueil_up_has_time_to_stop_its_processes_and_survives_one_of_them(tmp_path: Path) -> None:
    unit = next(unit for unit in UNITS if unit.name == "accueil.service").read_text(encoding="utf-8")
    assert {"KillMode=mixed", "OOMPolicy=continue"} <= set(unit.splitlines())
    plan = Plan(load(EXAMPLE), EXAMPLE, tmp_path, demo=False)
    programs = [plan.broker(), plan.web(), plan.timeline(), plan.api(), plan.retention()]
    programs += [*plan.workers(), *plan.notify(), *plan.connect()]
    seconds = sum(program.stop_seconds for program in programs)
    (allowed,) = re.findall(r"^TimeoutStopSec=(\d+)$", unit, re.MULTILINE)
    assert seconds < float(allowed)
