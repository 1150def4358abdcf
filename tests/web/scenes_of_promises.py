"""Scenes for the SLA alerts: exported or recorded series, and whether each alert fires."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Final

from tests.support.promtool import WEB, RuleScenario, Values, two_webs


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

    def scenes(self) -> Iterator[RuleScenario]:
        """Series that make all rules fire; thresholds are in `UNITS`."""
        allowed = self.factor * (1 - self.objective)
        over, under, far = 1.05 * allowed, 0.95 * allowed, 1.5 * allowed
        yield self.scene("broken a little too often", 1, self.shares(over, over))
        yield self.scene("not too often in the long window", 0, self.shares(under, far))
        yield self.scene("not too often any more", 0, self.shares(far, under))
        yield two_webs(self.scene("too few, from two instances", 0, self.all_of(self.floor - 1)))
        often = self.shares(far, far)
        yield self.scene("taken back", 0, often, taken_back=often[0])
        yield self.scene("closed", 0, often, is_open=0)
        yield self.scene("no margin", 0, often, objective=1)
        yield self.scene("history was read meanwhile", 0, often, history=self.steps - self.long + 1)
        yield self.scene("history was read before", 1, often, history=1)
        if self.channel == "call" and self.alert != "SlaObjectiveMissed":
            yield self.read_late("calls of an hour ago were read meanwhile", 0, often, 3600)
            yield self.read_late("calls of ten minutes ago were read meanwhile", 1, often, 600)

    def read_late(self, name: str, fires: int, counts: tuple[Values, Values], seconds: int) -> RuleScenario:
        """Figures are delayed by these seconds in the first steps of the long window."""
        step = {"1m": 60, "5m": 300}[self.step]
        behind = [float(number * step - seconds) for number in range(self.steps - self.long + 1)]
        figures = {f'contact_figures_timestamp_seconds{{{WEB},partition="0"}}': [*behind, 1e9]}
        return add(self.scene(name, fires, counts), figures)

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
    ) -> RuleScenario:
        """Return a scene; `history` is the number of first steps in which history is read."""
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


def add(scene: RuleScenario, series: dict[str, Values]) -> RuleScenario:
    return replace(scene, series={**scene.series, **series})


LETTERS: Final = f'{WEB},channel="mail",site="siege",service="rsa",queue="",policy="p",clock="c"'
WEEK: Final = 7 * 6
"""Length in steps of four hours."""


def more_due() -> Iterator[RuleScenario]:
    def scene(name: str, fires: int, due: int, done: int, is_open: int = 1) -> RuleScenario:
        """Return a scene; `done` clocks within a week, half of them late."""
        series: dict[str, Values] = {
            f'contact_sla_due_items{{{LETTERS},horizon="7d"}}': due,
            f'contact_sla_due_items{{{LETTERS},horizon="3d"}}': 0,
            f'contact_sla_completed_total{{{LETTERS},result="met"}}': [100, 100, 100, 100 + done / 2],
            f'contact_sla_completed_total{{{LETTERS},result="cancelled"}}': [100, 100, 100, 200],
            f"contact_sla_late_total{{{LETTERS}}}": [100, 100, 100, 100 + done / 2],
            **{f'contact_sla_corrected_total{{{LETTERS},fact="{fact}"}}': 0 for fact in ("met", "late")},
        }
        return RuleScenario(f"SlaMoreDueThanDone: {name}", series | calendar(is_open), fires, WEEK + 2, "4h")

    yield scene("more than that", 1, due=31, done=20)
    yield two_webs(scene("more than that, from two instances", 1, due=31, done=20))
    yield scene("closed", 0, due=31, done=20, is_open=0)
    read = {f'contact_history_timestamp_seconds{{{WEB},channel="mail"}}': 0}
    yield add(scene("history is read", 0, due=31, done=20), read)


def overdue_left() -> Iterator[RuleScenario]:
    def scene(name: str, fires: int, hours: int, is_open: int = 1, last: float | None = 0) -> RuleScenario:
        oldest: Values = [0.0] * (hours // 4) + [last]
        series = {f"contact_sla_oldest_overdue_timestamp_seconds{{{LETTERS}}}": oldest}
        return RuleScenario(f"SlaOverdueLeft: {name}", series | calendar(is_open), fires, hours // 4, "4h")

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
PLACES: Final = {
    channel: f'channel="{channel}",site="siege",service="rsa",queue="q",policy="p",clock="c"'
    for channel in ("call", "visit", "mail", "email", "form")
}
OPEN, HISTORY = "policy_clock:contact_sla_open:max", "channel:contact_history_age_seconds:max"
BEHIND: Final = "channel:contact_behind_seconds:max"
IS_OPEN: Final[dict[str, Values]] = {f'{OPEN}{{policy="p",clock="c"}}': 1}
OTHERS_ARE_OPEN: Final[dict[str, Values]] = {
    f'{OPEN}{{policy="p",clock="c"}}': 0,
    f'{OPEN}{{policy="p",clock="d"}}': 1,
    f'{OPEN}{{policy="q",clock="c"}}': 1,
}
AN_HOUR_OF_ANOTHER_CHANNEL: Final[dict[str, Values]] = {f'{HISTORY}{{channel="appointment"}}': 3600}


@dataclass(frozen=True)
class Window:
    """A burn rate alert on recorded series; a step is a sixth of its long window."""

    alert: str
    long: str
    short: str
    step: str
    factor: float
    floor: int
    waits: str
    """Durations of one and three steps."""
    channels: tuple[str, ...] = ("call", "visit", "mail", "email", "form")
    is_live: bool = False
    """Whether calls read late mute it."""

    def scenes(self) -> Iterator[RuleScenario]:
        over = 1.01 * self.factor
        yield self.scene("broken a little too often", self.channels, over, over)
        yield self.scene("as often as may be in the long window", (), self.factor, over)
        yield self.scene("as often as may be in the short window", (), over, self.factor)
        yield self.scene("more and more often", self.channels, over, 2 * over)
        yield self.scene("too few to say so", (), over, over, number=self.floor - 1)
        yield add(self.scene("closed", (), over, over), OTHERS_ARE_OPEN)
        yield add(self.scene("history is read elsewhere", self.channels, over, over), AN_HOUR_OF_ANOTHER_CHANNEL)
        yield add(self.scene("history was read meanwhile", (), over, over), self.history(4))
        yield add(self.scene("history was read before", self.channels, over, over), self.history(1))
        if self.is_live:
            elsewhere = {f'{BEHIND}{{channel="appointment"}}': 3600}
            yield add(self.scene("others are read late", self.channels, over, over), elsewhere)
            yield add(self.scene("they were read late meanwhile", (), over, over), self.history(4, BEHIND))
            yield add(self.scene("they were read late before", self.channels, over, over), self.history(1, BEHIND))
        steps = 2 if self.waits == "1m" else 1
        lasting = self.scene("for some time", self.channels, over, over)
        yield replace(lasting, step=self.waits, steps=steps, since=0)

    def history(self, step: int, metric: str = HISTORY) -> dict[str, Values]:
        """Steps in which history was read; the long window covers the fourth to the tenth."""
        return {f'{metric}{{channel="{channel}"}}': [*[None] * step, 3600, None] for channel in PLACES}

    def scene(
        self, name: str, fires: tuple[str, ...], long: float, short: float, number: int | None = None
    ) -> RuleScenario:
        """Return a scene; `number` clocks in the long window, by default the minimum."""
        of, counts = "place_policy_clock", (2, (number or self.floor) - 2)
        series: dict[str, Values] = {}
        for place in PLACES.values():
            series[f"{of}:contact_sla_burnrate:ratio{self.long}{{{place}}}"] = long
            series[f"{of}:contact_sla_burnrate:ratio{self.short}{{{place}}}"] = short
            for result, count in zip(("breached", "met"), counts, strict=True):
                series[f'{of}_result:contact_sla_completed:delta{self.long}{{{place},result="{result}"}}'] = count
        shows = {f"{of}:contact_sla_burnrate:ratio{self.long}{{{PLACES[channel]}}}": long for channel in fires}
        return RuleScenario(f"{self.alert}: {name}", series | IS_OPEN, len(shows), 10, self.step, shows)


WRITTEN: Final = ("mail", "email", "form")


def due() -> Iterator[RuleScenario]:
    of = "place_policy_clock"

    def scene(name: str, fires: bool, number: int, done: int) -> RuleScenario:
        """Return a scene with `number` clocks due within a week and `done` in the last one; more are due later."""
        series: dict[str, Values] = {}
        for place in PLACES.values():
            series[f'{of}_horizon:contact_sla_due_items:max{{{place},horizon="7d"}}'] = number
            series[f'{of}_horizon:contact_sla_due_items:max{{{place},horizon="30d"}}'] = 4 * number
            series[f"{of}:contact_sla_done:delta7d{{{place}}}"] = done
        shows = {f"{{{PLACES[channel]}}}": number for channel in WRITTEN if fires}
        return RuleScenario(f"SlaMoreDueThanDone: {name}", series | IS_OPEN, len(shows), 1, "15m", shows)

    over = scene("more than half as much again", True, 31, 20)
    yield replace(over, since=0)
    yield scene("half as much again", False, 30, 20)
    yield scene("just enough to say so", True, 10, 0)
    yield scene("too few to say so", False, 9, 0)
    closed = add(scene("closed", False, 31, 20), OTHERS_ARE_OPEN)
    yield closed
    yield add(over, AN_HOUR_OF_ANOTHER_CHANNEL)
    yield add(scene("history is read", False, 31, 20), {f'{HISTORY}{{channel="{one}"}}': 3600 for one in PLACES})


def overdue() -> Iterator[RuleScenario]:
    def scene(name: str, fires: bool, seconds: int, steps: int, step: str) -> RuleScenario:
        """Return a scene in which the earliest deadline passed this long ago at the end."""
        metric = "place_policy_clock:contact_sla_oldest_overdue_timestamp_seconds:min"
        ends_at = steps * {"15m": 900, "12h": 43_200}[step]
        series: dict[str, Values] = {f"{metric}{{{place}}}": ends_at - seconds for place in PLACES.values()}
        shows = {f"{{{PLACES[channel]}}}": seconds for channel in WRITTEN if fires}
        return RuleScenario(f"SlaOverdueLeft: {name}", series | IS_OPEN, len(shows), steps, step, shows)

    three_days = 259_200
    yield scene("for longer than three days", True, three_days + 1, 6, "12h")
    yield scene("for three days", False, three_days, 6, "12h")
    yield add(scene("closed", False, three_days + 1, 6, "12h"), OTHERS_ARE_OPEN)
    yield replace(scene("it stays so", True, three_days + 901, 1, "15m"), since=0)


UNITS: Final = {
    window.alert: list(window.scenes())
    for window in (
        Window("SlaBurnRateFast", "30m", "5m", "5m", 2.5, 20, "1m", is_live=True),
        Window("SlaBurnRateSlow", "2h", "30m", "20m", 1.5, 50, "15m", is_live=True),
        Window("SlaBurnRateDays", "5d", "1d", "20h", 4, 10, "15m", WRITTEN),
        Window("SlaObjectiveMissed", "28d", "5d", "112h", 1, 20, "15m"),
    )
} | {"SlaMoreDueThanDone": list(due()), "SlaOverdueLeft": list(overdue())}
"""Scenes on recorded series; `SCENES` contains those on exported series."""
