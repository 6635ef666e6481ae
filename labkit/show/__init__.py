"""Pictures of what the engine holds, drawn from its real state.

Each function returns a `Picture`: boxes in a notebook, a tree of text in a terminal.
"""

from labkit.show.application import application
from labkit.show.architecture import architecture
from labkit.show.blobs import blobs
from labkit.show.boxes import Box, Picture
from labkit.show.builders import builders
from labkit.show.comparison import comparison
from labkit.show.ecs import ecs
from labkit.show.layers import layers
from labkit.show.mounts import mounts
from labkit.show.networks import networks
from labkit.show.swarm import follow_swarm, swarm

__all__ = [
    "Box",
    "Picture",
    "application",
    "architecture",
    "blobs",
    "builders",
    "comparison",
    "ecs",
    "follow_swarm",
    "layers",
    "mounts",
    "networks",
    "swarm",
]
