"""Missing logins and rights in Kafka: each process reports them, and is not ready until Kafka grants them."""

import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from connectors.asterisk.simulate import configuration
from connectors.sdk.ports import free_port
from models.topics import DEAD_LETTERS, FIGURES, SLA, SOURCES, STATES, TIMELINE, TOPIC_CATALOGUE, Channel
from streams.kafka.authorization import READ, RequiredRights, find_refusal
from streams.kafka.embedded_broker import EmbeddedKafka
from streams.kafka.state_reader import read_rows
from streams.kafka.topic_admin import TopicError, TopicSpec, apply_specs
from streams.kafka.topic_reader import AuthorizationError
from tests.support.processes import Child, wait_until
from tests.support.secured_kafka import ADMIN, PASSWORD, client, environment, grant, running

pytestmark = [pytest.mark.broker, pytest.mark.timeout(600)]
LOGIN_REFUSED = "Kafka refuses the user accueil or its password"


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedKafka]:
    with running(tmp_path_factory.mktemp("secured")) as kafka:
        apply_specs(kafka.bootstrap, [TopicSpec(topic.name, 2) for topic in TOPIC_CATALOGUE], **client(ADMIN))
        yield kafka


def readiness(port: int) -> tuple[int, str]:
    try:
        response = httpx.get(f"http://127.0.0.1:{port}/readyz")
    except httpx.TransportError:
        return 0, ""
    return response.status_code, response.text


@pytest.mark.parametrize("command", [["worker"], ["timeline"], ["topics", "apply"], ["dead-letters", "list"]])
def test_wrong_password_ends_a_process_with_exit_code_2(
    secured: EmbeddedKafka, tmp_path: Path, command: list[str]
) -> None:
    own = environment(secured, tmp_path / "data", "autre")
    with Child(["-m", "streams.cli.main", *command], tmp_path / "child.log", **own).start() as child:
        assert child.wait() == 2
        (line,) = [line for line in child.text.splitlines() if LOGIN_REFUSED in line]
        assert "kafka.sasl_password" in line
        assert "Traceback" not in child.text
        assert "autre" not in child.text


def test_missing_rights_to_create_topics_are_named(secured: EmbeddedKafka, tmp_path: Path) -> None:
    own = environment(secured, tmp_path / "data")
    with Child(["-m", "streams.cli.main", "topics", "apply"], tmp_path / "child.log", **own).start() as child:
        assert child.wait() == 2
        assert "grant CREATE, ALTER, ALTER_CONFIGS, DESCRIBE_CONFIGS on the topics" in child.text
    grant(secured, "DESCRIBE", "TOPIC", ["contact."], prefixed=True)
    mail = TopicSpec(SOURCES[Channel.MAIL].name, 2, config={"retention.ms": "1000000"})
    with pytest.raises(TopicError, match=r"read or changed \(contact.mail.v1\): grant"):
        apply_specs(secured.bootstrap, [mail], **client())
    grant(secured, "DESCRIBE_CONFIGS", "TOPIC", [mail.name])
    with pytest.raises(TopicError, match=r"read or changed \(contact.mail.v1: .*TopicAuthorization.*\): grant"):
        apply_specs(secured.bootstrap, [mail], **client())


def test_unreadable_topic_is_an_error_instead_of_no_rows(secured: EmbeddedKafka) -> None:
    with pytest.raises(AuthorizationError, match=r"READ topic accueil\.contacts\.v1"):
        read_rows(secured.bootstrap, client(), lambda *_: True)


def test_unsupported_sasl_mechanism_is_named(secured: EmbeddedKafka) -> None:
    refusal = find_refusal(secured.bootstrap, client() | {"sasl_mechanism": "SCRAM-SHA-512"}, RequiredRights())
    assert refusal is not None
    assert refusal.is_login
    assert "kafka.sasl_mechanism" in refusal.text


def test_board_names_missing_read_rights(secured: EmbeddedKafka, tmp_path: Path) -> None:
    port = free_port()
    own = environment(secured, tmp_path / "data") | {"ACCUEIL_WEB__PORT": str(port)}
    with Child(["-m", "streams.cli.main", "web"], tmp_path / "web.log", **own).start() as web:
        wait_until(lambda: readiness(port) == (503, "refused\n"), "the refusal", otherwise=lambda: readiness(port))
        assert f"for User:accueil: READ topic {FIGURES.name}: grant" in web.text
        grant(secured, "DESCRIBE", "TOPIC", [FIGURES.name])
        assert readiness(port) == (503, "refused\n")
        grant(secured, "READ", "TOPIC", [FIGURES.name])
        wait_until(lambda: readiness(port) == (503, "no_figures\n"), "the right", otherwise=lambda: readiness(port))
        assert web.stop() == 0


