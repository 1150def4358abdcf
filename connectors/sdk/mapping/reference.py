"""Generation of the tables of options in the reference of mappings (`docs/reference/mapping.md`).

`python -m connectors.sdk.mapping.reference` writes them, from the root of the project.
"""

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Final, NamedTuple

from connectors.sdk.config import Options, table
from connectors.sdk.mapping.event_fields import CLOSED_LISTS, DEFAULTS, EVENT_MODELS, data_fields
from connectors.sdk.mapping.options import EventOptions, FieldOptions, MappingOptions
from connectors.sdk.mapping.value_options import TestOptions, ValueOptions
from models.locale import N_, translate

PAGES: Final = {Path("docs/reference/mapping.md"): "en", Path("docs/reference/mapping.fr.md"): "fr"}
MARK: Final = "<!-- options: python -m connectors.sdk.mapping.reference -->"
"""Line after which the page is generated."""


class _Section(NamedTuple):
    title: str
    model: type[Options]
    left_out: Collection[str] = ()


_SECTIONS: Final = (
    _Section(N_("Options of a mapping"), MappingOptions, FieldOptions.model_fields),
    _Section(N_("Options of an event"), EventOptions, FieldOptions.model_fields),
    _Section(N_("Fields of events, for all events or for one"), FieldOptions),
    _Section(N_("A value as a table"), ValueOptions),
    _Section(N_("A test as a table"), TestOptions),
)
_BY_EVENT: Final = N_("Fields by event")
_BY_FIELD: Final = N_("Fields with a closed list of values")


def render(language: str) -> str:
    """Return the generated part of the page."""
    return "\n".join(_lines(language))


def update(page: Path, language: str) -> bool:
    """Write the generated part of a page; return whether this changed it. Raises OSError."""
    before = page.read_text(encoding="utf-8")
    above, _mark, _rest = before.partition(MARK)
    after = f"{above}{MARK}\n\n{render(language)}\n"
    if after != before:
        page.write_text(after, encoding="utf-8")
    return after != before


def _lines(language: str) -> Iterator[str]:
    for section in _SECTIONS:
        yield f"## {translate(section.title, language)}"
        yield ""
        yield table(section.model, language, section.left_out)
        yield ""
    yield f"## {translate(_BY_EVENT, language)}"
    yield ""
    yield translate(N_("| event | meaning | required | optional |"), language)
    yield "|---|---|---|---|"
    for event, model in EVENT_MODELS.items():
        fields = data_fields(event)
        required = [name for name, field in fields.items() if field.is_required() and (event, name) not in DEFAULTS]
        optional = [name for name in fields if name not in required]
        meaning = " ".join((model.__doc__ or "").split())
        yield f"| `{event}` | {translate(meaning, language)} | {_quoted(required)} | {_quoted(optional)} |"
    yield ""
    yield f"## {translate(_BY_FIELD, language)}"
    yield ""
    yield translate(N_("| field | values |"), language)
    yield "|---|---|"
    for name, values in sorted(CLOSED_LISTS.items()):
        yield f"| `{name}` | {_quoted(values)} |"


def _quoted(names: Collection[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


if __name__ == "__main__":
    for path, code in PAGES.items():
        update(path, code)
