"""The commands, their arguments and their help, with examples."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from labkit import __version__
from labkit.cli import cluster, dashboard, grading, hosts, learning, machine, nodes, proving
from labkit.cli.output import WRONG
from labkit.translation import _

if TYPE_CHECKING:
    from collections.abc import Callable

    Run = Callable[[argparse.Namespace], int]
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]  # noqa: SLF001 - has no public name


def parser() -> argparse.ArgumentParser:
    """Build the parser; each command's `run` takes the parsed arguments."""
    top = argparse.ArgumentParser(
        prog="labkit",
        description=_("A hands-on Docker course on a real engine."),
        epilog=_("`labkit COMMAND --help` shows examples."),
    )
    top.add_argument("--version", action="version", version=f"labkit {__version__}")
    top.set_defaults(run=_shows_help(top))
    commands = top.add_subparsers(title=_("commands"), metavar="COMMAND")
    _learning(commands)
    _machine(commands)
    _nodes(commands)
    _cluster(commands)
    _hosts(commands)
    _proving(commands)
    _grading(commands)
    return top


def _learning(commands: Commands) -> None:
    slug = _("an exercise, such as containers.published")
    _command(
        commands,
        "list",
        _("list lessons and exercises with your progress"),
        learning.list_course,
        "labkit list",
    )
    one = _command(
        commands,
        "start",
        _("copy an exercise into your workspace"),
        learning.start,
        "labkit start welcome.hello",
    )
    one.add_argument("slug", help=slug)
    one = _command(
        commands,
        "check",
        _("check an exercise"),
        learning.check,
        "labkit check welcome.hello",
        "labkit check welcome.hello --json",
    )
    one.add_argument("slug", help=slug)
    one = _command(
        commands,
        "hint",
        _("show an exercise's next hint"),
        learning.hint,
        "labkit hint welcome.hello",
    )
    one.add_argument("slug", help=slug)
    one = _command(
        commands,
        "lint",
        _("say what is wrong in a Dockerfile, and why it matters"),
        learning.lint,
        "labkit lint Dockerfile",
        "labkit lint --json my-image/",
    )
    one.add_argument("path", type=Path, help=_("a Dockerfile, or the folder that it is in"))
    one = _command(
        commands,
        "reset",
        _("remove what the course made on the engine, or begin one exercise again"),
        learning.reset,
        "labkit reset --dry-run",
        "labkit reset welcome.hello",
        "labkit reset --yes",
    )
    one.add_argument("slug", nargs="?", help=slug)
    _removes(one)


def _machine(commands: Commands) -> None:
    one = commands.add_parser(
        "lab", help=_("open the course in JupyterLab"), description=_("Open the course.")
    )
    one.add_argument("--port", type=int, help=_("where JupyterLab listens; else the first free"))
    one.add_argument("--no-browser", action="store_true", help=_("only print the address"))
    one.set_defaults(run=machine.lab)
    one = _command(
        commands,
        "doctor",
        _("say what works on this machine and what does not"),
        machine.doctor,
        "labkit doctor",
        "labkit doctor --short",
        "labkit doctor --json",
    )
    one.add_argument(
        "--short",
        action="store_true",
        help=_("only the engine, the course images, and what needs mending"),
    )
    one = _command(
        commands,
        "dashboard",
        _("show the engine on a page: status, templates, objects, events, consoles, a swarm"),
        dashboard.dashboard,
        "labkit dashboard",
        "labkit dashboard --port 8800 --no-browser",
        "labkit dashboard --text",
        "labkit dashboard --user ada --role viewer",
        "labkit dashboard --forget ada",
    )
    one.add_argument("--port", type=int, default=0, help=_("where it listens; else any free port"))
    one.add_argument("--no-browser", action="store_true", help=_("only print the address"))
    one.add_argument("--text", action="store_true", help=_("only print the status, once"))
    one.add_argument(
        "--user", metavar="NAME", help=_("add an account, or change it; asks for its password")
    )
    one.add_argument(
        "--role",
        choices=("viewer", "operator"),
        default="viewer",
        help=_("with --user: whether it may only look, or change things, too (default: look)"),
    )
    one.add_argument("--forget", metavar="NAME", help=_("remove an account"))
    one.add_argument("--attached", action="store_true", help=argparse.SUPPRESS)
    engine = _group(commands, "engine", _("start, stop and look at the Docker engine"))
    _command(
        engine,
        "start",
        _("use the engine that answers; else install one and start it"),
        machine.engine_start,
        "labkit engine start",
    )
    _command(
        engine,
        "stop",
        _("stop the engine that labkit started, never another"),
        machine.engine_stop,
        "labkit engine stop",
    )
    _command(
        engine,
        "status",
        _("say which engine answers and who started it"),
        machine.engine_show,
        "labkit engine status",
    )
    images = _group(commands, "images", _("list, obtain and pack the course images"))
    _command(
        images,
        "list",
        _("say which course images are here"),
        machine.images_list,
        "labkit images list",
    )
    one = _command(
        images,
        "ensure",
        _("obtain the course images: from a pack file, a registry or mirror, or by building"),
        machine.images_ensure,
        "labkit images ensure",
        "labkit images ensure lab/web --no-pull",
        "labkit images ensure --pack course-images.tar.gz",
    )
    one.add_argument("images", nargs="*", metavar="IMAGE", help=_("only these"))
    one.add_argument(
        "--all", action="store_true", help=_("also those that are obtained when a lesson asks")
    )
    one.add_argument("--no-pull", action="store_true", help=_("ask no registry"))
    one.add_argument("--pack", type=Path, help=_("a pack file, or a folder of them"))
    one = _command(
        images,
        "pack",
        _("write the course images into one file that a class hands out"),
        machine.images_pack,
        "labkit images pack course-images.tar.gz",
    )
    one.add_argument("file", type=Path, help=_("the pack file; `.gz` at the end compresses it"))


