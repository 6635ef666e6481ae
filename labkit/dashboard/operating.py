"""What an operator does to one object; what is not the course's needs its name typed."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from labkit.dashboard.inventory import rows
from labkit.dashboard.swarms import manager, swarm_rows
from labkit.engine import changing, making
from labkit.engine.ownership import OBJECT_PREFIX
from labkit.errors import DashboardError, NameNotTyped, NoSuchObject, NotPermitted
from labkit.translation import _

if TYPE_CHECKING:
    from labkit.dashboard.accounts import Account
    from labkit.dashboard.inventory import Row
    from labkit.engine import Engine

LOG = logging.getLogger("labkit.dashboard")
#: What can be done to what.
ACTIONS: dict[str, tuple[str, ...]] = {
    "container": ("start", "stop", "restart", "pause", "unpause", "kill", "remove", "console"),
    "image": ("push", "save", "remove"),
    "network": ("remove",),
    "volume": ("remove",),
    "service": ("scale", "remove"),
    "node": ("active", "pause", "drain"),
}
#: Those that `perform` does not do: they change nothing on the engine, or only in a terminal.
ELSEWHERE = frozenset({"console", "push", "save"})
OF_A_SWARM = frozenset({"service", "node"})
#: What takes nothing away from anybody, and so needs no name typed.
HARMLESS = frozenset({"start", "unpause", "push", "save", "active"})
#: Made here, and so the course's.
LABELS = {"labkit.dashboard": "1"}


@dataclass(frozen=True)
class Change:
    """What somebody wants.

    Attributes:
        kind: Of object.
        key: The object's, from its row.
        action: One of `ACTIONS`.
        number: Of tasks, for `scale`.
        typed: What was typed as its name.
    """

    kind: str
    key: str
    action: str
    number: int = 0
    typed: str = ""


def permit(account: Account | None) -> None:
    """Let an operator pass.

    Raises:
        NotPermitted: Nobody is logged in, or only to look.
    """
    if account is None:
        raise NotPermitted(_("You are not logged in any more."), hint=_("Log in again."))
    if not account.may_change:
        raise NotPermitted(_("`{name}` may look, but not change.").format(name=account.name))


def record(account: Account | None, did: str) -> None:
    """Write down who has done what."""
    LOG.info("%s: %s", account.name if account else "", did)


def needs_name(row: Row, action: str) -> bool:
    """Tell whether the name must be typed first: it is somebody else's, and may suffer."""
    return not row.ours and action not in HARMLESS


def checked(engine: Engine, account: Account | None, change: Change) -> Row:
    """Find what a change is for, as it is now, and let the change pass.

    Raises:
        NotPermitted: The account may not.
        NameNotTyped: It is not the course's, and its name was not typed.
        NoSuchObject: It is gone.
        DashboardError: There is no such action.
    """
    permit(account)
    if change.action not in ACTIONS.get(change.kind, ()):
        raise _no_such_action(change)
    listed = swarm_rows(engine) if change.kind in OF_A_SWARM else rows(engine)
    row = next((r for r in listed if (r.kind, r.key) == (change.kind, change.key)), None)
    if row is None:
        raise NoSuchObject(change.key)
    if needs_name(row, change.action) and change.typed != row.name:
        raise NameNotTyped(row.name)
    return row


def perform(engine: Engine, account: Account | None, change: Change) -> Row:
    """Do what was asked, and return the row that it was done to.

    Raises:
        LabError: What `checked` raises, or the engine refused.
        DashboardError: It is not done here: a console, and what leaves the engine, are the page's.
    """
    if change.action in ELSEWHERE:
        raise _no_such_action(change)
    if change.kind in OF_A_SWARM:
        with manager(engine) as asked:
            row = checked(asked, account, change)
            _do(asked, change)
    else:
        row = checked(engine, account, change)
        _do(engine, change)
    record(account, f"{change.action} {row.kind} {row.name}")
    return row


def _do(engine: Engine, change: Change) -> None:
    """Do what was let pass."""
    match change.kind, change.action:
        case "node", _:
            changing.set_availability(engine, change.key, change.action)
        case "service", "scale":
            changing.scale_service(engine, change.key, change.number)
        case "service", "remove":
            changing.remove_service(engine, change.key)
        case _, "remove":
            changing.remove(engine, change.kind, change.key)
        case "container", _:
            changing.change_container(engine, change.key, change.action)
        case _:
            raise _no_such_action(change)


def _no_such_action(change: Change) -> DashboardError:
    text = _("A {kind} has no `{action}` here.")
    return DashboardError(text.format(kind=change.kind, action=change.action))


def create_container(engine: Engine, account: Account | None, wanted: making.Wanted) -> None:
    """Make a container and start it.

    Raises:
        DashboardError: Its name is not one of the course's.
        LabError: The account may not, or the engine refused.
    """
    permit(account)
    _named(wanted.name)
    making.start(engine, making.create(engine, wanted))
    record(account, f"create container {wanted.name}")


def create_network(engine: Engine, account: Account | None, name: str) -> None:
    """Make a bridge network.

    Raises:
        LabError: As `create_container`; or there is one of this name.
    """
    permit(account)
    _named(name)
    if not making.ensure_network(engine, name, LABELS):
        raise DashboardError(_("There is a network `{name}` already.").format(name=name))
    record(account, f"create network {name}")


def create_volume(engine: Engine, account: Account | None, name: str) -> None:
    """Make a volume.

    Raises:
        LabError: As `create_container`; or there is one of this name.
    """
    permit(account)
    _named(name)
    if not making.ensure_volume(engine, name, LABELS):
        raise DashboardError(_("There is a volume `{name}` already.").format(name=name))
    record(account, f"create volume {name}")


def _named(name: str) -> None:
    """Let a name of the course pass.

    Raises:
        DashboardError: It would be taken for somebody else's.
    """
    if not name.startswith(OBJECT_PREFIX) or name == OBJECT_PREFIX:
        raise DashboardError(
            _("`{name}` is no name of the course.").format(name=name),
            hint=_("Begin it with `{prefix}`.").format(prefix=OBJECT_PREFIX),
        )
