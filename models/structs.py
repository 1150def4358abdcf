"""The events of `models.events` once more, as msgspec structs made from them: decoded in less than half the time.

The models stay what says how events look: a struct has each field of its model under the same name and within the same bounds, so
who only reads an event need not know which of the two it is. What a model asks that has no counterpart here is an error when this
module is loaded, but for checks of its own (validators): such a model has no struct.
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
"""So many labels are known by heart; a whole country has fewer sites, services and queues."""
MAX_BYTES: Final = 1000
"""Twice as long as events of ours are. To a model, a number of thousands of digits is none, and two hundred objects in each other
are nothing: they would be longer."""
_ARRAY: Final = ord("[")
_TAG_FIELD: Final = "type"
_BOUNDS: Final = ("min_length", "max_length", "ge", "le")
_CONSTRAINTS: Final = frozenset({"StringConstraints", "Ge", "Le", "AllowInfNan"})  # JSON of msgspec has no infinity
_is_label: Final = re.compile(LABEL_PATTERN).fullmatch


class Decoder:
    """Decodes the events of some models."""

    def __init__(self, models: Iterable[type[Envelope]]) -> None:
        structs = {model: _make_event(model) for model in models if not _has_checks(model)}
        self._decode: Final = msgspec.json.Decoder(reduce(or_, structs.values())).decode
        self._labels: Final[Mapping[type, Callable[[Any], tuple[str, ...]]]] = {
            struct: attrgetter(*_find_labels(model)) for model, struct in structs.items()
        }
        self._known: Final = {""}

    def decode(self, value: bytes) -> Any:
        """Return the struct of an event.

        Raises one of `REFUSALS` for what is none, and for what only its model can judge: by a check of its own, or since it is
        unusually long, deep, or written. Of a time the seventh digit after a second is rounded here, and cut off there.
        """
        if len(value) > MAX_BYTES or _ARRAY in value:  # no event has one, but two hundred in each other may be in it
            raise ValueError("unusually long, or an array")
        if not value.isascii():
            value.decode()  # msgspec does not look into what it leaves out
        event = self._decode(value)
        labels = self._labels[type(event)](event)
        if not self._known.issuperset(labels):  # a pattern for each of them would take longer than all else
            self._learn(labels)
        return event

    def _learn(self, labels: Iterable[str]) -> None:
        for label in labels:
            if not _is_label(label):
                raise ValueError("no label")
            if len(self._known) < MAX_LABELS:
                self._known.add(label)


def field_values(part: Any) -> dict[str, Any]:
    """Return name → value of a part of an event, model or struct, in the order of the model. Not to be changed."""
    return vars(part) if isinstance(part, EventPart) else msgspec.structs.asdict(part)


# ---------------------------------------------------------------------------------------------------- struct of a model
def _make_event(model: type[Envelope]) -> type[msgspec.Struct]:
    """Return the struct of an event: `type` tells it from others, and, as a channel that is always the same, is no field."""
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
    """Return a struct of the model's fields; `members` are the same for all of them: only checked."""
    made, renamed = [], {}
    for name, field in model.model_fields.items():
        if tag and name == _TAG_FIELD:
            continue
        if field.alias or field.validation_alias or field.default_factory:
            raise TypeError(f"{model.__name__}.{name}: {field}")
        known_as = f"told_{name}" if name in members else name
        renamed[known_as] = name
        made.append((known_as, _convert(field.annotation, field.metadata), *_default(field)))
    return msgspec.defstruct(
        model.__name__,
        made,
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
            raise TypeError(f"the default is not that of its fields: {field}")
        return (msgspec.field(default_factory=make),)
    return (
        field.default.value if isinstance(field.default, Enum) and _is_literal(field.annotation) else field.default,
    )


def _convert(annotation: Any, metadata: Iterable[Any] = ()) -> Any:
    """Return what msgspec calls a type of pydantic's. Raises `TypeError` for what it may not check alike."""
    arguments, metadata = get_args(annotation), [*metadata]
    if get_origin(annotation) is Annotated:
        return _convert(arguments[0], [*metadata, *(bound for told in arguments[1:] for bound in _bounds_of(told))])
    if annotation in {str, int, float} or (isinstance(annotation, type) and issubclass(annotation, Enum)):
        if any(type(bound).__name__ not in _CONSTRAINTS or _changes(bound) for bound in metadata):
            raise TypeError(f"{annotation} with {metadata}")
        bounds = {
            name: value for bound in metadata for name in _BOUNDS if (value := getattr(bound, name, None)) is not None
        }
        return Annotated[annotation, msgspec.Meta(**bounds)] if bounds else annotation
    if metadata:
        raise TypeError(f"{annotation} with {metadata}")
    if _is_literal(annotation):
        return Literal[tuple(one.value if isinstance(one, Enum) else one for one in arguments)]
    if NoneType in arguments:
        return reduce(or_, (None if one is NoneType else _convert(one) for one in arguments))
    if annotation is AwareDatetime:
        return Annotated[datetime, msgspec.Meta(tz=True)]
    if isinstance(annotation, type) and issubclass(annotation, EventPart):
        return _make_part(annotation)
    raise TypeError(f"{annotation}")


def _changes(bound: Any) -> bool:
    """Return whether it changes a text instead of judging it."""
    return any(getattr(bound, name, None) for name in ("strip_whitespace", "to_upper", "to_lower"))


def _bounds_of(told: Any) -> list[Any]:
    bounds: list[Any] = told.metadata if isinstance(told, FieldInfo) else [told]
    if any(getattr(bound, "pattern", None) for bound in bounds):
        raise TypeError("a label that may be missing is empty, not None: only such are found here")
    return bounds


def _is_literal(annotation: Any) -> bool:
    return get_origin(annotation) is Literal


# ---------------------------------------------------------------------------------------------- what structs do not check
def _has_checks(model: type[EventPart]) -> bool:
    checks = model.__pydantic_decorators__
    return bool(checks.model_validators or checks.field_validators) or any(map(_has_checks, _parts(model).values()))


def _parts(model: type[EventPart]) -> dict[str, type[EventPart]]:
    types = {name: field.annotation for name, field in model.model_fields.items()}
    return {name: kind for name, kind in types.items() if isinstance(kind, type) and issubclass(kind, EventPart)}


def _find_labels(model: type[EventPart], prefix: str = "") -> list[str]:
    """Return the names of the fields that must be labels: no other pattern is known. Raises `TypeError` for another one."""
    found = []
    for name, field in model.model_fields.items():
        for pattern in filter(None, (getattr(bound, "pattern", None) for bound in field.metadata)):
            if pattern != LABEL_PATTERN:
                raise TypeError(f"{model.__name__}.{name} must match {pattern}")
            found.append(prefix + name)
    return found + [label for name, part in _parts(model).items() for label in _find_labels(part, f"{prefix}{name}.")]
