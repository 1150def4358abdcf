"""make and .ci: missing programs give one line."""

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


def test_help_lists_the_public_targets() -> None:
    shown = [line.split()[1] for line in make("help").stdout.splitlines()]
    assert {"run", "test", "lint", "bench", "clean"} <= set(shown)


@pytest.mark.parametrize("target", ["run", "test"])
def test_a_python_that_is_too_old_is_reported(tmp_path: Path, target: str) -> None:
    old = tmp_path / "python3"
    old.write_text("#!/bin/sh\nexit 1\n")  # like `sys.exit(sys.version_info < (3, 11))`
    old.chmod(0o755)
    done = make(target, f"VENV={tmp_path}/venv", f"CANDIDATES={old}")
    assert done.returncode != 0
    (line,) = done.stdout.splitlines()
    assert "Python 3.11 or newer is needed" in line


def test_the_fastest_python_is_chosen_unless_the_gain_is_small(tmp_path: Path) -> None:
    def choose(*microseconds: int | None) -> str:
        pythons = [tmp_path / f"python-{number}" for number in range(len(microseconds))]
        for python, took in zip(pythons, microseconds, strict=True):
            script(python, "exit 1" if took is None else f"echo {took}")
        command = [ROOT / ".ci" / "python", "nowhere", *pythons]
        return Path(subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()).name

    assert choose(None, 4000, 3900) == "python-1"
    assert choose(4000, 2500, 2400) == "python-1"
    assert choose(10**9 + 2500, 4000) == "python-1", "it cannot create an environment"
    assert choose(None) == ""


def test_a_python_without_venv_is_reported(tmp_path: Path) -> None:
    done = make("run", f"VENV={tmp_path}/venv", "PYTHON=false")
    assert (done.returncode != 0, done.stdout.strip().endswith("apt install python3-venv")) == (True, True)


def script(path: Path, text: str) -> None:
    path.write_text(f"#!{shutil.which('bash')}\n{text}\n")
    path.chmod(0o755)


def run_tools(programs: Path, **variables: str) -> "subprocess.CompletedProcess[str]":
    environment = {key: value for key, value in os.environ.items() if key != "CI"} | {"PATH": str(programs)} | variables
    command = [shutil.which("bash") or "", str(ROOT / ".ci" / "tools")]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_a_stub_program_counts_as_missing(tmp_path: Path) -> None:
    for program in ("chromedriver", "promtool", "amtool"):
        script(tmp_path / program, "exit 0")
    script(tmp_path / "id", "echo 1000")
    script(tmp_path / "chromium", "echo 'requires the chromium snap to be installed' >&2; exit 1")
    done = run_tools(tmp_path, CI="true")
    assert done.returncode == 1
    assert " chromium (" in done.stderr
    script(tmp_path / "chromium", "exit 0")
    assert run_tools(tmp_path, CI="true").returncode == 0


def test_a_package_unknown_to_apt_does_not_prevent_others(tmp_path: Path) -> None:
    for program in ("chromium", "chromedriver"):
        script(tmp_path / program, "exit 1")
    script(tmp_path / "id", "echo 0")
    script(tmp_path / "cp", f'exec {shutil.which("cp")} "$@"')
    # Ubuntu has no package of this name.
    script(
        tmp_path / "apt-get",
        f"""
        case "$*" in
            *chromium*) echo 'E: Package chromium has no installation candidate' >&2; exit 100 ;;
            *alertmanager*) cp {tmp_path}/id {tmp_path}/amtool ;;
            *prometheus*) cp {tmp_path}/id {tmp_path}/promtool ;;
        esac
        """,
    )
    done = run_tools(tmp_path, CI="true")
    assert done.returncode == 1
    assert "the tests miss: chromium chromium-driver (" in done.stderr.replace(
        "chromium-driver chromium", "chromium chromium-driver"
    )
    assert "prometheus" not in done.stderr
    assert "Ubuntu" in done.stderr
    assert "snap" in done.stderr


@pytest.mark.parametrize(("variables", "code"), [({}, 0), ({"CI": "true"}, 1)])
def test_missing_tools_are_named_and_fail_in_ci(tmp_path: Path, variables: dict[str, str], code: int) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "promtool").symlink_to(shutil.which("true") or "")
    script(programs / "id", "echo 1000")
    done = run_tools(programs, **variables)
    assert done.returncode == code
    for package in ("chromium", "chromium-driver", "prometheus-alertmanager"):
        assert f" {package}" in done.stderr
    assert "prometheus " not in done.stderr
    assert "sudo apt-get install" in done.stderr
