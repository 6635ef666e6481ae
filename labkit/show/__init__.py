"""Pictures of what the engine holds, drawn from its real state.

Each function returns a `Picture`: boxes in a notebook, a tree of text in a terminal.
"""

from labkit.show.application import application
from labkit.show.architecture import architecture
from labkit.show.blobs import blobs
from labkit.show.boxes import Box, Picture
from labkit.show.builders import builders
from labkit.show.comparison import comparison
from labkit.show.details import details
from labkit.show.diff import diff
from labkit.show.disk import disk
from labkit.show.ecs import ecs
from labkit.show.engine import engine
from labkit.show.firewall import firewall
from labkit.show.kubernetes import follow_kubernetes, kubernetes
from labkit.show.layers import layers
from labkit.show.live import events, logs, stats
from labkit.show.mounts import mounts
from labkit.show.networks import networks
from labkit.show.progress import build, pull, push
from labkit.show.quiz import quiz
from labkit.show.swarm import follow_swarm, swarm

__all__ = [
    "Box",
    "Picture",
    "application",
    "architecture",
    "blobs",
    "build",
    "builders",
    "comparison",
    "details",
    "diff",
    "disk",
    "ecs",
    "engine",
    "events",
    "firewall",
    "follow_kubernetes",
    "follow_swarm",
    "kubernetes",
    "layers",
    "logs",
    "mounts",
    "networks",
    "pull",
    "push",
    "quiz",
    "stats",
    "swarm",
]
