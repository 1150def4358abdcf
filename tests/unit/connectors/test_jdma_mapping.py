"""Mapping of reviews, including arbitrary ones."""

import json
from datetime import UTC, datetime
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.jdma.config import JdmaConfig
from connectors.jdma.mapping import ReviewMapping
from connectors.jdma.reviews import encode, strip, time_of
from connectors.sdk.contract import Reject
from models.events import FeedbackGiven
from models.identities import PseudonymKey
from models.reasons import Reason
from tests.support.jdma_reviews import FORM, review
from tests.support.mapping_properties import json_values

NOW = datetime(2026, 3, 17, tzinfo=UTC)
CONFIG = JdmaConfig.model_validate({"token": "x", "forms": {FORM: {}}})
MAPPING = ReviewMapping("jdma/essai", CONFIG, PseudonymKey("general", b"k" * 32))
JSON = json_values()
ANSWER = st.fixed_dictionaries({}, optional={"field_code": st.just("satisfaction") | JSON, "intention": JSON})
NODES = JSON | st.fixed_dictionaries(
    {},
    optional={
        "id": st.integers(1, 99) | JSON,
        "created_at": st.sampled_from(["2026-03-16T08:00:00.000Z", "2026-03-16T08:00:00", "hier"]) | JSON,
        "button_id": st.integers(1, 9) | JSON,
        "answers": st.lists(ANSWER | JSON, max_size=3) | JSON,
        "verbatim": st.just("Mireille Exemple"),
    },
)


def map_review(node: Any, form: int = FORM) -> Any:
    fields = strip(json.loads(json.dumps(node)))
    assert isinstance(time_of(fields), datetime | None)
    return MAPPING.map(encode({"form": form, "read_at": NOW, **fields}))


@given(NODES)
@settings(max_examples=400, deadline=None)
def test_any_review_is_mapped_without_error(node: Any) -> None:
    outcome = map_review(node)
    if isinstance(outcome, Reject):
        assert "Mireille" not in outcome.detail + outcome.record.decode()
    else:
        assert all(isinstance(event, FeedbackGiven) for event in outcome)


@given(st.binary(max_size=60))
def test_any_bytes_are_rejected_without_error(raw: bytes) -> None:
    outcome = MAPPING.map(raw)
    assert isinstance(outcome, Reject)
    assert outcome.record == raw


def test_review_of_an_unconfigured_form_is_rejected() -> None:
    assert map_review(review(7, 1, "good"), form=1).reason is Reason.UNKNOWN_RECORD
