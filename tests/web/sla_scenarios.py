"""Scenarios for the SLA alerts: exported or recorded series, and whether each alert fires."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Final

from tests.support.promtool import WEB, RuleScenario, Values, with_two_boards


@dataclass(frozen=True)
class Burn:
    """A burn rate alert."""

    alert: str
    channel: str
    step: str
    long: int
    """Windows in steps."""
    short: int
    factor: float
    floor: int
    objective: float

    @property
    def steps(self) -> int:
        return self.long + 6

    def scenarios(self) -> Iterator[RuleScenario]:
        """Series through all recording rules, a little above and below each threshold."""
        allowed = self.factor * (1 - self.objective)
        over, under, far = 1.05 * allowed, 0.95 * allowed, 1.5 * allowed
        yield self.scenario("breached share above the threshold in both windows", 1, self.shares(over, over))
        yield self.scenario("breached share below the threshold in the long window", 0, self.shares(under, far))
        yield self.scenario("breached share below the threshold in the short window", 0, self.shares(far, under))
        yield with_two_boards(self.scenario("too few clocks, two boards", 0, self.all_of(self.floor - 1)))
        often = self.shares(far, far)
        yield self.scenario("breaches corrected", 0, often, corrected=often[0])
        yield self.scenario("calendar is closed", 0, often, is_open=0)
        yield self.scenario("objective of 100 %", 0, often, objective=1)
        yield self.scenario("history was read in the long window", 0, often, history=self.steps - self.long + 1)
        yield self.scenario("history was read before the long window", 1, often, history=1)
        if self.channel == "call" and self.alert != "SlaObjectiveMissed":
            yield self.read_late("calls of an hour ago were read in the long window", 0, often, 3600)
            yield self.read_late("calls of ten minutes ago were read in the long window", 1, often, 600)

    def read_late(self, name: str, fires: int, counts: tuple[Values, Values], seconds: int) -> RuleScenario:
        """Figures are delayed by these seconds in the first steps of the long window."""
        step = {"1m": 60, "5m": 300}[self.step]
        behind = [float(number * step - seconds) for number in range(self.steps - self.long + 1)]
        figures = {f'contact_figures_timestamp_seconds{{{WEB},partition="0"}}': [*behind, 1e9]}
        return add(self.scenario(name, fires, counts), figures)

    def shares(self, long: float, short: float) -> tuple[list[float], list[float]]:
        """Return breached and met clocks: ten per step, with these breached shares in the two windows."""
        last = self.short + 3  # since `for` takes some steps
        before = (long * self.long - short * last) / (self.long - last)
        steps = [10 * before] * (self.steps - last) + [10 * short] * last
        breached = list(accumulate(steps, initial=0.0))
        return breached, [10 * step - number for step, number in enumerate(breached)]

    def all_of(self, number: int) -> tuple[list[float], list[float]]:
        """This number of clocks in the long window, all breached."""
        return [float(step * number // self.long) for step in range(self.steps + 1)], [0.0]

    def scenario(
        self,
        name: str,
        fires: int,
        counts: tuple[Values, Values],
        *,
        corrected: Values = 0,
        is_open: int = 1,
        objective: float | None = None,
        history: int = 0,
    ) -> RuleScenario:
        """Return a scenario; `history` is the number of first steps in which history is read."""
        breached, met = counts
        place = f'{WEB},channel="{self.channel}",site="siege",service="rsa",queue="",policy="p",clock="c"'
        if self.channel == "call":
            read: dict[str, Values] = {
                f'contact_figures_timestamp_seconds{{{WEB},partition="0"}}': [*[-1e6] * history, 1e9]
            }
        else:
            read = {f'contact_history_timestamp_seconds{{{WEB},channel="{self.channel}"}}': [*[-1e6] * history, None]}
        return RuleScenario(
            f"{self.alert}: {name}",
            {
                f'contact_sla_completed_total{{{place},result="breached"}}': breached,
                f'contact_sla_completed_total{{{place},result="met"}}': met,
                f'contact_sla_completed_total{{{place},result="cancelled"}}': 1000,
                f'contact_sla_corrected_total{{{place},fact="breached"}}': corrected,
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


def add(scenario: RuleScenario, series: dict[str, Values]) -> RuleScenario:
    return replace(scenario, series={**scenario.series, **series})


LETTERS: Final = f'{WEB},channel="mail",site="siege",service="rsa",queue="",policy="p",clock="c"'
WEEK: Final = 7 * 6
"""Length in steps of four hours."""


def more_due() -> Iterator[RuleScenario]:
    def scenario(name: str, fires: int, due: int, done: int, is_open: int = 1) -> RuleScenario:
        """Return a scenario; `done` clocks within a week, half of them late."""
        series: dict[str, Values] = {
            f'contact_sla_due_items{{{LETTERS},horizon="7d"}}': due,
            f'contact_sla_due_items{{{LETTERS},horizon="3d"}}': 0,
            f'contact_sla_completed_total{{{LETTERS},result="met"}}': [100, 100, 100, 100 + done / 2],
            f'contact_sla_completed_total{{{LETTERS},result="cancelled"}}': [100, 100, 100, 200],
            f"contact_sla_late_total{{{LETTERS}}}": [100, 100, 100, 100 + done / 2],
            **{f'contact_sla_corrected_total{{{LETTERS},fact="{fact}"}}': 0 for fact in ("met", "late")},
        }
        return RuleScenario(f"SlaMoreDueThanDone: {name}", series | calendar(is_open), fires, WEEK + 2, "4h")

    yield scenario("more than half as much again", 1, due=31, done=20)
    yield with_two_boards(scenario("more than half as much again, two boards", 1, due=31, done=20))
    yield scenario("half as much again", 0, due=30, done=20)
    yield scenario("too few clocks due", 0, due=9, done=0)
    yield scenario("calendar is closed", 0, due=31, done=20, is_open=0)
    read = {f'contact_history_timestamp_seconds{{{WEB},channel="mail"}}': 0}
    yield add(scenario("history is being read", 0, due=31, done=20), read)


def overdue_left() -> Iterator[RuleScenario]:
    def scenario(name: str, fires: int, hours: int, is_open: int = 1, last: float | None = 0) -> RuleScenario:
        oldest: Values = [0.0] * (hours // 4) + [last]
        series = {f"contact_sla_oldest_overdue_timestamp_seconds{{{LETTERS}}}": oldest}
        return RuleScenario(f"SlaOverdueLeft: {name}", series | calendar(is_open), fires, hours // 4, "4h")

    yield scenario("for three days", 0, 72)
    yield scenario("for longer", 1, 80)
    yield scenario("calendar is closed", 0, 80, is_open=0)
    yield scenario("clock completed", 0, 80, last=None)


BURNS: Final = (
    Burn("SlaBurnRateFast", "call", "1m", 30, 5, 2.5, 20, 0.8),
    Burn("SlaBurnRateSlow", "call", "5m", 24, 6, 1.5, 50, 0.8),
    Burn("SlaBurnRateDays", "mail", "4h", 5 * 6, 6, 4, 10, 0.9),
    Burn("SlaObjectiveMissed", "mail", "1d", 28, 5, 1, 20, 0.9),
)
SLA_SCENARIOS: Final = {burn.alert: list(burn.scenarios()) for burn in BURNS} | {
    "SlaMoreDueThanDone": list(more_due()),
    "SlaOverdueLeft": list(overdue_left()),
}
