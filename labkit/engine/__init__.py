"""The only package that talks to Docker."""

from labkit.engine.connect import KeptConnection, connect
from labkit.engine.engine import Engine, ExecReply, HttpReply
from labkit.engine.objects import Container, FileEntry, Image, Network, Volume

__all__ = [
    "Container",
    "Engine",
    "ExecReply",
    "FileEntry",
    "HttpReply",
    "Image",
    "KeptConnection",
    "Network",
    "Volume",
    "connect",
]
