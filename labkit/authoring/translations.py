"""Collect the texts that learners read, for translators.

Babel's own extractor finds `_("…")`; the docstring of a check is such a text too. Use:
`pybabel extract -F pyproject.toml -o labkit.pot labkit`.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

#: Line, function, text, comments: Babel's own order.
Message = tuple[int, Any, Any, Any]


def extract(
    source: BinaryIO,
    keywords: Mapping[str, Any],
    comment_tags: Sequence[str],
    options: Any,
) -> Iterator[Message]:
    """Yield Babel's messages of a Python file, then the docstrings of its checks."""
    from babel.messages.extract import extract_python

    yield from extract_python(source, keywords, comment_tags, options)
    source.seek(0)
    for node in ast.walk(ast.parse(source.read())):
        if isinstance(node, ast.FunctionDef) and any(map(_is_check, node.decorator_list)):
            docstring = ast.get_docstring(node) or ""
            yield node.lineno, None, " ".join(docstring.partition("\n\n")[0].split()), []


def _is_check(decorator: ast.expr) -> bool:
    called = decorator.func if isinstance(decorator, ast.Call) else decorator
    return isinstance(called, ast.Name) and called.id == "check"
