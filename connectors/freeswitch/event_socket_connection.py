"""What one FreeSWITCH tells, across lost connections."""

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
"""How often agents are listed: no event tells that one begins or ceases to serve a queue."""


class EventSocketConnection:
    """One connection, and what is kept of what it tells. Raises `SourceUnavailableError`, and is over then: close it."""

    def __init__(self, config: FreeswitchConfig, names: NameResolver) -> None:
        self._names = names
        self._session = EventSocketSession(config)
        try:
            listed = list_all(self._session)
            # Rows change just before it is told: what had changed is told before the next answer.
            meanwhile = self._kept(self._session.drain_until_now())
            listed.heard = sorted({subject(told.message) for told in meanwhile})
            self._rows = listed.agents, listed.tiers
            self._listed_at = time.monotonic()
            self.initial_records = [listed, *meanwhile]
            """How things are, and what was told while that was asked."""
        except BaseException:
            self._session.close()
            raise

    def receive(self, wait_seconds: float) -> list[EventSocketRecord]:
        """Return what happened, or if nothing did for now and that has changed, who the agents are."""
        told = self._kept(self._session.receive(wait_seconds))
        if told or time.monotonic() - self._listed_at < RELIST_SECONDS:
            return told
        self._listed_at = time.monotonic()
        self._session.begin_lists()
        try:
            listed = _list_agents(self._session)
        except SourceUnavailableError:
            return self._kept(
                self._session.receive(0.0)
            )  # what came before that is not lost; after it, this raises again
        if self._rows == (rows := (listed.agents, listed.tiers)):
            return []
        self._rows = rows
        return [listed]

    def close(self) -> None:
        """Leave."""
        self._session.close()

    def _kept(self, events: Sequence[Message]) -> list[EventSocketRecord]:
        now = time.time()
        return [
            EventSocketRecord(0, now, kept)
            for event in events
            if (kept := filter_event(event, self._names)) is not None
        ]


def list_all(session: EventSocketSession) -> EventSocketRecord:
    """Return how things are."""
    members = [select_fields(row, MEMBER) for row in session.list_members()]
    listed = _list_agents(session)
    listed.members = members
    return listed


def _list_agents(session: EventSocketSession) -> EventSocketRecord:
    tiers = [select_fields(row, TIER) for row in session.list_tiers()]
    agents = [select_fields(row, AGENT_ROW) for row in session.list_agents()]
    return EventSocketRecord(0, time.time(), _at(LISTED, session.clock()), agents=agents, tiers=tiers)


def _at(action: str, now: float) -> Message:
    return {"CC-Action": action, AT: str(int(now * 1_000_000))}
