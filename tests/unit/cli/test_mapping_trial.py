"""`accueil connectors try` and `new --from`: what they print."""

from pathlib import Path

from click.testing import Result

from tests.support.commands import run

MAPPING = """
timezone = "Europe/Paris"
id = "id"
phone = "phone"
queue = { value = "rsa" }
events = [
    { event = "call.queued", time = "start" },
    { event = "call.answered", time = "answer", when = "answer" },
]
"""


def try_calls(text: str, *options: str, mapping: str = MAPPING) -> Result:
    """Try a mapping with the rows in `text`."""
    Path("calls.toml").write_text(mapping)
    Path("calls.csv").write_text(text)
    return run("connectors", "try", "calls.toml", "--with", "calls.csv", *options)


def test_an_impossible_order_is_a_warning_in_the_record_and_the_summary() -> None:
    rows = "id;phone;start;answer\nA;;2026-03-16 09:00:00;2026-03-16 08:59:00\nB;;2026-03-16 09:00:00;\n"
    result = try_calls(rows, "--rejected")
    assert result.exit_code == 0, result.output
    assert "  warning: call.answered is before call.queued\n" in result.stdout
    assert "       1  warning: call.answered is before call.queued\n" in result.stdout
    assert "line 3" not in result.stdout
