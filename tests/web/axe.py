"""Runs axe-core in a page, against WCAG 2.2 AA and its best practices."""

import json
from pathlib import Path
from typing import Final

from tests.web.browser import Page

PATIENCE_SECONDS: Final = 180
"""Timeout in seconds: a wall of thirty queues has thousands of elements, and the machine may be full_wall."""
SOURCE: Final = (Path(__file__).parent / "vendor" / "axe-core" / "axe.min.js").read_text(encoding="utf-8")
TAGS: Final = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22a", "wcag22aa", "best-practice"]
RUN: Final = """
const [tags, done] = arguments;
axe.run(document, { runOnly: tags, preload: false, resultTypes: ["violations"] })
  .then(({ violations, passes }) => done([violations.flatMap(({ id, nodes }) => nodes.map(({ html, any }) =>
    [id, html.slice(0, 120), any.map(({ message }) => message).join(" ")])), passes.length]))
  .catch((error) => done([[["failed", String(error), ""]], 0]));
"""
"""None of these rules needs style sheets or media; preloading them took a third of the time."""


def check(page: Page) -> None:
    """Fail if axe-core finds a violation in the current page."""
    if page.run("return typeof axe === 'undefined'"):
        page.run(SOURCE)
    page.driver.set_script_timeout(PATIENCE_SECONDS)
    found, passed = page.driver.execute_async_script(RUN, TAGS)  # type: ignore[no-untyped-call]
    assert found == [], json.dumps(found, indent=1, ensure_ascii=False)
    assert passed > 10, "axe-core looked at next to nothing"
