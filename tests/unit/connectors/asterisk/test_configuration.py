"""Configuration of the Asterisk connector."""

from typing import Any

import pytest

from connectors.asterisk.config import AsteriskConfig
from connectors.sdk.config import parse
from connectors.sdk.errors import ConfigError

AMI = {"host": "pbx.example.org", "username": "b", "secret": "c"}


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"path": None}, r"^essai needs path, ami, or both$"),
        ({"queues": {"600": {"lable": "x"}}}, r"\.lable is unknown; did you mean essai\.queues\.600\.label\?"),
        ({"queues": {"600": {"label": "aide sociale"}}}, r"essai\.queues\.600\.label may have letters without accents"),
        (
            {"queues": {"Support": {"label": "aide"}, "SUPPORT": {"label": "secours"}}},
            r"^essai\.queues has Support and SUPPORT, which are the same queue in Asterisk",
        ),
        (
            {"custom_events": {"FULL": "ful"}},
            r"^essai\.custom_events\.FULL must be one of timeout, .*, voicemail_heard, callback, called_back, reason, ignore$",
        ),
        ({"custom_events": {"ABANDON": "full"}}, r"essai\.custom_events\.ABANDON is a standard Asterisk event"),
        ({"region": "UK"}, r"essai\.region must be a country"),
        ({"ami": AMI | {"host": "a b"}}, r"essai\.ami\.host must match"),
        ({"ami": AMI | {"username": "b\r\nc"}}, r"essai\.ami\.username must match"),
        ({"ami": AMI | {"secret": "c\r\nAction: Originate"}}, r"secret is empty, or more than one"),
    ],
)
def test_configuration_error_names_the_option(options: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint) as refusal:
        parse(AsteriskConfig, "essai", {"path": "queue_log"} | options)
    assert "Originate" not in str(refusal.value)


@pytest.mark.parametrize(
    ("options", "address"),
    [
        ({"host": "localhost"}, ("localhost", 5038)),
        ({"host": "127.0.0.1"}, ("127.0.0.1", 5038)),
        ({}, ("pbx.example.org", 5039)),
        ({"tls": False}, ("pbx.example.org", 5038)),
        ({"host": "localhost", "tls": True}, ("localhost", 5039)),
        ({"port": 1234}, ("pbx.example.org", 1234)),
    ],
)
def test_remote_connection_is_encrypted_by_default(options: dict[str, Any], address: tuple[str, int]) -> None:
    manager = AsteriskConfig(ami=AMI | options).ami  # type: ignore[arg-type]
    assert manager is not None
    assert manager.address == address
