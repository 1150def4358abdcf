"""A pytest plugin for `make test`: says which folder of tests begins, and how many there are in it."""

from collections import Counter

import pytest


class Folders:
    """Tells the folders of `items` as they begin."""

    def __init__(self, items: list[pytest.Item], terminal: pytest.TerminalReporter) -> None:
        self._counts = Counter(_folder(item.nodeid) for item in items)
        self._terminal = terminal
        self._current = ""

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """Write a heading before the first test of a folder."""
        if (folder := _folder(nodeid)) != self._current:
            self._current = folder
            self._terminal.ensure_newline()
            self._terminal.write_sep("─", f"{folder} ({self._counts[folder]})")


def pytest_collection_finish(session: pytest.Session) -> None:
    """Begin to tell, now that the tests are known."""
    if terminal := session.config.pluginmanager.get_plugin("terminalreporter"):
        session.config.pluginmanager.register(Folders(session.items, terminal))


def _folder(nodeid: str) -> str:
    return nodeid.partition("::")[0].rpartition("/")[0]
