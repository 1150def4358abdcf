"""make and .ci: what is missing on a machine is one clear line."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


def make(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        ["make", "--no-print-directory", *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )


def test_help_names_every_target_that_is_meant_for_people() -> None:
    shown = [line.split()[1] for line in make("help").stdout.splitlines()]
    assert {"run", "test", "lint", "bench", "clean"} <= set(shown)


@pytest.mark.parametrize("target", ["run", "test"])
def test_machine_without_a_new_enough_python(tmp_path: Path, target: str) -> None:
    old = tmp_path / "python3"
    old.write_text("#!/bin/sh\nexit 1\n")  # what `sys.exit(sys.version_info < (3, 11))` gives
    old.chmod(0o755)
    done = make(target, f"VENV={tmp_path}/venv", f"CANDIDATES={old}")
    assert done.returncode != 0
    (line,) = done.stdout.splitlines()
    assert "Python 3.11 or newer is needed" in line


def test_machine_whose_python_has_no_venv(tmp_path: Path) -> None:
    done = make("run", f"VENV={tmp_path}/venv", "PYTHON=false")
    assert (done.returncode != 0, done.stdout.strip().endswith("apt install python3-venv")) == (True, True)


@pytest.mark.parametrize(("variables", "code"), [({}, 0), ({"CI": "true"}, 1)])
def test_tools_that_are_missing_are_named_and_fail_in_ci(tmp_path: Path, variables: dict[str, str], code: int) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "bash").symlink_to(shutil.which("bash") or "")
    (programs / "promtool").symlink_to(shutil.which("true") or "")
    (programs / "id").write_text("#!/bin/sh\necho 1000\n")
    (programs / "id").chmod(0o755)
    environment = {key: value for key, value in os.environ.items() if key != "CI"} | {"PATH": str(programs)} | variables
    command = [str(programs / "bash"), str(ROOT / ".ci" / "tools")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == code
    for package in ("chromium", "chromium-driver", "prometheus-alertmanager"):
        assert f" {package}" in done.stderr
    assert "prometheus " not in done.stderr
    assert "sudo apt-get install" in done.stderr
