"""Rows of a later release: workers and commands name them, and end with exit code 2."""

from pathlib import Path

import msgspec
import pytest

from models.topics import CITIZENS, CONTACTS, FIGURES, TOPIC_CATALOGUE
from streams.core.citizens import citizen
from streams.core.contacts import contact
from streams.core.figures.figure import Dimensions, encode_figure, new_figure, total_key
from streams.kafka.embedded_broker import EmbeddedKafka
from streams.kafka.topic_admin import TopicSpec, apply_specs
from tests.support import kafka_io
from tests.support.events import make
from tests.support.processes import Child

pytestmark = [pytest.mark.broker, pytest.mark.timeout(600)]
ROW = contact.encode(contact.fold(None, make("call.arrived")))
CITIZEN = citizen.encode(citizen.Citizen(citizen.RecontactTerms(), 1, True))
CHAT = total_key(Dimensions("chat", "siege", "autonomie", "mdph"))


def newer(row: bytes) -> bytes:
    _, *fields = msgspec.msgpack.decode(row)
    return msgspec.msgpack.encode([2, *fields])


def test_rows_of_a_later_release_end_processes_with_exit_code_2(own_kafka: EmbeddedKafka, tmp_path: Path) -> None:
    apply_specs(own_kafka.bootstrap, [TopicSpec(topic.name, 1) for topic in TOPIC_CATALOGUE])
    kafka_io.produce(
        own_kafka.bootstrap,
        [(CONTACTS.name, b"call:a:1", newer(ROW)), (CITIZENS.name, b"phone:k1-1", newer(CITIZEN))],
    )
    for command, named in (
        (["worker"], f"{CONTACTS.name}, partition 0, offset 0: Contact row of version 2"),
        (["timeline"], f"{CITIZENS.name}, partition 0, offset 0: Citizen row of version 2"),
        (["explain", "offered"], "Contact row of version 2"),
    ):
        assert_refused(own_kafka, tmp_path, command, named)


def test_figures_of_an_unknown_channel_are_refused(own_kafka: EmbeddedKafka, tmp_path: Path) -> None:
    apply_specs(own_kafka.bootstrap, [TopicSpec(topic.name, 1) for topic in TOPIC_CATALOGUE])
    kafka_io.produce(own_kafka.bootstrap, [(FIGURES.name, CHAT, encode_figure(new_figure()))])
    # `recompute` leaves out rows that are newer than the offsets.
    kafka_io.produce(own_kafka.bootstrap, [(CONTACTS.name, b"\x00offsets", b"{}")])
    assert_refused(own_kafka, tmp_path, ["worker"], f"{FIGURES.name}, partition 0, offset 0: figures of channel chat")
    assert_refused(own_kafka, tmp_path, ["recompute"], "figures of channel chat")


def assert_refused(kafka: EmbeddedKafka, directory: Path, command: list[str], named: str) -> None:
    own = {
        "ACCUEIL_BROKERS": kafka.bootstrap,
        "ACCUEIL_DATA": str(directory / "data"),
        "ACCUEIL_WORKER__HEALTH_PORT": "0",
        "ACCUEIL_TIMELINE__HEALTH_PORT": "0",
    }
    with Child(["-m", "streams.cli.main", *command], directory / f"{command[0]}.log", **own).start() as child:
        assert child.wait() == 2
        assert named in child.text
        assert "this is Accueil" in child.text or "(Accueil" in child.text
