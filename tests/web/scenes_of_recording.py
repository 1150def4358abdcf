"""Scenes for the recording rules: exported series and expected recorded series."""

from collections.abc import Iterator, Sequence
from typing import Final

from tests.support.promtool import RuleScenario, Samples, Values

WEBS: Final = ('job="accueil-web",instance="a"', 'job="accueil-web",instance="b"', 'job="board",instance="a"')
"""Instances with the same figures: two of a job, and one of another job."""
CALL, VISIT, MAIL = (
    f'channel="{channel}",site="siege",service="rsa",queue="q",policy="p",clock="c"'
    for channel in ("call", "visit", "mail")
)


def exported(metric: str, labels: str, value: Values, behind: Values) -> dict[str, Values]:
    """Series of the instances: the first has `value`, the others older values."""
    return {f"{metric}{{{web},{labels}}}": value if web == WEBS[0] else behind for web in WEBS}


def shown(name: str, series: dict[str, Values], shows: Samples, steps: int = 0, step: str = "1m") -> RuleScenario:
    return RuleScenario(name, series, len(shows), steps, step, shows)


def latest(metric: str, *places: str) -> RuleScenario:
    """Maximum over the instances for each dimensions."""
    series: dict[str, Values] = {}
    for number, place in enumerate(places):
        series |= exported(metric, place, number + 0.5, number + 0.25)
    return shown("boards", series, {f"{{{place}}}": number + 0.5 for number, place in enumerate(places)})


def calendars() -> RuleScenario:
    def promised(policy: str, calendar: str, unit: str, target: str) -> str:
        return f'policy="{policy}",clock="c",calendar="{calendar}",unit="{unit}",target="{target}"'

    info = (
        promised("p", "siege", "open_hours", "4"),
        promised("p", "annexe", "open_hours", "4"),
        promised("p", "annexe", "working_days", "1"),
        promised("q", "annexe", "open_hours", "4"),
        promised("r", "mairie", "open_hours", "4"),
    )
    series: dict[str, Values] = {}
    for one in info:
        series |= exported("contact_sla_policy_info", one, 1, 1)
    series |= exported("contact_calendar_open", 'calendar="siege"', 1, 0)
    series |= exported("contact_calendar_open", 'calendar="annexe"', 0, 0)
    series |= exported("contact_calendar_open", 'calendar="mairie"', 1, 1)
    shows = {f'{{policy="{policy}",clock="c"}}': is_open for policy, is_open in (("p", 1), ("q", 0), ("r", 1))}
    return shown("by any calendar of a clock", series, shows)


def earliest() -> RuleScenario:
    series = exported("contact_sla_oldest_overdue_timestamp_seconds", MAIL, 100, 200)
    series |= exported("contact_sla_oldest_overdue_timestamp_seconds", CALL, 400, 300)
    return shown("the earliest that a board tells", series, {f"{{{MAIL}}}": 100, f"{{{CALL}}}": 300})


def net() -> RuleScenario:
    series: dict[str, Values] = {}
    for result, number in (("met", 10), ("breached", 4), ("cancelled", 7)):
        series |= exported("contact_sla_completed_total", f'{CALL},result="{result}"', number, number - 1)
    for fact, number in (("met", 1), ("breached", 2), ("cancelled", 3), ("started", 5)):
        series |= exported("contact_sla_corrected_total", f'{CALL},fact="{fact}"', number, number - 1)
    shows = {f'{{{CALL},result="met"}}': 9, f'{{{CALL},result="breached"}}': 2}
    return shown("less what was taken back", series, shows)


