"""Names of events are UUIDs of version 5, as Python's own library makes them."""

from uuid import UUID, uuid5

from hypothesis import given
from hypothesis import strategies as st

from models.ids import NAMESPACE, event_id

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=300)


@given(TEXTS, TEXTS, TEXTS)
def test_an_event_s_id_is_the_uuid_of_what_its_source_says(source: str, native_id: str, revision: str) -> None:
    assert event_id(source, native_id, revision) == str(uuid5(NAMESPACE, f"{source}\x1f{native_id}\x1f{revision}"))


def test_ids_do_not_change_from_one_version_to_the_next() -> None:
    told = event_id("asterisk/siege", "1780266956.0|1|call.queued")
    assert told == "04748876-257f-518e-91eb-f5424fa9d665"
    assert UUID(told).version == 5
