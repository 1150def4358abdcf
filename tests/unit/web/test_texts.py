import re
from pathlib import Path

import pytest

from models.events import CountedPostClass, FeedbackScale, PostDirection
from models.locale import LANGUAGES
from models.policies import ClockKind
from models.topics import Channel
from streams.core.figures.figure import Formula
from streams.core.figures.satisfaction import Measure
from streams.web import app
from streams.web.board.explain_names import EXPLAIN_NAMES
from streams.web.board.payload import DataState
from streams.web.board.queues import CHANNELS
from streams.web.board.texts import TEXTS
from streams.web.options import WALL_VIEWS
from streams.web.preferences import THEMES

BOARD = Path(app.__file__).parent
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
    *(f"{state}_until_{moment}" for state in ("open", "shut") for moment in ("time", "date")),
    *THEMES,
    *(f"means_{figure}" for figure in EXPLAIN_NAMES if figure not in BY_FORMULA),
    *(f"measure_{measure.value}" for measure in Measure),
    *(f"view_{view}" for view in WALL_VIEWS),
    *(f"direction_{direction.value}" for direction in PostDirection),
    *(f"post_{post_class.value}" for post_class in CountedPostClass),
    "contact",  # a column of the wall
    *(f"alert_{name}" for name in ("overdue", "at_risk")),
    *(f"still_{name}" for name in ("waiting", "in_progress")),
}


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_text_selected_by_a_value_exists(language: str) -> None:
    assert TEXTS[language].keys() >= NAMED_BY_VALUE


def test_each_text_is_used() -> None:
    files = [*(BOARD / "templates").glob("*.html"), *(BOARD / "static").glob("*.js")]
    named = re.compile(r"(?:\bt\.|\btexts\.|\")(\w+)")
    used = {word for path in files for word in named.findall(path.read_text())}
    assert TEXTS["fr"].keys() - NAMED_BY_VALUE - used == set()


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_line_break_before_a_colon_a_sign_or_a_unit(language: str) -> None:
    for name, text in TEXTS[language].items():
        assert not re.search(r" [:;?!÷%»]| s\b|« ", text), name