def grown(metric: str, label: str, channels: Sequence[str], steps: int, step: str) -> RuleScenario:
    """Accelerating counts of three channels, minus those of half of the steps before."""
    numbers = [float(number**2) for number in range(steps + 1)]
    series: dict[str, Values] = {f"{metric}{{{place}{label}}}": numbers for place in (CALL, VISIT, MAIL)}
    difference = numbers[steps] - numbers[steps // 2]
    return shown("growth", series, {f"{{{place}{label}}}": difference for place in channels}, steps, step)


def burns(window: str) -> RuleScenario:
    """Shares in halves and quarters, so that floats are exact."""
    objectives = {("p", "c"): 0.75, ("p", "d"): 0.5, ("o", "c"): 0.9375, ("always", "c"): 1}
    series: dict[str, Values] = {
        f'policy_clock:contact_sla_objective:max{{policy="{policy}",clock="{clock}"}}': objective
        for (policy, clock), objective in objectives.items()
    }
    counts = {
        ("rsa", "p", "c"): (3, 5),
        ("pmi", "p", "c"): (0, 8),
        ("rsa", "p", "d"): (2, 2),
        ("rsa", "o", "c"): (1, 7),
    }
    counts["rsa", "always", "c"] = (1, 1)
    for (service, policy, clock), (breached, met) in counts.items():
        for result, number in (("breached", breached), ("met", met)):
            labels = f'service="{service}",policy="{policy}",clock="{clock}",result="{result}"'
            series[f"place_policy_clock_result:contact_sla_completed:delta{window}{{{labels}}}"] = number
    shows = {("rsa", "p", "c"): 1.5, ("pmi", "p", "c"): 0, ("rsa", "p", "d"): 1, ("rsa", "o", "c"): 2}
    return shown(
        "times too often",
        series,
        {f'{{service="{one}",policy="{policy}",clock="{clock}"}}': n for (one, policy, clock), n in shows.items()},
    )


def done() -> RuleScenario:
    series = exported("contact_sla_completed_total", f'{MAIL},result="met"', 10, 9)
    series |= exported("contact_sla_completed_total", f'{MAIL},result="breached"', 20, 19)
    series |= exported("contact_sla_late_total", MAIL, 5, 4)
    for fact, number in (("met", 3), ("late", 2), ("breached", 7)):
        series |= exported("contact_sla_corrected_total", f'{MAIL},fact="{fact}"', number, number - 1)
    return shown("in time or late, without what was taken back", series, {f"{{{MAIL}}}": 10})


def history() -> Iterator[RuleScenario]:
    hours, day = 48, 86_400

    def behind(metric: str, labels: str, seconds: int) -> dict[str, Values]:
        """The first instance is this far behind, the others an hour less."""
        return exported(metric, labels, hours * 3600 - seconds, hours * 3600 - seconds + 3600)

    def scene(name: str, figures: int, shows: Samples, *channels: tuple[str, int]) -> RuleScenario:
        series = behind("contact_figures_timestamp_seconds", 'partition="0"', figures)
        series |= behind("contact_figures_timestamp_seconds", 'partition="1"', 7200)
        for channel, seconds in channels:
            series |= behind("contact_history_timestamp_seconds", f'channel="{channel}"', seconds)
        return shown(name, series, shows, hours, "1h")

    read = (("mail", 5000), ("form", 9000))
    says = {'{channel="mail"}': 5000, '{channel="form"}': 9000}
    yield scene("of what is written", 60, says, *read)
    yield scene("of all that is counted, for a day", day, says, *read)
    yield scene("of all that is counted, for longer", day + 1, {**says, '{channel="call"}': day + 1}, *read)
    yield scene("said of calls", day + 1, {'{channel="call"}': 7000}, ("call", 7000))


def behind() -> Iterator[RuleScenario]:
    def scene(name: str, shows: Samples, *seconds: int) -> RuleScenario:
        """One partition is behind by these seconds, in steps of 50 s; another never is. The rule covers three steps."""
        series: dict[str, Values] = {}
        for partition, late in (("0", seconds), ("1", [0] * len(seconds))):
            values = [float(number * 50 - one) for number, one in enumerate(late)]
            series |= exported("contact_figures_timestamp_seconds", f'partition="{partition}"', values, values)
        return shown(name, series, shows, len(seconds) - 1, "50s")

    yield scene("a quarter of an hour", {}, *[800] * 8)
    yield scene("for longer", {'{channel="call"}': 901}, *[801] * 8)
    yield scene("a moment ago", {'{channel="call"}': 1000}, 0, 0, 0, 0, 900, 0, 0)
    yield scene("it is no more", {}, 0, 0, 0, 900, 0, 0, 0)


NET: Final = "place_policy_clock_result:contact_sla_completed:net"
DONE: Final = "place_policy_clock:contact_sla_done_true:max"
LIVE, ALL = (CALL, VISIT), (CALL, VISIT, MAIL)
WINDOWS: Final = {
    "5m": (LIVE, 10, "1m"),
    "30m": (LIVE, 4, "15m"),
    "2h": (LIVE, 4, "1h"),
    "1d": (ALL, 4, "12h"),
    "5d": (ALL, 4, "60h"),
    "28d": (ALL, 4, "14d"),
}
"""Window → its channels, and twice its length in steps."""
RECORDED: Final = {
    "policy_clock:contact_sla_objective:max": [
        latest("contact_sla_objective_ratio", 'policy="p",clock="c"', 'policy="p",clock="d"')
    ],
    "policy_clock:contact_sla_open:max": [calendars()],
    "place_policy_clock_state:contact_sla_open_items:max": [
        latest("contact_sla_open_items", f'{CALL},state="overdue"', f'{CALL},state="paused"')
    ],
    "place_policy_clock_horizon:contact_sla_due_items:max": [
        latest("contact_sla_due_items", f'{CALL},horizon="7d"', f'{CALL},horizon="1h"')
    ],
    "place_policy_clock:contact_sla_oldest_overdue_timestamp_seconds:min": [earliest()],
    NET: [net()],
    **{
        f"place_policy_clock_result:contact_sla_completed:delta{window}": [grown(NET, ',result="met"', *grows)]
        for window, grows in WINDOWS.items()
    },
    **{f"place_policy_clock:contact_sla_burnrate:ratio{window}": [burns(window)] for window in WINDOWS},
    DONE: [done()],
    "place_policy_clock:contact_sla_done:delta7d": [grown(DONE, "", ALL, 4, "84h")],
    "channel:contact_history_age_seconds:max": list(history()),
    "channel:contact_behind_seconds:max": list(behind()),
}
"""Recorded series → its expected values, from the series it is made of."""
