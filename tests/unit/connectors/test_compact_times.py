"""Dates and times of day without separators: they are recognised in a sample, and the proposed mapping reads them."""

from typing import Any

import pytest

from connectors.sdk.mapping.compact_times import find_clock_format, find_short_day_format
from connectors.sdk.mapping.options import MappingOptions
from connectors.sdk.mapping.proposal import propose
from connectors.sdk.mapping.record_mapping import RecordMapping
from connectors.sdk.mapping.trial import Trial
from connectors.sdk.samples import PlacedRecord
from models.identities import PseudonymKey
from models.topics import Channel
from tests.unit.connectors.test_mapping_proposal import NOW, read


@pytest.mark.parametrize(
    ("days", "clocks", "time_format"),
    [
        (("20261024", "20261025"), ("022359", "140500"), "%Y%m%d %H%M%S"),
        (("20261024", "20261025"), ("22359", "140500"), "%Y%m%d %H%M%S"),
        ((20261024, 20261025), (22359, 140500), "%Y%m%d %H%M%S"),
        ((20261024.0, 20261025.0), (22359.0, 140500.0), "%Y%m%d %H%M%S"),
        (("24102026", "25102026"), ("0223", "1405"), "%d%m%Y %H%M"),
        (("241026", "251026"), ("0223", "1405"), "%d%m%y %H%M"),
        (("261024", "261025"), ("223", "1405"), "%y%m%d %H%M"),
        (("20261024", "20261025"), ("2:23", "14:05"), "%Y%m%d %H:%M"),
        (("24/10/2026", "25/10/2026"), ("022359", "140500"), "%d/%m/%Y %H%M%S"),
        (("2026-10-24", "2026-10-25"), ("22359", "140500"), "%Y-%m-%d %H%M%S"),
    ],
)
def test_a_date_is_joined_with_a_time_of_day_without_separators(
    days: tuple[Any, Any], clocks: tuple[Any, Any], time_format: str
) -> None:
    records = [
        {"N°": f"A{number}", "Date": day, "Heure": clock, "File": "RSA"}
        for number, (day, clock) in enumerate(zip(days, clocks, strict=True))
    ]
    proposed = read(propose(records, "table", Channel.CALL))
    assert (proposed["time_format"], proposed["events"][0]["time"]) == (time_format, ["Date", "Heure"])
    mapping = MappingOptions.model_validate(proposed)
    trial = Trial(RecordMapping("table/try", mapping, PseudonymKey("general", b"k" * 32)), mapping)
    tried = trial.run([PlacedRecord(record) for record in records], NOW)
    assert [f"{event.time:%d %H:%M}" for record in tried for event in record.events] == ["24 00:23", "25 13:05"]


def test_short_names_of_dates_and_times_are_recognised() -> None:
    records = [{"NUM": "A1", "DATAPP": "261102", "HRDEB": "90512", "HRFIN": "90830", "FILE": "RSA"}] * 2
    times = {event["event"]: event["time"] for event in read(propose(records, "table", Channel.CALL))["events"]}
    assert times["call.queued"] == ["DATAPP", "HRDEB"]
    assert times["call.ended"] == ["DATAPP", "HRFIN"]


@pytest.mark.parametrize(
    "columns",
    [
        {"Date": "20261024", "Appel": "1042", "File": "RSA"},  # a number of the call
        {"Date": "20261024", "Poste": "1042", "File": "RSA"},
        {"Date": "20261024", "Temps": "1042", "File": "RSA"},
        {"Date": "20261024", "Heure": "9999", "File": "RSA"},
    ],
)
def test_other_numbers_are_no_times_of_day(columns: dict[str, str]) -> None:
    assert read(propose([columns, columns], "table", Channel.CALL))["events"][0]["time"] == "Date"


@pytest.mark.parametrize(
    ("days", "day_format"),
    [
        (("241026", "251026"), "%d%m%y"),
        (("261024", "261025"), "%y%m%d"),
        (("51026", "241026"), "%d%m%y"),
        (("241026",), "%d%m%y"),  # rather than in 2024
        (("261102",), "%y%m%d"),  # rather than in 2002
        (("281126",), "%d%m%y"),  # rather than in 2028
        (("999999", "241026"), ""),
        (("2410",), ""),
        ((), ""),
    ],
)
def test_of_two_formats_that_of_closer_or_recent_dates_counts(days: tuple[str, ...], day_format: str) -> None:
    assert find_short_day_format(days, NOW) == day_format


@pytest.mark.parametrize(
    ("clocks", "clock_format"),
    [
        (("0905", "1405"), "%H%M"),
        (("905", "1405", "7"), "%H%M"),
        (("90500", "140500"), "%H%M%S"),
        (("905", "2460"), ""),
        (("09:05",), ""),
        ((), ""),
    ],
)
def test_numbers_that_are_times_of_day_have_a_format(clocks: tuple[str, ...], clock_format: str) -> None:
    assert find_clock_format(clocks) == clock_format


def test_whole_numbers_of_a_spreadsheet_are_named_without_decimals() -> None:
    records = [{"N°": f"A{number}", "Date": "2026-10-24 09:00", "File": 601.0} for number in range(3)]
    assert read(propose(records, "table", Channel.CALL))["values"]["queue"] == {"601": "601"}


def test_a_moment_without_separators_is_no_date_for_another_time_of_day() -> None:
    records = [{"N°": "A1", "Date": "20261024090500", "File": "RSA", "Heure de fin": "09:07:00"}]
    proposed = read(propose(records, "table", Channel.CALL))
    assert (proposed["time_format"], proposed["events"][0]["time"]) == ("%Y%m%d%H%M%S", "Date")
