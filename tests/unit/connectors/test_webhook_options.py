"""Options of the connector `webhook`."""

from typing import Any

import pytest

from connectors.sdk.errors import ConfigError
from tests.support.webhook_mapping import configure, mapped_to

HMAC = {"secret": "s" * 16, "header": "x-signature"}


@pytest.mark.parametrize(
    ("options", "message_text"),
    [
        (mapped_to("visit.arived"), r"events #1\.event .*did you mean visit\.arrived\?"),
        (mapped_to("agent.state_changed"), r"events #1\.event is not an event"),
        (mapped_to("form.submitted"), r"events #1\.procedure is missing"),
        (mapped_to("visit.arrived", qeue="q"), r"events #1\.qeue .*did you mean .*queue\?"),
        ({"timezone": "Europe/Rennes"}, r"timezone must be a time zone"),
        ({"values": {"queue": {"PMI": "two words"}}}, r"values\.queue\.PMI "),
        ({"events": []}, r"events "),
        ({"types": {"x": {"event": "visit.arrived"}}}, r"types was replaced by events: see connectors/webhook/README"),
        ({"rows": "contacts"}, r"rows must be 'events'"),
        ({"id": None}, r"id is missing"),
        ({"state": "status"}, r"state is not for webhook"),
        ({"changed_at": "changed"}, r"changed_at is not for webhook"),
        ({"records": "items["}, r"records is not a JMESPath expression"),
        ({"path": "/{all}"}, r"path "),
        ({"secret": "s3cret"}, r"secret must be whsec_"),
        ({"secret": None}, r"secret is missing"),
        ({"signature": {"hmac": HMAC}}, r"secret is for Standard Webhooks only"),
        ({"secret": None, "signature": {}}, r"signature needs exactly one"),
        (
            {"secret": None, "signature": {"hmac": HMAC, "none": {"trusted_proxies": ["::1"]}}},
            r"signature needs exactly",
        ),
        ({"secret": None, "signature": {"hmac": HMAC | {"secret": "short"}}}, r"signature\.hmac\.secret must have"),
        ({"secret": None, "signature": {"hmac": HMAC | {"algorithm": "md5"}}}, r"signature\.hmac\.algorithm must be"),
        (
            {"secret": None, "signature": {"hmac": HMAC | {"timestamp": {"header": "t", "signed_text": "{body}"}}}},
            r"signature\.hmac\.timestamp\.signed_text must contain",
        ),
        ({"secret": None, "signature": {"basic": {"user": "accueil"}}}, r"signature\.basic\.password is missing"),
        (
            {"secret": None, "signature": {"basic": {"user": "a:b", "password": "p" * 16}}},
            r"signature\.basic\.user must match",
        ),
        ({"secret": None, "signature": {"bearer": {"token": ""}}}, r"signature\.bearer\.token is empty"),
        (
            {"secret": None, "signature": {"bearer": {"token": "short"}}},
            r"signature\.bearer\.token must have at least 16",
        ),
        ({"secret": None, "signature": {"none": {}}}, r"signature\.none\.trusted_proxies is missing"),
        (
            {"secret": None, "signature": {"none": {"trusted_proxies": []}}},
            r"signature\.none\.trusted_proxies is empty",
        ),
        (
            {"secret": None, "signature": {"none": {"trusted_proxies": ["proxy.example.org"]}}},
            r"signature\.none\.trusted_proxies #1 must be an IP address",
        ),
    ],
)
def test_configuration_error_names_the_option(options: dict[str, Any], message_text: str) -> None:
    with pytest.raises(ConfigError, match=f"^essai.{message_text}"):
        configure(**options)
