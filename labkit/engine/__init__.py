"""The only package that talks to Docker."""

from labkit.engine.connect import KeptConnection, connect
from labkit.engine.engine import Engine, HttpReply
from labkit.engine.objects import Container, Image, Network, Volume

__all__ = [
    "Container",
    "Engine",
    "HttpReply",
    "Image",
    "KeptConnection",
    "Network",
    "Volume",
    "connect",
]
