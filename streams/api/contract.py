"""Generate and check the API contract `deploy/openapi.json`: `python -m streams.api.contract`.

`deploy/openapi.published.json` is the contract that clients rely on. Against it, requests may only accept more, and answers must
keep their fields. Answers may gain fields, and lists of values may grow: clients ignore unknown ones. `--publish` publishes the
current contract.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from models.schema import incompatibilities, inline, render
from streams.api.app import JSON, create_base_app

DIRECTORY: Final = Path(__file__).parents[2] / "deploy"
FILE: Final = DIRECTORY / "openapi.json"
PUBLISHED: Final = DIRECTORY / "openapi.published.json"


def generate() -> dict[str, Any]:
    """Return the contract as an OpenAPI 3.1 document."""
    return create_base_app().openapi()


def find_incompatible_changes(contract: Mapping[str, Any], published: Mapping[str, Any]) -> list[str]:
    """Return one line for each way in which `contract` breaks the published one."""
    return [
        line
        for path, methods in published["paths"].items()
        for method, before in methods.items()
        for line in _compare(
            f"{method.upper()} {path}",
            _inlined(before, published),
            _inlined(contract["paths"].get(path, {}).get(method), contract),
        )
    ]


def _inlined(operation: Any, contract: Mapping[str, Any]) -> Any:
    return inline(operation, contract["components"]["schemas"])


def _compare(name: str, before: Any, now: Any) -> Iterator[str]:
    if now is None:
        yield f"{name}: is gone"
        return
    yield from (f"{name}: {line}" for line in incompatibilities(_request(before), _request(now)))
    for status, response in before["responses"].items():
        answered = now["responses"].get(status)
        if answered is None:
            yield f"{name}: no longer answers {status}"
            continue
        # Clients of the published contract must be able to read the new answers, so the comparison is reversed.
        lines = incompatibilities(_answer(answered), _answer(response))
        yield from (f"{name}: answers {status}: {line}" for line in lines if not line.endswith(": is gone"))


def _request(operation: Mapping[str, Any]) -> Any:
    return operation.get("requestBody", {}).get("content", {}).get(JSON, {}).get("schema", {})


def _answer(response: Mapping[str, Any]) -> Any:
    (content,) = response.get("content", {"": {}}).values()
    return _without_values(content.get("schema", {}))


def _without_values(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_without_values(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    return {key: _without_values(part) for key, part in schema.items() if key not in {"enum", "const"}}


def main() -> int:
    """Write the contract. If it breaks the published one, print the reasons and write nothing."""
    parser = argparse.ArgumentParser(prog="python -m streams.api.contract", description=main.__doc__)
    parser.add_argument("--publish", action="store_true", help="also publish the contract (with a release)")
    publish = parser.parse_args().publish
    contract = generate()
    if PUBLISHED.exists() and (
        broken := find_incompatible_changes(contract, json.loads(PUBLISHED.read_text(encoding="utf-8")))
    ):
        sys.stderr.write("\n".join([*broken, "Such a change needs a new path: /v2/…", ""]))
        return 1
    for path in (FILE, PUBLISHED) if publish else (FILE,):
        path.write_text(render(contract), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
