"""Connector for tables in files: CSV, fixed width, Excel and OpenDocument. May import `connectors.sdk`."""

from connectors.sdk.contract import Connector
from connectors.sdk.record_source import POSITION_FILES
from connectors.sdk.samples import SampleSupport
from connectors.table.config import TableConfig
from connectors.table.source import TableSource, list_sample_sheets, probe, read_sample
from models.locale import N_

CONNECTOR = Connector(
    "table",
    TableConfig,
    TableSource,
    description=N_("Tables in files (CSV, fixed width, Excel, OpenDocument), by configuration"),
    probe=probe,
    sample=SampleSupport(read_sample, lambda path: {"files": str(path)}, list_sheets=list_sample_sheets),
    position_files=lambda _: POSITION_FILES,
)
