"""A swarm's nodes and services: of the engine's own swarm, or of that of the course's nodes."""

from __future__ import annotations

import threading
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from labkit.dashboard.inventory import Row
from labkit.engine import nested
from labkit.engine.connect import connect_again
from labkit.engine.ownership import is_ours
from labkit.engine.swarm import Swarm
from labkit.errors import DashboardError, LabError
from labkit.translation import _

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labkit.engine import Engine


@contextmanager
def manager(engine: Engine) -> Iterator[Engine]:
    """Connect to a manager of a swarm: the engine itself, or else the first of the course's nodes.

    Raises:
        DashboardError: There is none.
    """
    if (engine.info().get("Swarm") or {}).get("ControlAvailable"):
        yield engine
        return
    if not engine.containers.exists(nested.FIRST):
        raise DashboardError(
            _("This engine manages no swarm, and there are no nodes."),
            hint=_("Run `labkit nodes up 3 --swarm`."),
        )
    with nested.connected(engine, nested.FIRST) as asked:
        yield asked


def swarm_rows(manager: Engine) -> tuple[Row, ...]:
    """List the nodes and services of a swarm.

    Raises:
        EngineRequestFailed: The engine is no manager of one.
    """
    swarm = Swarm.read(manager)
    nodes = (
        Row(
            "node",
            member.id,
            member.name,
            f"{member.state}, {member.availability}",
            f"{member.role}, leader" if member.leader else member.role,
            is_ours(member.name, member.labels),
        )
        for member in swarm.members
    )
    services = (
        Row(
            "service",
            service.id,
            service.name,
            _("{running} of {wanted} run").format(
                running=len(swarm.running(service)),
                wanted=len(swarm.of(service)) if service.replicas is None else service.replicas,
            ),
            service.image,
            is_ours(service.name, service.labels),
            service.replicas,
        )
        for service in swarm.services
    )
    return (*nodes, *services)


class KeptManager:
    """A connection to a manager that is kept for the next look, and made anew after an error."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._lock = threading.Lock()
        self._kept = ExitStack()
        self._manager: Engine | None = None

    def rows(self) -> tuple[Row, ...]:
        """List nodes and services.

        Raises:
            LabError: There is no manager, or it does not answer.
        """
        with self._lock:
            try:
                if self._manager is None:
                    # Not the connection that presses of buttons use: this may wait for a manager.
                    own = connect_again(self._engine)
                    self._kept.callback(own.close)
                    self._manager = self._kept.enter_context(manager(own))
                return swarm_rows(self._manager)
            except LabError:
                self._forget()
                raise

    def close(self) -> None:
        """End the connection."""
        with self._lock:
            self._forget()

    def _forget(self) -> None:
        self._manager = None
        self._kept.close()
