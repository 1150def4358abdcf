"""Console messages for log records, in both languages, without those of libraries."""

import ast
import json
import logging
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiokafka.errors import (
    GroupAuthorizationFailedError,
    TopicAuthorizationFailedError,
    TransactionalIdAuthorizationFailed,
)

from streams.runtime.console import MESSAGES, describe_state, parse_log_line
from streams.web.board.payload import DataState

ROOT = Path(__file__).parents[3]
ALARMS = {"warning", "error", "exception", "critical"}


def line(level: str, event: str, logger: str = "engine", **values: object) -> str:
    return json.dumps({"event": event, "level": level, "logger": logger, "timestamp": "t", **values})


def alarms() -> Iterator[str]:
    """Yield the event of every call in our code that logs a warning or an error."""
    for folder in ("streams", "connectors"):
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                match node:
                    case ast.Call(
                        func=ast.Attribute(value=value, attr=attr), args=[ast.Constant(value=str(text)), *_]
                    ) if attr in ALARMS and ast.unparse(value).rpartition(".")[2] == "log":
                        yield text.replace("%s", "x")


def test_every_warning_in_the_code_has_a_console_message() -> None:
    found = set(alarms())
    assert len(found) > 10
    assert [text for text in found if not any(re.fullmatch(pattern, text) for pattern in MESSAGES)] == []


def test_every_board_state_has_a_console_message() -> None:
    assert [
        state for state in DataState if state is not DataState.LIVE and describe_state(state.value) == state.value
    ] == []


@pytest.mark.parametrize(
    ("error", "named"),
    [
        (GroupAuthorizationFailedError("accueil"), "accueil"),
        (TopicAuthorizationFailedError({"contact.call.v1"}), "{'contact.call.v1'}"),
        (TransactionalIdAuthorizationFailed(), ""),
    ],
)
def test_right_refused_by_kafka_is_named(error: Exception, named: str) -> None:
    message = parse_log_line(line("error", "leaving", error=repr(error)))[1]
    assert message.startswith("cannot continue: the broker refuses a right on ")
    assert named in message


def test_unknown_event_is_shown_unchanged() -> None:
    assert parse_log_line(line("error", "no_such_event", path="a")) == (logging.ERROR, "no_such_event path=a")
    assert parse_log_line(line("warning", "log_lost")) == (logging.WARNING, "log_lost")


@pytest.mark.parametrize("logger", ["kafka", "kafka.net.transport"])
def test_library_messages_are_limited_to_info(logger: str) -> None:
    assert parse_log_line(line("error", "Connection lost", logger)) == (logging.INFO, "Connection lost")
    assert parse_log_line(line("debug", "x", logger))[0] == logging.DEBUG


@pytest.mark.parametrize(
    ("logger", "text"),
    [
        ("kafka.net.manager", "Bootstrap connection to bootstrap-0 failed: [Error 58] {} (backoff 0.79 secs)"),
        ("aiokafka", 'Unable connect to "kafka.example.org:9092": {}'),
    ],
)
def test_refused_password_logged_by_a_library_is_shown(logger: str, text: str) -> None:
    reason = "SaslAuthenticationFailedError: Authentication failed: Invalid username or password"
    parsed = parse_log_line(line("warning", text.format(reason), logger))
    assert parsed == (logging.WARNING, "Kafka refuses the user or the password (kafka.sasl_…)")
    assert parse_log_line(line("warning", text.format("connection refused"), logger))[0] == logging.INFO


@pytest.mark.parametrize(
    "text", ["no JSON", "1", "[]", '{"level": "info"}', '{"event": "x", "level": 3, "logger": "y"}']
)
def test_line_that_is_not_a_log_record_is_shown_unchanged(text: str) -> None:
    assert parse_log_line(text) == (0, text)


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ("", "does not answer yet"),
        ("partitions [] of [0, 1] recovered", "reads the state of partitions 0, 1"),
        ("partitions [0] of [0, 1] recovered", "reads the state of partitions 0, 1 (done: 0)"),
    ],
)
def test_readiness_state_is_a_sentence(answer: str, text: str) -> None:
    assert describe_state(answer) == text
