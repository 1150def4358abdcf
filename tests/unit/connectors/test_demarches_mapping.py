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
from connectors.demarches.mapping import DECIDED, IGNORED, SUBMITTED, TAKEN_UP, DossierMapping
from connectors.sdk.contract import Reject
from models.codec import decode, encode
from models.identities import PseudonymKey
from models.reasons import Reason

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
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text()
    | st.sampled_from([AT, PERSONAL]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=6,
)


def map_node(node: Any) -> list[Any]:
    """Return the events of an entry, and the reasons of rejected facts."""
    outcomes = []
    for dated in split(NUMBER, json.loads(json.dumps(node)), READ_AT):
        outcome = MAPPING.map(dated.fact)
        if isinstance(outcome, Reject):
            assert PERSONAL not in outcome.detail
            outcomes.append(outcome.reason)
        else:
            assert [decode(encode(event)) for event in outcome] == list(outcome)
            outcomes += outcome
    return outcomes


def paths(value: Any, parent: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [(*parent, key) for key, _ in inner] + [path for key, item in inner for path in paths(item, (*parent, key))]


def test_complete_dossier_gives_all_events() -> None:
    types = [event.type for event in map_node(NODE)]
    assert types == ["form.submitted", "form.correction_requested", "form.corrected"]
    assert [event.type for event in map_node(DELETED)] == ["personal_data.erased"]


@given(st.sampled_from([NODE, DELETED]), st.data())
def test_any_single_value_is_mapped_without_error(whole: dict[str, Any], data: st.DataObject) -> None:
    node = deepcopy(whole)
    *above, last = data.draw(st.sampled_from(paths(node)))
    parent: Any = node
    for key in above:
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


@pytest.mark.parametrize("event", sorted({SUBMITTED, *TAKEN_UP, *DECIDED, *IGNORED}))
def test_every_documented_step_is_known(event: str) -> None:
    """Steps of the published `app/models/traitement.rb`."""
    step = {"id": "a", "event": event, "dateTraitement": AT}
    outcomes = map_node(NODE | {"traitements": [step], "messages": []})
    assert len(outcomes) == (event not in IGNORED)
    assert not any(isinstance(outcome, Reason) for outcome in outcomes)


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
