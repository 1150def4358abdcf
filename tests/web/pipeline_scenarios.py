"""Scenarios for the pipeline alerts: series of the processes, and the expected alerts."""

from collections import ChainMap
from collections.abc import Mapping
from itertools import accumulate
from typing import Final

from tests.support.promtool import OTHER, WEB, RuleScenario, Samples, Values

Series = Mapping[str, Values]
MINUTES: Final = [60.0 * step for step in range(400)]
"""Time at each step of a minute."""


def fires(name: str, expected: Samples, *series: Series, steps: int = 8, step: str = "1m") -> RuleScenario:
    """Return a scenario in which the alert fires with the labels and values `expected`; it does not fire if that is empty."""
    return RuleScenario(name, dict(ChainMap(*map(dict, series))), len(expected), steps, step, expected)


def silent(name: str, *series: Series, steps: int = 8) -> RuleScenario:
    """Return a scenario in which the alert does not fire."""
    return fires(name, {}, *series, steps=steps)


def aged(seconds: float) -> list[float]:
    """Return a timestamp with a constant age."""
    return [minute - seconds for minute in MINUTES]


def board(name: str, values: Values, labels: str = "", web: str = WEB) -> Series:
    """Return a series of `accueil web`."""
    return {f"{name}{{{web}{labels and ','}{labels}}}": values}


def process(job: str, name: str, values: Values, labels: str = "", instance: str = "a") -> Series:
    """Return a series of another process."""
    return {f'{name}{{job="accueil-{job}",instance="{instance}"{labels and ","}{labels}}}': values}


def figures(partition: int, values: Values, web: str = WEB) -> Series:
    return board("contact_figures_timestamp_seconds", values, f'partition="{partition}"', web)


def written(partition: int, values: Values, web: str = WEB) -> Series:
    return board("contact_figures_written_timestamp_seconds", values, f'partition="{partition}"', web)


def partitions(number: int, web: str = WEB) -> Series:
    return board("pipeline_expected_partitions", number, web=web)


WEEK_STEPS: Final = 7 * 24 * 2
"""Half hours in a week; scenarios of silence are two hours longer."""


def arrivals(
    per_hour: float, channel: str = "call", queue: str = "rsa", *, quiet_for: int = 4, is_reset: bool = False
) -> Series:
    """Return a counter by half hours: `per_hour` arrivals a week ago, none after that, and some until `quiet_for` steps ago.

    `is_reset`: the counter restarts at 0 in both compared hours.
    """
    steps = [per_hour / 2] * 5 + [0.0] * (WEEK_STEPS - 11) + [4.0] * 10
    steps[WEEK_STEPS + 4 - quiet_for :] = [0.0] * quiet_for
    counts = list(accumulate(steps, initial=0.0))[: WEEK_STEPS + 5]
    if is_reset:
        counts = [100.0 + counts[2], *counts[1:2], 100.0 + counts[2], *(one - counts[2] for one in counts[3:])]
        counts[-2:] = [0.0, 0.0]
    labels = f'channel="{channel}",site="siege",service="rsa",queue="{queue}"'
    return board("contact_received_total", counts, labels)


def queue_open(values: Values = 1, channel: str = "call", queue: str = "rsa") -> Series:
    labels = f'channel="{channel}",site="siege",service="rsa",queue="{queue}",calendar="siege"'
    return board("contact_queue_open", values, labels)


def opened_before_the_end(steps: int) -> list[float]:
    return [0.0] * (WEEK_STEPS + 4 - steps) + [1.0]


def silence_scenarios() -> list[RuleScenario]:
    calls = {'{channel="call",site="siege"}': 0.0}

    def silence(name: str, expected: Samples, *series: Series) -> RuleScenario:
        return fires(name, expected, *series, steps=WEEK_STEPS + 4, step="30m")

    return [
        silence("no call", calls, arrivals(5), queue_open()),
        silence("a call half an hour ago", {}, arrivals(5, quiet_for=1), queue_open()),
        silence(
            "a call in another queue",
            {},
            arrivals(5),
            queue_open(),
            arrivals(5, queue="pmi", quiet_for=0),
            queue_open(queue="pmi"),
        ),
        silence("few calls a week ago", {}, arrivals(4.8), queue_open()),
        silence("letters", {}, arrivals(9, "mail"), queue_open(channel="mail")),
        silence("counter restarts", calls, arrivals(5, is_reset=True), queue_open()),
        silence("queue is closed", {}, arrivals(5), queue_open(0)),
        silence("queue opened half an hour ago", {}, arrivals(5), queue_open(opened_before_the_end(1))),
        silence("queue opened an hour ago", calls, arrivals(5), queue_open(opened_before_the_end(2))),
    ]


def connector(name: str, values: Values, instance: str = "a") -> Series:
    return process("connect", f"connector_{name}", values, 'connector="asterisk/siege"', instance)


def spool(size: int, instance: str = "a") -> Series:
    return {**connector("spool_bytes", size, instance), **connector("spool_limit_bytes", 100, instance)}


def dead_letters(values: Values, web: str = WEB) -> Series:
    return board("pipeline_dead_letters_total", values, 'reason="invalid_json"', web)


def sla_file_in_force(partition: int, value: Values, web: str = WEB) -> Series:
    return board("contact_sla_file_in_force", value, f'partition="{partition}"', web)


def reload_successful(job: str, values: Values) -> Series:
    return process(job, "pipeline_sla_file_last_reload_successful", values, instance="0")


