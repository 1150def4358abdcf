"""Scenes for the satisfaction alert: exported series, and whether it fires."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from tests.support.promtool import WEB, RuleScenario, Values, two_webs

WEEK: Final = 7 * 24 * 2
"""Length in steps of half an hour."""


def drops() -> Iterator[RuleScenario]:
    def scene(
        name: str, fires: int, upper: Values, *, before: float = 0.8, answers: int = 30, measure: str = "csat"
    ) -> RuleScenario:
        """Return a scene; `before` is the ratio of four weeks until a week ago, lower since then."""
        place = f'channel="call",site="siege",service="rsa",queue="q",measure="{measure}"'
        series: dict[str, Values] = {
            f'contact_satisfaction_upper_ratio{{{WEB},{place},window="7d"}}': upper,
            f'contact_satisfaction_upper_ratio{{{WEB},{place},window="28d"}}': 0.99,
            f'contact_satisfaction_ratio{{{WEB},{place},window="28d"}}': [*[before] * 5, 0.5],
            f'contact_satisfaction_ratio{{{WEB},{place},window="7d"}}': 0.95,
            f'contact_satisfaction_answers{{{WEB},{place},window="7d"}}': answers,
            f'contact_satisfaction_answers{{{WEB},{place},window="28d"}}': 1000,
        }
        shows = {f"{{{place}}}": upper} if fires and isinstance(upper, float) else None
        return RuleScenario(f"SatisfactionDrop: {name}", series, fires, WEEK + 2, "30m", shows)

    less = scene("a little less at best", 1, 0.79)
    yield less
    yield two_webs(less)
    behind = two_webs(scene("", 1, 0.78, before=0.79, answers=29))
    yield replace(less, name="SatisfactionDrop: one board is behind", series={**behind.series, **less.series})
    yield scene("as much at best", 0, 0.8)
    yield two_webs(scene("as much at best, from two instances", 0, 0.8))
    yield scene("too few answers", 0, 0.79, answers=29)
    yield two_webs(scene("too few answers, from two instances", 0, 0.79, answers=29))
    yield scene("fewer who answer are no drop of satisfaction", 0, 0.79, measure="response")


SCENES: Final = {"SatisfactionDrop": list(drops())}