def _removes(one: argparse.ArgumentParser) -> None:
    one.add_argument("--dry-run", action="store_true", help=_("only list what would be removed"))
    one.add_argument("--yes", action="store_true", help=_("do not ask"))


def _nodes(commands: Commands) -> None:
    group = _group(commands, "nodes", _("make and remove the machines of the lessons on clusters"))
    one = _command(
        group,
        "up",
        _("have so many nodes that run; those that are there stay"),
        nodes.up,
        "labkit nodes up 3",
        "labkit nodes up 2 --swarm",
    )
    one.add_argument("count", type=int, metavar="N", help=_("how many"))
    one.add_argument(
        "--swarm", action="store_true", help=_("make them one swarm with nothing in it")
    )
    _command(
        group,
        "list",
        _("say of each node how it is and where its engine answers"),
        nodes.show,
        "labkit nodes list",
        "labkit nodes list --json",
    )
    one = _command(
        group,
        "push",
        _("bring images to the registry from which the nodes pull"),
        nodes.push,
        "labkit nodes push lab/web",
    )
    one.add_argument("images", nargs="+", metavar="IMAGE", help=_("an image of this engine"))
    one = _command(
        group,
        "down",
        _("remove the nodes, their data, their network and their registry"),
        nodes.down,
        "labkit nodes down --dry-run",
        "labkit nodes down --yes",
    )
    _removes(one)


def _cluster(commands: Commands) -> None:
    group = _group(commands, "cluster", _("make and remove the Kubernetes cluster of the lesson"))
    one = _command(
        group,
        "up",
        _("have a cluster that answers; the first time, its image takes ten minutes"),
        cluster.up,
        "labkit cluster up",
        "labkit cluster up --context docker-desktop",
    )
    one.add_argument(
        "--context", default="", metavar="NAME", help=_("a cluster of your own kubeconfig")
    )
    one.add_argument("--empty", action="store_true", help=_("remove what is in the course's part"))
    _command(
        group,
        "status",
        _("say which cluster there is, and whether it answers"),
        cluster.show,
        "labkit cluster status",
        "labkit cluster status --json",
    )
    one = _command(
        group,
        "load",
        _("bring images of this engine to the cluster"),
        cluster.load,
        "labkit cluster load lab/web",
    )
    one.add_argument("images", nargs="+", metavar="IMAGE", help=_("an image of this engine"))
    one = _command(
        group,
        "down",
        _("remove the cluster, and nothing else"),
        cluster.down,
        "labkit cluster down --dry-run",
        "labkit cluster down --yes",
    )
    _removes(one)


