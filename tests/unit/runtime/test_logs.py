"""Logging: allowed keys, masking of personal data, and suppression of repeated messages."""

import ast
import io
import json
import logging
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from kafka.net.sasl.plain import SaslMechanismPlain
from kafka.net.sasl.scram import SaslMechanismScram

from streams.runtime import logs


class Output(io.StringIO):
    """Log output."""

    @property
    def records(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.getvalue().splitlines()]


@pytest.fixture
def output() -> Iterator[Output]:
    root, hook = logging.getLogger(), sys.excepthook
    before = (root.handlers[:], root.level)
    stream = Output()
    logs.configure("debug", "json", stream)
    yield stream
    logging.captureWarnings(capture=False)
    root.handlers[:], root.level = before[0], before[1]
    sys.excepthook = hook
    structlog.reset_defaults()


def test_structlog_and_standard_library_logs_have_the_same_format(output: Output) -> None:
    structlog.get_logger("streams.runtime.worker").info("recovered", partition=3, rows=250)
    logging.getLogger("streams.engine").info("recovered")
    ours, standard = output.records
    common = {"event", "level", "logger", "timestamp"}
    assert (set(ours), set(standard)) == (common | {"partition", "rows"}, common)


def test_unknown_keys_are_dropped(output: Output) -> None:
    structlog.get_logger().info("mapped", caller="Camille Exemple", partition=1)
    assert "Camille" not in output.getvalue()
    assert output.records[0]["partition"] == 1


@pytest.mark.parametrize(
    "personal",
    [
        *("0639981234", "06 39 98 12 34", "01.99.00.12.34", "+33639981234"),
        *("0033 6 39 98 12 34", "+33 (0)6 39 98 12 34"),
        *("camille@example.org", "b'sip:0639981234'", 'b"it\'s Camille"'),
    ],
)
def test_personal_values_are_masked_in_every_key(output: Output, personal: str) -> None:
    structlog.get_logger().warning("refused", detail=f"value {personal} is odd")
    logging.getLogger("faust.topics").error("Error sending %s, giving up", personal)
    structlog.get_logger().error("failed", exc_info=ValueError(personal))
    assert len(output.records) == 3
    for word in (personal, "39981234", "39 98 12 34", "Camille"):
        assert word not in output.getvalue()
    assert output.records[0]["detail"] == "value *** is odd"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://accueil:hush@localhost/x", "https://***@localhost/x"),
        ("postgresql+psycopg://accueil:hush@127.0.0.1/accueil", "postgresql+psycopg://***@127.0.0.1/accueil"),
        ("https://example.org/x?access_token=hush&site=nord", "https://example.org/x?***&site=nord"),
        ("https://example.org/x?site=nord", "https://example.org/x?site=nord"),
    ],
)
def test_passwords_in_urls_are_masked(output: Output, url: str, shown: str) -> None:
    structlog.get_logger().warning("refused", error=f"cannot reach {url}")
    assert output.records[0]["error"] == f"cannot reach {shown}"


