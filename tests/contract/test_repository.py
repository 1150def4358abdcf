"""Rules for the whole repository."""

import ast
import re
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT = PYPROJECT["project"]
BUILD_REQUIREMENTS = PYPROJECT["build-system"]["requires"]
OURS = {"models", "streams", "connectors", "grafana", "tests"}
MACHINE_PATHS = re.compile(r"(?<![\w.])/(root|home/\w+|Users/\w+)/|/tmp/\w")
MAY_NAME_PATHS = {"tests/contract/test_repository.py"}
OWN_REQUIREMENTS = re.compile(r"tests/bench/peers/|tests/packages/|connectors/sdk/testing/")
"""Programs with requirements of their own, packages of others, and a kit for their tests, which bring pytest."""
HOSTS = re.compile(r"https?://|index-url|find-links|file:")


def normalise(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def names(requirements: list[str]) -> set[str]:
    return {normalise(re.split(r"[\[=<>~!; ]", requirement)[0]) for requirement in requirements}


def locked(lock: str) -> dict[str, str]:
    pins = re.findall(r"^([\w.-]+)==([^\s;\\]+)", (ROOT / lock).read_text(encoding="utf-8"), re.MULTILINE)
    return {normalise(name): version for name, version in pins}


def tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [path for name in listed.split("\0") if name and (path := ROOT / name).is_file()]


def imported(folders: tuple[str, ...]) -> Iterator[str]:
    for folder in folders:
        for path in (ROOT / folder).rglob("*.py"):
            if OWN_REQUIREMENTS.match(path.relative_to(ROOT).as_posix()):
                continue
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Import):
                    yield from (alias.name.partition(".")[0] for alias in node.names)
                elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                    yield node.module.partition(".")[0]


def undeclared(folders: tuple[str, ...], declared: set[str]) -> set[str]:
    """Return the imported third-party modules that are in no declared dependency."""
    packages = packages_distributions()
    foreign = set(imported(folders)) - OURS - set(sys.stdlib_module_names)
    return {
        module
        for module in foreign
        if not {normalise(package) for package in packages.get(module, [module])} & declared
    }


def test_every_import_is_a_declared_dependency() -> None:
    runtime = names(PROJECT["dependencies"]) | names(BUILD_REQUIREMENTS)
    assert undeclared(("models", "streams", "connectors"), runtime) == set()
    assert undeclared(("grafana", "tests"), runtime | names(PROJECT["optional-dependencies"]["test"])) == set()


def test_locks_hold_every_dependency_with_hashes_and_no_host() -> None:
    assert names(PROJECT["dependencies"]) <= locked("requirements.lock").keys()
    assert names(PROJECT["optional-dependencies"]["test"]) <= locked("requirements-test.lock").keys()
    assert names(BUILD_REQUIREMENTS) <= locked("requirements.lock").keys()
    for lock in ("requirements.lock", "requirements-test.lock"):
        text = (ROOT / lock).read_text(encoding="utf-8")
        assert not HOSTS.search(text)
        for pin in re.split(r"\n(?=[a-z])", text)[1:]:
            assert "--hash=sha256:" in pin


def test_both_locks_have_the_same_versions() -> None:
    runtime, test = locked("requirements.lock"), locked("requirements-test.lock")
    assert [name for name in runtime.keys() & test.keys() if test[name] != runtime[name]] == []


def test_exact_versions_of_the_project_are_those_of_the_lock() -> None:
    pins = dict(requirement.split("==") for requirement in PROJECT["dependencies"] if "==" in requirement)
    assert {normalise(name): version for name, version in pins.items()}.items() <= locked("requirements.lock").items()


def test_no_file_contains_a_path_of_the_developer_machine() -> None:
    found = {}
    for path in tracked():
        name = path.relative_to(ROOT).as_posix()
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue  # a picture
        if name not in MAY_NAME_PATHS and (match := MACHINE_PATHS.search(text)):
            found[name] = match[0]
    assert len(tracked()) > 50
    assert found == {}


DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as forges make them."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_of_documents_resolve(document: Path) -> None:
    links = re.findall(r"\]\((?!https?://)([^)#]*)#?([^)]*)\)", document.read_text(encoding="utf-8"))
    pages = [(document.parent / target if target else document, anchor) for target, anchor in links]
    assert [str(page) for page, _ in pages if not page.exists()] == []
    assert [(str(page), anchor) for page, anchor in pages if anchor and anchor not in anchors(page)] == []


def test_user_pages_exist_in_both_languages_with_the_same_outline() -> None:
    pages = [path for path in DOCUMENTS if path.with_suffix("").suffix == ".fr"]
    assert len(pages) >= 9
    for french in pages:
        english = french.with_name(french.name.replace(".fr.md", ".md"))
        outlines = [re.findall(r"^#+(?= )|^```", page.read_text(), re.MULTILINE) for page in (french, english)]
        assert outlines[0] == outlines[1], french


def test_wheel_contains_the_three_packages_and_their_data_files(tmp_path: Path) -> None:
    sources = tmp_path / "sources"
    for path in tracked():
        copy = sources / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(path.read_bytes())
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-index", "--no-build-isolation"]
    subprocess.run([*command, "--wheel-dir", str(tmp_path), str(sources)], check=True, capture_output=True, text=True)
    (wheel,) = tmp_path.glob("*.whl")
    files = zipfile.ZipFile(wheel).namelist()
    assert {file.partition("/")[0] for file in files if ".dist-info/" not in file} == {
        "models",
        "streams",
        "connectors",
    }
    assert {
        "streams/settings/demo.toml",
        "streams/settings/demo_sla.toml",
        "models/locale/fr/LC_MESSAGES/accueil.mo",
        "models/schemas/published.json",
        "models/py.typed",
        "connectors/py.typed",
        "connectors/sdk/templates/push/accueil_NAME/source.py.jinja",
        "streams/web/templates/board.html",
    } <= set(files)
    assert any(file.startswith("streams/web/static/") for file in files)
    assert any(file.endswith("/licenses/LICENSE") for file in files)
    names = {path.relative_to(ROOT).as_posix() for path in tracked()}
    expected = {name for name in names if re.match(r"(models|streams|connectors)/.*\.py$", name)}
    assert {file for file in files if file.endswith(".py")} == expected
