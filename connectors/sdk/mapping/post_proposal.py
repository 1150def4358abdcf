"""Proposal of a mapping for totals of post by day and class, as franking machines report them."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from connectors.sdk.mapping.config import read_mapping
from connectors.sdk.mapping.conversions import read_number, read_whole_number
from connectors.sdk.mapping.event_fields import CLOSED_LISTS
from connectors.sdk.mapping.proposed_lines import event_table, list_names, quote, quote_list, toml_key
from connectors.sdk.mapping.sample_columns import Column, find_column, plain_name, propose_label
from models.locale import _

PRESET: Final = "franking-machine"
_DAY: Final = re.compile(r"\bjour|\bdate|\bday")
_CLASS: Final = re.compile(r"classe|tarif|nature|produit|\bclass|\brate\b|product")
_SERVICE: Final = re.compile(r"service|compte|direction|account|department")
_ITEMS: Final = re.compile(r"\bnb\b|nombre|\bplis?\b|objet|quantite|items|pieces")
_AMOUNT: Final = re.compile(r"montant|cout|affranchissement|amount|cost|postage")
_TOTAL: Final = re.compile(r"(?:sous |sub)?total(?: general)?")


class PostColumns(NamedTuple):
    """Columns of a table with totals of post."""

    day: Column
    post_class: Column
    items: Column
    amount: Column
    service: Column | None


def find_post_columns(columns: Sequence[Column]) -> PostColumns | None:
    """Return the columns of a table with totals of post; None for another table."""
    times = [column for column in columns if column.time_format]
    others = [column for column in columns if not column.time_format]
    names = [column for column in others if column.has_few_values]
    day, post_class = find_column(_DAY, times), find_column(_CLASS, names)
    items, amount = find_column(_ITEMS, others), find_column(_AMOUNT, others)
    if day is None or post_class is None or items is None or amount is None:
        return None
    if not items.is_mostly(_is_whole_number) or not amount.is_mostly(_is_number):
        return None
    return PostColumns(day, post_class, items, amount, find_column(_SERVICE, names))


def list_post_lines(found: PostColumns) -> Iterator[str]:
    """Yield the lines of the mapping, after its first options."""
    advice = _("the preset {preset} reads such totals: accueil connectors presets {preset}", preset=PRESET)
    yield f"# {advice}"
    parts = [found.day, *([found.service] if found.service else []), found.post_class]
    yield f"id = {quote_list(column.name for column in parts)}"
    if found.service:
        yield f"service = {quote(found.service.name)}"
    options = {
        "time": quote(found.day.name),
        "post_class": quote(found.post_class.name),
        "items": quote(found.items.name),
        "cost_cents": f'{{ field = {quote(found.amount.name)}, unit = "euros" }}',
    }
    yield ""
    yield f"events = [{event_table('post.counted', options)}]"
    totals = {column: [value for value in column.distinct if _is_total(value)] for column in parts[1:]}
    if any(totals.values()):
        yield from ("", "[ignored]")
        for column, values in totals.items():
            if values:
                yield f"{toml_key(column.name)} = {quote_list(values)}"
    yield from ("", "[values.post_class]")
    known = _("the names may be: {names}", names=", ".join(CLOSED_LISTS["post_class"]))
    yield f"# {known}"
    classes = find_known_classes()
    yield from list_names(_without_totals(found.post_class), lambda value: classes.get(propose_label(value), ""))
    if found.service:
        yield from ("", "[values.service]", *list_names(_without_totals(found.service)))


def _without_totals(column: Column) -> Counter[str]:
    return Counter(value for value in column.values if not _is_total(value))


def find_known_classes() -> dict[str, str]:
    """Return the post class by the label of each name that La Poste or a machine gives it, as in the preset."""
    named: dict[str, str] = read_mapping(PRESET)["values"]["post_class"]
    own = {name: name for name in CLOSED_LISTS["post_class"]}
    return {propose_label(source): name for source, name in {**own, **named}.items()}


def _is_total(value: str) -> bool:
    return _TOTAL.fullmatch(plain_name(value)) is not None


def _is_number(value: str) -> bool:
    try:
        read_number(value)
    except ValueError:
        return False
    return True


def _is_whole_number(value: str) -> bool:
    try:
        read_whole_number(value)
    except ValueError:
        return False
    return True
