"""What stands behind the figures of the pages, and the icon that tells how much needs attention."""

from xml.etree import ElementTree as ET

import pytest

from streams.core.tracing import names
from streams.web.explaining import NAMES
from streams.web.icon import PLAIN, draw_icon


def test_what_lists_contacts_is_called_as_accueil_explain_calls_it() -> None:
    assert {name for several in NAMES.values() for name in several} <= set(names())


def test_a_figure_without_contacts_is_one_of_agents_of_days_before_or_of_all_scales() -> None:
    agents = {f"queues_{name}" for name in ("available", "on_contact", "paused")}
    assert {figure for figure, several in NAMES.items() if not several} == agents | {"queues_usual", "opinions_given"}


@pytest.mark.parametrize(("number", "shown"), [("1", "1"), ("9", "9"), ("10", "9+"), ("007", "7"), ("999999", "9+")])
@pytest.mark.parametrize("level", ["attention", "action"])
def test_the_icon_tells_how_many(number: str, shown: str, level: str) -> None:
    icon = ET.fromstring(draw_icon(number, level))
    assert [text.text for text in icon.iter("{http://www.w3.org/2000/svg}text")] == [shown]


def test_each_level_has_its_own_shape() -> None:
    assert draw_icon("3", "attention") != draw_icon("3", "action")


@pytest.mark.parametrize(
    ("number", "level"), [("", ""), ("0", "action"), ("3", "x"), ("<b>", "action"), ("-1", "action"), ("٣", "action")]
)
def test_what_is_no_number_or_no_level_has_the_plain_icon(number: str, level: str) -> None:
    assert draw_icon(number, level) == PLAIN
