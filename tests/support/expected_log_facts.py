"""Facts in the `queue_log` of the simulated switchboard that concern no queue stay: lines, menu choices, callbacks, reasons."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from connectors.sdk.simulation.call_profile import SERVICES
from connectors.simulator.case_tallies import DimensionKey
from connectors.simulator.organisation import CONTACT_REASONS, DIRECT_LINES, HEADQUARTERS

LogFact = tuple[DimensionKey, str, datetime, float | None]
"""Place, name, time, and duration in seconds if measured, as in `HistoryFact`."""
_LINES: Final = {service.number: (service.label, service.label) for service in SERVICES} | {
    line.number: (line.service, name) for name, line in DIRECT_LINES.items()
}
"""Number dialled → service and line."""
_MENU_REASONS: Final = {option: name for name, reason in CONTACT_REASONS.items() for option in reason.menu_options}
_MENU: Final = {str(key): service.label for key, service in enumerate(SERVICES, 1)}


def moment(at: int) -> datetime:
    return datetime.fromtimestamp(at, UTC)


def read_lines(queue_log: Path, until: datetime) -> Iterator[tuple[int, str, str, str, list[str]]]:
    """Yield time, call, queue, event and parameters of each line up to `until`."""
    for line in queue_log.read_text().splitlines():
        effective_at, call, queue, _, event, *parameters = line.split("|")
        if moment(int(effective_at)) > until:
            break
        yield int(effective_at), call, queue, event, parameters


def read_facts_outside_queues(queue_log: Path, until: datetime, last_queues: Mapping[str, str]) -> Iterator[LogFact]:
    """Yield the facts of lines, menu choices, reasons and callbacks, from the lines up to `until`.

    `last_queues` has the last queue of each call, to which its reason and its messages belong.
    """
    asked: dict[str, tuple[DimensionKey, datetime]] = {}
    for effective_at, call, _, event, parameters in read_lines(queue_log, until):
        at = moment(effective_at)
        match event:
            case "DID":
                place = ("line", HEADQUARTERS, *_LINES[parameters[0]])
                yield place, "line_arrived", at, None
                if call in last_queues:
                    yield place, "line_queued", at, None
            case "MENU":
                option = _MENU[parameters[0]]
                yield ("menu", HEADQUARTERS, "", option), "menu_chosen", at, None
                place = ("reason", HEADQUARTERS, last_queues.get(call, ""), f"call:{_MENU_REASONS[option]}")
                yield place, "reason_contacts", at, None
            case "VOICEMAIL" | "CALLBACK":
                label = last_queues[call]
                place = ("callback", HEADQUARTERS, label, label)
                asked[call] = place, at
                yield place, "message_left" if event == "VOICEMAIL" else "callback_requested", at, None
            case "VOICEMAIL_HEARD" | "CALLED_BACK":
                place, asked_at = asked[call]
                name = "message_heard" if event == "VOICEMAIL_HEARD" else "called_back"
                yield place, name, at, (at - asked_at).total_seconds()
