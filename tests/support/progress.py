"""A pytest plugin for `make test`: says which folder of tests begins, and how many there are in it."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest


class Folders:
    """Tells the folders of tests, each as the first of its tests begins."""

    def __init__(self, tests: Sequence[str], terminal: pytest.TerminalReporter) -> None:
        self._untold = Counter(map(_folder, tests))
        self._terminal = terminal

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """Write a heading before the first test of a folder."""
        if count := self._untold.pop(folder := _folder(nodeid), 0):
            self._terminal.ensure_newline()
            if self._terminal._tw.width_of_current_line:  # dots of several processes
                self._terminal._tw.line()
            self._terminal.write_sep("─", f"{folder} ({count})")


def pytest_collection_finish(session: pytest.Session) -> None:
    """Begin to tell, now that the tests are known."""
    _begin(session.config, [item.nodeid for item in session.items])


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_node_collection_finished(node: Any, ids: Sequence[str]) -> None:
    """Begin to tell, now that the first of several processes knows the tests."""
    _begin(node.config, ids)


def _begin(config: pytest.Config, tests: Sequence[str]) -> None:
    plugins = config.pluginmanager
    terminal = plugins.get_plugin("terminalreporter")
    if terminal and not plugins.has_plugin("folders"):
        plugins.register(Folders(tests, terminal), "folders")


def _folder(nodeid: str) -> str:
    return nodeid.partition("::")[0].rpartition("/")[0]
