"""Phone numbers and names in any field of the switchboard's log never leave the connector.

All processes run with debug logs and a broker outage, so that the spool is used too.
"""

import shutil
import time
from pathlib import Path

import pytest
import tomli_w
from prometheus_client.parser import text_string_to_metric_families

from connectors.asterisk.simulate import configuration
from models import topics
from streams.kafka.embedded_broker import EmbeddedKafka
from tests.support import contacts_oracle, kafka_io
from tests.support.phone_leaks import found, notations
from tests.support.processes import wait_until
from tests.support.running_stack import RunningOffice, content_of

pytestmark = [pytest.mark.faults, pytest.mark.broker, pytest.mark.timeout(600)]

CALLS = topics.SOURCES[topics.Channel.CALL].name
NUMBERS = ("0639985511", "0199001122", "0261912233", "0353013344", "0465714455", "0536495566")
ABROAD = "3605550142"
"""Foreign phone number with the format of a timestamp or of a part of a call's id, of the year 2084."""
NAMES = ("Camille Exemple", "jean.modele@example.org", "PJSIP/9901")
CUSTOM = {"FULL": "full", "MENU": "menu", "VOICEMAIL": "voicemail"}
PROCESSES = ("connect", "worker", "web")
FIELDS = (
    "{t}|{id}|600|NONE|ENTERQUEUE|https://example.org/{p}|{p}|1|{p}",
    "{t}|{id}|600|PJSIP/{p}|CONNECT|3|{p}|2",
    "{t}|{id}|600|{p}|COMPLETECALLER|3|20|1|{p}",
    "{t}|{id}|NONE|NONE|DID|{p}",
    "{t}|{p}|600|NONE|ENTERQUEUE||{p}|1",
    "{t}|{p}.1|600|NONE|ENTERQUEUE||{p}|1",
    "{t}|{p}-{id}|600|NONE|ENTERQUEUE||{p}|1",
    "{t}|{t}.{p}|600|NONE|ENTERQUEUE||{p}|1",
    "{t}|{id}.1|{p}|NONE|ENTERQUEUE||{p}|1",
    "{t}|{id}3|610|NONE|{p}|{p}",
    "{t}|NONE|{p}|PJSIP/{p}|ADDMEMBER|{p}",
    "{p}|{id}4|610|{p}|PAUSE|{p}",
    "{p} is no line",
)
PARAMETERS = {
    **dict.fromkeys(("ABANDON", "EXITWITHTIMEOUT", "EXITEMPTY"), ("1", "1", "4")),
    **dict.fromkeys(("COMPLETEAGENT", "COMPLETECALLER"), ("3", "20", "1")),
    **dict.fromkeys(("BLINDTRANSFER", "TRANSFER", "ATTENDEDTRANSFER"), ("610", "internes", "3", "20", "1")),
    "ENTERQUEUE": ("", "", "1", ""),
    "CONNECT": ("3", "1773650000.1", "2"),
    "EXITWITHKEY": ("1", "1", "1", "5"),
    "WITHDRAW": ("1", "1", "5", ""),
    "RINGNOANSWER": ("900",),
    "VOICEMAIL": ("23",),
    "MENU": ("2", "1"),
    **dict.fromkeys(
        ("SYSCOMPAT", "AGENTDUMP", "ADDMEMBER", "REMOVEMEMBER", "PAUSE", "UNPAUSE", "PAUSEALL", "FULL"), ("",)
    ),
}
"""Event types with valid parameters; personal data replaces each parameter in turn, and then all of them."""


def templates() -> list[str]:
    """Return line templates with a placeholder for personal data in each field."""
    fields = list(FIELDS)
    for number, (event, valid) in enumerate(PARAMETERS.items()):
        for place in range(len(valid) + 1):
            whole = ["{p}"] * len(valid) if place == len(valid) else [*valid[:place], "{p}", *valid[place + 1 :]]
            fields.append(f"{{t}}|{{id}}{number}{place}|610|PJSIP/31|{event}|{'|'.join(whole)}")
    return fields


