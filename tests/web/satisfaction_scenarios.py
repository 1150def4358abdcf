"""Scenarios for the satisfaction alert: exported series, and whether it fires."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from tests.support.promtool import WEB, RuleScenario, Values, with_two_boards

WEEK: Final = 7 * 24 * 2
"""Length in steps of half an hour."""


def drops() -> Iterator[RuleScenario]:
    def scenario(
        name: str, fires: int, upper: Values, *, before: float = 0.8, answers: int = 30, measure: str = "csat"
    ) -> RuleScenario:
        """Return a scenario; `before` is the ratio of four weeks until a week ago, lower since then."""
        place = f'channel="call",site="siege",service="rsa",queue="q",measure="{measure}"'
        series: dict[str, Values] = {
            f'contact_satisfaction_upper_ratio{{{WEB},{place},window="7d"}}': upper,
            f'contact_satisfaction_upper_ratio{{{WEB},{place},window="28d"}}': 0.99,
            f'contact_satisfaction_ratio{{{WEB},{place},window="28d"}}': [*[before] * 5, 0.5],
            f'contact_satisfaction_ratio{{{WEB},{place},window="7d"}}': 0.95,
            f'contact_satisfaction_answers{{{WEB},{place},window="7d"}}': answers,
            f'contact_satisfaction_answers{{{WEB},{place},window="28d"}}': 1000,
        }
        result = {f"{{{place}}}": upper} if fires and isinstance(upper, float) else None
        return RuleScenario(f"SatisfactionDrop: {name}", series, fires, WEEK + 2, "30m", result)

    lower = scenario("upper bound below the earlier ratio", 1, 0.79)
    yield lower
    yield with_two_boards(lower)
    behind = with_two_boards(scenario("", 1, 0.78, before=0.79, answers=29))
    yield replace(lower, name="SatisfactionDrop: second board is behind", series={**behind.series, **lower.series})
    yield scenario("upper bound equals the earlier ratio", 0, 0.8)
    yield with_two_boards(scenario("upper bound equals the earlier ratio, two boards", 0, 0.8))
    yield scenario("too few answers", 0, 0.79, answers=29)
    yield with_two_boards(scenario("too few answers, two boards", 0, 0.79, answers=29))
    yield scenario("response rate", 0, 0.79, measure="response")


SATISFACTION_SCENARIOS: Final = {"SatisfactionDrop": list(drops())}
