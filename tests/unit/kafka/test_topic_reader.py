"""State that a topic reader reports when Kafka refuses it while it reads."""

from collections.abc import Mapping
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


@pytest.mark.parametrize(
    ("error", "client"),
    [(SaslAuthenticationFailedError(), {"sasl_mechanism": "PLAIN"}), (TopicAuthorizationFailedError(), {})],
)
def test_refusal_during_a_probe_is_reported(
    error: KafkaError, client: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    stopping, states = Event(), list[tuple[Phase, str]]()

    def set_state(phase: Phase, detail: str) -> None:
        states.append((phase, detail))
        if phase is not Phase.LOADING:
            stopping.set()

    consumer = Mock()
    consumer.beginning_offsets.return_value, consumer.end_offsets.return_value = {TOPIC: 0}, {TOPIC: 9}
    consumer.poll.return_value, consumer.position.return_value = {}, 0
    admin = Mock(describe_topics=Mock(side_effect=[[DESCRIPTION], error]))
    monkeypatch.setattr(
        topic_reader, "open_client", lambda kind, _: nullcontext(admin if kind is KafkaAdminClient else consumer)
    )
    monkeypatch.setattr(topic_reader, "PROBE_SECONDS", 0)
    monkeypatch.setattr(topic_reader, "RETRY_SECONDS", 0)
    monkeypatch.setattr(authorization, "find_refusal", Mock(return_value=Refusal(REFUSAL)))
    follower = Mock(begin=lambda _, beginnings: beginnings, set_state=set_state)
    TopicReader("figures", follower, "127.0.0.1:1", client, max_poll_records=1).run(stopping)
    assert states == [(Phase.LOADING, "figures, 1 partitions"), (Phase.REFUSED, REFUSAL)]
