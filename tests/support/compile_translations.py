"""Compile the message catalogues: `python -m tests.support.compile_translations`."""

import ast
import re
import struct
from pathlib import Path

SOURCES = sorted((Path(__file__).parents[2] / "streams" / "locale").rglob("*.po"))
ENTRY = re.compile(r'^(msgid|msgid_plural|msgstr(?:\[\d\])?) (".*")$', re.MULTILINE)
MAGIC, HEADER_BYTES, PAIR_BYTES = 0x950412DE, 28, 8


def compile_catalogue(source: str) -> bytes:
    """Return the .mo file of a .po file with one line per text; format: GNU gettext manual, "MO Files"."""
    messages: dict[str, str] = {}
    key = ""
    for name, literal in ENTRY.findall(source):
        text = ast.literal_eval(literal)
        if name == "msgid":
            key = text
        elif name == "msgid_plural":
            key += f"\0{text}"
        else:
            messages[key] = f"{messages[key]}\0{text}" if key in messages else text
    pairs = sorted((key.encode(), text.encode()) for key, text in messages.items())
    tables = HEADER_BYTES, HEADER_BYTES + PAIR_BYTES * len(pairs)
    offset = HEADER_BYTES + 2 * PAIR_BYTES * len(pairs)
    index, content = b"", b""
    for column in zip(*pairs, strict=True):
        for text in column:
            index += struct.pack("<II", len(text), offset + len(content))
            content += text + b"\0"
    return struct.pack("<7I", MAGIC, 0, len(pairs), *tables, 0, offset) + index + content


if __name__ == "__main__":
    for path in SOURCES:
        path.with_suffix(".mo").write_bytes(compile_catalogue(path.read_text(encoding="utf-8")))
