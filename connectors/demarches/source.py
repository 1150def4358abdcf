"""The procedures of one token, as a source that is asked for what is new."""

import time
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from itertools import product
from typing import Final

import msgspec

from connectors.demarches.api import LISTINGS, RefusedError, ask
from connectors.demarches.config import DemarchesConfig
from connectors.demarches.dossier_facts import read_node, split
from connectors.demarches.dossier_feed import BEGINNING, DossierFeed, ReadMark
from connectors.demarches.mapping import DossierMapping
from connectors.sdk.contract import Context, Outcome, Source
from connectors.sdk.errors import SourceRefusedError, SourceUnavailableError
from connectors.sdk.pull import HttpClient

BUSY_SECONDS: Final = 10.0
"""How long pages without anything new are gone through in one `read`."""


class DemarchesSource(Source[bytes, bytes]):
    """Facts about dossiers, each as JSON that stands for itself."""

    checkpoint_seconds = 1.0

    def __init__(self, config: DemarchesConfig, context: Context) -> None:
        self._cursor = context.cursor
        self._marks = (
            context.cursor.load_as(dict[str, ReadMark]) or {}
        )  # those of procedures no longer configured are kept too
        key = context.pseudonym_key(config.sector)
        self._feeds = [
            DossierFeed(config, number, listing, self._marks.setdefault(f"{number}/{listing.name}", ReadMark()), key)
            for number, listing in product(config.procedures, LISTINGS)
        ]
        self._mapping = DossierMapping(context.source, config, context.pseudonym_key)
        self._server = HttpClient(config.url, config.token)

    def read(self, wait_seconds: float) -> Sequence[bytes]:
        """Return the new facts of the next page that has some."""
        deadline = time.monotonic() + BUSY_SECONDS
        for feed in self._feeds:
            while feed.due and time.monotonic() < deadline:
                if facts := feed.read(self._server):
                    return facts
        if trouble := next((feed.trouble for feed in self._feeds if feed.trouble), ""):
            raise SourceUnavailableError(trouble)  # of this procedure; the others were read
        time.sleep(wait_seconds)
        return ()

    def map(self, raw: bytes) -> Outcome:
        """Return what a fact means."""
        return self._mapping.map(raw)

    def position(self) -> bytes:
        """Return how far each list was read."""
        return msgspec.json.encode(self._marks)

    def acknowledge(self, position: bytes) -> None:
        """Keep it."""
        self._cursor.save(position)

    def close(self) -> None:
        """Let go of the server."""
        self._server.close()


def probe(config: DemarchesConfig, context: Context) -> Sequence[Outcome]:
    """Ask for the first entry of every list, and return what it means. Raises `SourceUnavailableError` for any refusal."""
    mapping = DossierMapping(context.source, config, context.pseudonym_key)
    outcomes: list[Outcome] = []
    with closing(HttpClient(config.url, config.token)) as server:
        for number, listing in product(config.procedures, LISTINGS):
            try:
                page = ask(server, listing, number, BEGINNING, 1, None)
            except RefusedError as error:
                raise SourceRefusedError(str(error)) from None
            told = (told for raw in page.nodes for told in split(number, read_node(raw), datetime.now(UTC)))
            outcomes += [mapping.map(one.fact) for one in told]
    return outcomes
