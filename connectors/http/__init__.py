"""Connector for JSON APIs that are polled, by configuration. May import `connectors.sdk`."""

from connectors.http.config import HttpConfig
from connectors.http.source import HttpSource, probe, read_sample
from connectors.sdk.contract import Connector
from connectors.sdk.record_source import POSITION_FILES
from connectors.sdk.samples import SampleSupport
from models.locale import N_

CONNECTOR = Connector(
    "http",
    HttpConfig,
    HttpSource,
    probe=probe,
    description=N_("Lists of JSON APIs, by configuration"),
    sample=SampleSupport(read_sample, lambda _: {"url": "https://api.example.org/"}),
    position_files=lambda _: POSITION_FILES,
)
