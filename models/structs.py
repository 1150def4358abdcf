"""Msgspec structs generated from the models of `models.events`, which decode in less than half the time.

A struct has the fields of its model, with the same names and bounds, so readers can use either. Loading raises `TypeError` for a
constraint without a msgspec counterpart. Models with validators get no struct.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from enum import Enum
from functools import cache, reduce
from operator import attrgetter, or_
from types import NoneType
from typing import Annotated, Any, Final, Literal, get_args, get_origin

import msgspec
from pydantic import AwareDatetime
from pydantic.fields import FieldInfo

from models.envelope import LABEL_PATTERN, Envelope, EventPart

DECODE_ERRORS: Final = (msgspec.MsgspecError, ValueError, RecursionError)  # UnicodeDecodeError is a ValueError
MAX_LABELS: Final = 100_000
"""Maximum number of validated labels in a decoder's cache: more than a whole country has sites, services and queues.

Further labels are checked again in each event.
"""
MAX_BYTES: Final = 1000
"""Longest event that structs decode, in bytes: twice the usual length. The models reject numbers with thousands of digits and
objects nested two hundred deep; msgspec does not, but such events are longer."""
_ARRAY: Final = ord("[")
_TAG_FIELD: Final = "type"
_BOUNDS: Final = ("min_length", "max_length", "ge", "le")
_CONSTRAINTS: Final = frozenset({"StringConstraints", "Ge", "Le", "AllowInfNan"})  # msgspec's JSON has no infinity
_is_label: Final = re.compile(LABEL_PATTERN).fullmatch


class Decoder:
    """Decoder of events as structs, for a set of models."""

    def __init__(self, models: Iterable[type[Envelope]]) -> None:
        structs = {model: _make_event(model) for model in models if not _has_checks(model)}
        self._decode: Final = msgspec.json.Decoder(reduce(or_, structs.values())).decode
        self._labels: Final[Mapping[type, Callable[[Any], tuple[str, ...]]]] = {
            struct: attrgetter(*_find_labels(model)) for model, struct in structs.items()
        }
        self._valid: Final = {""}

    def decode(self, value: bytes) -> Any:
        """Return the struct of the event whose JSON is `value`.

        Raises one of `DECODE_ERRORS` for an invalid event, and for events that only the model can check: types with validators,
        and events of unusual length, depth or notation. The seventh decimal of a second is rounded; the models truncate it.
        """
        if len(value) > MAX_BYTES or _ARRAY in value:  # no event has an array, and arrays could nest two hundred deep
            raise ValueError("the event is unusually long or contains an array")
        if not value.isascii():
            value.decode()  # msgspec does not check the UTF-8 of unknown fields
        event = self._decode(value)
        labels = self._labels[type(event)](event)
        if not self._valid.issuperset(labels):  # matching the pattern every time would dominate the decoding time
            self._check_labels(labels)
        return event

    def _check_labels(self, labels: Iterable[str]) -> None:
        for label in labels:
            if not _is_label(label):
                raise ValueError("a label contains invalid characters")
            if len(self._valid) < MAX_LABELS:
                self._valid.add(label)


def field_values(part: Any) -> dict[str, Any]:
    """Return field name → value of a model or struct, in the model's order.

    Callers must not modify the result: for a model it is the model's own dictionary.
    """
    return vars(part) if isinstance(part, EventPart) else msgspec.structs.asdict(part)


# ---------------------------------------------------------------------------------------------------- struct of a model
def _make_event(model: type[Envelope]) -> type[msgspec.Struct]:
    """Return the struct class for an event's model. `type` and a constant channel are class attributes."""
    [kind] = get_args(model.model_fields[_TAG_FIELD].annotation)
    members: dict[str, Any] = {_TAG_FIELD: kind}
    channel = model.model_fields["channel"].annotation
    if get_origin(channel) is Literal:
        [members["channel"]] = get_args(channel)
    return _make_struct(model, members, kind)


@cache
def _make_part(model: type[EventPart]) -> type[msgspec.Struct]:
    return _make_struct(model, {})


