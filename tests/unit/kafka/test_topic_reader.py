"""State that a topic reader reports when Kafka refuses it."""

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from threading import Event
from unittest.mock import Mock

import pytest
from kafka import TopicPartition
from kafka.admin import KafkaAdminClient
from kafka.errors import KafkaError, SaslAuthenticationFailedError, TopicAuthorizationFailedError

from streams.kafka import authorization, topic_reader
from streams.kafka.authorization import Refusal
from streams.kafka.topic_reader import Phase, TopicReader

TOPIC, REFUSAL = TopicPartition("figures", 0), "rights are missing"
DESCRIPTION = {"error_code": 0, "topic_id": "first", "partitions": [{"partition_index": 0}]}
States = Callable[..., list[tuple[Phase, str]]]


@pytest.fixture
def states(monkeypatch: pytest.MonkeyPatch) -> States:
    """Function that runs a reader with the given answers of Kafka until it is refused, and returns its states."""

    def run(client: Mapping[str, str], **answers: Mock) -> list[tuple[Phase, str]]:
        stopping, found = Event(), list[tuple[Phase, str]]()

        def set_state(phase: Phase, detail: str) -> None:
            found.append((phase, detail))
            if phase is not Phase.LOADING:
                stopping.set()

        consumer = Mock(poll=answers.get("poll", Mock(return_value={})), position=Mock(return_value=0))
        consumer.beginning_offsets.return_value, consumer.end_offsets.return_value = {TOPIC: 0}, {TOPIC: 9}
        admin = Mock(describe_topics=answers.get("describe_topics", Mock(return_value=[DESCRIPTION])))
        clients = {KafkaAdminClient: admin}
        monkeypatch.setattr(topic_reader, "open_client", lambda kind, _: nullcontext(clients.get(kind, consumer)))
        monkeypatch.setattr(topic_reader, "PROBE_SECONDS", 0)
        monkeypatch.setattr(topic_reader, "RETRY_SECONDS", 0)
        monkeypatch.setattr(authorization, "find_refusal", Mock(return_value=Refusal(REFUSAL)))
        follower = Mock(begin=lambda _, beginnings: beginnings, set_state=set_state)
        TopicReader("figures", follower, "127.0.0.1:1", client, max_poll_records=1).run(stopping)
        return found

    return run


@pytest.mark.parametrize(
    ("error", "client"),
    [(SaslAuthenticationFailedError(), {"sasl_mechanism": "PLAIN"}), (TopicAuthorizationFailedError(), {})],
)
def test_refusal_during_a_probe_is_reported(states: States, error: KafkaError, client: Mapping[str, str]) -> None:
    found = states(client, describe_topics=Mock(side_effect=[[DESCRIPTION], [DESCRIPTION], error]))
    assert found == [(Phase.LOADING, "broker answers"), (Phase.REFUSED, REFUSAL)]


def test_topic_that_may_be_described_but_not_read_is_not_loading(states: States) -> None:
    found = states({}, poll=Mock(side_effect=TopicAuthorizationFailedError()))
    assert found == [(Phase.REFUSED, REFUSAL)]
