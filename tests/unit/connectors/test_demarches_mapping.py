"""Mapping of facts about dossiers, including arbitrary ones."""

import json
from copy import deepcopy
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.demarches.config import DemarchesConfig
from connectors.demarches.dossier_facts import split
from connectors.demarches.mapping import DossierMapping
from connectors.sdk.contract import Reject
from models.identities import PseudonymKey
from models.reasons import Reason
from tests.support.mapping_properties import json_values, outcomes_of

NUMBER = 48210
AT = "2026-03-16T09:00:00+01:00"
READ_AT = datetime(2026, 3, 16, 9, tzinfo=UTC)
PERSONAL = "mireille.exemple@example.org"
MAPPING = DossierMapping(
    "demarches/essai",
    DemarchesConfig.model_validate({"token": "jeton", "procedures": {NUMBER: {}}}),
    lambda sector: PseudonymKey(sector, b"k" * 32),
)
NODE: dict[str, Any] = {
    "number": 7,
    "dateDerniereModification": AT,
    "deposeParUnTiers": False,
    "usager": {"email": PERSONAL},
    "demandeur": {},
    "traitements": [{"id": "a", "event": "depose", "dateTraitement": AT}],
    "messages": [{"id": "b", "createdAt": AT, "discardedAt": None, "correction": {"dateResolution": AT}}],
}
DELETED = {"number": 7, "dateSupression": AT}
JSON = json_values(AT, PERSONAL)


def map_node(node: Any) -> list[Any]:
    """Return the events of an entry, and the reasons of rejected facts."""
    facts = split(NUMBER, json.loads(json.dumps(node)), READ_AT)
    return outcomes_of(MAPPING.map, (dated.fact for dated in facts), PERSONAL)


def paths_in(value: Any, parent: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [(*parent, key) for key, _ in inner] + [
        path for key, item in inner for path in paths_in(item, (*parent, key))
    ]


@given(st.sampled_from([NODE, DELETED]), st.data())
def test_dossier_with_any_value_in_one_field_is_mapped_without_error(
    valid: dict[str, Any], data: st.DataObject
) -> None:
    node = deepcopy(valid)
    *parent_keys, last = data.draw(st.sampled_from(paths_in(node)))
    parent: Any = node
    for key in parent_keys:
        parent = parent[key]
    parent[last] = data.draw(JSON)
    map_node(node)


@given(JSON)
def test_any_entry_is_mapped_without_error(node: Any) -> None:
    map_node(node)


@given(st.binary())
def test_any_bytes_are_rejected_without_error(record: bytes) -> None:
    assert isinstance(MAPPING.map(record), Reject)


@pytest.mark.parametrize("node", [None, {}, [], "x", {"number": 7}, {"traitements": None, "messages": []}])
def test_malformed_entry_is_rejected(node: Any) -> None:
    assert map_node(node) == [Reason.UNREADABLE_LINE]


def test_open_and_withdrawn_correction_requests() -> None:
    message = NODE["messages"][0] | {"correction": {"dateResolution": None}}
    still_open = map_node(NODE | {"traitements": [], "messages": [message]})
    assert [event.type for event in still_open] == ["form.correction_requested"]
    withdrawn = map_node(NODE | {"traitements": [], "messages": [message | {"discardedAt": AT}]})
    assert [event.type for event in withdrawn] == ["form.correction_requested", "form.corrected"]


def test_fact_of_an_unconfigured_procedure_is_rejected() -> None:
    (dated, *_) = split(1, NODE, READ_AT)
    outcome = MAPPING.map(dated.fact)
    assert isinstance(outcome, Reject)
    assert outcome.reason is Reason.UNKNOWN_RECORD
