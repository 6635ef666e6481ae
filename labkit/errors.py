"""Everything that can go wrong, as one family.

::

    LabError
    ├── EngineError
    │   ├── EngineUnreachable
    │   │   └── EngineTooSlow
    │   ├── EnginePermissionDenied
    │   ├── EngineTooOld
    │   ├── EngineRequestFailed
    │   ├── EngineStartFailed
    │   └── NoSuchObject
    │       ├── NoSuchContainer
    │       ├── NoSuchImage
    │       ├── NoSuchNetwork
    │       └── NoSuchVolume
    ├── CommandFailed
    ├── RegistryError
    │   ├── RegistryUnreachable
    │   └── RegistryRefused
    ├── EcsError
    ├── ClusterError
    ├── DashboardError
    │   ├── NotPermitted
    │   └── NameNotTyped
    ├── ImageUnavailable
    ├── CourseError
    ├── UnknownSlug
    ├── WorkspaceError
    ├── ProgressCorrupt
    ├── WaitTimeout
    └── AuthoringError

A message says what happened and, in backticks, what it concerned; the hint names the command
that helps. Faces show `str(error)`; a traceback is for faults of our own only.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from labkit.translation import _

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


class LabError(Exception):
    """Base of all errors that are reported to people.

    Attributes:
        message: What happened, one sentence or two.
        hint: The next step, usually a command; may be empty.
    """

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()


class EngineError(LabError):
    """The Docker engine could not do what was asked."""


class EngineUnreachable(EngineError):
    """No engine answers at an endpoint.

    Attributes:
        endpoint: Where it was looked for.
        reason: Why it does not answer, in a few words.
        named_by: Where the user named the endpoint: `DOCKER_HOST`, `DOCKER_CONTEXT` or
            `docker context`; empty where labkit looked for it.
    """

    def __init__(
        self, endpoint: str, reason: str, *, named_by: str = "", message: str = "", hint: str = ""
    ) -> None:
        if not named_by and os.environ.get("DOCKER_HOST") == endpoint:
            named_by = "DOCKER_HOST"
        super().__init__(
            message
            or _("No Docker engine answers at `{endpoint}`: {reason}.").format(
                endpoint=endpoint, reason=reason.rstrip(".")
            ),
            hint=hint or _other_engine(named_by) or _("Run `labkit engine start`, then try again."),
        )
        self.endpoint = endpoint
        self.reason = reason
        self.named_by = named_by


def _other_engine(named_by: str) -> str:
    """Say how to come back to the default engine from one that the user named."""
    if not named_by:
        return ""
    back = "docker context use default" if " " in named_by else f"unset {named_by}"
    return _("`{named_by}` names it: start that engine, or run `{back}`.").format(
        named_by=named_by, back=back
    )


class EngineTooSlow(EngineUnreachable):
    """An engine took a request and did not answer it in time."""

    def __init__(self, endpoint: str, *, named_by: str = "") -> None:
        super().__init__(
            endpoint,
            _("it answers too slowly"),
            named_by=named_by,
            message=_(
                "The Docker engine at `{endpoint}` answers too slowly: labkit has given up waiting."
            ).format(endpoint=endpoint),
            hint=_(
                "Run `docker version`: when the engine answers it within a second or two again, "
                "try again; else restart the engine."
            ),
        )


class EnginePermissionDenied(EngineError):
    """An engine is there, but this account may not use its socket."""

    def __init__(self, endpoint: str) -> None:
        super().__init__(
            _("This account may not use the Docker engine's socket `{endpoint}`.").format(
                endpoint=endpoint
            ),
            hint=_('Run `sudo usermod -aG docker "$USER"`, log out and in, then try again.'),
        )
        self.endpoint = endpoint


class EngineTooOld(EngineError):
    """The engine speaks only API versions that the course cannot use."""

    def __init__(self, found: str, needed: str) -> None:
        super().__init__(
            _(
                "The Docker engine speaks API version {found}; the course needs {needed} or newer."
            ).format(found=found, needed=needed),
            hint=_("Upgrade Docker to 20.10 or newer, then run `labkit doctor`."),
        )
        self.found = found
        self.needed = needed


class EngineRequestFailed(EngineError):
    """The engine refused a request; the message is its own.

    Attributes:
        status: The HTTP status code of the engine's answer, or None.
    """

    def __init__(self, message: str, *, status: int | None = None, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.status = status


class EngineStartFailed(EngineError):
    """An engine that labkit started did not come up.

    Attributes:
        log_tail: The last lines of its log.
    """

    def __init__(self, message: str, *, log_tail: str = "", hint: str = "") -> None:
        tail = _(" Its last log lines:\n{log}\n").format(log=log_tail) if log_tail else ""
        super().__init__(message + tail, hint=hint or _("Run `labkit doctor`."))
        self.log_tail = log_tail


class NoSuchObject(EngineError):
    """The engine has no object of this name."""

    kind = "object"

    def __init__(self, name: str) -> None:
        super().__init__(self._text().format(name=name))
        self.name = name

    def _text(self) -> str:
        return _("There is no object `{name}`.")


class NoSuchContainer(NoSuchObject):
    """The engine has no container of this name."""

    kind = "container"

    def _text(self) -> str:
        return _("There is no container named `{name}`.")


class NoSuchImage(NoSuchObject):
    """The engine has no image of this name."""

    kind = "image"

    def _text(self) -> str:
        return _("There is no image `{name}`.")


class NoSuchNetwork(NoSuchObject):
    """The engine has no network of this name."""

    kind = "network"

    def _text(self) -> str:
        return _("There is no network named `{name}`.")


class NoSuchVolume(NoSuchObject):
    """The engine has no volume of this name."""

    kind = "volume"

    def _text(self) -> str:
        return _("There is no volume named `{name}`.")


class CommandFailed(LabError):
    """A command that labkit ran ended with an error.

    Attributes:
        command: The command and its arguments.
        exit_code: Its exit code.
        stderr: What it wrote to standard error.
    """

    def __init__(
        self, command: Sequence[str], exit_code: int, stderr: str, *, hint: str = ""
    ) -> None:
        last = stderr.strip().splitlines()[-1:] or [_("no message")]
        super().__init__(
            _("`{command}` exited with {code}: {last}").format(
                command=" ".join(command), code=exit_code, last=last[0]
            ),
            hint=hint,
        )
        self.command = tuple(command)
        self.exit_code = exit_code
        self.stderr = stderr


class RegistryError(LabError):
    """A registry that labkit asked over HTTP did not give what was asked for."""


class RegistryUnreachable(RegistryError):
    """Nothing answers at a registry's address, or not in HTTP."""

    def __init__(self, address: str, reason: object) -> None:
        super().__init__(
            _("No registry answers at `{address}`: {reason}.").format(
                address=address, reason=reason
            ),
            hint=_("Run `docker ps --all` to see whether it runs and which port it publishes."),
        )
        self.address = address


