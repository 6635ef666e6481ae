"""Begin again: remove the course's objects, and put a fresh copy of an exercise in place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from labkit.engine.ownership import owned, remove
from labkit.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from labkit.course import Course, Exercise
    from labkit.engine import Engine
    from labkit.engine.ownership import Owned, Removal


@dataclass(frozen=True)
class ResetPlan:
    """What a reset would do.

    Attributes:
        exercise: The exercise that begins again; None resets the engine's objects only.
        copy: Its copy in the workspace, which would be kept under another name; or None.
        things: What would be removed from the engine, in this order.
    """

    exercise: Exercise | None
    copy: Path | None
    things: tuple[Owned, ...]

    @property
    def empty(self) -> bool:
        """Whether there is nothing to do."""
        return not self.things and self.copy is None

    def as_json(self) -> dict[str, Any]:
        """Return plain values for `json.dumps`."""
        return {
            "exercise": self.exercise.slug if self.exercise else None,
            "copy": str(self.copy) if self.copy else None,
            "objects": [{"kind": thing.kind, "name": thing.name} for thing in self.things],
        }


@dataclass(frozen=True)
class ResetDone:
    """What a reset did; `kept_as` is where the exercise's old copy is now."""

    removal: Removal
    kept_as: Path | None = None

    def as_json(self) -> dict[str, Any]:
        """Return plain values for `json.dumps`."""
        return {
            "removed": [str(thing) for thing in self.removal.removed],
            "refused": {str(thing): why for thing, why in self.removal.refused.items()},
            "kept_as": str(self.kept_as) if self.kept_as else None,
        }


def plan_reset(engine: Engine, course: Course, slug: str | None = None) -> ResetPlan:
    """Find out what a reset would do; nothing is changed.

    Args:
        engine: Where the objects are.
        course: Its images stay.
        slug: Only what this exercise makes; None is everything of the course.

    Raises:
        UnknownSlug: There is no such exercise.
    """
    exercise = course.exercise(slug) if slug is not None else None
    names = exercise.objects if exercise else None
    things = owned(engine, keep_images=course.image_tags, names=names)
    copy = Workspace(course).exercise(exercise) if exercise else None
    return ResetPlan(exercise, copy if copy and copy.exists() else None, things)


def reset(
    engine: Engine,
    course: Course,
    plan: ResetPlan,
    *,
    progress: Callable[[Owned], None] | None = None,
) -> ResetDone:
    """Do what `plan_reset` said.

    Raises:
        CourseError: The exercise's notebook cannot be read; nothing was removed.
    """
    workspace = Workspace(course)
    if plan.exercise and plan.copy:
        workspace.source(plan.exercise)
    from labkit import cluster, nodes  # take a moment to import

    removal = remove(engine, plan.things, progress=progress)
    nodes.forget_missing(engine, course)
    cluster.forget_missing(engine, course)
    kept = workspace.restart(plan.exercise) if plan.exercise and plan.copy else None
    return ResetDone(removal, kept)
