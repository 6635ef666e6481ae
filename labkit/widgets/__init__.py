"""The widgets' face: what the magics show, with buttons."""

from labkit.widgets.check_panel import check_panel

__all__ = ["check_panel"]