def fill_templates(now: int) -> list[str]:
    """Return the lines with each notation of each number, and each name, in each field."""
    values = [text for number in NUMBERS for text in (*notations(number), number[1:])] + [*NAMES, ABROAD]
    return [
        field.format(t=now - 600 + place, id=f"{now}.{place}", p=personal) + "\n"
        for place, personal in enumerate(values, 1)
        for field in templates()
    ]


def test_personal_data_in_any_field_of_the_log_stays_in_the_connector(own_kafka: EmbeddedKafka, tmp_path: Path) -> None:
    lines = fill_templates(int(time.time()))
    log, directory = tmp_path / "queue_log", tmp_path / "data" / "connectors" / "asterisk" / "siege"
    bootstrap = own_kafka.bootstrap
    connector = {"connector": "asterisk", **configuration(log), "custom_events": CUSTOM}
    (tmp_path / "accueil.toml").write_text(tomli_w.dumps({"connectors": {"siege": connector}}))
    office = RunningOffice(own_kafka, tmp_path, tmp_path / "accueil.toml", PROCESSES)

    def measure(name: str) -> float:
        families = text_string_to_metric_families(office.get("connect", "/metrics").text)
        return sum(sample.value for family in families for sample in family.samples if sample.name == name)

    own_kafka.stop()
    log.write_text("".join(lines[: len(lines) // 2]))
    with office:
        office.children["connect"].start()
        wait_until(lambda: any(path.stat().st_size for path in directory.glob("spool/*")), "the spool")
        shutil.copytree(directory / "spool", tmp_path / "spool-as-it-was")
        own_kafka.start()
        with log.open("a") as file:
            file.writelines(lines[len(lines) // 2 :])
        office.children["worker"].start()
        office.children["web"].start()
        wait_until(lambda: measure("connector_records_read_total") == len(lines), "all lines to be read")
        wait_until(lambda: measure("connector_spool_records") == 0, "the spool to be empty")
        first = kafka_io.read(bootstrap, CALLS)[0]
        kafka_io.produce(bootstrap, [(CALLS, b"another key", first.value())])  # causes a dead letter
        wait_until(lambda: contacts_oracle.is_done(bootstrap), "the worker")
        wait_until(lambda: office.is_up("web") and "queue-" in office.get("web", "/api/board").text, "the board")
        answers = office.answers()
        assert [child.stop() for child in office.children.values()] == [0, 0, 0]

    records = {topic.name: kafka_io.read(bootstrap, topic.name) for topic in topics.TOPIC_CATALOGUE}
    for name in (CALLS, topics.CONTACTS.name, topics.FIGURES.name, topics.TIMELINE.name, topics.DEAD_LETTERS.name):
        assert records[name], f"{name} is empty, so the test proves nothing about it"
    contents = {
        "topics": content_of(message for messages in records.values() for message in messages),
        "spool": b"".join(path.read_bytes() for path in (tmp_path / "spool-as-it-was").iterdir()),
        "cursor": b"".join(path.read_bytes() for path in directory.glob("cursor-*")),
        "logs": b"".join(path.read_bytes() for path in (own_kafka.log, *tmp_path.glob("*.log"))),
        "answers": answers,
    }
    planted = log.read_bytes()
    for place, texts in contents.items():
        assert texts, f"{place} is empty, so the test proves nothing about it"
        for number in NUMBERS:
            assert len(found(number, planted)) == 5
            assert found(number, texts) == [], place
            assert number[1:].encode() not in texts, place
        for name in (*NAMES, ABROAD):
            assert name.encode() in planted
            assert name.encode() not in texts, place
    rejects = (directory / "rejects.jsonl").read_bytes()
    assert all(found(number, rejects) for number in NUMBERS), "only the rejected records contain personal data"
