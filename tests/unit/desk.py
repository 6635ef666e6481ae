"""A desk where a test lays out images and containers, and hears what a check says of them."""

from __future__ import annotations

from typing import Any

import pytest

from labkit.checking import CheckFailed
from labkit.engine import Container, Image
from labkit.engine.objects import HistoryEntry

SHELL = "sha256:23eccadb6e2eb2155f77a1374bd2b4ac2d58375507383de4d2ad55016e9fbc3e"
OWN = "sha256:5c4ced662caaf9ae7b162ef7c798fb93e34af61d1426e8d1434a00f95aaccd85"
MORE = "sha256:40e034bd4231e1ffa008031c6f7cddce2eb464147a25c108b481b7308c734bdc"
IMPORTED = "sha256:4e6bf8d71b4ad8aa2d3b2c1fdb2a1b67f6a4a1f0f2f3f4f5f6f7f8f9fafbfcfd"

#: The steps of `lab/shell`, as the classic builder writes them.
COPY = ("/bin/sh -c #(nop) COPY dir:8ef14df740d2c0a11b14100202aecd5f2d4ce in / ", 2_976_563)
SHELL_CMD = ('/bin/sh -c #(nop)  CMD ["sh"]', 0)


class Desk:
    """Puts images and containers on the fake engine."""

    def __init__(self, engine: Any) -> None:
        self.engine = engine
        self.image("lab/shell", "ca34a0aa589d4708", [SHELL], Cmd=["sh"])
        self.history("lab/shell", SHELL_CMD, COPY)

    def image(
        self, name: str, short: str, layers: list[str], *, size: int = 2_976_592, **config: Any
    ) -> None:
        attrs = {
            "Id": f"sha256:{short}",
            "RepoTags": [name if ":" in name else f"{name}:latest"],
            "RepoDigests": [],
            "Size": size,
            "Created": "2026-11-24T03:16:56.260809626Z",
            "Architecture": "amd64",
            "Os": "linux",
            "Config": {"Env": ["PATH=/bin"], "Cmd": None, "Entrypoint": None, **config},
            "RootFS": {"Type": "layers", "Layers": layers},
        }
        self.engine.images.things[name] = Image.from_inspect(attrs)

    def history(self, name: str, *steps: tuple[str, int], comment: str = "") -> None:
        self.engine.images.histories[name] = tuple(
            HistoryEntry.from_history({"CreatedBy": by, "Size": size, "Comment": comment})
            for by, size in steps
        )

    def container(self, name: str, image: str, logs: str = "", **changes: Any) -> None:
        """A container of `image` as it is, which exited with 0; `changes` say otherwise."""
        made_of = self.engine.images.get(image)
        state = {"Status": "exited", "ExitCode": 0, "Error": "", **changes.pop("State", {})}
        host = {"NetworkMode": "default", **changes.pop("HostConfig", {})}
        attrs = {
            "Id": "84fa886ff0d1a0ea",
            "Name": f"/{name}",
            "Image": changes.pop("image_id", made_of.id),
            "State": state,
            "Config": {
                "Image": image,
                "Cmd": list(made_of.command) or None,
                "Entrypoint": list(made_of.entrypoint) or None,
                **changes,
            },
            "HostConfig": host,
        }
        self.engine.containers.things[name] = Container.from_inspect(attrs)
        self.engine.containers.log_texts[name] = logs

    def refusal(self, check: Any) -> CheckFailed:
        with pytest.raises(CheckFailed) as caught:
            check(self.engine)
        return caught.value

    def accepts(self, *checks: Any) -> None:
        for check in checks:
            check(self.engine)
