"""Errors in the configuration of the Asterisk connector."""

from typing import Any

import pytest

from connectors.asterisk.config import AsteriskConfig
from connectors.sdk.config import parse
from connectors.sdk.errors import ConfigError
from tests.support.queue_log import Log


class TestConfig:
    @pytest.mark.parametrize(
        ("options", "complaint"),
        [
            ({"queue": {}}, r"essai\.queue is unknown; did you mean essai\.queues\?"),
            (
                {"queues": {"600": {"lable": "x"}}},
                r"\.lable is unknown; did you mean essai\.queues\.600\.label\?",
            ),
            (
                {"queues": {"600": {"label": "aide sociale"}}},
                r"essai\.queues\.600\.label may have letters without accents",
            ),
            (
                {"custom_events": {"FULL": "ful"}},
                r"^essai\.custom_events\.FULL must be one of timeout, .*, did, menu, voicemail, ignore$",
            ),
            ({"custom_events": {"ABANDON": "full"}}, r"essai\.custom_events\.ABANDON is a standard Asterisk event"),
            ({"region": "France"}, r"essai\.region must be a country"),
            ({"region": "UK"}, r"essai\.region must be a country"),
            ({"sector": ""}, r"essai\.sector "),
            ({"start": "middle"}, r"essai\.start must be 'beginning' or 'end'"),
        ],
    )
    def test_configuration_error_names_the_option(self, options: dict[str, Any], complaint: str) -> None:
        with pytest.raises(ConfigError, match=complaint):
            Log(**options)

    def test_configuration_needs_an_interface(self) -> None:
        with pytest.raises(ConfigError, match=r"^essai needs path, ami, or both$"):
            parse(AsteriskConfig, "essai", {})
