"""Source of the demarches connector: polls the lists of all configured procedures."""

import time
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from itertools import product
from typing import Final

import msgspec

from connectors.demarches.api import LISTINGS, RefusedError, fetch_page
from connectors.demarches.config import DemarchesConfig
from connectors.demarches.dossier_facts import read_node, split
from connectors.demarches.dossier_feed import BEGINNING, DossierFeed, ReadMark
from connectors.demarches.mapping import DossierMapping
from connectors.sdk.contract import Context, Outcome, Source
from connectors.sdk.errors import SourceRefusedError, SourceUnavailableError
from connectors.sdk.pull import HttpClient

BUSY_SECONDS: Final = 10.0
"""Longest time that one `read` skips pages without new facts, in seconds."""


class DemarchesSource(Source[bytes, bytes]):
    """Facts about dossiers, each as self-contained JSON."""

    checkpoint_seconds = 1.0

    def __init__(self, config: DemarchesConfig, context: Context) -> None:
        self._cursor = context.cursor
        # Includes the marks of procedures that are no longer configured.
        self._marks = context.cursor.load_as(dict[str, ReadMark]) or {}
        key = context.pseudonym_key(config.sector)
        self._feeds = [
            DossierFeed(config, number, listing, self._marks.setdefault(f"{number}/{listing.name}", ReadMark()), key)
            for number, listing in product(config.procedures, LISTINGS)
        ]
        self._mapping = DossierMapping(context.source, config, context.pseudonym_key)
        self._server = HttpClient(config.url, config.token)

    def read(self, wait_seconds: float) -> Sequence[bytes]:
        """Return the new facts of the next page with any; wait `wait_seconds` and return nothing if there is none.

        Raises `SourceUnavailableError`, also if one procedure is refused and the others have no new facts.
        """
        deadline = time.monotonic() + BUSY_SECONDS
        for feed in self._feeds:
            while feed.due and time.monotonic() < deadline:
                if facts := feed.read(self._server):
                    return facts
        if trouble := next((feed.trouble for feed in self._feeds if feed.trouble), ""):
            raise SourceUnavailableError(trouble)  # one procedure is refused; the others were read
        time.sleep(wait_seconds)
        return ()

    def map(self, raw: bytes) -> Outcome:
        """Return the events of a fact, none for an ignored step, or its rejection."""
        return self._mapping.map(raw)

    def position(self) -> bytes:
        """Return the read marks of all lists."""
        return msgspec.json.encode(self._marks)

    def acknowledge(self, position: bytes) -> None:
        """Save the read marks."""
        self._cursor.save(position)

    def close(self) -> None:
        """Close the connection."""
        self._server.close()


def probe(config: DemarchesConfig, context: Context) -> Sequence[Outcome]:
    """Read and map the first entry of every list. Raises `SourceUnavailableError` for any refusal."""
    mapping = DossierMapping(context.source, config, context.pseudonym_key)
    outcomes: list[Outcome] = []
    with closing(HttpClient(config.url, config.token)) as server:
        for number, listing in product(config.procedures, LISTINGS):
            try:
                page = fetch_page(server, listing, number, BEGINNING, 1, None)
            except RefusedError as error:
                raise SourceRefusedError(str(error)) from None
            facts = (dated.fact for raw in page.nodes for dated in split(number, read_node(raw), datetime.now(UTC)))
            outcomes += [mapping.map(fact) for fact in facts]
    return outcomes
