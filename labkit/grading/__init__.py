"""Grade submissions: each on an engine of its own, in parallel, and nothing lost.

::

    a folder ── submissions ── reading ──┐
                                         ├─ grade ── results ── gradebook, reports, feedback
    a desk (engine + account) ── runner ─┘

A *desk* is what one submission is graded at: a fresh engine, and an unprivileged account whose
process runs the learner's cells. `desk.py` says what a desk does, and nothing around it knows more.
"""