def notify(name: str, values: Values, receiver: str = "mails.a", instance: str = "a") -> Series:
    return process("notify", f"notify_{name}", values, f'receiver="{receiver}"', instance)


WORKER: Final = 'up{job="accueil-worker",instance="a"}'
INVALID: Final = {'{reason="invalid_json"}': 1.0}
ASTERISK, MAIL_A, MAIL_B = '{connector="asterisk/siege"}', '{receiver="mails.a"}', '{receiver="mails.b"}'
SUCCESS, ANSWERS, ONE_MORE = "last_success_timestamp_seconds", "answers_rejected_total", [3.0] * 15 + [4.0]
PIPELINE_SCENARIOS: Final = {
    "ProcessDown": [
        fires("worker is down", {WORKER: 0}, {WORKER: [1.0, 0.0]}, steps=3),
        silent("worker is up again", {WORKER: [1.0, 0.0, 1.0]}),
        silent("other program is down", {'up{job="node"}': 0}),
    ],
    "FiguresAbsent": [fires("no figures", {"{}": 1}, steps=5), silent("figures", partitions(2))],
    "StreamStopped": [
        silent(
            "all written, two boards", written(0, MINUTES), written(1, MINUTES), partitions(2), partitions(2, OTHER)
        ),
        fires("one not written, two boards", {"{}": 61}, written(0, aged(61)), written(0, aged(62), OTHER)),
        silent("one written a minute ago", written(0, MINUTES), written(1, aged(60))),
        silent("one board reads nothing", written(0, MINUTES), written(0, 0, OTHER)),
        fires("one never written", {"{}": 2}, written(0, MINUTES), partitions(2)),
    ],
    "FiguresBehind": [
        fires("above ten minutes", {"{}": 601}, figures(0, aged(601)), figures(0, aged(700), OTHER), steps=45),
        silent("ten minutes", figures(0, aged(600)), steps=45),
    ],
    "SourceSilent": silence_scenarios(),
    "SourceNotRead": [
        fires(
            "above ten minutes, two processes",
            {ASTERISK: 601},
            connector(SUCCESS, aged(601)),
            connector(SUCCESS, aged(700), "b"),
            steps=17,
        ),
        silent("ten minutes", connector(SUCCESS, aged(600)), steps=17),
    ],
    "SpoolFilling": [
        fires("above half", {ASTERISK: 0.51}, spool(51), spool(30, "b"), steps=5),
        silent("half", spool(50)),
    ],
    "AnswersRejected": [
        fires("one", {ASTERISK: 1}, connector(ANSWERS, ONE_MORE), steps=15),
        fires(
            "one and two, two processes",
            {ASTERISK: 2},
            connector(ANSWERS, ONE_MORE),
            connector(ANSWERS, [3.0] * 15 + [5.0], "b"),
            steps=20,
        ),
        silent("none recently", connector(ANSWERS, [3.0, 4.0]), steps=20),
    ],
    "DeadLetters": [
        fires("one", INVALID, dead_letters(ONE_MORE), steps=15),
        fires("one, two boards", INVALID, dead_letters(ONE_MORE), dead_letters(ONE_MORE, OTHER), steps=20),
        fires("one, second board is behind", INVALID, dead_letters(ONE_MORE), dead_letters(3, OTHER), steps=20),
        silent("none recently", dead_letters([3.0, 4.0]), steps=20),
    ],
    "SlaFileDiffers": [
        fires(
            "at one of two boards",
            {'{partition="0"}': 0},
            sla_file_in_force(0, 1),
            sla_file_in_force(0, 0, OTHER),
            steps=20,
        ),
        silent("until the worker reads it", sla_file_in_force(0, [0.0] * 12 + [1.0]), steps=20),
    ],
    "SlaFileRefused": [
        fires(
            "by the board",
            {'{job="accueil-web",instance="0"}': 0},
            reload_successful("worker", 1),
            reload_successful("web", 0),
            steps=5,
        ),
        silent("until it is corrected", reload_successful("worker", [1.0, 0.0, 0.0, 1.0])),
    ],
    "NotifyBehind": [
        fires("the only process", {"{}": 0}, process("notify", "notify_following", 0), steps=5),
        silent(
            "one of two",
            process("notify", "notify_following", 1),
            process("notify", "notify_following", 0, instance="b"),
        ),
    ],
    "ReceiverAway": [
        fires("two receivers", {MAIL_A: 1, MAIL_B: 2}, notify("waiting", 1), notify("waiting", 2, "mails.b")),
        silent("one of two processes has sent it", notify("waiting", 1), notify("waiting", 0, instance="b")),
    ],
    "ReceiverRefuses": [
        fires("refused and disabled", {MAIL_A: 2}, notify("refused", 2), notify("disabled", 1)),
        fires("two receivers", {MAIL_A: 1, MAIL_B: 1}, notify("disabled", 1), notify("disabled", 1, "mails.b")),
        silent("none", notify("refused", 0), notify("disabled", 0)),
    ],
    "UnusualReading": [
        fires(
            "two processes",
            {"{}": 2},
            process("api", "api_unusual_readers", 1, instance="127.0.0.1:8081"),
            process("api", "api_unusual_readers", 2, instance="127.0.0.1:8082"),
        ),
        silent("none", process("api", "api_unusual_readers", 0)),
    ],
    "Watchdog": [fires("always", {"{}": 1}, steps=0)],
}
