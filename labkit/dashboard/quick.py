"""Templates: applications that one press deploys, each a Compose file in `templates/`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from labkit import images
from labkit.commands import run
from labkit.dashboard.operating import permit, record
from labkit.docker_config import VARIABLE, course_config
from labkit.engine.ownership import owned
from labkit.translation import _

if TYPE_CHECKING:
    from labkit.commands import Say
    from labkit.course import Course
    from labkit.dashboard.accounts import Account
    from labkit.engine import Engine
    from labkit.obtaining import Progress

FOLDER = Path(__file__).with_name("templates")
PREFIX = "lab-app-"
#: Seconds for an application to be up and healthy.
PATIENCE = 180.0


@dataclass(frozen=True)
class Template:
    """An application.

    Attributes:
        slug: Its file's name, and the end of its project's.
        title: What people call it.
        text: What it is made of.
        images: The course images that it needs.
    """

    slug: str
    title: str
    text: str
    images: tuple[str, ...]

    @property
    def file(self) -> Path:
        """Its Compose file."""
        return FOLDER / f"{self.slug}.yaml"

    @property
    def project(self) -> str:
        """The name of its Compose project."""
        return PREFIX + self.slug


def templates() -> tuple[Template, ...]:
    """Return all templates."""
    return (
        Template(
            "notes",
            _("Notes"),
            _("the application of lesson 09: web server, HTTP API, database, and a volume"),
            ("lab/web", "lab/api", "lab/postgres"),
        ),
        Template("web", _("Web server"), _("nginx on a free port"), ("lab/web",)),
        Template("database", _("Database"), _("PostgreSQL with a volume"), ("lab/postgres",)),
        Template("registry", _("Registry"), _("a registry with a volume"), ("lab/registry",)),
    )


def deploy(
    engine: Engine,
    course: Course,
    account: Account | None,
    template: Template,
    *,
    progress: Progress,
    say: Say,
) -> None:
    """Obtain a template's images, and bring it up.

    Raises:
        LabError: The account may not, an image cannot be had, or it does not become healthy.
    """
    permit(account)
    images.ensure(engine, course, template.images, progress=progress)
    _compose(engine, course, template, say, "up", "--detach", "--wait")
    record(account, f"deploy template {template.slug}")


def belongings(engine: Engine, template: Template) -> tuple[str, ...]:
    """Name what `take_away` would remove."""
    things = owned(engine, names=[f"{template.project}-*", f"{template.project}_*"])
    return tuple(f"{thing.kind} {thing.name}" for thing in things)


def take_away(
    engine: Engine, course: Course, account: Account | None, template: Template, *, say: Say
) -> None:
    """Remove a template's containers, network and volumes.

    Raises:
        LabError: The account may not, or Compose failed.
    """
    permit(account)
    _compose(engine, course, template, say, "down", "--volumes", "--timeout", "2")
    record(account, f"take away template {template.slug}")


def _compose(engine: Engine, course: Course, template: Template, say: Say, *words: str) -> None:
    named = ("--project-name", template.project, "--file", str(template.file))
    config = {VARIABLE: str(course_config(course.work())), "COMPOSE_PROGRESS": "plain"}
    run(
        ("docker", "compose", *named, *words),
        say=say,
        env={**engine.cli_env(), **config},
        timeout=PATIENCE,
    )
