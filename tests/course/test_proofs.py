"""Every exercise is proved on the real engine, and a proof is shown to fail where it should."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from labkit.authoring.prove import prove
from labkit.course import Course
from tests.skips import skip_without

if TYPE_CHECKING:
    from concurrent.futures import Future

    from labkit.authoring.prove import Proof
    from labkit.engine import Engine

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.course


@pytest.mark.parametrize("slug", [exercise.slug for exercise in Course.load(ROOT).exercises])
def test_an_exercise_refuses_what_is_wrong_and_accepts_what_is_right(
    clean_engine: Engine, course: Course, proofs: dict[str, Future[Proof]], slug: str
) -> None:
    begun = slug in proofs and not proofs[slug].cancel()
    proof = proofs[slug].result() if begun else None
    if proof is None or proof.not_here:  # the first engine may have what the second one lacks
        skip_without(course.exercise(slug).needs, clean_engine)
        (proof,) = prove(clean_engine, course, [slug])
    assert proof.steps
    assert proof.ok, "\n".join(f"{s.claim}: {s.found}" for s in proof.steps if not s.ok)


MANIFEST = """
title = "Broken"

[[chapters]]
number = 0
slug = "welcome"
title = "Welcome"
goal = "Show that a proof can fail."
minutes = 1

[[chapters.exercises]]
slug = "hello"
title = "Hello"
points = 3
objects = ["lab-hello"]
"""

#: The starter does the work, the solution undoes it, and the wrong answer is wrong otherwise.
SOURCE = """---
kernelspec:
  name: python3
  display_name: Python 3
---

```{code-cell} ipython3
%load_ext labkit
```

```{code-cell} ipython3
!docker rm --force lab-hello 2>/dev/null
!docker run --name lab-hello lab/shell echo hello
# BEGIN SOLUTION
!docker rm lab-hello
!docker create --name lab-other lab/shell
# END SOLUTION
```

```{code-cell} ipython3
---
wrong:
  name: created_only
  check: container_said_hello
  hint: docker start
---
!docker create --name lab-hello lab/shell echo hello
```

```{code-cell} ipython3
%check welcome.hello
```
"""


def test_a_proof_finds_out_a_broken_exercise(
    clean_engine: Engine, course: Course, tmp_path: Path
) -> None:
    # A proof keeps the images of its course only: the broken one has those of the real one.
    images = [f'[[images]]\nname = "{image.name}"\nwhy = "kept"\n' for image in course.images]
    (tmp_path / "course.toml").write_text(MANIFEST + "\n" + "\n".join(images))
    source = tmp_path / "solutions" / "00_welcome" / "hello.md"
    source.parent.mkdir(parents=True)
    source.write_text(SOURCE)

    (proof,) = prove(clean_engine, Course.load(tmp_path))

    assert not proof.ok
    found = {step.claim: step.found for step in proof.steps if not step.ok}
    assert found["the untouched starter fails"].startswith("it passes")
    assert "`container_is_there` failed" in found["the solution passes from a clean engine"]
    assert "exited with 1" in found["the solution passes on top of itself"]
    assert "`container lab-other`" in found["it makes nothing but its declared objects"]
    wrong = "the wrong answer `created_only` fails at `container_said_hello` with its own hint"
    assert found[wrong].startswith("another check fails first: `container_has_run` failed")
