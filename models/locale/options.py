"""Extraction of the descriptions of options for the catalogues. Babel calls it, as `pyproject.toml` says."""

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
