"""Let `!docker inspect --format '{{.Id}}'` reach Docker as it is typed.

IPython expands `{python}` in the lines that begin with `!`, and to do so takes `{{` for an escaped
brace. Docker's templates would lose one brace of each pair, and Docker would print them back
instead of filling them in.
"""

from __future__ import annotations

import re

_COMMAND = re.compile(r"\s*([\w\s,.]+=\s*)?!")
#: Exactly two: who knows of IPython's escapes writes four, and means it.
_PAIR = re.compile(r"(?<!\{)\{\{(?!\{)|(?<!\})\}\}(?!\})")


def keep_go_templates(lines: list[str]) -> list[str]:
    """Double the braces that come in pairs, in `!commands` and the lines that continue them.

    Args:
        lines: A cell, as IPython's `input_transformers_cleanup` get it.
    """
    if lines and lines[0].startswith("%%"):
        return lines  # the cell is another language's, or comes back here without its first line
    kept, continued = [], False
    for line in lines:
        command = continued or _COMMAND.match(line) is not None
        kept.append(_PAIR.sub(lambda pair: pair[0] * 2, line) if command else line)
        continued = command and line.rstrip("\n").endswith("\\")
    return kept
