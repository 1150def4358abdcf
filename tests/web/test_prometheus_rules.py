"""The rules of Prometheus that are shipped: what they fire at and what not, of what they are made, and where their alerts go."""

import json
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import accumulate
from pathlib import Path
from threading import Event, Thread
from typing import Any, Final

import httpx
import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.registry import Collector

from connectors.sdk.metrics import Meter, Metrics
from streams.engine.broker import free_port
from streams.notify.notifier import Notifier
from streams.notify.options import MailOptions, NotifyOptions
from tests.support.alertmanager import EXAMPLE, hooked
from tests.support.alertmanager import find as find_amtool
from tests.support.alertmanager import running as running_alertmanager
from tests.support.processes import ROOT, wait_until
from tests.support.prometheus import DEPLOYED, RULES, find, running
from tests.support.promtool import Scene, Values, play
from tests.unit.web.test_collector_channels import Exported
from tests.unit.web.test_collector_promises import HOUSE, KEPT, POLICIES

RECORDING, PROMISES, PIPELINE = (DEPLOYED / "rules" / f"{name}.yml" for name in ("recording", "promises", "pipeline"))
RUNBOOKS: Final = sorted((ROOT / "deploy" / "runbooks").glob("*.md"))
GROUPS: Final = ("accueil.promises", "accueil.promises.alerts")
WEB: Final = 'job="accueil-web",instance="a"'


@pytest.fixture(scope="module")
def rules(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[dict[str, Any]]]:
    """All rules, as Prometheus understands them."""
    with running(tmp_path_factory.mktemp("prometheus"), rules=RULES) as prometheus:
        yield prometheus.rules()


