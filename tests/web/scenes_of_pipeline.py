"""Scenes for the pipeline alerts: series of the processes and expected alerts."""

from itertools import accumulate
from typing import Final

from tests.support.promtool import OTHER, WEB, RuleScenario, Samples, Values

MINUTES: Final = [60.0 * step for step in range(400)]
"""Time at each step of a minute."""


def amiss(
    name: str,
    fires: Samples | None,
    series: dict[str, Values],
    steps: int = 8,
    step: str = "1m",
) -> RuleScenario:
    """Return a scene; `fires` are the expected labels and texts, None if the alert does not fire."""
    return RuleScenario(name, series, len(fires or {}), steps, step, fires or {})


def behind(seconds: float) -> list[float]:
    """A timestamp with a constant age."""
    return [minute - seconds for minute in MINUTES]


def figures(partition: int, values: Values, web: str = WEB, kind: str = "") -> dict[str, Values]:
    return {f'contact_figures_{kind}timestamp_seconds{{{web},partition="{partition}"}}': values}


def written(partition: int, values: Values, web: str = WEB) -> dict[str, Values]:
    return figures(partition, values, web, "written_")


def partitions(number: int, web: str = WEB) -> dict[str, Values]:
    return {f"pipeline_expected_partitions{{{web}}}": number}


BACK_THEN: Final = 7 * 24 * 2
"""Half hours in a week; scenes of silence are two hours longer."""


def came(
    per_hour: float,
    channel: str = "call",
    queue: str = "rsa",
    web: str = WEB,
    *,
    quiet_for: float = 4,
    anew: bool = False,
) -> dict[str, Values]:
    """Half hour by half hour: so many came a week ago, none after that, and some until `quiet_for` half hours before the end.

    `anew`: they are counted from 0 again in both hours that are compared.
    """
    steps = [per_hour / 2] * 5 + [0.0] * (BACK_THEN - 11) + [4.0] * 10
    steps[BACK_THEN + 4 - int(quiet_for) :] = [0.0] * int(quiet_for)
    counts = list(accumulate(steps, initial=0.0))[: BACK_THEN + 5]
    if anew:
        last = counts[-1]
        counts = [100.0 + counts[2], *counts[1:2], 100.0 + counts[2], *(one - counts[2] for one in counts[3:])]
        counts[-2:] = [0.0, 0.0]
        assert last > 0
    place = f'channel="{channel}",site="siege",service="rsa",queue="{queue}"'
    return {f"contact_received_total{{{web},{place}}}": counts}


def opened(channel: str = "call", queue: str = "rsa", values: Values = 1, web: str = WEB) -> dict[str, Values]:
    place = f'channel="{channel}",site="siege",service="rsa",queue="{queue}",calendar="siege"'
    return {f"contact_queue_open{{{web},{place}}}": values}


def since_before_the_end(steps: int, before: float, after: float) -> list[float]:
    return [before] * (BACK_THEN + 4 - steps) + [after]


def silent(name: str, fires: Samples | None, *series: dict[str, Values]) -> RuleScenario:
    merged: dict[str, Values] = {}
    for one in series:
        merged |= one
    return amiss(name, fires, merged, BACK_THEN + 4, "30m")


def silence() -> list[RuleScenario]:
    calls, both = '{channel="call",site="siege"}', came(5) | opened()
    return [
        silent("nobody", {calls: 0}, both),
        silent("somebody half an hour ago", None, came(5, quiet_for=1), opened()),
        silent("somebody in another queue", None, both, came(5, queue="pmi", quiet_for=0), opened(queue="pmi")),
        silent("few a week ago", None, came(4.8), opened()),
        silent("letters", None, came(9, "mail"), opened("mail")),
        silent("counted anew", {calls: 0}, came(5, anew=True), opened()),
        silent("it is closed", None, came(5), opened(values=0)),
        silent("it opened half an hour ago", None, came(5), opened(values=since_before_the_end(1, 0, 1))),
        silent("it opened an hour ago", {calls: 0}, came(5), opened(values=since_before_the_end(2, 0, 1))),
    ]


def read(values: Values, connector: str = "asterisk/siege", instance: str = "a") -> dict[str, Values]:
    which = f'job="accueil-connect",instance="{instance}",connector="{connector}"'
    return {f"connector_last_success_timestamp_seconds{{{which}}}": values}


def spooled(size: int, connector: str = "asterisk/siege", instance: str = "a") -> dict[str, Values]:
    which = f'job="accueil-connect",instance="{instance}",connector="{connector}"'
    return {f"connector_spool_bytes{{{which}}}": size, f"connector_spool_limit_bytes{{{which}}}": 100}


def unread(values: Values, connector: str = "asterisk/siege", instance: str = "a") -> dict[str, Values]:
    which = f'job="accueil-connect",instance="{instance}",connector="{connector}"'
    return {f"connector_answers_rejected_total{{{which}}}": values}


def dead(values: Values, reason: str = "invalid_json", web: str = WEB) -> dict[str, Values]:
    return {f'pipeline_dead_letters_total{{{web},reason="{reason}"}}': values}


def in_force(partition: int, values: Values, web: str = WEB) -> dict[str, Values]:
    return {f'contact_sla_file_in_force{{{web},partition="{partition}"}}': values}


def reloaded(process: str, instance: int, values: Values) -> dict[str, Values]:
    return {f'pipeline_sla_file_last_reload_successful{{job="accueil-{process}",instance="{instance}"}}': values}


