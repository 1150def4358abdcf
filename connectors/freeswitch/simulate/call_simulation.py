"""Simulated callers and agents of a FreeSWITCH."""

from typing import Any, Final

from connectors.freeswitch.simulate.callcenter import AVAILABLE, DOMAIN, LOGGED_OUT, ON_BREAK, Callcenter, Tables
from connectors.freeswitch.simulate.server import PASSWORD
from connectors.sdk.simulation import HOST
from connectors.sdk.simulation.call_profile import SERVICES, USUAL_HOURS, CallProfile
from connectors.sdk.simulation.switchboard import FIRST_AGENT, MAX_AGENTS, Agent, Call, Queue, Switchboard

EXITS: Final = {
    "ABANDON": "BREAK_OUT",
    "EXITWITHTIMEOUT": "TIMEOUT",
    "EXITWITHKEY": "EXIT_WITH_KEY",
    "EXITEMPTY": "NO_AGENT_TIMEOUT",
}
STATUS: Final = {"ADDMEMBER": AVAILABLE, "UNPAUSE": AVAILABLE, "PAUSE": ON_BREAK, "REMOVEMEMBER": LOGGED_OUT}


class CallSimulation(Switchboard):
    """Switchboard that never closes, whose events are performed as actions in `callcenter`."""

    forgotten_share = 0.0

    def __init__(self, callcenter: Callcenter, *, seed: int, calls_per_hour: float) -> None:
        super().__init__(seed, CallProfile(calls_per_hour * USUAL_HOURS, always=True))
        self._callcenter = callcenter
        self._ids: dict[Call, str] = {}

    def record(
        self, call: Call | None, queue: Queue | None, agent: Agent | None, event: str, *parameters: object
    ) -> None:
        """Perform an event of the switchboard now in `callcenter`.

        Ignore a call's events that mod_callcenter does not have, and status changes of an absent agent, except the logout.
        """
        if call is not None:
            self._act(call, queue, agent, event, str(parameters[0]))
        elif agent is not None and (agent.present or event == "REMOVEMEMBER"):
            self._callcenter.set_status(self.now, _name(agent), STATUS[event])

    def _act(self, call: Call, queue: Queue | None, agent: Agent | None, event: str, detail: str) -> None:
        callcenter, at = self._callcenter, self.now
        if event == "DID":
            self._ids[call] = callcenter.arrive(at, caller=call.number or "anonymous", dialled=detail)
        call_id = self._ids[call]
        if agent is not None and event == "RINGNOANSWER":
            callcenter.ring_out(at, call_id, _name(agent))
        elif agent is not None and event == "CONNECT":
            callcenter.answer(at, call_id, _name(agent))
        elif event in EXITS:
            callcenter.cancel(at, call_id, EXITS[event])
        elif event in {"COMPLETEAGENT", "COMPLETECALLER"}:
            callcenter.hang_up(at, call_id, by_agent=event == "COMPLETEAGENT")
        elif event in {"BLINDTRANSFER", "ATTENDEDTRANSFER"}:
            callcenter.transfer(at, call_id, detail, attended=event == "ATTENDEDTRANSFER")
        elif queue is not None and event == "ENTERQUEUE":
            callcenter.enter(at, call_id, queue.service.label)


def tables() -> Tables:
    """Return the initial tables of the callcenter: a queue for each service, and its agents, logged out. No calls."""
    numbers = {service.label: FIRST_AGENT + MAX_AGENTS * place for place, service in enumerate(SERVICES)}
    agents = {
        f"{number}@{DOMAIN}": [queue] for queue, first in numbers.items() for number in range(first, first + MAX_AGENTS)
    }
    return Tables([*numbers], agents)


def configuration(port: int) -> dict[str, Any]:
    """Return the connector options to read the event socket at `port`."""
    return {
        "host": HOST,
        "port": port,
        "password": PASSWORD,
        "sector": "demonstration",
        "site": "annexe",
        "queues": {service.label: {"service": service.label, "extensions": [service.queue]} for service in SERVICES},
        "dids": {service.number: {"line": service.label, "service": service.label} for service in SERVICES},
    }


def _name(agent: Agent) -> str:
    return f"{agent.name.removeprefix('PJSIP/')}@{DOMAIN}"
