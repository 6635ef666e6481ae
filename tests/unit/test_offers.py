"""The model of Mesos's scheduling."""

from __future__ import annotations

from labkit.offers import Framework, Master, Resources, offer_all

MACHINES = {f"lab-node-{number}": Resources(3, 6) for number in (1, 2, 3)}


def anywhere(_machine: str, _free: Resources) -> bool:
    return True


def test_a_machine_that_holds_both_shares_equally_by_the_dominant_resource() -> None:
    # The example of the paper on dominant resource fairness: 9 processors, 18 GB.
    one = {"lab-node-1": Resources(9, 18)}
    memory = Framework("memory", Resources(1, 4), anywhere)
    cpus = Framework("cpus", Resources(3, 1), anywhere)
    master, offers = offer_all(Master.of(one), (memory, cpus))
    assert master.used == {"memory": Resources(3, 12), "cpus": Resources(6, 2)}
    assert master.share(memory) == master.share(cpus) == 2 / 3
    assert [offer.framework for offer in offers if offer.accepted] == [
        "memory", "cpus", "memory", "cpus", "memory",
    ]  # fmt: skip
    assert master.free == {"lab-node-1": Resources(0, 4)}


def test_a_framework_is_not_given_what_it_declines() -> None:
    picky = Framework("picky", Resources(1, 1), lambda machine, _free: machine == "lab-node-2")
    master, offers = offer_all(Master.of(MACHINES), (picky,))
    assert {offer.machine for offer in offers if offer.accepted} == {"lab-node-2"}
    assert master.free["lab-node-2"] == Resources(0, 3)
    assert repr(offers[0]) == "lab-node-1 (3 CPU, 6 GiB): picky declines"
    assert repr(offers[1]) == "lab-node-2 (3 CPU, 6 GiB): picky takes it"


def test_what_fits_on_no_machine_stays_free() -> None:
    large = Framework("large", Resources(2, 4), anywhere)
    master, offers = offer_all(Master.of(MACHINES), (large,))
    assert sum(offer.accepted for offer in offers) == 3
    assert set(master.free.values()) == {Resources(1, 2)}
    assert [offer.accepted for offer in offers[-3:]] == [False] * 3
