"""The alerts of Accueil itself, played by promtool."""

from itertools import accumulate
from pathlib import Path
from typing import Final

import pytest

from tests.support.prometheus import PIPELINE
from tests.support.promtool import WEB, Scene, Values, play

PARTITION: Final = 'contact_figures_%stimestamp_seconds{%s,partition="%d"}'
MINUTES: Final = [60.0 * step for step in range(400)]
"""The time at each step of a minute."""


def written(partition: int, values: Values, web: str = WEB) -> dict[str, Values]:
    return {PARTITION % ("written_", web, partition): values}


def calls(queue: str, this_week: float, last_week: float, quiet_for: int = 4) -> dict[str, Values]:
    """Half an hour by half an hour, a week and two hours: so many calls in each, none in the last ones."""
    came = [last_week] * 330 + [this_week] * (10 - quiet_for) + [0.0] * quiet_for
    place = f'channel="call",site="siege",service="rsa",queue="{queue}"'
    return {
        f"contact_received_total{{{WEB},{place}}}": list(accumulate(came, initial=0.0)),
        f'contact_queue_open{{{WEB},{place},calendar="siege"}}': 1,
    }


def shut(since: int) -> dict[str, Values]:
    opened = [1.0] * (340 - since) + [0.0]
    return {series: opened for series in calls("rsa", 0, 0) if series.startswith("contact_queue_open")}


def amiss(name: str, fires: int, series: dict[str, Values], steps: int = 8, step: str = "1m") -> Scene:
    return Scene(name, series, fires, steps, step)


def spooled(size: int) -> dict[str, Values]:
    which = 'job="accueil-connect",connector="asterisk/siege"'
    return {f"connector_spool_bytes{{{which}}}": size, f"connector_spool_limit_bytes{{{which}}}": 100}


READ: Final = 'connector_last_success_timestamp_seconds{job="accueil-connect",connector="asterisk/siege"}'
DEAD: Final = f'pipeline_dead_letters_total{{{WEB},reason="invalid_json"}}'
IN_FORCE: Final = f'contact_sla_file_in_force{{{WEB},partition="0"}}'
RELOADED: Final = 'pipeline_sla_file_last_reload_successful{job="accueil-%s",instance="%d"}'
WAITING: Final = 'notify_waiting{job="accueil-notify",receiver="mails.a"}'
REFUSED, DISABLED = (WAITING.replace("waiting", word) for word in ("refused", "disabled"))
FOLLOWING: Final = 'notify_following{job="accueil-notify"}'
READERS: Final = 'api_unusual_readers{job="accueil-api",instance="127.0.0.1:8081"}'
EXPECTED: Final = f"pipeline_expected_partitions{{{WEB}}}"
WORKER: Final = 'up{job="accueil-worker",instance="a"}'
AMISS: Final = {
    "ProcessDown": [
        amiss("a worker that is away", 1, {WORKER: [1.0, 0.0]}),
        amiss("a worker that was away", 0, {WORKER: [1.0, 0.0, 1.0]}),
        amiss("what is not Accueil", 0, {'up{job="node"}': 0}),
    ],
    "FiguresAbsent": [amiss("nothing", 1, {}), amiss("figures", 0, {EXPECTED: 2})],
    "StreamStopped": [
        amiss("all are written", 0, written(0, MINUTES) | written(1, MINUTES)),
        amiss("one is not", 1, written(0, MINUTES) | written(1, [0.0, 60.0])),
        amiss("one web sees nothing", 0, written(0, MINUTES) | written(0, 0, WEB.replace('"a"', '"b"'))),
        amiss("one never was", 1, written(0, MINUTES) | {EXPECTED: 2}),
        amiss("there is only one", 0, written(0, MINUTES) | {EXPECTED: 1}),
    ],
    "FiguresBehind": [
        amiss("for long", 1, {PARTITION % ("", WEB, 0): 0}, 45),
        amiss("not for long", 0, {PARTITION % ("", WEB, 0): 0}, 38),
        amiss("a little", 0, {PARTITION % ("", WEB, 0): [0.0] * 9 + MINUTES}, 60),
    ],
    "SourceSilent": [
        amiss("nobody", 1, calls("rsa", 4, 3), 340, "30m"),
        amiss("somebody elsewhere", 0, calls("rsa", 4, 3) | calls("pmi", 4, 3, quiet_for=0), 340, "30m"),
        amiss("nobody last week either", 0, calls("rsa", 4, 2), 340, "30m"),
        amiss("it is closed", 0, calls("rsa", 4, 3) | shut(since=1), 340, "30m"),
    ],
    "SourceNotRead": [amiss("for long", 1, {READ: 0}, 17), amiss("it is read", 0, {READ: MINUTES}, 17)],
    "SpoolFilling": [amiss("above half", 1, spooled(51)), amiss("half", 0, spooled(50))],
    "DeadLetters": [amiss("one", 1, {DEAD: [3.0] * 15 + [4.0]}, 20), amiss("none since", 0, {DEAD: [3.0, 4.0]}, 20)],
    "SlaFileDiffers": [
        amiss("for long", 1, {IN_FORCE: 0}, 20),
        amiss("until it is read", 0, {IN_FORCE: [0.0] * 12 + [1.0]}, 20),
    ],
    "SlaFileRefused": [
        amiss("of the board", 1, {RELOADED % ("worker", 0): 1, RELOADED % ("web", 0): 0}),
        amiss("of one of two workers", 1, {RELOADED % ("worker", 0): 0, RELOADED % ("worker", 1): 1}),
        amiss("until it is mended", 0, {RELOADED % ("worker", 0): [1.0, 0.0, 0.0, 1.0]}),
    ],
    "NotifyBehind": [amiss("for long", 1, {FOLLOWING: 0}), amiss("it began", 0, {FOLLOWING: [0.0] * 4 + [1.0]})],
    "ReceiverAway": [amiss("away", 1, {WAITING: 1}), amiss("busy", 0, {WAITING: [1.0, 0.0] * 4 + [1.0]})],
    "ReceiverRefuses": [
        amiss("a message", 1, {REFUSED: 1, DISABLED: 0}),
        amiss("all of them", 1, {REFUSED: 0, DISABLED: 1}),
        amiss("nothing", 0, {REFUSED: 0, DISABLED: 0}),
    ],
    "UnusualReading": [
        amiss("one token", 1, {READERS: 1}),
        amiss("none", 0, {READERS: 0}),
        amiss("at one of two addresses", 1, {READERS: 0, READERS.replace("8081", "8082"): 2}),
    ],
    "Watchdog": [amiss("always", 1, {})],
}


@pytest.mark.parametrize("alert", AMISS)
def test_alert_of_the_pipeline_fires_at_what_it_should(alert: str, tmp_path: Path) -> None:
    wrong, said = play(tmp_path, [PIPELINE], ["accueil.pipeline.alerts"], [alert], AMISS[alert])
    assert not wrong, said
