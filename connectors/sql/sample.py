"""Sample rows in a file, for `accueil connectors try`: an export of the table as CSV or JSON."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from connectors.sdk.errors import ConfigError, describe_os_error
from connectors.sdk.samples import PlacedRecord, SampleSupport, read_json_sample
from connectors.sql.config import SqlConfig
from models.locale import _

JSON_SUFFIXES: Final = frozenset({".json", ".jsonl", ".ndjson"})


def _read_sample(_config: SqlConfig, path: Path) -> Sequence[PlacedRecord]:
    """Return the rows of a file. Raises `ConfigError`."""
    if path.suffix.lower() in JSON_SUFFIXES:
        return read_json_sample(path)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            delimiter = max(";,\t", key=file.readline().count)
            file.seek(0)
            rows = csv.DictReader(file, delimiter=delimiter, restkey="", restval="")
            return [PlacedRecord(row, f"line {rows.line_num}") for row in rows]
    except OSError as error:
        raise ConfigError(describe_os_error(error, path)) from None
    except (UnicodeDecodeError, csv.Error):
        raise ConfigError(_("{path} is neither CSV in UTF-8 nor JSON", path=path)) from None


SAMPLE: Final = SampleSupport(_read_sample, lambda _path: {"url": "sqlite:///sample.db"})
