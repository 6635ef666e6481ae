"""Grade submissions: each on an engine of its own, in parallel, and nothing lost.

::

    a folder ── submissions ── reading ──┐
                                         ├─ grade ── results ── gradebook, reports, feedback
    a desk (engine + account) ── runner ─┘

A *desk* is what one submission is graded at: a fresh engine, and an account that is nobody's, whose
process runs the learner's cells. `desk.py` says what a desk does, and nothing around it knows more.
`desks.py` has a supply of them. A desk (`rootless_desk.py`) holds a place on the machine
(`slots.py`), begins with the course images (`seeding.py`), shows what a learner may see (`view.py`)
and has its processes forked by the warm one (`warm.py`): the engine (`labkit.engine.rootless`), the
learner's (`learner.py`, which `session.py` leads) and that of the checks.
"""
