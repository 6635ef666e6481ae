"""The shell commands in a code cell, taken apart as far as that is safe.

Best effort: what cannot be read for certain (unbalanced quotes, here-documents) is left out, so
that a rule built on it raises no false alarm.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labkit.authoring.sources import Cell

_SHELL_MAGIC = re.compile(r"^%%(bash|sh)\b")
_TRANSPARENT = re.compile(r"^%%(time|timeit|capture)\b")
_BANG = re.compile(r"^\s*(?:%time\s+)?(?:[\w, ]+=\s*)?!(.*)$")
_HERE_DOCUMENT = re.compile(r"<<-?\s*['\"]?(\w+)")
_OPERATORS = frozenset({"&&", "||", "|", ";", "&", "(", ")", "|&", ";;"})
_NOUNS = frozenset({"container", "image", "builder", "buildx"})
_CREATES = frozenset({"run", "create"})


@dataclass(frozen=True, slots=True)
class Command:
    """One simple command: its words, and the line of the file it begins in."""

    words: tuple[str, ...]
    line: int


def commands(cell: Cell) -> Iterator[Command]:
    """Yield the shell commands of a code cell: `!` lines, or all lines below `%%bash`."""
    lines = cell.source.split("\n")
    shell = bool(_SHELL_MAGIC.match(lines[0]))
    if lines[0].startswith("%%") and not shell and not _TRANSPARENT.match(lines[0]):
        return  # a file, or another language
    text, begun, until = "", 0, ""
    for number, line in enumerate(lines[1:] if shell else lines, start=cell.line + shell):
        if until:  # within a here-document
            until = "" if line.strip() == until else until
            continue
        if text:
            text += line
        elif shell:
            text, begun = line, number
        elif found := _BANG.match(line):
            text, begun = found[1], number
        if text.endswith("\\"):
            text = text[:-1] + " "
        elif text:
            document = _HERE_DOCUMENT.search(text)
            until = document[1] if document and shell else ""
            yield from (Command(words, begun) for words in _split(text))
            text = ""


def created(command: Command) -> Iterator[str]:
    """Yield the names of docker objects and images that a command makes."""
    words = command.words
    if words[0] != "docker" or len(words) < 2:  # noqa: PLR2004 - the program and its command
        return
    verb, *rest = words[1:]
    if verb in _NOUNS and rest:
        verb, *rest = rest
    if verb in _CREATES:
        yield from _values(_options(rest), "--name")
        yield from _volumes(_options(rest))
    elif verb == "build":
        yield from map(_repository, _values(rest, "--tag", "-t"))
    elif verb in {"network", "volume"} and rest[:1] == ["create"] and len(rest) > 1:
        if not rest[-1].startswith("-") and "=" not in rest[-1]:
            yield rest[-1]
    elif verb in {"tag", "commit", "import"} and len(rest) > 1 and not rest[-1].startswith("-"):
        yield _repository(rest[-1])
    elif verb == "rename" and len(rest) > 1:
        yield rest[-1]


def _split(text: str) -> Iterator[tuple[str, ...]]:
    """Split a line into simple commands, without comments and redirections."""
    lexer = shlex.shlex(text, posix=True, punctuation_chars="|&;()")
    lexer.whitespace_split = True
    lexer.commenters = ""  # shlex would see one in the middle of a word
    try:
        words = list(lexer)
    except ValueError:
        return
    simple: list[str] = []
    for word in words:
        if word == "#":
            break
        if word in _OPERATORS:
            if simple:
                yield tuple(simple)
            simple = []
        elif not re.match(r"^\d?>", word):
            simple.append(word)
    if simple:
        yield tuple(simple)


def _options(words: list[str]) -> list[str]:
    """Leave out what follows the image `lab/…`: those words belong to the container's command."""
    for index, word in enumerate(words):
        if word.startswith("lab/"):
            return words[:index]
    return words


def _values(words: list[str], *names: str) -> Iterator[str]:
    for index, word in enumerate(words):
        name, equals, value = word.partition("=")
        if name in names:
            if equals:
                yield value
            elif index + 1 < len(words):
                yield words[index + 1]


def _volumes(words: list[str]) -> Iterator[str]:
    """Yield volumes that `-v name:/path` makes when they are missing; not paths."""
    for value in _values(words, "-v", "--volume"):
        name, colon, _path = value.partition(":")
        if colon and re.match(r"^[A-Za-z0-9][\w.-]*$", name):
            yield name


def _repository(reference: str) -> str:
    """Leave out the registry of an image's name: `localhost:5000/lab/web` is ours."""
    host, slash, rest = reference.partition("/")
    return rest if slash and (":" in host or "." in host or host == "localhost") else reference
