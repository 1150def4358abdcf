"""Connector for webhooks of any system, by configuration. May import `connectors.sdk` and `connectors.kiosk`."""

from typing import Final

from connectors.sdk.contract import Connector
from connectors.sdk.samples import SampleSupport
from connectors.webhook.config import WebhookConfig
from connectors.webhook.source import WebhookSource, read_sample
from models.locale import N_

_TRIAL_OPTIONS: Final = {"port": 0, "secret": "whsec_" + 8 * "QUJD"}
"""Options of a trial, which receives nothing."""

CONNECTOR = Connector(
    "webhook",
    WebhookConfig,
    WebhookSource,
    description=N_("Webhooks of any system, by configuration"),
    sample=SampleSupport(read_sample, lambda _: _TRIAL_OPTIONS, alternatives={"secret": "signature"}),
    position_files=lambda _: (),
)
