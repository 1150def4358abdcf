"""The API contract: current, compatible with the published one, and true for generated requests."""

import copy
import json
from collections.abc import Callable
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode, checks, openapi

from models.identities import IdentityKind
from models.roles import Role
from models.schema import render
from streams.api import contract
from tests.support.api_harness import NUMBER, ApiHarness, letter, token

PUBLISHED: Final = json.loads(contract.PUBLISHED.read_text(encoding="utf-8"))


def test_committed_contract_is_current() -> None:
    assert contract.FILE.read_text(encoding="utf-8") == render(contract.generate()), (
        "run python -m streams.api.contract"
    )


def test_published_contract_is_kept() -> None:
    assert contract.find_incompatible_changes(contract.generate(), PUBLISHED) == []


def test_contract_is_served(sqlite_api: ApiHarness) -> None:
    assert sqlite_api.client.get("/openapi.json").json() == contract.generate()
    assert contract.generate()["openapi"].startswith("3.1")


def test_paths_contain_no_identifier() -> None:
    for path, operations in contract.generate()["paths"].items():
        named = [one["name"] for operation in operations.values() for one in operation.get("parameters", ())]
        assert named == (["name"] if path == "/v1/erasures/{name}" else []), (
            f"{path}: only the random id of an erasure is allowed"
        )


Change = Callable[[dict[str, Any]], Any]


def fields(of: dict[str, Any], name: str) -> dict[str, Any]:
    return schema(of, name)["properties"]  # type: ignore[no-any-return]


def schema(of: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = of["components"]["schemas"][name]
    return found


CHANGES: Final[dict[str, tuple[Change, str]]] = {
    "further answered field": (lambda of: fields(of, "Entry").update(queue={"type": "string"}), ""),
    "larger page": (lambda of: fields(of, "LookUp")["limit"].update(maximum=500), ""),
    "no path": (lambda of: of["paths"].pop("/v1/contact"), "POST /v1/contact: is gone"),
    "fewer accepted values": (
        lambda of: schema(of, "Kind")["enum"].remove("case"),
        "POST /v1/look-up: kind: no longer takes case",
    ),
    "no answered field": (
        lambda of: (fields(of, "Entry").pop("outcome"), schema(of, "Entry")["required"].remove("outcome")),
        "POST /v1/contact: answers 200: entries[].outcome: is now required",
    ),
    "no answer": (
        lambda of: of["paths"]["/v1/contact"]["post"]["responses"].pop("404"),
        "POST /v1/contact: no longer answers 404",
    ),
}
"""Change of the contract → an expected reason to refuse it; empty if it is compatible."""


@pytest.mark.parametrize(("change", "reason"), CHANGES.values(), ids=CHANGES)
def test_breaking_change_is_refused(change: Change, reason: str) -> None:
    changed = copy.deepcopy(PUBLISHED)
    change(changed)
    found = contract.find_incompatible_changes(changed, PUBLISHED)
    assert reason in found if reason else found == []


CHECKS: Final = [
    checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
    checks.negative_data_rejection,
    checks.unsupported_method,
]


OPERATIONS: Final = [
    (path, method, mode)
    for path, methods in contract.generate()["paths"].items()
    for method, operation in methods.items()
    for mode in GenerationMode
    if mode is GenerationMode.POSITIVE
    or operation.keys() & {"requestBody", "parameters"}  # other operations cannot be called wrongly
]


@pytest.mark.parametrize(("path", "method", "mode"), OPERATIONS)
def test_generated_requests_get_answers_of_the_contract(
    sqlite_api: ApiHarness, path: str, method: str, mode: GenerationMode
) -> None:
    sqlite_api.add(token("agent", Role.AGENT), token("operator", Role.OPERATOR))
    case, phone = (sqlite_api.pseudonym(kind, NUMBER) for kind in (IdentityKind.CASE, IdentityKind.PHONE))
    sqlite_api.write(letter("1", 0, f"{case} {phone}"))
    route = openapi.from_asgi("/openapi.json", sqlite_api.app)[path][method]

    @settings(max_examples=50)
    @given(route.as_strategy(generation_mode=mode), st.sampled_from(["camille", "agent", "operator", "unknown"]))
    def ask(case: Case, who: str) -> None:
        case.call_and_validate(headers={"authorization": f"Bearer {who}"}, checks=CHECKS)

    ask()
