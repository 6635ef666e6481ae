"""Answers of a real engine (Docker 20.10), trimmed to what labkit reads."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def recorded(name: str) -> Any:
    """Read `tests/unit/recorded/NAME.json`."""
    return json.loads(Path(__file__).with_name("recorded").joinpath(f"{name}.json").read_text())
