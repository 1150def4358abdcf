"""What every connector must do, as tests to inherit: `class TestMine(Conformance): …` is most of a connector's test file.

For pytest; it needs the connector, a configuration, records in the source's own format, and the personal values in them.
"""

from connectors.sdk.testing.bench import INSTANCE, Bench, HeldPublisher, identity, run_dry
from connectors.sdk.testing.broker import Broker
from connectors.sdk.testing.leaks import disguises
from connectors.sdk.testing.suite import Conformance

__all__ = ["INSTANCE", "Bench", "Broker", "Conformance", "HeldPublisher", "disguises", "identity", "run_dry"]
