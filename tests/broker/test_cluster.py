"""Connectors detect that their events were sent to another Kafka cluster."""

import json
import time
from pathlib import Path

import pytest

from models.topics import REREAD_HEADER, SOURCES, Channel
from streams.kafka.embedded_broker import EmbeddedKafka
from streams.kafka.topic_admin import TopicSpec, apply_specs
from tests.support.kafka_io import read
from tests.support.processes import Child, wait_until

pytestmark = pytest.mark.broker
T = int(time.time()) - 3600
LOG = f"{T}|{T}.1|600|NONE|ENTERQUEUE||0639985511|1\n{T + 4}|{T}.1|600|PJSIP/9901|CONNECT|4|{T}.2|2\n"
TOPIC = SOURCES[Channel.CALL].name


@pytest.mark.parametrize("by_command", [True, False])
def test_lost_cluster_is_detected_and_the_source_can_be_read_again(
    own_kafka: EmbeddedKafka, tmp_path: Path, *, by_command: bool
) -> None:
    apply_specs(own_kafka.bootstrap, [TopicSpec(TOPIC, 4)])
    (tmp_path / "queue_log").write_text(LOG)
    (tmp_path / "accueil.toml").write_text(
        f'brokers = "{own_kafka.bootstrap}"\ndata = "{tmp_path / "data"}"\nlog.format = "json"\n'
        f'[connectors.siege]\nconnector = "asterisk"\npath = "{tmp_path / "queue_log"}"\n'
    )
    program = ["-m", "streams.cli.main", f"--config={tmp_path / 'accueil.toml'}"]
    connect = Child([*program, "connect"], tmp_path / "connect.log", LC_ALL="C")
    reread = Child([*program, "connectors", "reread", "siege", "--yes"], tmp_path / "reread.log", LC_ALL="C")
    home = tmp_path / "data" / "connectors" / "asterisk" / "siege"

    def stop_once_read() -> int:
        # Without a connection within a second, the events are spooled, and the position is saved before they are sent.
        wait_until(lambda: [*home.glob("cursor-*")] and not [*home.glob("spool/*")], "a saved position")
        return connect.stop()

    with connect, reread:
        connect.start()
        assert stop_once_read() == 0
        known = json.loads((home / "cluster.json").read_bytes())
        sent = len(read(own_kafka.bootstrap, TOPIC))
        assert sent > 0
        (home / "cluster.json").write_text(json.dumps({"cluster": "another"}))
        assert connect.start().wait() == 2
        last = connect.text.splitlines()[-1]
        assert "asterisk/siege: earlier events were sent to another Kafka cluster" in last
        assert "accueil connectors reread siege" in last
        if by_command:
            assert reread.start().wait() == 0
            assert "its events are in another Kafka cluster: in this one, all events count as new" in reread.text
        else:
            (home / "cluster.json").write_text(json.dumps(known))
            for path in home.glob("cursor-*"):
                path.unlink()
        connect.start()
        assert stop_once_read() == 0
    assert json.loads((home / "cluster.json").read_bytes()) == known
    messages = read(own_kafka.bootstrap, TOPIC)
    assert len(messages) == 2 * sent
    assert sum(REREAD_HEADER in dict(message.headers() or ()) for message in messages) == sent
