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
    visits = came(6, "visit") | opened("visit")
    minutes = 10
    week = 7 * 24 * 60 // minutes
    place = 'channel="call",site="siege",service="rsa",queue="rsa"'
    lasting: dict[str, Values] = {
        f"contact_received_total{{{WEB},{place}}}": [float(min(step, 30)) for step in range(week + 40)],
        f"contact_queue_open{{{WEB},{place}}}": [*[0.0] * (week + 8), 1.0],
    }
    return [
        silent("nobody", {calls: 0}, both),
        silent("of two kinds", {calls: 0, '{channel="visit",site="siege"}': 0}, both, visits),
        silent("somebody half an hour ago", None, came(5, quiet_for=1), opened()),
        silent("nobody for just an hour", {calls: 0}, came(5, quiet_for=2), opened()),
        silent("somebody in another queue", None, both, came(5, queue="pmi", quiet_for=0), opened(queue="pmi")),
        silent("few in each queue", {calls: 0}, came(3), came(2, queue="pmi"), opened(), opened(queue="pmi")),
        silent("few a week ago", None, came(4.8), opened()),
        silent("few a week ago, from two instances", None, came(4.8), came(4.8, web=OTHER), opened()),
        silent("one board was not there a week ago", {calls: 0}, both, came(0, web=OTHER), opened(web=OTHER)),
        silent("one board does not know of the last ones", None, came(5, quiet_for=1), came(5, web=OTHER), opened()),
        silent("letters", None, came(9, "mail"), opened("mail")),
        silent("counted anew", {calls: 0}, came(5, anew=True), opened()),
        silent("it is closed", None, came(5), opened(values=0)),
        silent("it has just closed", None, came(5), opened(values=since_before_the_end(0, 1, 0))),
        silent("it opened half an hour ago", None, came(5), opened(values=since_before_the_end(1, 0, 1))),
        silent("it opened an hour ago", {calls: 0}, came(5), opened(values=since_before_the_end(2, 0, 1))),
        silent("a queue is closed", {calls: 0}, both, opened(queue="pmi", values=0)),
        silent("another kind is open", None, came(5), opened(values=0), opened("visit")),
        amiss("for ten minutes", {calls: 0}, lasting, week + 15, f"{minutes}m"),
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
        amiss("all are written", None, ALL_WRITTEN | partitions(2)),
        amiss("all are written, from two instances", None, ALL_WRITTEN | partitions(2) | partitions(2, OTHER)),
        amiss("one is not", {"{}": 61}, written(0, MINUTES) | written(1, behind(61)), 2),
        amiss("one is not, from two instances", {"{}": 61}, written(0, behind(61)) | written(0, behind(62), OTHER)),
        amiss("one almost is not", None, written(0, MINUTES) | written(1, behind(60))),
        amiss("one web sees nothing", None, written(0, MINUTES) | written(0, 0, OTHER)),
        amiss("one never was", {"{}": 2}, written(0, MINUTES) | partitions(2)),
        amiss(
            "one never was, and one web does not know",
            {"{}": 2},
            written(0, MINUTES) | partitions(2) | partitions(1, OTHER),
        ),
        amiss("one is not, one never was", {"{}": 99}, written(0, behind(99)) | partitions(2)),
        amiss("there is only one", None, written(0, MINUTES) | partitions(1)),
    ],
    "FiguresBehind": [
        amiss("for long", {"{}": 601}, figures(0, behind(601)) | figures(1, MINUTES), 30),
        amiss(
            "for long, from two instances", {"{}": 601}, figures(0, behind(601)) | figures(0, behind(700), OTHER), 45
        ),
        amiss("a little", None, figures(0, behind(600)), 45),
    ],
    "SourceSilent": silence(),
    "SourceNotRead": [
        amiss("for long", {ASTERISK: 601}, read(behind(601)) | read(MINUTES, "imap/rsa"), 5),
        amiss("by none of two", {ASTERISK: 601}, read(behind(601)) | read(behind(700), instance="b"), 17),
        amiss("almost", None, read(behind(600)), 17),
    ],
    "SpoolFilling": [
        amiss("above half", {ASTERISK: 0.51}, spooled(51) | spooled(30, instance="b"), 5),
        amiss("of two", {ASTERISK: 0.51, '{connector="imap/rsa"}': 0.75}, spooled(51) | spooled(75, "imap/rsa")),
        amiss("half", None, spooled(50)),
    ],
    "AnswersRejected": [
        amiss("one", {ASTERISK: 1}, unread([3.0] * 15 + [4.0]), 15),
        amiss("a while ago", {ASTERISK: 1}, unread([3.0] * 10 + [4.0]), 20),
        amiss("by one of two processes", {ASTERISK: 1}, unread([3.0] * 15 + [4.0]) | unread(3, instance="b"), 20),
        amiss(
            "by two processes",
            {ASTERISK: 2},
            unread([3.0] * 15 + [4.0]) | unread([3.0] * 15 + [5.0], instance="b"),
            20,
        ),
        amiss(
            "of two connectors",
            {ASTERISK: 1, '{connector="freeswitch/annexe"}': 2},
            unread([3.0] * 15 + [4.0]) | unread([0.0] * 15 + [2.0], "freeswitch/annexe"),
            20,
        ),
        amiss("counted anew", {ASTERISK: 1}, unread([3.0] * 15 + [1.0]), 20),
        amiss("none since", None, unread([3.0, 4.0]), 20),
    ],
    "DeadLetters": [
        amiss("one", {'{reason="invalid_json"}': 1}, dead([3.0] * 15 + [4.0]), 15),
        amiss("a while ago", {'{reason="invalid_json"}': 1}, dead([3.0] * 10 + [4.0]), 20),
        amiss(
            "not at all boards yet", {'{reason="invalid_json"}': 1}, dead([3.0] * 15 + [4.0]) | dead(3, web=OTHER), 20
        ),
        amiss(
            "from two instances",
            {'{reason="invalid_json"}': 1},
            dead([3.0] * 15 + [4.0]) | dead([3.0] * 15 + [4.0], web=OTHER),
            20,
        ),
        amiss(
            "of two kinds",
            {'{reason="invalid_json"}': 1, '{reason="missing_key"}': 2},
            dead([3.0] * 15 + [4.0]) | dead([0.0] * 15 + [2.0], "missing_key"),
            20,
        ),
        amiss("counted anew", {'{reason="invalid_json"}': 1}, dead([3.0] * 15 + [1.0]), 20),
        amiss("none since", None, dead([3.0, 4.0]), 20),
    ],
    "SlaFileDiffers": [
        amiss("for long", {'{partition="0"}': 0}, in_force(0, 0) | in_force(1, 1), 15),
        amiss("at one of two boards", {'{partition="0"}': 0}, in_force(0, 1) | in_force(0, 0, OTHER), 20),
        amiss("of two", {'{partition="0"}': 0, '{partition="1"}': 0}, in_force(0, 0) | in_force(1, 0), 20),
        amiss("until it is read", None, in_force(0, [0.0] * 12 + [1.0]), 20),
    ],
    "SlaFileRefused": [
        amiss(
            "of the board",
            {'{job="accueil-web",instance="0"}': 0},
            reloaded("worker", 0, 1) | reloaded("web", 0, 0),
            5,
        ),
        amiss(
            "of one of two workers",
            {'{job="accueil-worker",instance="0"}': 0},
            reloaded("worker", 0, 0) | reloaded("worker", 1, 1),
        ),
        amiss("until it is mended", None, reloaded("worker", 0, [1.0, 0.0, 0.0, 1.0])),
    ],
    "NotifyBehind": [
        amiss("for long", {"{}": 0}, following(0), 5),
        amiss("one of two", None, following(1) | following(0, "b")),
        amiss("it began", None, following([0.0] * 4 + [1.0])),
    ],
    "ReceiverAway": [
        amiss("away", {MAIL_A: 1}, notified("waiting", 1) | notified("waiting", 0, "mails.b"), 5),
        amiss("both are", {MAIL_A: 1, MAIL_B: 2}, notified("waiting", 1) | notified("waiting", 2, "mails.b")),
        amiss("from two processes", {MAIL_A: 1}, notified("waiting", 1) | notified("waiting", 2, instance="b")),
        amiss("one of two processes has sent it", None, notified("waiting", 1) | notified("waiting", 0, instance="b")),
    ],
    "ReceiverRefuses": [
        amiss("a message", {MAIL_A: 1}, notified("refused", 1) | notified("disabled", 0), 1),
        amiss("all of them", {MAIL_A: 1}, notified("refused", 0) | notified("disabled", 1)),
        amiss("each", {MAIL_A: 2}, notified("refused", 2) | notified("disabled", 1)),
        amiss("some of two", {MAIL_A: 1, MAIL_B: 2}, notified("refused", 1) | notified("refused", 2, "mails.b")),
        amiss("all of two", {MAIL_A: 1, MAIL_B: 1}, notified("disabled", 1) | notified("disabled", 1, "mails.b")),
        amiss("some, from two processes", {MAIL_A: 2}, notified("refused", 2) | notified("refused", 1, instance="b")),
        amiss("all, from two processes", {MAIL_A: 1}, notified("disabled", 1) | notified("disabled", 0, instance="b")),
        amiss("all, from two instances", {MAIL_A: 1}, notified("disabled", 1) | notified("disabled", 1, instance="b")),
        amiss("nothing", None, notified("refused", 0) | notified("disabled", 0)),
    ],
    "UnusualReading": [
        amiss("one token", {"{}": 1}, readers(1), 1),
        amiss("none", None, readers(0)),
        amiss("at two addresses", {"{}": 2}, readers(1) | readers(2, 8082)),
        amiss("at one of two", {"{}": 2}, readers(0) | readers(2, 8082)),
    ],
    "Watchdog": [amiss("always", {"{}": 1}, {}, 0)],
}
