"""Mutation tests of the rules: scenes detect other thresholds, comparisons, windows, labels, guards and `for` durations."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from tests.support.mutants import mutants
from tests.support.prometheus import read_rules
from tests.support.promtool import RuleScenario, ask, wait
from tests.web.scenes_of_pipeline import AMISS
from tests.web.scenes_of_promises import UNITS
from tests.web.scenes_of_recording import RECORDED
from tests.web.scenes_of_satisfaction import SCENES as DROPS

SCENES: Final = {**RECORDED, **UNITS, **AMISS, **DROPS}
BOTH_SIDES: Final = "the other operand has the same matcher, and only what both have is left"
EQUIVALENT: Final = (
    (r".*", r"(up.*|.*in_force.*|.*reload_successful.*|.*following.*) == 0 => .* <= \(0\)+", "it is 0 or 1"),
    (r"SourceSilent", r"sum by .*\[1h\]\)\) \) == 0 => .* <= \(0\)+", "no increase is below 0"),
    (r".*", r"(.*open:max|.*contact_queue_open.*) == 1 => .* >= \(1\)+", "it is 0 or 1"),
    (r"NotifyBehind", r"max\(.* => sum\(.*", "a sum of what is never below 0 is 0 where the highest is"),
    (
        r"SourceSilent",
        r"sum by .*\[1h\]\)\) \) => max by .*",
        "a sum of what is never below 0 is 0 where the highest is",
    ),
    (
        r"SourceSilent",
        r"max without \(instance, job\) \(increase\(\S+\[1h\]\)\) => (sum without|max without \(\w+\)) .*",
        "a sum of what is never below 0 is 0 where the highest is",
    ),
    (
        r"SourceSilent",
        r'contact_received_total{channel=~"call\|visit"}( offset 1w|) => contact_received_total\1',
        BOTH_SIDES,
    ),
    (r".*completed:net", r'\w+{\w+=~"met\|breached"} => \w+', BOTH_SIDES),
    (
        r"StreamStopped",
        r"max by \(partition\) \(contact_figures_written_\w+\) => (min|sum) by .*",
        "where it is counted for how many there is one, not which",
    ),
    (r"SlaFileRefused", r"min by \(job, instance\) .* => (max|sum) by \(job, instance\) .*", "each process has one"),
    (
        r"Sla.*",
        r"max_over_time\(channel:contact_(history|behind).* => min_over_time.*",
        "whether there was one counts, not how much",
    ),
    (
        r".*burnrate:ratio.*",
        r'sum without \(result\) .*{result="breached"}\) => max without .*',
        "there is one of that result",
    ),
    (
        r"SlaMoreDueThanDone",
        r"max without \(horizon\) \( ?place_policy_clock_horizon\S+ ?\) => (min|sum) without .*",
        "there is one of that horizon",
    ),
    (
        r"SlaMoreDueThanDone",
        r"max without .* >= 10 => \(\(max without \(horizon\) \S+ >= 10\) and .*",
        "both operands say the same number",
    ),
    (
        r"SatisfactionDrop",
        r'\w+{measure!="response",window="\d+d"}( offset 1w|) => \w+{window="\d+d"}\1',
        BOTH_SIDES,
    ),
    (r"channel:contact_(history_age|behind)_seconds:max", r'"" => "other"', "there is no label of either name"),
    (r"Watchdog", r"vector\(1\) => \(1\)", "the same as a scalar, which Prometheus takes as well"),
)
"""Rule, mutation → why the mutation changes nothing."""


def test_each_changed_rule_fails_a_scene(tmp_path: Path) -> None:
    changed: dict[str, tuple[str, str]] = {}
    scenes: list[tuple[RuleScenario, dict[str, str]]] = []
    for rule in read_rules():
        queries = {}
        for query, change in mutants(rule["query"]).items():
            mark = f"mutant{len(changed)}"
            changed[mark], queries[mark] = (rule["name"], change), query
        scenes += [(scene, queries) for scene in SCENES[rule["name"]]]
    found, _ = ask(tmp_path, scenes)
    assert len(found) > 900, "the machinery that changes rules is another"
    survivors = [one for mark, one in changed.items() if mark not in found]
    same = {one: [entry for entry in EQUIVALENT if all(map(re.fullmatch, entry, one))] for one in survivors}
    assert [one for one, entries in same.items() if not entries] == []
    assert {entry for entries in same.values() for entry in entries} == set(EQUIVALENT)


def waits(rule: dict[str, Any], scene: RuleScenario) -> Iterator[tuple[dict[str, str], RuleScenario]]:
    """Return the alert, and variants with a `for` duration one step longer and shorter."""
    seconds = int(rule["duration"])
    step = {"m": 60, "h": 3600}[scene.step[-1]] * int(scene.step[:-1])
    for name, duration in (("", seconds), ("Sooner", seconds - step), ("Later", seconds + step)):
        if duration >= 0:
            yield {"alert": rule["name"] + name, "expr": rule["query"], "for": f"{duration}s"}, scene


def test_each_alert_has_the_expected_for_duration(tmp_path: Path) -> None:
    alerts = {rule["name"]: rule for rule in read_rules() if rule["type"] == "alerting"}
    played = [
        one
        for name, rule in alerts.items()
        for scene in SCENES[name]
        if scene.since is not None
        for one in waits(rule, scene)
    ]
    names = {alert["alert"] for alert, _ in played}
    assert {name.removesuffix("Sooner").removesuffix("Later") for name in names} == alerts.keys()
    wrong, said = wait(tmp_path, played)
    assert wrong == names - alerts.keys(), said
