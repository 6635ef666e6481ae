"""A page on the engine: look, change, follow, and a terminal in a container.

What it does stands in the modules here, without a face; `labkit.dashboard.page` shows it.
"""
