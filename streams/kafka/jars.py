"""Download of Kafka's jars from Maven repositories, in the versions and with the SHA-256 sums of `kafka.lock`.

`python -m streams.kafka.jars` updates that file; `make lock` runs it.
"""

import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

from models.locale import _

KAFKA_VERSION: Final = "4.2.2"
# Resolved separately: the parent POM of log4j names versions of kafka-clients, jackson and zstd-jni, which would take precedence.
ENDPOINTS: Final = (f"org.apache.kafka:kafka_2.13:{KAFKA_VERSION}", "org.apache.logging.log4j:log4j-slf4j-impl:2.25.5")
UNUSED: Final = frozenset(
    {
        "caffeine",  # tiered storage
        "commons-beanutils",  # XML forms; a dependency of commons-validator, like the next three
        "commons-collections",
        "commons-digester",
        "commons-logging",
        "jackson-dataformat-csv",  # tools
        "jackson-dataformat-yaml",  # tools
        "jackson-datatype-jdk8",  # tools
        "jose4j",  # SASL OAUTHBEARER
        "scala-reflect",  # macros, at compile time
        "snakeyaml",  # tools
    }
)
"""Dependencies of Kafka that a KRaft broker with our settings does not load."""
LOCK: Final = Path(__file__).with_name("kafka.lock")
HEADER: Final = "# Kafka's jars: group:artifact:version and SHA-256. Written by `make lock`.\n"
DOWNLOAD_SECONDS: Final = 60
"""Longest wait for the next bytes of a download."""

Progress = Callable[[str], None]
"""Callback for messages about slow steps."""


class JarsError(RuntimeError):
    """A jar cannot be downloaded, or differs from the locked one; the message says which and why."""


class Jar(NamedTuple):
    """One line of the lock file."""

    group: str
    artifact: str
    version: str
    sha256: str

    @property
    def name(self) -> str:
        """File name, as in every Maven repository."""
        return f"{self.artifact}-{self.version}.jar"


def read_lock() -> list[Jar]:
    """Return the locked jars, in the order of the class path."""
    lines = LOCK.read_text(encoding="utf-8").splitlines()
    found = (re.split("[: ]", line) for line in lines if not line.startswith("#"))
    return [Jar(group, artifact, version, sha256) for group, artifact, version, sha256 in found]


def find_jars(progress: Progress) -> list[Path]:
    """Return the paths of all locked jars; download those that are missing or have another SHA-256 sum.

    The jars are in `accueil/kafka` of the user's cache directory, and hashed at each call (0.1 s for 37 MB).
    Raises `JarsError`.
    """
    store = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "accueil" / "kafka"
    locked = read_lock()
    if missing := [jar for jar in locked if not _is_locked(store / jar.name, jar)]:
        progress(
            _(
                "downloading Apache Kafka {kafka_version} (about 37 MB, the first time only)",
                kafka_version=KAFKA_VERSION,
            )
        )
        try:
            store.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(prefix="accueil-kafka-") as downloads:
                maven = _maven(Path(downloads))
                for jar in missing:
                    _fetch(jar, maven, store)
        except JarsError:
            raise
        except Exception as error:  # jgo raises errors of many classes
            raise JarsError(
                _(
                    "Apache Kafka could not be downloaded from a Maven repository: {error} (without access to "
                    "the internet: see README, Try it)",
                    error=error,
                )
            ) from error
    return [store / jar.name for jar in locked]


def _fetch(jar: Jar, maven: Any, store: Path) -> None:
    """Copy `jar` into `store`, from the local Maven repository or a download. Raises `JarsError` for another SHA-256 sum."""
    found = maven.project(jar.group, jar.artifact).at_version(jar.version).artifact().resolve()
    if (sha256 := _hash(found)) != jar.sha256:
        raise JarsError(
            _(
                "{found} is not the {name} of this version of Accueil (SHA-256 {sha256}, expected "
                "{sha256_2}): remove the file; if that does not help, the Maven repository serves another "
                "file",
                found=found,
                name=jar.name,
                sha256=sha256,
                sha256_2=jar.sha256,
            )
        )
    new = store / f"{jar.name}.{os.getpid()}"
    shutil.copyfile(found, new)
    new.replace(store / jar.name)


def _maven(downloads: Path) -> Any:
    """Return a jgo client of the repositories in jgo's settings and of the local one (`M2_REPO`, `~/.m2`)."""
    from jgo.config import GlobalSettings  # noqa: PLC0415 - slow to import, and only needed for a download
    from jgo.constants import MAVEN_CENTRAL_URL  # noqa: PLC0415
    from jgo.maven import MavenContext  # noqa: PLC0415

    settings = GlobalSettings.load()
    return MavenContext(
        repo_cache=downloads,
        local_repos=[settings.repo_cache],
        remote_repos={"central": MAVEN_CENTRAL_URL, **settings.repositories},
        timeout=DOWNLOAD_SECONDS,
    )


def _is_locked(path: Path, jar: Jar) -> bool:
    try:
        return _hash(path) == jar.sha256
    except FileNotFoundError:
        return False


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _resolve() -> Iterator[Jar]:
    """Yield the jars that the POMs of `ENDPOINTS` require, except `UNUSED` ones, with the hashes of the downloaded files."""
    import jgo  # noqa: PLC0415

    jars: dict[str, Jar] = {}
    for endpoint in ENDPOINTS:
        # Not `classpath`, which omits jars that are Java modules.
        files = {path.name: path for path in map(Path, jgo.build(endpoint, update=True).all_jars)}
        for found in jgo.resolve(endpoint):
            jar = Jar(found.groupId, found.artifactId, found.version, "")
            if jar.artifact not in UNUSED and jar.name in files:
                jar = jar._replace(sha256=_hash(files.pop(jar.name)))
                if jars.setdefault(jar.artifact, jar) != jar:
                    raise RuntimeError(f"two versions: {jar.name}, {jars[jar.artifact].name}")
        if unknown := [name for name in files if name.rpartition("-")[0] not in UNUSED]:
            raise RuntimeError(f"without coordinates: {', '.join(unknown)}")
    yield from jars.values()


def main() -> None:
    """Resolve the dependencies of `ENDPOINTS`, and write the lock file."""
    lines = sorted(f"{jar.group}:{jar.artifact}:{jar.version} {jar.sha256}\n" for jar in _resolve())
    LOCK.write_text(HEADER + "".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
