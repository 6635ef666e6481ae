"""Orchestrators side by side: a box for each question, with a bar for what was measured."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labkit.show.boxes import Box, Picture
from labkit.translation import _

if TYPE_CHECKING:
    from labkit.comparing import Comparison, Measured


def comparison(measured: Comparison) -> Picture:
    """Draw what was measured; the longest bar of a question is the greatest amount.

    An orchestrator has the same colour everywhere. What was not measured is not there.

    Args:
        measured: What the cells of a lesson have put together.
    """
    return Picture(
        _("The same application, as measured here"),
        tuple(_question(question, row) for question, row in measured.answers.items() if row),
    )


def _question(question: str, row: dict[str, Measured]) -> Box:
    most = max((answer.amount or 0 for answer in row.values()), default=0)
    children = tuple(
        Box(
            who,
            details=(answer.text,),
            share=answer.amount / most if answer.amount is not None and most else None,
            mark=who,
        )
        for who, answer in row.items()
    )
    return Box(question, children=children)