def alerts_of(rules: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {rule["name"]: rule for rule in rules if rule["type"] == "alerting"}


def test_rules_and_configuration_are_valid() -> None:
    for command in (
        ["check", "rules", "--lint=all", "--lint-fatal", *RULES],
        ["check", "config", DEPLOYED / "prometheus.example.yml"],
    ):
        done = subprocess.run([find("promtool"), *command], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


# ---------------------------------------------------------------------------------------------------------------- promises
@dataclass(frozen=True)
class Burn:
    """An alert of the margin that an objective leaves."""

    alert: str
    channel: str
    step: str
    long: int
    """Its windows, in steps."""
    short: int
    factor: float
    floor: int
    objective: float

    @property
    def steps(self) -> int:
        return self.long + 4

    def scenes(self) -> Iterator[Scene]:
        allowed = self.factor * (1 - self.objective)
        over, under, far = 1.05 * allowed, 0.95 * allowed, 1.5 * allowed
        yield self.scene("broken a little too often", 1, self.shares(over, over))
        yield self.scene("not too often in the long window", 0, self.shares(under, far))
        yield self.scene("not too often any more", 0, self.shares(far, under))
        yield self.scene("just enough to say so", 1, self.all_of(self.floor))
        yield self.scene("too few to say so", 0, self.all_of(self.floor - 1))
        yield two_webs(self.scene("too few, told twice", 0, self.all_of(self.floor - 1)))
        often = self.shares(far, far)
        yield self.scene("taken back", 0, often, taken_back=often[0])
        yield self.scene("closed", 0, often, is_open=0)
        yield self.scene("no margin", 0, often, objective=1)
        yield self.scene("history was read meanwhile", 0, often, history=self.steps - self.long + 1)
        yield self.scene("history was read before", 1, often, history=1)

    def shares(self, long: float, short: float) -> tuple[list[float], list[float]]:
        """Ten promises per step, of which these shares are broken in the two windows: how many are broken and met."""
        last = self.short + 3  # as `for` takes some steps
        before = (long * self.long - short * last) / (self.long - last)
        steps = [10 * before] * (self.steps - last) + [10 * short] * last
        breached = list(accumulate(steps, initial=0.0))
        return breached, [10 * step - number for step, number in enumerate(breached)]

    def all_of(self, number: int) -> tuple[list[float], list[float]]:
        """So many promises in the long window, all broken."""
        return [float(step * number // self.long) for step in range(self.steps + 1)], [0.0]

    def scene(
        self,
        name: str,
        fires: int,
        counts: tuple[Values, Values],
        *,
        taken_back: Values = 0,
        is_open: int = 1,
        objective: float | None = None,
        history: int = 0,
    ) -> Scene:
        """`history`: for so many steps from the beginning on, history is read."""
        breached, met = counts
        place = f'{WEB},channel="{self.channel}",site="siege",service="rsa",queue="",policy="p",clock="c"'
        if self.channel == "call":
            read: dict[str, Values] = {
                f'contact_figures_timestamp_seconds{{{WEB},partition="0"}}': [*[-1e6] * history, 1e9]
            }
        else:
            read = {f'contact_history_timestamp_seconds{{{WEB},channel="{self.channel}"}}': [*[-1e6] * history, None]}
        return Scene(
            f"{self.alert}: {name}",
            {
                f'contact_sla_completed_total{{{place},result="breached"}}': breached,
                f'contact_sla_completed_total{{{place},result="met"}}': met,
                f'contact_sla_completed_total{{{place},result="cancelled"}}': 1000,
                f'contact_sla_corrected_total{{{place},fact="breached"}}': taken_back,
                f'contact_sla_corrected_total{{{place},fact="met"}}': 0,
                f'contact_sla_corrected_total{{{place},fact="started"}}': 3,
                f'contact_sla_objective_ratio{{{WEB},policy="p",clock="c"}}': objective or self.objective,
                **calendar(is_open),
                **read,
            },
            fires,
            self.steps,
            self.step,
        )


def calendar(is_open: int) -> dict[str, Values]:
    return {
        f'contact_sla_policy_info{{{WEB},policy="p",clock="c",calendar="siege",unit="working_days",target="15"}}': 1,
        f'contact_calendar_open{{{WEB},calendar="siege"}}': is_open,
    }


def two_webs(scene: Scene) -> Scene:
    other = {series.replace('instance="a"', 'instance="b"'): values for series, values in scene.series.items()}
    return replace(scene, series={**scene.series, **other})


LETTERS: Final = f'{WEB},channel="mail",site="siege",service="rsa",queue="",policy="p",clock="c"'
WEEK: Final = 7 * 6
"""In steps of four hours."""


def more_due() -> Iterator[Scene]:
    def scene(name: str, fires: int, due: int, done: int, is_open: int = 1) -> Scene:
        """`done`: how many within a week, of each half late."""
        series: dict[str, Values] = {
            f'contact_sla_due_items{{{LETTERS},horizon="7d"}}': due,
            f'contact_sla_due_items{{{LETTERS},horizon="3d"}}': 0,
            f'contact_sla_completed_total{{{LETTERS},result="met"}}': [100, 100, 100, 100 + done / 2],
            f'contact_sla_completed_total{{{LETTERS},result="cancelled"}}': [100, 100, 100, 200],
            f"contact_sla_late_total{{{LETTERS}}}": [100, 100, 100, 100 + done / 2],
        }
        return Scene(f"SlaMoreDueThanDone: {name}", series | calendar(is_open), fires, WEEK + 2, "4h")

    yield scene("half as much again", 0, due=30, done=20)
    yield scene("more than that", 1, due=31, done=20)
    yield two_webs(scene("more than that, told twice", 1, due=31, done=20))
    yield scene("nothing was done", 1, due=10, done=0)
    yield scene("little is due", 0, due=9, done=0)
    yield scene("closed", 0, due=31, done=20, is_open=0)


def overdue_left() -> Iterator[Scene]:
    def scene(name: str, fires: int, hours: int, is_open: int = 1, last: float | None = 0) -> Scene:
        oldest: Values = [0.0] * (hours // 4) + [last]
        series = {f"contact_sla_oldest_overdue_timestamp_seconds{{{LETTERS}}}": oldest}
        return Scene(f"SlaOverdueLeft: {name}", series | calendar(is_open), fires, hours // 4, "4h")

    yield scene("for three days", 0, 72)
    yield scene("for longer", 1, 80)
    yield scene("closed", 0, 80, is_open=0)
    yield scene("done at last", 0, 80, last=None)


BURNS: Final = (
    Burn("SlaBurnRateFast", "call", "1m", 30, 5, 2.5, 20, 0.8),
    Burn("SlaBurnRateSlow", "call", "5m", 24, 6, 1.5, 50, 0.8),
    Burn("SlaBurnRateDays", "mail", "4h", 5 * 6, 6, 4, 10, 0.9),
    Burn("SlaObjectiveMissed", "mail", "1d", 28, 5, 1, 20, 0.9),
)
SCENES: Final = {burn.alert: list(burn.scenes()) for burn in BURNS} | {
    "SlaMoreDueThanDone": list(more_due()),
    "SlaOverdueLeft": list(overdue_left()),
}


@pytest.mark.parametrize("alert", SCENES)
def test_alert_of_promises_fires_at_what_it_should(alert: str, tmp_path: Path) -> None:
    wrong, said = play(tmp_path, [RECORDING, PROMISES], GROUPS, [alert], SCENES[alert])
    assert not wrong, said


def mutants(expression: str) -> Iterator[str]:
    """What an expression could be by mistake: each threshold a fifth more or less, each condition left out."""
    for found in re.finditer(r"(?<=[<>=] )[\d.]+(?= (?:\*|and|unless)|$)", expression):
        for factor in (1.2, 0.8):
            yield f"{expression[: found.start()]}{float(found[0]) * factor}{expression[found.end() :]}"
    clauses = re.split(r" (?=(?:and|unless)(?: on \(.*?\))? )", expression)
    assert len(clauses) > 1
    for clause in clauses[1:]:
        yield " ".join(one for one in clauses if one is not clause)


@pytest.mark.parametrize("alert", SCENES)
def test_alert_that_is_another_is_found_out(alert: str, rules: list[dict[str, Any]], tmp_path: Path) -> None:
    rule = alerts_of(rules)[alert]
    others = {f"Mutant{number}": one for number, one in enumerate(mutants(rule["query"]))}
    assert len(others) >= 4
    file = tmp_path / "mutants.yml"
    made = [{"alert": name, "expr": one, "for": f"{rule['duration']:.0f}s"} for name, one in others.items()]
    file.write_text(json.dumps({"groups": [{"name": GROUPS[1], "rules": made}]}), encoding="utf-8")
    wrong, _ = play(tmp_path, [RECORDING, file], GROUPS, list(others), SCENES[alert])
    assert {name: one for name, one in others.items() if name not in wrong} == {}


# ---------------------------------------------------------------------------------------------------------------- pipeline
PARTITION: Final = 'contact_figures_%stimestamp_seconds{%s,partition="%d"}'
MINUTES: Final = [60.0 * step for step in range(400)]
"""The time at each step of a minute."""


def written(partition: int, values: Values, web: str = WEB) -> dict[str, Values]:
    return {PARTITION % ("written_", web, partition): values}


def calls(queue: str, this_week: float, last_week: float, quiet_for: int = 4) -> dict[str, Values]:
    """Half an hour by half an hour, a week and two hours: so many calls in each, none in the last ones."""
    came = [last_week] * 330 + [this_week] * (10 - quiet_for) + [0.0] * quiet_for
    place = f'channel="call",site="siege",service="rsa",queue="{queue}"'
    return {
        f"contact_received_total{{{WEB},{place}}}": list(accumulate(came, initial=0.0)),
        f'contact_queue_open{{{WEB},{place},calendar="siege"}}': 1,
    }


def shut(since: int) -> dict[str, Values]:
    opened = [1.0] * (340 - since) + [0.0]
    return {series: opened for series in calls("rsa", 0, 0) if series.startswith("contact_queue_open")}


def amiss(name: str, fires: int, series: dict[str, Values], steps: int = 8, step: str = "1m") -> Scene:
    return Scene(name, series, fires, steps, step)


def spooled(size: int) -> dict[str, Values]:
    which = 'job="accueil-connect",connector="asterisk/siege"'
    return {f"connector_spool_bytes{{{which}}}": size, f"connector_spool_limit_bytes{{{which}}}": 100}


READ: Final = 'connector_last_success_timestamp_seconds{job="accueil-connect",connector="asterisk/siege"}'
DEAD: Final = f'pipeline_dead_letters_total{{{WEB},reason="invalid_json"}}'
WAITING: Final = 'notify_waiting{job="accueil-notify",receiver="mails.a"}'
FOLLOWING: Final = 'notify_following{job="accueil-notify"}'
EXPECTED: Final = f"pipeline_expected_partitions{{{WEB}}}"
WORKER: Final = 'up{job="accueil-worker",instance="a"}'
AMISS: Final = {
    "ProcessDown": [
        amiss("a worker that is away", 1, {WORKER: [1.0, 0.0]}),
        amiss("a worker that was away", 0, {WORKER: [1.0, 0.0, 1.0]}),
        amiss("what is not Accueil", 0, {'up{job="node"}': 0}),
    ],
    "FiguresAbsent": [amiss("nothing", 1, {}), amiss("figures", 0, {EXPECTED: 2})],
    "StreamStopped": [
        amiss("all are written", 0, written(0, MINUTES) | written(1, MINUTES)),
        amiss("one is not", 1, written(0, MINUTES) | written(1, [0.0, 60.0])),
        amiss("one web sees nothing", 0, written(0, MINUTES) | written(0, 0, WEB.replace('"a"', '"b"'))),
        amiss("one never was", 1, written(0, MINUTES) | {EXPECTED: 2}),
        amiss("there is only one", 0, written(0, MINUTES) | {EXPECTED: 1}),
    ],
    "FiguresBehind": [
        amiss("for long", 1, {PARTITION % ("", WEB, 0): 0}, 45),
        amiss("not for long", 0, {PARTITION % ("", WEB, 0): 0}, 38),
        amiss("a little", 0, {PARTITION % ("", WEB, 0): [0.0] * 9 + MINUTES}, 60),
    ],
    "SourceSilent": [
        amiss("nobody", 1, calls("rsa", 4, 3), 340, "30m"),
        amiss("somebody elsewhere", 0, calls("rsa", 4, 3) | calls("pmi", 4, 3, quiet_for=0), 340, "30m"),
        amiss("nobody last week either", 0, calls("rsa", 4, 2), 340, "30m"),
        amiss("it is closed", 0, calls("rsa", 4, 3) | shut(since=1), 340, "30m"),
    ],
    "SourceNotRead": [amiss("for long", 1, {READ: 0}, 17), amiss("it is read", 0, {READ: MINUTES}, 17)],
    "SpoolFilling": [amiss("above half", 1, spooled(51)), amiss("half", 0, spooled(50))],
    "DeadLetters": [amiss("one", 1, {DEAD: [3.0] * 15 + [4.0]}, 20), amiss("none since", 0, {DEAD: [3.0, 4.0]}, 20)],
    "NotifyBehind": [amiss("for long", 1, {FOLLOWING: 0}), amiss("it began", 0, {FOLLOWING: [0.0] * 4 + [1.0]})],
    "ReceiverAway": [amiss("away", 1, {WAITING: 1}), amiss("busy", 0, {WAITING: [1.0, 0.0] * 4 + [1.0]})],
    "Watchdog": [amiss("always", 1, {})],
}


@pytest.mark.parametrize("alert", AMISS)
def test_alert_of_the_pipeline_fires_at_what_it_should(alert: str, tmp_path: Path) -> None:
    wrong, said = play(tmp_path, [PIPELINE], ["accueil.pipeline.alerts"], [alert], AMISS[alert])
    assert not wrong, said


# ------------------------------------------------------------------------------------------------------- what all have
def test_each_alert_has_scenes_in_which_it_fires_and_not(rules: list[dict[str, Any]]) -> None:
    fires = {alert: {scene.fires for scene in scenes} for alert, scenes in (SCENES | AMISS).items()}
    assert fires.pop("Watchdog") == {1}
    assert fires == {name: {0, 1} for name in alerts_of(rules) if name != "Watchdog"}


def test_each_alert_says_in_both_languages_what_people_need(rules: list[dict[str, Any]]) -> None:
    told: dict[str, set[str]] = {}
    for name, alert in alerts_of(rules).items():
        labels, notes = alert["labels"], alert["annotations"]
        assert labels.keys() == {"severity", "category"}
        assert labels["severity"] in {"critical", "warning", "none"}
        both = {f"{note}{language}" for note in ("summary", "description", "runbook_url") for language in ("", "_en")}
        assert notes.keys() - {"dashboard_url"} == both
        for language, end in (("", ".fr.md"), ("_en", ".md")):
            page, _, heading = notes[f"runbook_url{language}"].rpartition("/")[2].partition("#")
            assert heading == name.lower()
            assert page.removesuffix(end) in {"promises", "pipeline"}
            told.setdefault(page, set()).add(name)
    assert told == {
        page.name: set(re.findall(r"^## (\w+)$", page.read_text("utf-8"), re.MULTILINE)) for page in RUNBOOKS
    }


def test_alerts_find_their_receivers(rules: list[dict[str, Any]]) -> None:
    receivers = {
        ("service", "critical"): "superviseurs-immediat,superviseurs-courriel",
        ("service", "warning"): "superviseurs-courriel",
        ("pipeline", "critical"): "exploitation",
        ("pipeline", "warning"): "exploitation",
        ("watchdog", "none"): "temoin",
    }
    found = {(rule["labels"]["category"], rule["labels"]["severity"]): name for name, rule in alerts_of(rules).items()}
    assert found.keys() == receivers.keys()
    for (category, severity), name in found.items():
        labels = [f"alertname={name}", f"category={category}", f"severity={severity}", "service=rsa"]
        test = [
            "config",
            "routes",
            "test",
            f"--config.file={EXAMPLE}",
            f"--verify.receivers={receivers[category, severity]}",
        ]
        done = subprocess.run([find_amtool("amtool"), *test, *labels], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def test_figures_that_are_not_whole_say_nothing_of_services(tmp_path: Path) -> None:
    def alert(name: str, category: str) -> dict[str, Any]:
        return {"labels": {"alertname": name, "category": category, "severity": "warning", "service": "rsa"}}

    told = [alert("SlaBurnRateDays", "service"), alert("SlaBreached", "sla"), alert("FiguresBehind", "pipeline")]
    with hooked() as hook, running_alertmanager(tmp_path / "alertmanager", hook) as manager:

        def tell(*alerts: dict[str, Any]) -> None:
            httpx.post(f"{manager.url}/api/v2/alerts", json=alerts).raise_for_status()

        def muted() -> set[str]:
            return {one["labels"]["alertname"] for one in manager.alerts() if one["status"]["inhibitedBy"]}

        tell(*told)
        wait_until(lambda: len(manager.alerts()) == len(told), "the alerts")
        assert muted() == set()
        tell(alert("StreamStopped", "pipeline"))
        expected = {"SlaBurnRateDays", "FiguresBehind"}
        wait_until(lambda: muted() == expected, "them to be muted", otherwise=muted)


# -------------------------------------------------------------------------------------------------- what they are made of
def labels_of(registry: CollectorRegistry | Collector) -> dict[str, set[str]]:
    """Sample → its labels."""
    found: dict[str, set[str]] = {}
    for metric in registry.collect():
        for sample in metric.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    return found


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """What the processes of Accueil tell: sample → its labels."""
    web = Exported(HOUSE, POLICIES)
    web.worker.count(KEPT, web.now, "started", "due")
    web.worker.stocks(KEPT, web.now, overdue=1)
    web.worker.progress(web.now, history={"mail": 1})
    connect = CollectorRegistry()
    Meter(Metrics(connect), "asterisk/siege").count_published(1, 1.0)
    notifier = Notifier(
        NotifyOptions(
            f"127.0.0.1:{free_port()}",
            tmp_path_factory.mktemp("notify"),
            mails=(MailOptions("mails.a", "127.0.0.1", "a@example.org", ("b@example.org",)),),
        )
    )
    stopping = Event()
    thread = Thread(target=notifier.run, args=(stopping,))
    thread.start()
    try:
        wait_until(lambda: "notify_waiting" in labels_of(notifier), "notify's metrics")
        notify = labels_of(notifier)
    finally:
        stopping.set()
        thread.join()
    return {"up": set(), **labels_of(web.registry), **labels_of(connect), **notify}


NAME: Final = r"[a-z][a-z0-9_:]*"


def test_rules_are_made_of_what_is_measured(rules: list[dict[str, Any]], measured: dict[str, set[str]]) -> None:
    recorded = {rule["name"] for rule in rules if rule["type"] == "recording"}
    labels = set().union(*measured.values()) | {"job", "instance"}
    used: set[str] = set()
    for rule in rules:
        bare = re.sub(r'"[^"]*"', '""', rule["query"])
        grouped = [
            label
            for words in re.findall(r"(?:by|without|on|group_left) \(([^)]*)\)", bare)
            for label in words.split(", ")
        ]
        assert set(filter(None, grouped)) <= labels
        bare = re.sub(r"(?:by|without|on|group_left) \([^)]*\)", "", bare)
        for name, matchers in re.findall(rf"({NAME})\{{([^}}]*)\}}", bare):
            own = measured.get(name, labels) | {"job", "instance"}
            assert set(re.findall(rf"({NAME})[=!]", matchers)) <= own, name
        bare = re.sub(r"\{[^}]*\}|\[[^]]*\]|offset \w+", "", bare)
        used |= set(re.findall(rf"(?<![\w:])({NAME})(?![\w:(]| *\()", bare)) - {"and", "or", "unless"}
    assert used - recorded <= measured.keys()
    assert {"up", "contact_sla_due_items", "notify_waiting", "connector_spool_bytes"} <= used
