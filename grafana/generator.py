"""Generator of the dashboard files, one for each page and language, such as `fr/overview.json`."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from grafana.page import Page, encode
from grafana.pages import appointments, channel, mail, overview, pipeline, queue, satisfaction, sla_targets
from grafana.texts import LANGUAGES

DASHBOARDS: Final = Path(__file__).parent / "dashboards"
PAGES: Final[tuple[Page, ...]] = tuple(
    module.PAGE for module in (overview, channel, queue, sla_targets, satisfaction, appointments, mail, pipeline)
)
"""All pages: from overview to detail."""


def generate() -> Mapping[str, str]:
    """Return path (relative to `DASHBOARDS`) → text of each file."""
    return dict(_generate())


def write(directory: Path) -> None:
    """Write all dashboards to `directory`, and delete all other `*/*.json` there, such as those of deleted pages."""
    files = generate()
    for path in directory.glob("*/*.json"):
        if path.relative_to(directory).as_posix() not in files:
            path.unlink()
    for name, text in files.items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_text(text, encoding="utf-8")


def _generate() -> Iterator[tuple[str, str]]:
    for page in PAGES:
        for language in LANGUAGES:
            yield f"{language}/{page.name}.json", encode(page.draw(language))
