"""The alerts of promises, played by promtool: what they fire at, and that each that is a little different is found out."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import accumulate
from pathlib import Path
from typing import Final

import pytest

from tests.support.prometheus import PROMISES, RECORDING, read_alerts
from tests.support.promtool import WEB, Scene, Values, play

GROUPS: Final = ("accueil.promises", "accueil.promises.alerts")


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


def add(scene: Scene, series: dict[str, Values]) -> Scene:
    return replace(scene, series={**scene.series, **series})


def two_webs(scene: Scene) -> Scene:
    other = {series.replace('instance="a"', 'instance="b"'): values for series, values in scene.series.items()}
    return add(scene, other)


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
    read = {f'contact_history_timestamp_seconds{{{WEB},channel="mail"}}': 0}
    yield add(scene("history is read", 0, due=31, done=20), read)


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
def test_alert_that_is_another_is_found_out(alert: str, tmp_path: Path) -> None:
    rule = read_alerts()[alert]
    others = {f"Mutant{number}": one for number, one in enumerate(mutants(rule["query"]))}
    assert len(others) >= 4
    file = tmp_path / "mutants.yml"
    made = [{"alert": name, "expr": one, "for": f"{rule['duration']:.0f}s"} for name, one in others.items()]
    file.write_text(json.dumps({"groups": [{"name": GROUPS[1], "rules": made}]}), encoding="utf-8")
    wrong, _ = play(tmp_path, [RECORDING, file], GROUPS, list(others), SCENES[alert])
    assert {name: one for name, one in others.items() if name not in wrong} == {}
