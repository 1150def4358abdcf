"""One connection to FreeSWITCH, with the retained fields of its events and lists."""

import time
from collections.abc import Sequence
from typing import Final

from connectors.freeswitch.config import FreeswitchConfig
from connectors.freeswitch.event_filter import (
    AGENT_ROW,
    AT,
    LISTED,
    MEMBER,
    TIER,
    EventSocketRecord,
    filter_event,
    select_fields,
    subject,
)
from connectors.freeswitch.event_socket_protocol import Message
from connectors.freeswitch.event_socket_session import EventSocketSession
from connectors.freeswitch.name_resolver import NameResolver
from connectors.sdk.errors import SourceUnavailableError

RELIST_SECONDS: Final = 60.0
"""Interval between agent lists, in seconds: no event reports changes of an agent's queues."""


class EventSocketConnection:
    """One connection. Close it after a `SourceUnavailableError`."""

    def __init__(self, config: FreeswitchConfig, names: NameResolver) -> None:
        self._names = names
        self._session = EventSocketSession(config)
        try:
            status = list_all(self._session)
            # Rows change just before their event is sent, so the events of all listed changes come before the next answer.
            events = self._filtered(self._session.drain_until_now())
            status.reported = sorted({subject(event.message) for event in events})
            self._rows = status.agents, status.tiers
            self._listed_at = time.monotonic()
            self.initial_records = [status, *events]
            """The lists, and the events received during the listing."""
        except BaseException:
            self._session.close()
            raise

    def receive(self, wait_seconds: float) -> list[EventSocketRecord]:
        """Return new events; without any, the agent lists if they have changed."""
        records = self._filtered(self._session.receive(wait_seconds))
        if records or time.monotonic() - self._listed_at < RELIST_SECONDS:
            return records
        self._listed_at = time.monotonic()
        self._session.begin_lists()
        try:
            status = _list_agents(self._session)
        except SourceUnavailableError:
            return self._filtered(
                self._session.receive(0.0)
            )  # return the events received before the failure; the next call raises again
        if self._rows == (rows := (status.agents, status.tiers)):
            return []
        self._rows = rows
        return [status]

    def close(self) -> None:
        """Close the connection."""
        self._session.close()

    def _filtered(self, events: Sequence[Message]) -> list[EventSocketRecord]:
        now = time.time()
        return [
            EventSocketRecord(0, now, filtered)
            for event in events
            if (filtered := filter_event(event, self._names)) is not None
        ]


def list_all(session: EventSocketSession) -> EventSocketRecord:
    """Request the lists of callers, agents and tiers (agents by queue), and return them as one record."""
    members = [select_fields(row, MEMBER) for row in session.list_members()]
    status = _list_agents(session)
    status.members = members
    return status


def _list_agents(session: EventSocketSession) -> EventSocketRecord:
    tiers = [select_fields(row, TIER) for row in session.list_tiers()]
    agents = [select_fields(row, AGENT_ROW) for row in session.list_agents()]
    return EventSocketRecord(0, time.time(), _at(LISTED, session.clock()), agents=agents, tiers=tiers)


def _at(action: str, now: float) -> Message:
    return {"CC-Action": action, AT: str(int(now * 1_000_000))}