def _make_struct(model: type[EventPart], members: dict[str, Any], tag: str | None = None) -> type[msgspec.Struct]:
    """Return a struct class with the model's fields. Fields in `members` are constants: decoding only checks them."""
    fields, renamed = [], {}
    for name, field in model.model_fields.items():
        if tag and name == _TAG_FIELD:
            continue
        if field.alias or field.validation_alias or field.default_factory:
            raise TypeError(f"{model.__name__}.{name}: {field}")
        attribute = f"decoded_{name}" if name in members else name
        renamed[attribute] = name
        fields.append((attribute, _convert(field.annotation, field.metadata), *_default(field)))
    return msgspec.defstruct(
        model.__name__,
        fields,
        namespace=members,
        rename=renamed,
        tag=tag,
        tag_field=tag and _TAG_FIELD,
        frozen=True,
        gc=False,
        kw_only=True,
    )


def _default(field: FieldInfo) -> tuple[Any, ...]:
    if field.is_required():
        return ()
    if isinstance(field.default, EventPart):
        make = _make_part(type(field.default))
        if field.default != type(field.default)():
            raise TypeError(f"the default differs from the defaults of its fields: {field}")
        return (msgspec.field(default_factory=make),)
    return (
        field.default.value if isinstance(field.default, Enum) and _is_literal(field.annotation) else field.default,
    )


def _convert(annotation: Any, metadata: Iterable[Any] = ()) -> Any:
    """Return the msgspec type for a pydantic type. Raises `TypeError` if msgspec may check it differently."""
    arguments, metadata = get_args(annotation), [*metadata]
    if get_origin(annotation) is Annotated:
        return _convert(arguments[0], [*metadata, *(bound for item in arguments[1:] for bound in _bounds_of(item))])
    if annotation in {str, int, float, bool} or (isinstance(annotation, type) and issubclass(annotation, Enum)):
        if any(type(bound).__name__ not in _CONSTRAINTS or _changes(bound) for bound in metadata):
            raise TypeError(f"{annotation} with {metadata}")
        bounds = {
            name: value for bound in metadata for name in _BOUNDS if (value := getattr(bound, name, None)) is not None
        }
        return Annotated[annotation, msgspec.Meta(**bounds)] if bounds else annotation
    if metadata:
        raise TypeError(f"{annotation} with {metadata}")
    if _is_literal(annotation):
        return Literal[tuple(value.value if isinstance(value, Enum) else value for value in arguments)]
    if NoneType in arguments:
        return reduce(or_, (None if kind is NoneType else _convert(kind) for kind in arguments))
    if annotation is AwareDatetime:
        return Annotated[datetime, msgspec.Meta(tz=True)]
    if isinstance(annotation, type) and issubclass(annotation, EventPart):
        return _make_part(annotation)
    raise TypeError(f"{annotation}")


def _changes(bound: Any) -> bool:
    """Return whether a bound modifies the text instead of only checking it."""
    return any(getattr(bound, name, None) for name in ("strip_whitespace", "to_upper", "to_lower"))


def _bounds_of(item: Any) -> list[Any]:
    bounds: list[Any] = item.metadata if isinstance(item, FieldInfo) else [item]
    if any(getattr(bound, "pattern", None) for bound in bounds):
        raise TypeError("an optional label must have the default '', not None: _find_labels does not look into unions")
    return bounds


def _is_literal(annotation: Any) -> bool:
    return get_origin(annotation) is Literal


# ------------------------------------------------------------------------------------------- checks that structs cannot do
def _has_checks(model: type[EventPart]) -> bool:
    checks = model.__pydantic_decorators__
    return bool(checks.model_validators or checks.field_validators) or any(map(_has_checks, _parts(model).values()))


def _parts(model: type[EventPart]) -> dict[str, type[EventPart]]:
    types = {name: field.annotation for name, field in model.model_fields.items()}
    return {name: kind for name, kind in types.items() if isinstance(kind, type) and issubclass(kind, EventPart)}


def _find_labels(model: type[EventPart], prefix: str = "") -> list[str]:
    """Return the dotted paths of the fields that must match `LABEL_PATTERN`. Raises `TypeError` for another pattern."""
    found = []
    for name, field in model.model_fields.items():
        for pattern in filter(None, (getattr(bound, "pattern", None) for bound in field.metadata)):
            if pattern != LABEL_PATTERN:
                raise TypeError(f"{model.__name__}.{name} must match {pattern}")
            found.append(prefix + name)
    return found + [label for name, part in _parts(model).items() for label in _find_labels(part, f"{prefix}{name}.")]
