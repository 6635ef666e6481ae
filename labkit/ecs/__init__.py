"""Amazon ECS for a lesson: an API that answers as Amazon's does, and an agent that obeys it.

The API is moto's server in a container of the course, or the learner's own account when they say
so. What it is told to run, the agent runs on the engine: with real containers.
"""

from labkit.ecs.account import own_account
from labkit.ecs.agent import Agent, Round
from labkit.ecs.api import Api, find, local, remove
from labkit.ecs.derive import Derived, task_definition

__all__ = [
    "Agent",
    "Api",
    "Derived",
    "Round",
    "find",
    "local",
    "own_account",
    "remove",
    "task_definition",
]
