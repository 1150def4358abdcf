"""`accueil rejects`: list, show and replay rejected records."""

import json
import re
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import Result

from connectors.sdk.contract import Reject
from connectors.sdk.rejects import Rejects
from connectors.sdk.runner import configure
from models.reasons import Reason
from streams.cli.output_tables import printable
from tests.support.commands import run

LINES = (
    b"1773650000|1773650000.1|600|NONE|FULL|",
    b"1773650060|1773650060.2|600|NONE|SURVEY|5",
    b"06 39 98 12 34 \x1b[31m\xff",
)
SETTINGS = '[connectors.siege]\nconnector = "asterisk"\npath = "queue_log"\n'
CONTEXT = b'{"seconds":{},"calls":{}}'


@pytest.fixture(autouse=True)
def home() -> Path:
    """Return the directory of a connector that rejected three records."""
    Path("accueil.toml").write_text(SETTINGS)
    with configure("siege", "asterisk", {"path": "queue_log"}).locked(Path("accueil-data/connectors")) as context:
        context.pseudonym_key("general")
        with closing(Rejects(context.directory)) as rejects:
            for line, event in zip(LINES, ("FULL", "SURVEY"), strict=False):
                detail = f"{event} has no meaning in custom_events"
                rejects.add(Reject(Reason.UNKNOWN_RECORD, line, detail, CONTEXT))
            rejects.add(Reject(Reason.INVALID_UTF8, LINES[2], "at byte 20", CONTEXT))
        return context.directory


def fix_settings() -> None:
    Path("accueil.toml").write_text(SETTINGS + 'custom_events = { FULL = "full" }\n')


def command(*arguments: str, answer: str = "") -> Result:
    return run("rejects", *arguments, answer=answer)


def places(*options: str) -> list[str]:
    return [line.split()[0] for line in command("list", *options).output.splitlines() if line.startswith("siege:")]


def test_list_shows_reasons_and_totals_but_no_content() -> None:
    result = command("list")
    assert result.exit_code == 0, result.output
    titles, *rows, _, counts, full, survey, unreadable, total = result.output.splitlines()
    assert titles.split() == ["PLACE", "WHEN", "REASON", "DETAIL"]
    assert len(rows) == 3
    assert counts.split() == ["CONNECTOR", "REASON", "COUNT", "LAST", "DETAIL"]
    for row, reason, detail in (
        (full, "unknown_record", "FULL has no meaning in custom_events"),
        (survey, "unknown_record", "SURVEY has no meaning in custom_events"),
        (unreadable, "invalid_utf8", "from byte 20 on"),
    ):
        assert row.split()[:3] == ["siege", reason, "1"]
        assert row.endswith(f"  {detail}")
    assert total == "rejected records in accueil-data/connectors: 3"
    assert "06 39" not in result.output


