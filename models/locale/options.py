"""Extraction of the descriptions of options and event types for the catalogues. Babel calls it, as `pyproject.toml` says."""

import ast
from collections.abc import Collection, Iterator
from itertools import pairwise
from typing import IO, Any

from babel.messages.extract import extract_python


def extract(
    fileobj: IO[bytes], keywords: Any, comment_tags: Collection[str], options: Any
) -> Iterator[tuple[Any, ...]]:
    """Yield the messages of a Python file, and each docstring of an annotated attribute of a class, on one line.

    Attributes of the class itself (`ClassVar`) are no options.
    """
    yield from extract_python(fileobj, keywords, comment_tags, options)
    fileobj.seek(0)
    for node in ast.walk(ast.parse(fileobj.read())):
        for attribute, docstring in pairwise(node.body if isinstance(node, ast.ClassDef) else ()):
            match attribute, docstring:
                case (
                    ast.AnnAssign(annotation=kind),
                    ast.Expr(value=ast.Constant(value=str(text))),
                ) if not ast.unparse(kind).startswith("ClassVar"):
                    yield docstring.lineno, None, " ".join(text.split()), []


def extract_event_types(
    fileobj: IO[bytes], keywords: Any, comment_tags: Collection[str], options: Any
) -> Iterator[tuple[Any, ...]]:
    """Yield the messages of a Python file, and the docstring of each class with an event type, on one line."""
    yield from extract_python(fileobj, keywords, comment_tags, options)
    fileobj.seek(0)
    for node in ast.walk(ast.parse(fileobj.read())):
        if isinstance(node, ast.ClassDef) and any(map(_is_type, node.body)):
            yield node.lineno, None, " ".join((ast.get_docstring(node) or "").split()), []


def _is_type(node: ast.stmt) -> bool:
    return isinstance(node, ast.AnnAssign) and ast.unparse(node.target) == "type"
