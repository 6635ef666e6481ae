"""What stands in a host's packet filter: the tables, the chains that say something, their rules."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labkit.engine import connect
from labkit.errors import LabError
from labkit.show.boxes import Box, Picture
from labkit.translation import _

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labkit.engine import Engine

#: What a container's own name server puts there, on the network of any container.
NAME_SERVER = "127.0.0.11"
TABLES = ("nat", "filter")


def firewall(host: str, *, engine: Engine | None = None) -> Picture:
    """Draw the packet filter of a container that has iptables, such as one of `labkit host`.

    Chains that drop nothing and hold no rule are left out.

    Raises:
        NoSuchContainer: There is none of this name.
        LabError: Its packet filter cannot be read.
    """
    asked = engine or connect()
    reply = asked.containers.ask(host, "iptables-save")
    if reply.exit_code:
        raise LabError(
            _("The packet filter of `{host}` cannot be read: {why}").format(
                host=host, why=reply.output.strip()
            )
        )
    means = {"nat": _("where a packet is sent"), "filter": _("whether it may pass")}
    found = dict(_tables(reply.output))
    return Picture(
        _("The packet filter of {host}").format(host=host),
        tuple(
            Box(
                table, means[table], () if found.get(table) else (_("empty"),), found.get(table, ())
            )
            for table in TABLES
        ),
    )


def _tables(saved: str) -> Iterator[tuple[str, tuple[Box, ...]]]:
    """Read the output of `iptables-save`: `*table`, `:chain policy [counts]`, `-A chain rule`."""
    for part in saved.split("\n*")[0 if saved.startswith("*") else 1 :]:
        table, *lines = part.lstrip("*").splitlines()
        policies = dict(line[1:].split()[:2] for line in lines if line.startswith(":"))
        rules: dict[str, list[str]] = {chain: [] for chain in policies}
        for line in lines:
            if line.startswith("-A ") and NAME_SERVER not in line:
                _add, chain, rule = line.split(maxsplit=2)
                rules[chain].append(rule)
        yield (
            table,
            tuple(
                Box(
                    chain,
                    _("policy {policy}").format(policy=policy) if policy != "-" else "",
                    tuple(rules[chain]),
                )
                for chain, policy in policies.items()
                if (rules[chain] and not chain.startswith("DOCKER_")) or policy == "DROP"
            ),
        )
