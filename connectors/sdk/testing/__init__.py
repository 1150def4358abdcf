"""Conformance tests to inherit: `class TestMine(Conformance): …` is most of a connector's test file.

For pytest. The suite needs the connector, a configuration, records in the source's own format, and their personal values.
"""

from connectors.sdk.testing.conformance import Conformance, take_part
from connectors.sdk.testing.fake_broker import FakeBroker
from connectors.sdk.testing.harness import INSTANCE, ConnectorHarness, ManualPublisher, comparable_form, run_until_idle
from connectors.sdk.testing.leaks import leak_forms

__all__ = [
    "INSTANCE",
    "Conformance",
    "ConnectorHarness",
    "FakeBroker",
    "ManualPublisher",
    "comparable_form",
    "leak_forms",
    "run_until_idle",
    "take_part",
]