def notified(what: str, values: Values, receiver: str = "mails.a", instance: str = "a") -> dict[str, Values]:
    return {f'notify_{what}{{job="accueil-notify",instance="{instance}",receiver="{receiver}"}}': values}


def following(values: Values, instance: str = "a") -> dict[str, Values]:
    return {f'notify_following{{job="accueil-notify",instance="{instance}"}}': values}


def readers(number: int, port: int = 8081) -> dict[str, Values]:
    return {f'api_unusual_readers{{job="accueil-api",instance="127.0.0.1:{port}"}}': number}


WORKER: Final = 'up{job="accueil-worker",instance="a"}'
INVALID: Final = '{reason="invalid_json"}'
ASTERISK, MAIL_A, MAIL_B = '{connector="asterisk/siege"}', '{receiver="mails.a"}', '{receiver="mails.b"}'
ALL_WRITTEN: Final = written(0, MINUTES) | written(1, MINUTES)
AMISS: Final = {
    "ProcessDown": [
        amiss("a worker that is away", {WORKER: 0}, {WORKER: [1.0, 0.0]}, 3),
        amiss("a worker that was away", None, {WORKER: [1.0, 0.0, 1.0]}),
        amiss("what is not Accueil", None, {'up{job="node"}': 0}),
    ],
    "FiguresAbsent": [amiss("nothing", {"{}": 1}, {}, 5), amiss("figures", None, partitions(2))],
    "StreamStopped": [
        amiss("all are written, from two instances", None, ALL_WRITTEN | partitions(2) | partitions(2, OTHER)),
        amiss("one is not, from two instances", {"{}": 61}, written(0, behind(61)) | written(0, behind(62), OTHER)),
        amiss("one almost is not", None, written(0, MINUTES) | written(1, behind(60))),
        amiss("one web sees nothing", None, written(0, MINUTES) | written(0, 0, OTHER)),
        amiss("one never was", {"{}": 2}, written(0, MINUTES) | partitions(2)),
    ],
    "FiguresBehind": [
        amiss("for long", {"{}": 601}, figures(0, behind(601)) | figures(0, behind(700), OTHER), 45),
        amiss("a little", None, figures(0, behind(600)), 45),
    ],
    "SourceSilent": silence(),
    "SourceNotRead": [
        amiss("by none of two", {ASTERISK: 601}, read(behind(601)) | read(behind(700), instance="b"), 17),
        amiss("almost", None, read(behind(600)), 17),
    ],
    "SpoolFilling": [
        amiss("above half", {ASTERISK: 0.51}, spooled(51) | spooled(30, instance="b"), 5),
        amiss("half", None, spooled(50)),
    ],
    "AnswersRejected": [
        amiss("one", {ASTERISK: 1}, unread([3.0] * 15 + [4.0]), 15),
        amiss(
            "by two processes", {ASTERISK: 2}, unread([3.0] * 15 + [4.0]) | unread([3.0] * 15 + [5.0], instance="b"), 20
        ),
        amiss("none since", None, unread([3.0, 4.0]), 20),
    ],
    "DeadLetters": [
        amiss("one", {INVALID: 1}, dead([3.0] * 15 + [4.0]), 15),
        amiss("from two instances", {INVALID: 1}, dead([3.0] * 15 + [4.0]) | dead([3.0] * 15 + [4.0], web=OTHER), 20),
        amiss("not at all boards yet", {INVALID: 1}, dead([3.0] * 15 + [4.0]) | dead(3, web=OTHER), 20),
        amiss("none since", None, dead([3.0, 4.0]), 20),
    ],
    "SlaFileDiffers": [
        amiss("at one of two boards", {'{partition="0"}': 0}, in_force(0, 1) | in_force(0, 0, OTHER), 20),
        amiss("until it is read", None, in_force(0, [0.0] * 12 + [1.0]), 20),
    ],
    "SlaFileRefused": [
        amiss(
            "of the board",
            {'{job="accueil-web",instance="0"}': 0},
            reloaded("worker", 0, 1) | reloaded("web", 0, 0),
            5,
        ),
        amiss("until it is mended", None, reloaded("worker", 0, [1.0, 0.0, 0.0, 1.0])),
    ],
    "NotifyBehind": [
        amiss("for long", {"{}": 0}, following(0), 5),
        amiss("one of two", None, following(1) | following(0, "b")),
    ],
    "ReceiverAway": [
        amiss("both are", {MAIL_A: 1, MAIL_B: 2}, notified("waiting", 1) | notified("waiting", 2, "mails.b")),
        amiss("one of two processes has sent it", None, notified("waiting", 1) | notified("waiting", 0, instance="b")),
    ],
    "ReceiverRefuses": [
        amiss("each", {MAIL_A: 2}, notified("refused", 2) | notified("disabled", 1)),
        amiss("all of two", {MAIL_A: 1, MAIL_B: 1}, notified("disabled", 1) | notified("disabled", 1, "mails.b")),
        amiss("nothing", None, notified("refused", 0) | notified("disabled", 0)),
    ],
    "UnusualReading": [
        amiss("at two addresses", {"{}": 2}, readers(1) | readers(2, 8082)),
        amiss("none", None, readers(0)),
    ],
    "Watchdog": [amiss("always", {"{}": 1}, {}, 0)],
}