def test_board_names_a_wrong_password(secured: EmbeddedKafka, tmp_path: Path) -> None:
    port = free_port()
    own = environment(secured, tmp_path / "data", "autre") | {"ACCUEIL_WEB__PORT": str(port)}
    with Child(["-m", "streams.cli.main", "web"], tmp_path / "web.log", **own).start() as web:
        wait_until(lambda: readiness(port) == (503, "refused\n"), "the refusal", otherwise=lambda: readiness(port))
        assert LOGIN_REFUSED in web.text
        assert web.stop() == 0


def test_connector_without_write_rights_is_not_ready(secured: EmbeddedKafka, tmp_path: Path) -> None:
    port, topic, log = free_port(), SOURCES[Channel.CALL].name, tmp_path / "queue_log"
    lines, t = ["ENTERQUEUE||0199000001|1", "ABANDON|1|1|9"], int(time.time()) - 3600
    log.write_text("".join(f"{t + at}|{t}.1|accueil|NONE|{line}\n" for at, line in enumerate(lines)))
    options = configuration(log)
    text = "".join(f"{name} = {value!r}\n" for name, value in options.items() if isinstance(value, str))
    config = tmp_path / "accueil.toml"
    config.write_text(f"[connectors.siege]\nconnector = 'asterisk'\n{text}")
    own = environment(secured, tmp_path / "data") | {"ACCUEIL_CONNECT__HEALTH_PORT": str(port)}
    command = ["-m", "streams.cli.main", "--config", str(config), "connect"]
    with Child(command, tmp_path / "connect.log", **own).start() as connect:
        wait_until(
            lambda: readiness(port)[0] == 503 and "permission" in readiness(port)[1],
            "it",
            otherwise=lambda: connect.text,
        )
        assert "WRITE topic contact.appointment.v1, " in readiness(port)[1]
        grant(secured, "WRITE", "TOPIC", [SOURCES[Channel.MAIL].name])
        named = f"User:accueil has no permission in Kafka for WRITE topic {topic}: grant"
        wait_until(
            lambda: named in readiness(port)[1], "the topic that is written to", otherwise=lambda: readiness(port)
        )
        connect.wait_for(named)
        assert connect.text.count(named) == 1
        grant(secured, "WRITE", "TOPIC", [topic])
        wait_until(lambda: readiness(port)[0] == 200, "the right", otherwise=lambda: readiness(port))
        connect.wait_for("spool_drained")
        assert connect.stop() == 0


def test_worker_waits_for_its_rights(secured: EmbeddedKafka, tmp_path: Path) -> None:
    port = free_port()
    own = environment(secured, tmp_path / "data") | {"ACCUEIL_WORKER__HEALTH_PORT": str(port)}
    with Child(["-m", "streams.cli.main", "worker"], tmp_path / "worker.log", **own).start() as worker:
        wait_until(lambda: "group" in readiness(port)[1], "the refusal", otherwise=lambda: readiness(port))
        code, text = readiness(port)
        assert code == 503
        assert "WRITE transactional-id accueil-" in text
        assert f"WRITE topic accueil.contacts.v1, accueil.figures.v1, {TIMELINE.name}, " in text
        grant(secured, "READ", "TOPIC", [topic.name for topic in (*SOURCES.values(), *STATES)])
        grant(secured, "WRITE", "TOPIC", [topic.name for topic in (*STATES, TIMELINE, SLA, DEAD_LETTERS)])
        grant(secured, "READ", "GROUP", ["accueil"], prefixed=True)
        wait_until(lambda: "topic" not in readiness(port)[1], "the rights on topics", otherwise=lambda: readiness(port))
        assert worker.alive
        grant(secured, "WRITE", "TRANSACTIONAL_ID", ["accueil"], prefixed=True)
        worker.wait_for('"event": "partition_opened"', 2)
        wait_until(lambda: readiness(port)[0] == 200, "its readiness", otherwise=lambda: readiness(port))
        assert PASSWORD not in worker.text
        assert worker.stop() == 0


def test_no_refusal_without_a_broker() -> None:
    assert find_refusal(f"127.0.0.1:{free_port()}", client(), RequiredRights({FIGURES.name: READ})) is None
