"""JSON Schemas of the events, and the check that changes to them are compatible.

`python -m models.schema` generates `models/schemas/<type>.v<version>.json` from the models. `models/schemas/published.json` holds
the schemas published with the last release. New schemas must accept every event that a published schema accepts.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, get_args

from pydantic.json_schema import GenerateJsonSchema, models_json_schema

from models.envelope import Envelope
from models.events import Event
from models.sla import AnySlaEvent

Schema = Mapping[str, Any]

DIRECTORY: Final = Path(__file__).parent / "schemas"
PUBLISHED: Final = DIRECTORY / "published.json"
DIALECT: Final = GenerateJsonSchema.schema_dialect


def event_types() -> dict[str, type[Envelope]]:
    """Return schema name → model of the envelope and of all events, such as `call.queued.v1` → `CallQueued`."""
    models = {"envelope.v1": Envelope}
    for model in (*get_args(get_args(Event)[0]), *get_args(get_args(AnySlaEvent)[0])):
        (kind,), (version,) = (get_args(model.model_fields[name].annotation) for name in ("type", "dataversion"))
        models[f"{kind}.v{version}"] = model
    return models


def generate() -> dict[str, Schema]:
    """Return schema name, such as `call.queued.v1`, → JSON Schema of `envelope.v1` and of all events, as readers accept them.

    Unknown fields are allowed. Fields with a default are optional, except an event's `type`: readers choose the model from it.
    """
    return {name: {"$schema": DIALECT, **_schema_of(model)} for name, model in sorted(event_types().items())}


def _schema_of(model: type[Envelope]) -> Schema:
    (_, definitions) = models_json_schema([(model, "validation")])
    # Simple tools do not resolve references, and `incompatibilities` does not either.
    schema = inline({"$ref": f"#/$defs/{model.__name__}"}, definitions["$defs"])
    if model is not Envelope:
        schema["required"].append("type")  # a default for producers only: readers choose the model by it
    return {key: schema[key] for key in sorted(schema)}


def inline(node: Any, definitions: Schema) -> Any:
    """Return a copy of the schema `node` with each reference replaced by its definition, and without titles.

    Keys of `definitions` are the last part of references.
    """
    if isinstance(node, list):
        return [inline(item, definitions) for item in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        node = {**definitions[node["$ref"].rpartition("/")[2]], **{k: v for k, v in node.items() if k != "$ref"}}
    # Titles only repeat the field's name. A dict under "title" is a field of that name.
    return {key: inline(v, definitions) for key, v in node.items() if key != "title" or isinstance(v, dict)}


_LOWER_BOUNDS: Final = ("minimum", "exclusiveMinimum", "minLength", "minItems")
_UPPER_BOUNDS: Final = ("maximum", "exclusiveMaximum", "maxLength", "maxItems")
_FIXED: Final = ("pattern", "format")


def incompatibilities(old: Schema, new: Schema, prefix: str = "") -> Iterator[str]:
    """Yield messages about changes from `old` to `new` that reject events valid under `old`, or change their meaning.

    Yields nothing if `new` is compatible. After a lost type or a lost alternative of `anyOf`, it reports no further change there.
    References are not resolved: the caller replaces them with `inline` first. `prefix` is the path of the two schemas within the
    event's schema.

    A new optional field is compatible, as is a wider type, bound or list of values. A removed field or another default is not.
    """
    if "anyOf" in old or "anyOf" in new:
        yield from _alternatives(old, new, prefix)
        return
    name = prefix or "the event"
    if missing := _types(old) - _types(new):
        yield f"{name}: no longer takes {', '.join(sorted(missing))}"
        return
    if (values := _values(new)) is not None:
        if (before := _values(old)) is None:
            yield f"{name}: now takes only {', '.join(map(str, values))}"
        elif gone := [value for value in before if value not in values]:
            yield f"{name}: no longer takes {', '.join(map(str, gone))}"
    yield from _bounds(old, new, name)
    if "items" in old and "items" in new:
        yield from incompatibilities(old["items"], new["items"], f"{prefix}[]")
    yield from _fields(old, new, prefix)


def _alternatives(old: Schema, new: Schema, prefix: str) -> Iterator[str]:
    """Yield a reason for each old alternative that no new alternative accepts."""
    candidates = new.get("anyOf", [new])
    for alternative in old.get("anyOf", [old]):
        reasons = [list(incompatibilities(alternative, candidate, prefix)) for candidate in candidates]
        if all(reasons):
            yield min(reasons, key=len)[0]


def _types(schema: Schema) -> set[str]:
    kind = schema.get("type", [])
    kinds = {kind} if isinstance(kind, str) else set(kind)
    return kinds | {"integer"} if "number" in kinds else kinds


def _values(schema: Schema) -> list[Any] | None:
    return [schema["const"]] if "const" in schema else schema.get("enum")


def _bounds(old: Schema, new: Schema, name: str) -> Iterator[str]:
    for key in (*_LOWER_BOUNDS, *_UPPER_BOUNDS, *_FIXED):
        before, now = old.get(key), new.get(key)
        if now is None or now == before:
            continue
        wider = before is not None and key not in _FIXED and (now < before if key in _LOWER_BOUNDS else now > before)
        if not wider:
            yield f"{name}: {key} was {before if before is not None else 'free'} and is now {now}"


def _fields(old: Schema, new: Schema, prefix: str) -> Iterator[str]:
    before, now = old.get("properties", {}), new.get("properties", {})
    for field in before:
        path = f"{prefix}.{field}" if prefix else field
        if field not in now:
            yield f"{path}: is gone"
        else:
            yield from incompatibilities(before[field], now[field], path)
            if "default" in before[field] and not _is_same_default(before[field]["default"], now[field].get("default")):
                yield f"{path}: its default changed"
    for field in sorted(set(new.get("required", ())) - set(old.get("required", ()))):
        yield f"{prefix}.{field}: is now required" if prefix else f"{field}: is now required"
    if new.get("additionalProperties", True) is False and old.get("additionalProperties", True):
        yield f"{prefix or 'the event'}: no longer takes further fields"


def _is_same_default(before: Any, now: Any) -> bool:
    """Return whether two defaults are equal. A default object may gain fields in `now`, as these have their own defaults."""
    if isinstance(before, dict) and isinstance(now, dict):
        return before.items() <= now.items()
    return bool(before == now)


def find_incompatible_changes(schemas: Mapping[str, Schema], published: Mapping[str, Schema]) -> list[str]:
    """Return one message per incompatible change from the published schemas to `schemas`; empty if all are compatible."""
    lines = [f"{name}: is gone" for name in published if name not in schemas]
    for name, schema in published.items():
        lines += [f"{name}: {line}" for line in incompatibilities(schema, schemas.get(name, schema))]
    return lines


def render(schema: Any) -> str:
    """Return `schema` as indented JSON with a final newline, the content of a schema file."""
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def main() -> int:
    """Write the JSON Schemas of the events, unless one is incompatible with its published version."""
    parser = argparse.ArgumentParser(prog="python -m models.schema", description=main.__doc__)
    parser.add_argument("--publish", action="store_true", help="also update published.json (for a release)")
    publish = parser.parse_args().publish
    schemas = generate()
    published = json.loads(PUBLISHED.read_text(encoding="utf-8")) if PUBLISHED.exists() else {}
    if broken := find_incompatible_changes(schemas, published):
        sys.stderr.write("\n".join([*broken, "Incompatible changes need a new dataversion of the event type.", ""]))
        return 1
    DIRECTORY.mkdir(exist_ok=True)
    files = {DIRECTORY / f"{name}.json": render(schema) for name, schema in schemas.items()}
    if publish:
        files[PUBLISHED] = render(schemas)
    for stale in set(DIRECTORY.glob("*.v*.json")) - set(files):
        stale.unlink()
    for path, text in files.items():
        path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
