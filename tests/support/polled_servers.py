"""Helpers of tests with connectors that poll a simulated server."""

from abc import abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Any

import pytest

from connectors.sdk.errors import SourceUnavailableError
from connectors.sdk.testing import Conformance, ConnectorHarness


class ServerConformance(Conformance):
    """Conformance of a connector with one simulated server for each source directory."""

    @pytest.fixture(autouse=True)
    def _run_servers(self) -> Iterator[None]:
        self._servers: dict[Path, Any] = {}
        with ExitStack() as self._stack:
            yield

    @abstractmethod
    def serve(self, directory: Path) -> AbstractContextManager[Any]:
        """Return the server for a directory."""

    def server(self, directory: Path) -> Any:
        if directory not in self._servers:
            self._servers[directory] = self._stack.enter_context(self.serve(directory))
        return self._servers[directory]


def unavailable(harness: ConnectorHarness) -> str:
    """Return the error text when the source cannot be read."""
    with harness.opened() as (flow, _), pytest.raises(SourceUnavailableError) as error:
        flow.step()
    return str(error.value)