class RegistryRefused(RegistryError):
    """A registry answered that it will not do what was asked.

    Attributes:
        status: The HTTP status code.
        code: The registry's word for it, such as `UNAUTHORIZED`; may be empty.
    """

    def __init__(self, path: str, status: int, code: str) -> None:
        super().__init__(
            _("The registry refused `{path}`: {status} {code}")
            .format(path=path, status=status, code=code)
            .strip()
        )
        self.status = status
        self.code = code


class EcsError(LabError):
    """An ECS API was not asked, does not know what was asked for, or cannot run it."""


class ClusterError(LabError):
    """A Kubernetes cluster is not there, or refused what was asked; the message is in its words."""


class ImageUnavailable(LabError):
    """A course image could not be obtained.

    Attributes:
        image: Its name.
        tried: A sentence for each way that was tried, in order.
    """

    def __init__(self, image: str, tried: Sequence[str], *, hint: str = "") -> None:
        super().__init__(
            _("The course image `{image}` could not be obtained. Tried: {tried}.").format(
                image=image, tried="; ".join(tried) or _("nothing")
            ),
            hint=hint or _("Run `labkit doctor`, then `labkit images ensure`."),
        )
        self.image = image
        self.tried = tuple(tried)


class CourseError(LabError):
    """`course.toml` is wrong, or names a file that is not there.

    Attributes:
        path: The file that is at fault.
        problem: What is wrong with it.
    """

    def __init__(self, path: Path, problem: str, *, hint: str = "") -> None:
        super().__init__(f"`{path}`: {problem}", hint=hint)
        self.path = path
        self.problem = problem


class UnknownSlug(LabError):
    """No lesson or exercise has this name.

    Attributes:
        slug: What was asked for.
        nearest: The names closest to it, best first.
    """

    def __init__(self, slug: str, nearest: Sequence[str]) -> None:
        guess = (
            _("Did you mean {names}?").format(names=_(" or ").join(f"`{n}`" for n in nearest))
            if nearest
            else _("Run `labkit list` to see them all.")
        )
        super().__init__(
            _("The course has no lesson or exercise `{slug}`.").format(slug=slug), hint=guess
        )
        self.slug = slug
        self.nearest = tuple(nearest)


class WorkspaceError(LabError):
    """A file of the learner's workspace cannot be used."""


class ProgressCorrupt(LabError):
    """The progress file cannot be read; it was kept under another name.

    Attributes:
        path: The progress file.
        kept_as: Where its content is now.
    """

    def __init__(self, path: Path, kept_as: Path) -> None:
        super().__init__(
            _(
                "The progress file `{path}` cannot be read. It is kept as `{kept}`, and a new one "
                "begins."
            ).format(path=path, kept=kept_as)
        )
        self.path = path
        self.kept_as = kept_as


class DashboardError(LabError):
    """The dashboard does not do what it was asked."""


class NotPermitted(DashboardError):
    """Nobody is logged in, or who is may look but not change."""


class NameNotTyped(DashboardError):
    """Something that is not the course's would change, and its name was not typed.

    Attributes:
        name: What has to be typed.
    """

    def __init__(self, name: str) -> None:
        super().__init__(
            _("`{name}` is not the course's.").format(name=name),
            hint=_("Type its name to do it nevertheless."),
        )
        self.name = name


class WaitTimeout(LabError):
    """A condition did not come true in time.

    Attributes:
        what: What was waited for.
        seconds: How long, in seconds.
        state: The last state seen.
        log_tail: The last log lines of the object concerned.
    """

    def __init__(
        self, what: str, seconds: float, *, state: str = "", log_tail: str = "", hint: str = ""
    ) -> None:
        text = _("Waited {seconds:g} s for {what}, in vain.").format(seconds=seconds, what=what)
        if state:
            text += " " + _("Last state: {state}.").format(state=state)
        if log_tail:
            text += " " + _("Last log lines:\n{log}\n").format(log=log_tail)
        super().__init__(text, hint=hint)
        self.what = what
        self.seconds = seconds
        self.state = state
        self.log_tail = log_tail


class AuthoringError(LabError):
    """A source file of the course breaks a rule.

    Attributes:
        path: The file, with a line number where one is known.
        problem: What is wrong with it.
    """

    def __init__(self, path: Path | str, problem: str, *, hint: str = "") -> None:
        super().__init__(f"`{path}`: {problem}", hint=hint)
        self.path = path
        self.problem = problem
