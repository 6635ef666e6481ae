"""Labkit: real Docker operations for teaching, checking and grading.

Importing this package is cheap on purpose: Docker's client, notebook formats and
widgets are imported by the functions that use them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

__version__ = "0.1.0"


def load_ipython_extension(shell: InteractiveShell) -> None:
    """Load the magics and the what-changed line: `%load_ext labkit`."""
    from labkit.magics import load

    load(shell)


def unload_ipython_extension(shell: InteractiveShell) -> None:
    """Undo `load_ipython_extension`."""
    from labkit.magics import unload

    unload(shell)
