"""Scans with several letters between separator sheets."""

import io
from contextlib import closing
from pathlib import Path

import pytest
import zxingcpp
from PIL import Image
from pypdf import PdfWriter

from connectors.mailroom import barcode_worker
from connectors.mailroom.pages import PageCounter, Pages
from tests.support import scans
from tests.support.mailroom_harness import MailroomHarness
from tests.support.scans import drop


@pytest.mark.parametrize("kind", ["PDF", "TIFF"])
def test_separator_sheets_split_a_stack_into_letters(tmp_path: Path, kind: str) -> None:
    room = MailroomHarness(tmp_path, separators={"ENF": "enfance", "VOIRIE": "routes"}, page_seconds=30)
    stack = scans.stack(kind, "", "ENF", "", "8A 0123 4567 8", "QR:MAARCH_VOIRIE", "VOIRIE", "", "ENF")
    drop(room.inbox / f"stack.{kind}", stack, 1)
    events = room.read()
    letters = [(event.data.pages, event.service) for event in events if event.type == "letter.arrived"]
    assert letters == [(1, "accueil"), (2, "enfance"), (1, "routes")]
    chronos = [event.data.chrono for event in events if event.type == "letter.registered"]
    assert chronos == ["2026-000001", "2026-000002", "2026-000003"]
    (archived,) = room.archive.glob("done/*/*")
    assert archived.name.startswith("2026-000001..2026-000003_")
    drop(room.inbox / f"stack.{kind}", stack, 1)
    assert [event.id for event in room.read()] == [event.id for event in events]
    drop(room.inbox / f"stack.{kind}", stack, 1)
    drop(room.inbox / "stack.json", b'{"reference": "whole"}', 1)
    assert [event.data.pages for event in room.read() if event.type == "letter.arrived"] == [8]
    drop(room.inbox / f"sheets.{kind}", scans.stack(kind, "ENF", "ENF"), 2)
    assert room.read() == []
    assert list(room.rejected().values()) == ["unreadable_line: nothing but separator sheets"]


def test_unknown_sheet_rejects_the_scan(tmp_path: Path) -> None:
    room = MailroomHarness(tmp_path, separators={"ENF": "enfance"}, page_seconds=30)
    stack = scans.stack("PDF", "QR:MAARCH_ENF", "", "QR:MAARCH_MIREILLE", "", "8A 0123 4567 8", "MAARCH_VOIRIE", "")
    drop(room.inbox / "stack.pdf", stack, 1)
    assert room.read() == []
    assert room.rejected() == {"stack.pdf": "unknown_enum: separators: an unknown sheet, page 3, 6"}
    for name, options, letters in (
        ("known", {"separators": {"ENF": "enfance", "MIREILLE": "routes", "VOIRIE": "routes"}}, [1, 2, 1]),
        ("any", {"separator_prefix": "", "separators": {"MAARCH_ENF": "enfance"}}, [6]),
        ("of their own", {"separator_prefix": "8A ", "separators": {"0123 4567 8": "routes"}}, [4, 2]),
    ):
        other = MailroomHarness(tmp_path / name, page_seconds=30, **options)
        drop(other.inbox / "stack.pdf", stack, 1)
        assert [event.data.pages for event in other.read() if event.type == "letter.arrived"] == letters


def test_sheet_with_other_barcodes_is_found(tmp_path: Path) -> None:
    writer = PdfWriter(io.BytesIO(scans.stack("PDF", "A", "B", "C", "D", "E", "ENF", "")))
    page, *others, last = writer.pages
    for other in others:
        page.merge_page(other)
    together = PdfWriter()
    for added in (last, page, last):
        together.add_page(added)
    together.write(tmp_path / "stack.pdf")
    with closing(PageCounter(30, ["ENF"])) as counter, (tmp_path / "stack.pdf").open("rb") as file:
        assert counter.examine(file, sheets=True) == Pages(3, ((1, "ENF"),))


def test_sheets_are_reported_completely_or_not_at_all() -> None:
    form, name = zxingcpp.BarcodeFormat.QRCode, "E" * 60
    other, sheet = (Image.fromarray(zxingcpp.create_barcode(text, form).to_image(scale=3)) for text in ("other", name))
    assert (
        barcode_worker._answer(1001, [[other]] * 1000 + [[sheet]], barcode_worker.SeparatorSheets({name}))
        == f'[1001, [[1000, "{name}"]]]'
    )
    assert (
        barcode_worker._answer(1000, [[sheet]] * 1000, barcode_worker.SeparatorSheets({name}))
        == barcode_worker.TOO_COSTLY
    )


def test_known_sheet_wins_over_other_barcodes_of_the_page() -> None:
    sheets = barcode_worker.SeparatorSheets(frozenset({"A"}), "MAARCH_")
    assert [sheets.read(codes) for codes in (["MAARCH_B", "A"], ["8A 01", "MAARCH_B"], ["8A 01"], [])] == [
        "A",
        "",
        None,
        None,
    ]
