"""Figures of the sample that `accueil connectors try` shows."""

from pathlib import Path

import pytest

from tests.support.commands import run

CALLS = """\
timezone = "Europe/Paris"
id = "n"
queue = "queue"
values.queue = { RSA = "rsa", MDPH = "mdph" }
events = [
  { event = "call.queued", time = "begin" },
  { event = "call.answered", time = "answer", when = "answer" },
  { event = "call.left_queue", time = "out", reason = { value = "other" }, when = "out" },
  { event = "call.abandoned", time = "end", when = { "answer || out" = false, end = true } },
  { event = "call.ended", time = "end", when = { answer = true, end = true } },
]
"""
HEAD = "n;queue;begin;answer;out;end"


def row(number: int, queue: str, answer: str = "", out: str = "", end: str = "", day: int = 16) -> str:
    return ";".join(
        (str(number), queue, *(f"2026-03-{day}T{at}" if at else "" for at in ("09:00:00", answer, out, end)))
    )


def figures_of(mapping: str, *samples: list[str]) -> list[list[str]]:
    """Return the cells of the lines below the words that announce the figures, up to the next empty line but one."""
    Path("m.toml").write_text(mapping, encoding="utf-8")
    names = []
    for number, lines in enumerate(samples):
        Path(f"{number}.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
        names += ["--with", f"{number}.csv"]
    result = run("connectors", "try", "m.toml", *names)
    assert result.exit_code == 0, result.output
    _, _, after = result.output.partition("Compare them with those of the source:\n\n")
    return [line.split() for line in after.split("\n\n")[0].splitlines()]


def test_stays_count_by_queue_over_all_days() -> None:
    rows = [
        row(1, "RSA", answer="09:00:20", end="09:04:00"),
        row(2, "RSA", answer="09:00:40", end="09:01:00", day=17),
        row(3, "RSA", end="09:00:50"),
        row(4, "RSA", out="09:01:00"),
        row(5, "MDPH"),
        row(6, "MDPH", answer="09:00:10"),
    ]
    head, *lines, note = figures_of(CALLS, [HEAD, *rows])
    assert head == ["CHANNEL", "QUEUE", "OFFERED", "ANSWERED", "ABANDONED", "LEFT", "OPEN", "MEAN", "WAIT,", "SECONDS"]
    assert lines == [["call", "rsa", "4", "2", "1", "1", "0", "30"], ["call", "mdph", "2", "1", "0", "0", "2", "10"]]
    assert note[0] == "open:"


def test_corrected_and_repeated_records_count_once() -> None:
    first = [HEAD, row(1, "RSA", answer="09:00:20", end="09:04:00"), row(2, "RSA", end="09:01:00")]
    second = [HEAD, row(1, "MDPH", end="09:04:00"), row(2, "RSA", end="09:01:00")]
    _, *lines = figures_of(CALLS, first, second)
    assert lines == [["call", "mdph", "1", "0", "1", "0", "0", "-"], ["call", "rsa", "1", "0", "1", "0", "0", "-"]]


def test_record_that_is_corrected_to_no_contact_no_longer_counts() -> None:
    first = [HEAD, row(1, "RSA", end="09:04:00"), row(2, "RSA", end="09:01:00")]
    second = [HEAD, row(1, "TEST", end="09:04:00")]
    _, *lines = figures_of(CALLS + '[ignored]\nqueue = ["TEST"]\n', first, second)
    assert lines == [["call", "rsa", "1", "0", "1", "0", "0", "-"]]


@pytest.mark.parametrize("count", [50, 52])
def test_only_the_largest_queues_are_listed(count: int) -> None:
    rows = [row(number, f"Q{number % count}") for number in range(count)]
    names = "\n".join(f'Q{number} = "q{number}"' for number in range(count))
    mapping = CALLS.replace('values.queue = { RSA = "rsa", MDPH = "mdph" }\n', "") + f"[values.queue]\n{names}\n"
    _, *lines = figures_of(mapping, [HEAD, *rows])
    assert sum(line[0] == "call" for line in lines) == 50
    assert (["…", "and", "2", "more", "queues"] in lines) is (count > 50)


def test_cases_count_by_channel() -> None:
    mapping = """\
timezone = "Europe/Paris"
id = "n"
events = [
  { event = "email.received", time = "at" },
  { event = "email.answered", time = "done", when = "done" },
]
"""
    rows = ["n;at;done", "1;2026-03-16T09:00:00;2026-03-16T10:00:00", "2;2026-03-16T09:00:00;"]
    assert figures_of(mapping, rows) == [
        ["CHANNEL", "RECEIVED", "RESPONDED", "CLOSED", "OPEN"],
        ["email", "2", "1", "1", "1"],
    ]


def test_records_without_queue_or_case_have_no_figures() -> None:
    mapping = 'id = "n"\nevents = [{ event = "appointment.booked", time = "at", starts_at = "slot" }]\n'
    assert figures_of(mapping, ["n;at;slot", "1;2026-03-16T09:00:00Z;2026-03-18T09:00:00Z"]) == []