@pytest.mark.parametrize(
    "personal", ["06 39 98 12 34", "camille.exemple@example.org", "b'sip:0639981234 " + "a" * 900 + "'"]
)
@pytest.mark.parametrize("before", range(-30, 30, 3))
def test_long_value_is_cut_without_personal_data_at_the_cut(output: Output, personal: str, before: int) -> None:
    start = logs.MAX_CHARACTERS - len(personal) // 2 + before
    structlog.get_logger().warning("refused", detail="x " * (start // 2) + personal + " y" * 60_000)
    (record,) = output.records
    assert len(record["detail"]) <= logs.MAX_CHARACTERS + 10
    assert record["detail"].endswith(" ... (cut)")
    assert not [word for word in ("06", "39", "camille", "sip", "aaa") if word in record["detail"]]


@pytest.mark.parametrize(
    "harmless",
    [
        *("2025-11-25T12:59:00.123456Z", "127.0.0.1:49092", "offset 1234567890123", "kafka-python 3.0.12"),
        *("phone:ab12-Q2FtaWxsZSBFeGVtcGxl0w", "7c4a8d09-0612-5345-9781-0123456789ab"),
        "call:asterisk/siege:1732545600.47",
    ],
)
def test_values_that_operators_need_are_not_masked(output: Output, harmless: str) -> None:
    structlog.get_logger().info("seen", detail=harmless)
    assert output.records[0]["detail"] == harmless


def test_exceptions_show_no_local_variables(output: Output) -> None:
    def fail(secret: str) -> None:
        raise RuntimeError(f"{len(secret)} characters")

    try:
        fail("hush" * 2)
    except RuntimeError:
        structlog.get_logger().exception("failed")
    assert "8 characters" in output.records[0]["exception"]
    assert "hushhush" not in output.getvalue()


def test_uncaught_errors_are_logged_and_masked(output: Output) -> None:
    sys.excepthook(ValueError, ValueError("no number: 0639981234"), None)
    assert output.records[0]["event"] == "ValueError: no number: ***"
    assert "0639981234" not in output.getvalue()


@pytest.mark.parametrize("library", ["kafka.net", "aiokafka.conn"])
def test_libraries_log_no_more_than_warnings_even_at_debug(output: Output, library: str) -> None:
    logging.getLogger(library).debug("sent frame %r", b"payload")
    logging.getLogger(library).info("connected")
    logging.getLogger(library).warning("connection lost")
    assert [record["event"] for record in output.records] == ["connection lost"]


def test_wrong_warning_about_scram_passwords_is_dropped(output: Output) -> None:
    for mechanism in (SaslMechanismScram, SaslMechanismPlain):
        mechanism(
            sasl_mechanism="SCRAM-SHA-256",
            security_protocol="SASL_PLAINTEXT",
            sasl_plain_username="accueil",
            sasl_plain_password="hush",
        )
    logging.getLogger("kafka.net.sasl.scram").warning("another warning")
    assert [record["event"] for record in output.records] == [
        "Sending username and password in the clear",
        "another warning",
    ]


def test_missing_broker_logs_a_few_lines_a_minute(output: Output, monkeypatch: pytest.MonkeyPatch) -> None:
    logger = logging.getLogger("aiokafka.conn")
    minutes, now = 3, 0.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    for attempt in range(minutes * 600):
        now = attempt / 10
        logger.error("Unable to connect to %s: %s", f"node {attempt}", "refused")
    assert [record.get("repeated") for record in output.records] == [None, 599, 599]


def test_clock_set_back_suppresses_no_message(monkeypatch: pytest.MonkeyPatch) -> None:
    now, repeats = 0.0, logs.Repeats(seconds=60)
    monkeypatch.setattr(time, "monotonic", lambda: now)

    def is_shown(created: float) -> bool:
        record = logging.LogRecord("kafka", logging.WARNING, "", 1, "broker away", None, None)
        record.created = created
        return repeats.filter(record)

    assert [is_shown(1_764_000_000), is_shown(1_764_000_001 - 3600)] == [True, False]
    now = 61.0
    assert is_shown(1_764_000_061 - 3600)


def test_same_warning_about_another_name_is_not_suppressed(output: Output) -> None:
    for seconds in (1, 2):
        for connector in ("asterisk/site1", "asterisk/site2"):
            for trouble in ("queue_log: Permission denied", "queue_log: No such file"):
                structlog.get_logger().warning(
                    "connector_in_trouble", connector=connector, trouble=trouble, seconds=seconds
                )
    shown = [(record["connector"], record["trouble"]) for record in output.records]
    assert len(shown) == len(set(shown)) == 4


def test_number_of_remembered_messages_is_limited() -> None:
    repeats = logs.Repeats(remembered=10)
    for letter in "abcdefghijklmnopqrstuvwxyz":
        record = logging.LogRecord("x", logging.WARNING, "", 1, letter, None, None)
        assert repeats.filter(record)
    assert len(repeats._seen) == 10


def keys_of(source: str) -> set[str]:
    """Return the keys of calls like `log.info("…", key=…)`."""
    return {
        word.arg
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in {"debug", "info", "warning", "error", "exception", "critical", "bind"}
        and ast.unparse(node.func.value).rpartition(".")[2].lstrip("_") in {"log", "logger", "get_logger(__name__)"}
        for word in node.keywords
        if word.arg and word.arg not in {"exc_info", "stacklevel"}
    }


def test_every_key_in_log_calls_is_allowed() -> None:
    root = Path(__file__).parents[3]
    sources = [*root.glob("streams/**/*.py"), *root.glob("connectors/**/*.py")]
    used = {key: source.name for source in sources for key in keys_of(source.read_text(encoding="utf-8"))}
    assert {"partition", "error"} <= used.keys()
    assert {key: file for key, file in used.items() if key not in logs.KEYS} == {}
