"""A course of one chapter in a temporary folder, for tests of what authors use."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING

from labkit.checking import CheckFailed, check
from labkit.course import Course

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from labkit.engine import Engine

HEADER = """---
kernelspec:
  name: python3
  display_name: Python 3
---
"""

MANIFEST = """
title = "Tiny"

[[images]]
name = "lab/shell"
why = "a shell"

[[chapters]]
number = 7
slug = "tiny"
title = "Tiny"
goal = "Show the rules."
minutes = 5
images = ["lab/shell"]

[[chapters.exercises]]
slug = "first"
title = "First"
points = 2
objects = ["lab-a"]
images = ["lab/shell"]
repair = true
hints = ["Look again."]
"""

LESSON = (
    HEADER
    + """
# Tiny

```{code-cell} ipython3
%load_ext labkit
!docker rm --force lab-a 2>/dev/null
```

## Run

One line.

```{code-cell} ipython3
!docker run --name lab-a lab/shell true
```

```{code-cell} ipython3
:tags: [fails]

!docker run --name lab-a lab/shell true
```

```{code-cell} ipython3
from labkit import show

show.details("lab-a")
```

## Exercises

```{code-cell} ipython3
%exercise tiny.first
```

## Summary

`docker run` runs.

## Clean up

```{code-cell} ipython3
!docker rm -f lab-a
```
"""
)

EXERCISE = (
    HEADER
    + """
# First

A container named `lab-a` has run.

```{code-cell} ipython3
%load_ext labkit
```

```{code-cell} ipython3
# Say it in one line.
# BEGIN SOLUTION
!docker run --name lab-a lab/shell true
# END SOLUTION
```

```{code-cell} ipython3
---
wrong:
  name: another_name
  check: it_is_there
  hint: --name
---
!docker run --name lab-b lab/shell true
```

```{code-cell} ipython3
---
wrong:
  name: not_started
  check: it_has_run
  hint: docker start
---
!docker create --name lab-a lab/shell true
```

```{code-cell} ipython3
%check tiny.first
```
"""
)


def write_course(root: Path, *, lesson: str = LESSON, exercise: str = EXERCISE) -> Course:
    """Write the sources and the image's folder; nothing is built."""
    for name, text in {
        "course.toml": MANIFEST,
        "notebooks/07_tiny.md": lesson,
        "solutions/07_tiny/first.md": exercise,
        "images/shell/Dockerfile": "FROM scratch\n",
    }.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return Course.load(root)


def add_checks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make `labkit.checks.tiny` importable, with the two checks of `tiny.first`."""

    @check("tiny.first", points=1)
    def it_is_there(engine: Engine) -> None:
        """`lab-a` is there."""
        if not engine.containers.exists("lab-a"):
            raise CheckFailed("there is none", hint="Use `--name lab-a`.")

    @check("tiny.first", points=1, after=it_is_there)
    def it_has_run(engine: Engine) -> None:
        """`lab-a` has run."""
        if engine.containers.get("lab-a").status == "created":
            raise CheckFailed("it was only created", hint="Run `docker start lab-a`.")

    module = ModuleType("labkit.checks.tiny")
    module.__dict__.update(it_is_there=it_is_there, it_has_run=it_has_run)
    monkeypatch.setitem(sys.modules, module.__name__, module)
