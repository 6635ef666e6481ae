"""What all pictures say of a container in the same words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labkit.translation import _

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labkit.engine import Container


def state(container: Container) -> str:
    """Return its state in a few words: how it ended, or how healthy it is."""
    if container.status == "exited":
        return _("exited with {code}").format(code=container.exit_code)
    if container.running and container.health:
        return f"{container.status}, {container.health}"
    return container.status


def published(container: Container) -> Iterator[str]:
    """Yield a line for each way from the host to one of its ports."""
    for inner, bindings in container.ports.items():
        for address, port in bindings:
            yield _("{address}:{port} of the host -> {inner}").format(
                address=f"[{address}]" if ":" in address else address, port=port, inner=inner
            )