def test_rare_details_are_counted_together(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.cli.rejects.MAX_DETAILS", 1)
    with closing(Rejects(home)) as rejects:
        for nth, byte in enumerate((20, 20, 21, 22)):
            rejects.add(Reject(Reason.INVALID_UTF8, b"%d\xff" % nth, f"at byte {byte}"))
    *_, frequent, unknown, others, total = command("list").output.splitlines()
    assert (frequent.split()[1:3], frequent[-15:]) == (["invalid_utf8", "3"], "from byte 20 on")
    assert (unknown.split()[1:3], unknown[-2:]) == (["unknown_record", "2"], " …")
    assert (others.split()[1:3], others[-2:]) == (["invalid_utf8", "2"], " …")
    assert total.endswith(": 7")


def test_record_rejected_repeatedly_is_listed_and_replayed_once(home: Path) -> None:
    fix_settings()
    entries = [json.loads(line) for line in (home / "rejects.jsonl").read_text().splitlines()]
    with (home / "rejects.jsonl").open("a") as file:
        for day in (1, 2):
            file.writelines(json.dumps(entry | {"at": f"2999-01-0{day}T08:00:00+00:00"}) + "\n" for entry in entries)
    lines = command("list").output.splitlines()
    assert lines[-1] == "rejected records in accueil-data/connectors: 3"
    assert [line.endswith(" (rejected 3 times)") for line in lines[1:4]] == [True] * 3
    assert [line.split()[2] for line in lines[-4:-1]] == ["1"] * 3
    first = places()[0]
    assert "times          3" in command("show", first).output
    replayed = command("replay", "--all", "--yes").output.splitlines()
    assert (replayed[0], replayed[1]) == (
        "siege: rejected records to map again: 3",
        "siege: 1 records accepted now, events: 1 (published at its next start)",
    )
    assert len(places()) == 2
    assert len((home / "rejects.jsonl").read_text().splitlines()) == 6


def test_list_prints_json_without_content() -> None:
    listed = [json.loads(line) for line in command("list", "--json").output.splitlines()]
    assert [(record["connector"], record["reason"], record["detail"]) for record in listed][1:] == [
        ("siege", "unknown_record", "SURVEY has no meaning in custom_events"),
        ("siege", "invalid_utf8", "at byte 20"),
    ]
    assert listed[0].keys() == {"place", "connector", "source_place", "read_at", "reason", "detail", "times"}


def test_place_in_the_source_is_shown_if_the_connector_stores_it(home: Path) -> None:
    with closing(Rejects(home)) as rejects:
        rejects.add(Reject(Reason.UNKNOWN_ENUM, b"{}", "File: not in values.queue", b"nuit, 2026.csv, line 682"))
    line = next(line for line in command("list").output.splitlines() if "nuit" in line)
    assert line.endswith("  nuit, 2026.csv, line 682: File: not in values.queue")
    place = line.split()[0]
    assert "in the source  nuit, 2026.csv, line 682" in command("show", place).output
    listed = [json.loads(line) for line in command("list", "--json").output.splitlines()]
    assert [record["source_place"] for record in listed] == ["", "", "", "nuit, 2026.csv, line 682"]


def test_list_filters_records() -> None:
    assert len(places("--reason", "unknown_record")) == 2
    assert len(places("--connector", "siege", "--since", "1h", "--limit", "1")) == 1
    assert command("list", "--connector", "annexe").output == "no rejected records in accueil-data/connectors\n"
    assert places("--since", "2999-01-01T00:00") == []


@pytest.mark.parametrize("arguments", [["list"], ["show", "siege:00000000"], ["replay", "--all"]])
def test_unreadable_files_are_an_error(home: Path, arguments: list[str]) -> None:
    def refused(path: Path) -> bool:
        result = command(*arguments)
        error = re.fullmatch(rf"accueil: {path} cannot be read \(.+\): run this as .+\n", result.output)
        return result.exit_code == 2 and error is not None

    # Not even root can read these.
    rejects, connectors = home / "rejects.jsonl", home.parents[1]
    rejects.unlink()
    rejects.mkdir()
    assert refused(rejects)
    connectors.rename("aside")
    connectors.symlink_to(connectors.absolute())
    assert refused(connectors)


def test_show_prints_content_only_on_request_and_warns() -> None:
    (place,) = places("--reason", "invalid_utf8")
    shown = command("show", place).output
    assert "reason         invalid_utf8, it is not valid UTF-8" in shown
    assert "detail         from byte 20 on" in shown
    assert "06 39" not in shown
    with_value = command("show", place, "--value").output
    assert printable(LINES[2]) in with_value
    assert "\x1b" not in with_value
    for output in (shown, with_value):
        assert "may contain personal data. It exists only in accueil-data/connectors (mode 0600)" in output


def test_replay_spools_accepted_records_and_keeps_the_others(home: Path) -> None:
    fix_settings()
    before = places()
    dry = command("replay", "--all", "--dry-run")
    assert (dry.exit_code, places()) == (0, before)
    assert command("replay", "--all", answer="n\n").exit_code == 1
    assert places() == before
    result = command("replay", "--all", answer="y\n")
    assert result.exit_code == 0, result.output
    assert result.output.splitlines()[-3:] == [
        "siege: 1 records accepted now, events: 1 (published at its next start)",
        "siege: 1 still rejected: unknown_record",
        "siege: 1 still rejected: unreadable_line",
    ]
    assert places() == before[1:]
    (segment,) = (home / "spool").iterdir()
    assert b"call.left_queue" in segment.read_bytes()


def test_replay_takes_only_chosen_records() -> None:
    fix_settings()
    _, second, third = places()
    result = command("replay", second, third, "--yes")
    assert result.output.splitlines()[1] == "siege: 0 records accepted now, events: 0"
    assert len(places()) == 3
    assert command("replay", "--reason", "unknown_record", "--yes").exit_code == 0
    assert places() == [second, third]


def test_records_with_the_same_place_are_shown_and_replayed_separately(home: Path) -> None:
    fix_settings()
    lines = ["1773650000|1773650000.69434|600|NONE|FULL|", "1773650000|1773650000.50676|600|NONE|SURVEY|"]
    fields = {"at": "2026-03-16T08:00:00+00:00", "reason": "unknown_record", "detail": ""}
    entries = [json.dumps({**fields, "record": line, "context": CONTEXT.decode()}) + "\n" for line in lines]
    (home / "rejects.jsonl").write_text("".join(entries))
    assert places() == ["siege:468ffd5f"] * 2
    shown = command("show", "siege:468ffd5f", "--value").output
    assert [line in shown for line in lines] == [True, True]
    assert "siege: 1 records accepted now" in command("replay", "siege:468ffd5f", "--yes").output
    assert (home / "rejects.jsonl").read_text() == entries[1]


def test_replay_refuses_a_running_connector() -> None:
    with configure("siege", "asterisk", {"path": "queue_log"}).locked(Path("accueil-data/connectors")):
        before = places()
        result = command("replay", "--all", answer="y\n")
        dry_run = command("replay", "--all", "--dry-run")
    assert result.exit_code == 2
    assert result.output.splitlines()[-1].endswith("is in use by another process: stop it first")
    assert "map them again?" not in result.output
    assert (dry_run.exit_code, places()) == (0, before)
    assert "siege: 0 records accepted now, events: 0" in dry_run.output


def test_replay_needs_the_settings_of_the_connector() -> None:
    Path("accueil.toml").write_text("")
    assert "connectors.siege" in run("rejects", "replay", "--all", "--yes").stderr


@pytest.mark.parametrize("arguments", [("show", "siege:00000000"), ("replay", "siege:00000000", "--yes")])
def test_unknown_place_is_an_error(arguments: tuple[str, ...]) -> None:
    result = command(*arguments)
    error = "accueil: no rejected record at siege:00000000: accueil rejects list shows places\n"
    assert (result.exit_code, result.output) == (1, error)