def _hosts(commands: Commands) -> None:
    one = _command(
        commands,
        "host",
        _("make a machine without an engine, for the lesson on installation"),
        hosts.up,
        "labkit host lab-host",
        "labkit host lab-host --installed",
    )
    one.add_argument(
        "name", help=_("its name, such as `lab-host`; a host of this name is replaced")
    )
    one.add_argument(
        "--installed", action="store_true", help=_("with an engine installed that does not run yet")
    )


def _proving(commands: Commands) -> None:
    remove = _("remove what the course has on the engine, without asking")
    one = _command(
        commands,
        "run",
        _("execute lessons without a browser and report each"),
        proving.run,
        "labkit run",
        "labkit run containers 03",
    )
    one.add_argument("lessons", nargs="*", metavar="LESSON", help=_("only these"))
    one.add_argument("--yes", action="store_true", help=remove)
    one.add_argument(
        "--timeout", type=float, default=300.0, help=_("seconds that one cell may take")
    )
    one = _command(
        commands,
        "prove",
        _("prove exercises: starter fails, solution passes, wrong answers are found out"),
        proving.prove,
        "labkit prove",
        "labkit prove welcome.hello",
    )
    one.add_argument("slugs", nargs="*", metavar="SLUG", help=_("only these"))
    one.add_argument("--yes", action="store_true", help=remove)


def _grading(commands: Commands) -> None:
    one = _command(
        commands,
        "grade",
        _("grade a class's submissions, each on an engine of its own"),
        grading.grade,
        "labkit grade submissions/ --out results/",
        "labkit grade submissions/ --out results/ --exercise welcome.hello --workers 4",
        "labkit grade --out results/ --explain ada welcome.hello",
        "labkit grade --clean --dry-run",
    )
    one.add_argument(
        "submissions",
        nargs="?",
        type=Path,
        metavar="SUBMISSIONS",
        help=_("a folder of `STUDENT/slug.ipynb`, or nbgrader's `submitted/`"),
    )
    one.add_argument("--out", type=Path, metavar="RESULTS", help=_("the folder of results"))
    one.add_argument("--exercise", metavar="SLUG", help=_("only this exercise's"))
    one.add_argument(
        "--workers", type=_positive, default=2, help=_("how many at a time (default: 2)")
    )
    one.add_argument("--again", action="store_true", help=_("grade also what has a verdict"))
    one.add_argument(
        "--explain",
        nargs=2,
        metavar=("STUDENT", "SLUG"),
        help=_("show what a verdict stands on: cells, engine events, final state"),
    )
    one.add_argument(
        "--gradebook",
        metavar="URL",
        help=_("a database, such as postgresql+psycopg://…; default: gradebook.db in RESULTS"),
    )
    one.add_argument(
        "--nbgrader",
        type=Path,
        metavar="DB",
        help=_("write into this gradebook of nbgrader's, too"),
    )
    one.add_argument("--dask", metavar="ADDRESS", help=_("grade on this Dask cluster"))
    one.add_argument(
        "--clean",
        action="store_true",
        help=_("remove what grading keeps on this machine to begin faster the next time"),
    )
    one.add_argument("--dry-run", action="store_true", help=_("with --clean: only list it"))
    one.add_argument(
        "--cell-timeout", type=float, default=120.0, help=_("seconds that one cell may take")
    )
    one.add_argument(
        "--timeout", type=float, default=300.0, help=_("seconds that one notebook may take")
    )


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number


def _command(
    commands: Commands, name: str, text: str, run: Run, *examples: str
) -> argparse.ArgumentParser:
    added = commands.add_parser(
        name,
        help=text,
        description=text[:1].upper() + text[1:] + ".",
        epilog="\n  ".join((_("examples:"), *examples)),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    added.add_argument("--json", action="store_true", help=_("print JSON, for machines"))
    added.set_defaults(run=run)
    return added


def _group(commands: Commands, name: str, text: str) -> Commands:
    added = commands.add_parser(name, help=text, description=text[:1].upper() + text[1:] + ".")
    added.set_defaults(run=_shows_help(added))
    return added.add_subparsers(title=_("commands"), metavar="COMMAND")


def _shows_help(asked: argparse.ArgumentParser) -> Run:
    """Answer a command without its subcommand with all of its help."""

    def run(_arguments: argparse.Namespace) -> int:
        asked.print_help(sys.stderr)
        return WRONG

    return run
