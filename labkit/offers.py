"""Mesos's two levels of scheduling, as a model: a master offers, and frameworks take or decline.

The master knows what is free on each machine, and nothing of what people want to run. A framework
knows that, and sees nothing but what it is offered. Who is asked next is decided by dominant
resource fairness: whoever has the smallest share of what it uses most.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from labkit.translation import _

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True)
class Resources:
    """Processors, and GiB of memory."""

    cpus: float
    memory: float

    def __add__(self, other: Resources) -> Resources:
        """Return both together."""
        return Resources(self.cpus + other.cpus, self.memory + other.memory)

    def __sub__(self, other: Resources) -> Resources:
        """Return what is left when `other` is taken."""
        return Resources(self.cpus - other.cpus, self.memory - other.memory)

    def holds(self, other: Resources) -> bool:
        """Tell whether `other` fits."""
        return self.cpus >= other.cpus and self.memory >= other.memory

    def __repr__(self) -> str:
        return f"{self.cpus:g} CPU, {self.memory:g} GiB"


@dataclass(frozen=True)
class Framework:
    """What wants to run something.

    Attributes:
        name: Its name.
        task: What one of its tasks needs.
        accepts: Decides on an offer, given the machine's name and what is free there.
    """

    name: str
    task: Resources
    accepts: Callable[[str, Resources], bool]


@dataclass(frozen=True)
class Offer:
    """What was free on a machine, who was asked, and whether a task of theirs is there now."""

    machine: str
    free: Resources
    framework: str
    accepted: bool

    def __repr__(self) -> str:
        text = _("{offer}: {name} takes it") if self.accepted else _("{offer}: {name} declines")
        return text.format(offer=f"{self.machine} ({self.free})", name=self.framework)


@dataclass(frozen=True)
class Master:
    """What is free on each machine, and what each framework has.

    Attributes:
        total: All machines together.
        free: By machine.
        used: By framework.
    """

    total: Resources
    free: dict[str, Resources]
    used: dict[str, Resources]

    @classmethod
    def of(cls, machines: dict[str, Resources]) -> Master:
        """Return a master whose machines are all free."""
        return cls(sum(machines.values(), Resources(0, 0)), machines, {})

    def share(self, framework: Framework) -> float:
        """Return a framework's dominant share: of the resource of which it has most."""
        used = self.used.get(framework.name, Resources(0, 0))
        return max(used.cpus / self.total.cpus, used.memory / self.total.memory)

    def give(self, machine: str, framework: Framework) -> Master:
        """Return the master after a task of a framework was put on a machine."""
        used = self.used.get(framework.name, Resources(0, 0)) + framework.task
        return replace(
            self,
            free={**self.free, machine: self.free[machine] - framework.task},
            used={**self.used, framework.name: used},
        )


def offer_all(master: Master, frameworks: tuple[Framework, ...]) -> tuple[Master, list[Offer]]:
    """Make offers until every framework has declined all that is free.

    Returns:
        The master afterwards, and the offers in their order.
    """
    offers: list[Offer] = []
    asking = list(frameworks)
    while asking:
        framework = min(asking, key=master.share)
        for machine, free in master.free.items():
            accepted = free.holds(framework.task) and framework.accepts(machine, free)
            offers.append(Offer(machine, free, framework.name, accepted))
            if accepted:
                master = master.give(machine, framework)
                break
        else:
            asking.remove(framework)
    return master, offers
