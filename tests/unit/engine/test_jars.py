"""Download of Kafka's jars, and the check against the lock file."""

import hashlib
import re
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from pathlib import Path

import pytest

from streams.kafka import jars
from streams.kafka.jars import JarsError, find_jars, read_lock

REAL = b"the locked jar"
PLACE = Path("org/example/one/1.0/one-1.0.jar")


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Directory of a machine without jars, with a lock file of one jar and settings for a local repository."""
    lock = tmp_path / "kafka.lock"
    lock.write_text(f"# header\norg.example:one:1.0 {hashlib.sha256(REAL).hexdigest()}\n")
    monkeypatch.setattr(jars, "LOCK", lock)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("M2_REPO", str(tmp_path / "local"))
    monkeypatch.setenv("JGO_CONFIG_FILE", str(tmp_path / "jgo.conf"))
    (tmp_path / "jgo.conf").write_text("[repositories]\ncentral = http://127.0.0.1:1\n")
    return tmp_path


@pytest.fixture
def mirror(machine: Path) -> Iterator[Path]:
    """Folder of a mirror that jgo's settings name instead of Maven Central."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *args: object) -> None:
            pass

    folder = machine / "mirror"
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    (machine / "jgo.conf").write_text(f"[repositories]\ncentral = http://127.0.0.1:{server.server_port}\n")
    yield folder
    server.shutdown()
    thread.join()
    server.server_close()


def put(repository: Path, content: bytes) -> None:
    (repository / PLACE).parent.mkdir(parents=True)
    (repository / PLACE).write_bytes(content)


def find() -> list[bytes]:
    return [path.read_bytes() for path in find_jars(lambda _english, _french: None)]


def test_jar_is_fetched_once_from_the_local_repository_or_a_mirror(machine: Path, mirror: Path) -> None:
    put(mirror, REAL)
    assert find() == [REAL]
    (mirror / PLACE).unlink()
    assert find() == [REAL], "the jar is cached"
    (cached,) = (machine / "cache").rglob("one-1.0.jar")
    cached.write_bytes(b"half of it")
    put(machine / "local", REAL)
    assert find() == [REAL], "a damaged jar is replaced"


def test_jar_with_a_wrong_hash_is_refused_and_not_stored(machine: Path, mirror: Path) -> None:
    put(mirror, b"something else")
    with pytest.raises(JarsError, match=rf"one-1\.0\.jar is not the .* expected {hashlib.sha256(REAL).hexdigest()}"):
        find()
    put(machine / "local", b"something else")
    with pytest.raises(JarsError, match=re.escape(f"{machine / 'local' / PLACE} is not the one-1.0.jar")):
        find()
    assert not list((machine / "cache").rglob("*.jar*"))


def test_error_names_the_unreachable_repository(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(JarsError, match=r"could not be downloaded from a Maven repository: .*127\.0\.0\.1"):
        find()
    monkeypatch.setenv("LC_ALL", "fr_FR.UTF-8")
    with pytest.raises(JarsError, match="n'a pas pu être téléchargé"):
        find()


def test_lock_has_one_version_of_each_jar_and_no_unused_one() -> None:
    found = {jar.artifact: jar for jar in read_lock()}
    assert len(found) == len(read_lock())
    assert all(re.fullmatch("[0-9a-f]{64}", jar.sha256) for jar in found.values())
    assert found["kafka-clients"].version == found["kafka_2.13"].version == jars.KAFKA_VERSION
    assert not found.keys() & jars.UNUSED
    assert "commons-beanutils" not in found  # CVE-2025-48734, before 1.11
    assert found["lz4-java"].group == "at.yawk.lz4"
    assert files("streams.kafka").joinpath("kafka.lock").is_file()


@pytest.mark.parametrize(
    ("artifact", "fixed"),
    [
        ("kafka_2.13", (4, 2, 2)),  # CVE-2026-111108 and CVE-2026-111115: out of memory before a login; CVE-2026-111073
        ("jackson-core", (2, 21, 5)),  # CVE-2026-18401, CVE-2026-68494
        ("jackson-databind", (2, 21, 6)),  # CVE-2026-54512 to CVE-2026-54515, CVE-2026-68497
        ("log4j-core", (2, 25, 5)),  # CVE-2026-34477, CVE-2026-34478, CVE-2026-34480, CVE-2026-49844
        ("lz4-java", (1, 11, 1)),  # CVE-2025-12183, CVE-2025-66566, CVE-2026-59949
    ],
)
def test_jar_is_not_older_than_the_fix_of_its_known_vulnerabilities(artifact: str, fixed: tuple[int, ...]) -> None:
    (jar,) = (jar for jar in read_lock() if jar.artifact == artifact)
    assert tuple(map(int, jar.version.split("."))) >= fixed
