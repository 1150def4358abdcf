"""Pytest plugin for `make test` that prints each test folder with its number of tests."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest


class Folders:
    """Print the heading of each test folder when its first test starts."""

    def __init__(self, tests: Sequence[str], terminal: pytest.TerminalReporter) -> None:
        self._pending = Counter(map(_folder, tests))
        self._terminal = terminal

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """Write a heading before the first test of a folder."""
        if count := self._pending.pop(folder := _folder(nodeid), 0):
            self._terminal.ensure_newline()
            if self._terminal._tw.width_of_current_line:  # dots printed by several processes
                self._terminal._tw.line()
            self._terminal.write_sep("─", f"{folder} ({count})")


def pytest_collection_finish(session: pytest.Session) -> None:
    """Register the plugin after the collection."""
    _register(session.config, [item.nodeid for item in session.items])


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_node_collection_finished(node: Any, ids: Sequence[str]) -> None:
    """Register the plugin after the first test process has collected the tests."""
    _register(node.config, ids)


def _register(config: pytest.Config, tests: Sequence[str]) -> None:
    plugins = config.pluginmanager
    terminal = plugins.get_plugin("terminalreporter")
    if terminal and not plugins.has_plugin("folders"):
        plugins.register(Folders(tests, terminal), "folders")


def _folder(nodeid: str) -> str:
    return nodeid.partition("::")[0].rpartition("/")[0]
