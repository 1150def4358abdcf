"""Times in `web.time_zone`, deadlines and tables of the commands."""

import click
import pytest
from click.testing import CliRunner

from streams.cli.output_tables import format_deadline, format_time
from streams.cli.time_options import TimeParam
from streams.settings.schema import Web

NOON_AT = 1_764_068_400_000
"""2025-11-25 11:00 UTC."""


def since(text: str) -> str:
    @click.command()
    @click.argument("at", type=TimeParam())
    def command(at: int) -> None:
        click.echo(at)

    return CliRunner().invoke(command, [text]).output


@pytest.mark.parametrize(
    ("zone", "text"),
    [
        ("Europe/Paris", "2025-11-25 12:00:00+01:00"),
        ("America/Cayenne", "2025-11-25 08:00:00-03:00"),
        ("UTC", "2025-11-25 11:00:00+00:00"),
    ],
)
def test_displayed_times_are_accepted_with_and_without_offset(
    zone: str, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACCUEIL_WEB__TIME_ZONE", zone)
    assert format_time(NOON_AT, Web(time_zone=zone).zone) == text
    assert since(text) == since(text[:19]) == f"{NOON_AT}\n"


def test_deadline_at_midnight_is_shown_as_the_day_before() -> None:
    midnight_at = NOON_AT + 12 * 3_600_000
    paris, cayenne = Web(time_zone="Europe/Paris").zone, Web(time_zone="America/Cayenne").zone
    assert format_deadline(midnight_at, paris) == "2025-11-25"
    assert format_deadline(midnight_at, cayenne) == "2025-11-25 20:00:00-03:00"
    assert format_deadline(midnight_at + 1000, paris) == "2025-11-26 00:00:01+01:00"
