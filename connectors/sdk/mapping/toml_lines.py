"""Lines of keys in a TOML file, for messages. `tomllib` does not report them."""

import re
from collections.abc import Sequence
from typing import Final

_NAME: Final = re.compile(r"""[^"'=\s.,{}\[\]#]+|"[^"\n]*"|'[^'\n]*'""")
_HEADER: Final = re.compile(r"^\[\[([^\]\n]+)\]\]", re.MULTILINE)
_BRACKET: Final = re.compile(r"[{}\]]")


def find_line(text: str, keys: Sequence[str | int]) -> int:
    """Return the line, from 1, of the key at the path `keys`; of the nearest table above it if the key is not in the file.

    An integer is the index of an item of a list, from 0.
    """
    position = 0
    for index, key in enumerate(keys):
        is_item = isinstance(key, int)
        found = (
            _find_item(text, str(keys[index - 1]), int(key), position)
            if is_item
            else _find_key(text, str(key), position)
        )
        if found < 0:
            break
        position = found
    return text.count("\n", 0, position) + 1


def _find_key(text: str, key: str, position: int) -> int:
    """Return the position of `key`, as a name before `=`, in a header of a table or in a dotted name; -1 if it is missing."""
    for found in _NAME.finditer(text, position):
        if found[0].strip("\"'") == key and text[found.end() : found.end() + 10].lstrip(" ")[:1] in {"=", "]", "."}:
            return found.start()
    return -1


def _find_item(text: str, name: str, number: int, position: int) -> int:
    """Return the position of an item of the list `name`: of its header `[[name]]`, or of its inline table; -1 if not found."""
    headers = [found.start() for found in _HEADER.finditer(text) if found[1].rpartition(".")[2] == name]
    if headers:
        return headers[number] if number < len(headers) else -1
    depth, items = 0, 0
    for found in _BRACKET.finditer(text, position):
        if found[0] == "{":
            if depth == 0 and items == number:
                return found.start()
            items += depth == 0
            depth += 1
        elif found[0] == "}":
            depth -= 1
        elif depth == 0:
            break
    return -1
