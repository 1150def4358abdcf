"""The Asterisk connector with files."""

import os
from datetime import date
from pathlib import Path
from typing import Any

import pytest

import connectors.asterisk as asterisk
from connectors.asterisk.simulate import configuration, simulate_day
from connectors.sdk.cursor import Cursor
from connectors.sdk.errors import CursorDamagedError, SourceUnavailableError
from connectors.sdk.testing import Conformance, ConnectorHarness, comparable_form, take_part
from connectors.sdk.testing.hostile import CONTENTS, hostile_fields

PERSONAL = ("0639985511", "Mireille Exemple", "jean.modele", "PJSIP/9901", "06.39.98.55.12", "06-39-98-55-12")
BAD = (
    "not a line",
    "|".join(("{t}", PERSONAL[0], "600", "NONE", "ENTERQUEUE", PERSONAL[1], PERSONAL[0], PERSONAL[1])),
    "|".join(("{t}", "{t}.900001", PERSONAL[0], "NONE", "ENTERQUEUE", "", PERSONAL[0], "1", PERSONAL[1])),
    "|".join(("{t}", "{t}.900001", PERSONAL[0], PERSONAL[3], "CONNECT", "3", PERSONAL[0], "2")),
    "|".join(
        ("{t}", "{t}.900001", PERSONAL[0], PERSONAL[3], "BLINDTRANSFER", PERSONAL[0], PERSONAL[2], "3", "20", "1")
    ),
    "|".join(("{t}", "{t}.900001", PERSONAL[4], PERSONAL[4], "CONNECT", "3", PERSONAL[4], "2")),
    "|".join(("{t}", "{t}.900006", PERSONAL[5], "NONE", "ENTERQUEUE", "", PERSONAL[5], "1", PERSONAL[5])),
    "|".join(("{t}", "{t}.900002", f"{PERSONAL[2]}@example.org", PERSONAL[2], "ABANDON", PERSONAL[0], "1", "4")),
    "|".join(("{t}", "{t}.900003", "NONE", "NONE", "DID", PERSONAL[0], PERSONAL[1])),
    "|".join(("{t}", "NONE", "NONE", PERSONAL[1], "PAUSEALL", PERSONAL[2])),
    "|".join(("{t}", "{t}.900004", "600", "NONE", PERSONAL[1].replace(" ", ""), PERSONAL[0])),
    "|".join((PERSONAL[0] + "77", "{t}.900005", PERSONAL[0], PERSONAL[0], "PAUSE", PERSONAL[0])),
)


class TestConformance(Conformance):
    connector = asterisk.CONNECTOR
    readme = Path(asterisk.__file__).with_name("README.md")
    personal = PERSONAL

    def options(self, directory: Path) -> dict[str, Any]:
        return configuration(directory / "queue_log")

    def supply(self, directory: Path, part: int, parts: int) -> None:
        lines = take_part(self.lines(directory), part, parts)
        with (directory / "queue_log").open("a") as log:
            log.writelines(lines)

    def supply_hostile(self, directory: Path) -> None:
        good = [
            b"1773650000|1773650000.900900|600|NONE|ENTERQUEUE||0199000099|1",
            b"1773650001|1773650000.900900|600|SIP/12|CONNECT|1|1773650000.900901|1",
            b"1773650002|1773650000.900900|600|NONE|ABANDON|1|1|2",
            b"1773650002|NONE|NONE|SIP/12|PAUSEALL|pause",
        ]
        contents = [content.replace(b"\n", b"") for content in CONTENTS.values()]
        with (directory / "queue_log").open("ab") as log:
            for line in [*contents, *(line for record in good for line in hostile_fields(record, b"|"))]:
                log.write(line + b"\n")

    def lines(self, directory: Path) -> list[str]:
        """Return the lines of a small day, with malformed lines and personal data in between."""
        directory.mkdir(exist_ok=True)
        day = directory / "day"
        if not day.exists():
            simulate_day(day, day=date(2026, 3, 16), seed=3, calls=60)
        lines = day.read_text().splitlines(keepends=True)
        step = len(lines) // len(BAD)
        for place, bad in enumerate(BAD):
            second = lines[place * step].partition("|")[0]
            lines.insert(place * step, bad.format(t=second) + "\n")
        return lines

    def test_log_created_while_unavailable_is_read_from_its_start(self, tmp_path: Path) -> None:
        directory = tmp_path / "source"
        harness = ConnectorHarness(
            self.connector, self.options(directory) | {"start": "end"}, tmp_path / "data", tmp_path / "keys"
        )
        with harness.opened() as (flow, publisher):
            with pytest.raises(SourceUnavailableError):
                flow.step()
            publisher.confirm()  # then the connector is killed
        self.supply(directory, 0, 1)
        assert comparable_form(harness.read_all(confirm=True)) == comparable_form(
            self.harness(directory).read_all(confirm=True)
        )

    def test_rotated_files_are_read_completely_across_restarts(
        self, supplied: ConnectorHarness, tmp_path: Path
    ) -> None:
        directory = tmp_path / "rotated"
        harness, log, parts = self.harness(directory), directory / "queue_log", 5
        self.supply(directory, 0, parts)
        events = harness.read_all(confirm=True)
        for part in range(1, parts):
            self.supply(directory, part, parts)
            os.utime(log, (part, part + log.stat().st_mtime))
            if part < parts - 1:
                log.rename(directory / f"queue_log.{parts - part}")
        for _ in range(2 * parts):
            with harness.opened() as (flow, publisher):
                publisher.publish(
                    (), lambda: None
                )  # while events are being published, the source is read without waiting
                flow.step()
                flow.drain(0)
                publisher.confirm()
                events += publisher.events
        assert comparable_form(events) == comparable_form(supplied.read_all(confirm=True))

    def test_unreadable_position_gives_an_error_with_a_solution(
        self, supplied: ConnectorHarness, tmp_path: Path
    ) -> None:
        Cursor(supplied.directory).save(b'{"place":1}')
        with pytest.raises(
            CursorDamagedError, match=rf"{supplied.directory}/cursor-0\.json and cursor-1\.json .* connectors reread"
        ):
            supplied.read_all(confirm=True)
