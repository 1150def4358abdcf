"""Event ids are version 5 UUIDs, the same as those of Python's `uuid` module."""

from uuid import UUID, uuid5

from hypothesis import given
from hypothesis import strategies as st

from models.ids import NAMESPACE, event_id

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=300)


@given(TEXTS, TEXTS, TEXTS)
def test_event_id_is_the_uuid5_of_its_arguments(source: str, native_id: str, revision: str) -> None:
    assert event_id(source, native_id, revision) == str(uuid5(NAMESPACE, f"{source}\x1f{native_id}\x1f{revision}"))


def test_ids_are_stable_across_releases() -> None:
    found = event_id("asterisk/siege", "1780266956.0|1|call.queued")
    assert found == "04748876-257f-518e-91eb-f5424fa9d665"
    assert UUID(found).version == 5
