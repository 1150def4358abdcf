"""Fixtures: one Chromium for all tests of a process, and pages that several files share."""

import os
import re
import shlex
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium import webdriver

from models.roles import Role
from streams.kafka.child_processes import die_with_parent
from tests.support import timeline_page
from tests.web.browser import WATCH, Page
from tests.web.served import Served
from tests.web.timeline import WEB_SETTINGS, TimelineWindow
from tests.web.wall import fill_views, organisation

SHELLS = ("chrome-headless-shell", "/usr/lib/chromium/chromium-headless-shell")
"""Headless shell of Chromium: the same engine with three quarters of the processor time; packaged in Debian."""


@pytest.fixture(scope="session")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    chromium, chromedriver = shutil.which("chromium"), shutil.which("chromedriver")
    if not (chromium and chromedriver):
        assert not os.environ.get("CI"), "chromium is missing: apt-get install chromium chromium-driver"
        pytest.skip("chromium is missing: apt-get install chromium chromium-driver")
    options = webdriver.ChromeOptions()
    directory = tmp_path_factory.mktemp("chromium")
    shell = next(filter(None, map(shutil.which, SHELLS)), None)
    options.binary_location = end_with_parent(shell or chromium, directory / "chromium.sh")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    options.add_experimental_option("perfLoggingPrefs", {"enableNetwork": True, "enablePage": False})
    for argument in (
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--disable-sync",
        "--disable-background-networking",
        "--disable-component-update",
        "--no-first-run",
        "--hide-scrollbars",
        "--accept-lang=fr",
        *([] if shell else [f"--user-data-dir={directory}"]),  # with a directory, the shell starts without a page
    ):
        options.add_argument(argument)
    service = webdriver.ChromeService(chromedriver, popen_kw={"preexec_fn": die_with_parent})
    driver = webdriver.Chrome(options=options, service=service)
    driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": WATCH})
    yield driver
    driver.quit()


def end_with_parent(program: str, script: Path) -> str:
    """Return a command prefix that ends a program with its parent, so that aborted tests leave no browsers."""
    if sys.platform != "linux":
        return program
    script.write_text(f'#!/bin/sh\nexec setpriv --pdeathsig KILL {shlex.quote(program)} "$@"\n', encoding="utf-8")
    script.chmod(0o700)
    return str(script)


@pytest.fixture
def page(driver: webdriver.Chrome, request: pytest.FixtureRequest) -> Iterator[Page]:
    """A page; its last state is stored as a screenshot under tests/artifacts."""
    page = Page(driver)
    yield page
    page.screenshot(re.sub(r"[^\w.-]", "_", request.node.name)[:100])
    # A server of the next test may get the same port.
    driver.execute_cdp_cmd("Storage.clearDataForOrigin", {"origin": driver.current_url, "storageTypes": "all"})
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "", "features": []})
    driver.delete_all_cookies()
    driver.get("about:blank")


@pytest.fixture(scope="module")
def full_wall() -> Iterator[Served]:
    """A wall on which all views are present and full."""
    with organisation() as served:
        fill_views(served)
        yield served


@pytest.fixture(scope="module")
def timeline_api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[timeline_page.Served]:
    """The API with a token of each kind."""
    directory = tmp_path_factory.mktemp("api")
    with timeline_page.serving(directory, web=WEB_SETTINGS, api={"other_services": "outline"}) as served:
        served.add("camille")
        served.add("agent", Role.AGENT)
        served.add("autonomie", Role.AGENT, services=("autonomie",))
        served.add("elsewhere", Role.AGENT, sectors=("routes",))
        served.add("chef", Role.SUPERVISOR)
        served.add("slow", rate_per_minute=2)
        yield served


@pytest.fixture
def timeline(page: Page, timeline_api: timeline_page.Served) -> TimelineWindow:
    return TimelineWindow(page, timeline_api)
