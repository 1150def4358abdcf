import re
from pathlib import Path

import pytest

from models.events import FeedbackScale
from models.locale import LANGUAGES, translate
from models.policies import ClockKind
from models.topics import Channel
from streams.core.figures.figure import Formula
from streams.core.figures.satisfaction import Measure
from streams.runtime.console import MESSAGES
from streams.web import app
from streams.web.board.explain_names import EXPLAIN_NAMES
from streams.web.board.payload import DataState
from streams.web.board.queues import CHANNELS
from streams.web.board.texts import TEXTS
from streams.web.options import WALL_VIEWS
from streams.web.preferences import THEMES

BOARD = Path(app.__file__).parent
HOUSE = BOARD.parents[1]
PAGES = [*HOUSE.glob("README.fr.md"), *(HOUSE / "connectors").rglob("README.fr.md")]
BY_CHANNEL = (("channel", ""), ("no", "_since"), ("no", "_today"))
BY_FORMULA = ("queues_service", "queues_abandonment")
BY_QUEUES = (("small_sample", ""), ("no", "_yet"))
NAMED_BY_VALUE = {
    *(f"why_{state.value}" for state in DataState if state is not DataState.LIVE),
    *(f"{kind}_{formula.value}" for kind in ("name", "formula") for formula in Formula),
    "why_connection",
    "why_crowded",
    *(f"{name}_{channel.value}{end}" for channel in Channel for name, end in BY_CHANNEL),
    *(f"{name}_{channel}{end}" for channel in CHANNELS for name, end in BY_QUEUES),
    *(f"scale_{scale.value}" for scale in FeedbackScale),
    *(f"clock_{kind.value}" for kind in ClockKind),
    *(f"{state}_until_{what}" for state in ("open", "shut") for what in ("time", "date")),
    *THEMES,
    *(f"means_{figure}" for figure in EXPLAIN_NAMES if figure not in BY_FORMULA),
    *(f"measure_{measure.value}" for measure in Measure),
    *(f"view_{view}" for view in WALL_VIEWS),
    "contact",  # a column of the wall, whose key is built from its name
    *(f"alert_{name}" for name in ("overdue", "at_risk")),
    *(f"still_{name}" for name in ("waiting", "in_progress")),
}


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_text_selected_by_a_value_exists(language: str) -> None:
    assert TEXTS[language].keys() >= NAMED_BY_VALUE


def test_every_text_is_used() -> None:
    files = [*(BOARD / "templates").glob("*.html"), *(BOARD / "static").glob("*.js")]
    named = re.compile(r"(?:\bt\.|\btexts\.|\")(\w+)")
    used = {word for path in files for word in named.findall(path.read_text())}
    assert TEXTS["fr"].keys() - NAMED_BY_VALUE - used == set()


@pytest.mark.parametrize("state", [state for state in DataState if state is not DataState.LIVE])
def test_console_shows_readiness_with_the_texts_of_the_page(state: DataState) -> None:
    for language in LANGUAGES:
        words = translate(MESSAGES[state.value], language)
        on_page = TEXTS[language][f"why_{state.value}"].translate({0x2019: "'", 0xA0: " "}).rstrip(".…")
        assert words.lower() == on_page.lower()


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_line_break_before_a_colon_a_sign_or_a_unit(language: str) -> None:
    for name, text in TEXTS[language].items():
        assert not re.search(r" [:;?!÷%»]| s\b|« ", text), name


def test_french_has_its_no_break_spaces() -> None:
    assert TEXTS["fr"]["at_site"] == "{site}\N{NO-BREAK SPACE}: {words}"
    assert TEXTS["fr"]["short_apart"] == "hors abandons en {limit}\N{NO-BREAK SPACE}s ({short})"


def test_electronic_mail_has_one_french_name() -> None:
    others = re.compile(r"\be-?mails?\b|\bmails?\b|messagerie|\bméls?\b", re.IGNORECASE)
    code = re.compile(r"```.*?```|`[^`]*`|\]\([^)]*\)", re.DOTALL)
    said = {page.parent.name: code.sub("", page.read_text(encoding="utf-8")) for page in PAGES}
    said["board"] = "\n".join(TEXTS["fr"].values())
    assert len(said) > 9
    assert {place: found for place, text in said.items() if (found := others.findall(text))} == {}
