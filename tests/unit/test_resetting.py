from __future__ import annotations

import json
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import pytest

from labkit.engine.kubeconfig import Taken, course_kubeconfig, take
from labkit.errors import CourseError, NoSuchContainer, UnknownSlug
from labkit.resetting import plan_reset, reset
from labkit.workspace import Workspace
from tests.unit.conftest import FakeCollection
from tests.unit.recordings import recorded
from tests.unit.two_chapters import write_course

if TYPE_CHECKING:
    from pathlib import Path

    from labkit.course import Course


class Api:
    """docker-py's low-level client over the recorded lists; it notes what it is to remove."""

    def __init__(self) -> None:
        self.lists = recorded("lists")
        self.removed: list[str] = []

    def containers(self, **_options: bool) -> Any:
        return self.lists["containers"]

    def images(self) -> Any:
        return self.lists["images"]

    def networks(self) -> Any:
        return self.lists["networks"]

    def volumes(self) -> Any:
        return self.lists["volumes"]

    def remove_container(self, reference: str, *, v: bool, force: bool) -> None:
        assert v
        assert force
        self.removed.append(reference)

    def remove_network(self, reference: str) -> None:
        self.removed.append(reference)

    remove_volume = remove_image = remove_network


class Engine:
    def __init__(self) -> None:
        self.client = self
        self.api = Api()

    def errors(self) -> nullcontext[None]:
        return nullcontext()


@pytest.fixture
def engine() -> Any:
    return Engine()


@pytest.fixture
def course(tmp_path: Path, work: Path) -> Course:
    assert not work.exists()
    return write_course(tmp_path / "course")


def names(plan: Any) -> list[str]:
    return [str(thing) for thing in plan.things]


def test_everything_of_the_course_is_planned_but_its_images(engine: Any, course: Course) -> None:
    engine.api.lists["images"][2]["RepoTags"] = ["debian:bookworm-slim"]
    assert names(plan_reset(engine, course)) == [
        "container lab-ended",
        "container lab-created",
        "container lab-published",
        "container lab-limited",
        "network lab-net",
        "volume lab-data",
        "image lab/web:1",
    ]


@pytest.mark.parametrize(
    "name", ["laboratory", "xlab-web", "my-lab-web", "lab", "lab_web", "Lab-web", "labs-web"]
)
def test_names_that_nearly_look_like_ours_are_not(engine: Any, course: Course, name: str) -> None:
    for line in engine.api.lists["containers"]:
        line.update(Names=[f"/{name}"], Labels={"lab": "", "xlabkit.image": "", "labkit": ""})
    for line in engine.api.lists["networks"]:
        line.update(Name=name, Labels=None)
    for line in engine.api.lists["volumes"]["Volumes"]:
        line.update(Name=name, Labels=None)
    for line in engine.api.lists["images"]:
        line.update(RepoTags=[f"{name.lower()}s/x:1", "registry.example/lab/x:1"], Labels=None)
    assert names(plan_reset(engine, course)) == []


def test_a_container_of_a_foreign_image_is_not_ours_by_inherited_labels(
    engine: Any, course: Course
) -> None:
    ended = engine.api.lists["containers"][0]
    ended["Names"] = ["/app"]
    assert ended["Labels"] == {"labkit.image": "shell"}
    assert "container app" in names(plan_reset(engine, course))
    shell = engine.api.lists["images"][1]
    assert shell["Id"] == ended["ImageID"]
    for tags in (["mine/app:1"], ["<none>:<none>"], ["lab/app:1", "mine/app:1"]):
        shell["RepoTags"] = tags
        assert "container app" not in names(plan_reset(engine, course))
    del engine.api.lists["images"][1]
    assert "container app" not in names(plan_reset(engine, course))


@pytest.mark.parametrize(
    ("labels", "ours"),
    [
        ({"labkit.lesson": "images"}, True),
        ({"labkit.image": "shell", "labkit.digest": "sha256:1"}, False),  # anybody's build on ours
        ({"maintainer": "me"}, False),
    ],
)
def test_an_image_without_a_name_is_ours_by_a_label_that_is_not_inherited(
    engine: Any, course: Course, labels: dict[str, str], *, ours: bool
) -> None:
    engine.api.lists["images"][0].update(RepoTags=["<none>:<none>"], Labels=labels)
    name = engine.api.lists["images"][0]["Id"][7:19]
    assert (f"image {name}" in names(plan_reset(engine, course))) is ours


@pytest.mark.parametrize(
    ("repository", "ours"),
    [("localhost:5005/lab/pump", True), ("registry.example/lab/pump", False), ("pump", False)],
)
def test_an_image_that_was_pulled_by_its_digest_is_ours_by_its_repository(
    engine: Any, course: Course, repository: str, *, ours: bool
) -> None:
    name = f"{repository}@sha256:{'ab' * 32}"
    engine.api.lists["images"][0].update(RepoTags=["<none>:<none>"], RepoDigests=[name])
    assert (f"image {name}" in names(plan_reset(engine, course))) is ours


def test_an_exercise_plans_only_what_it_makes(engine: Any, course: Course) -> None:
    first, second = engine.api.lists["containers"][:2]
    first["Names"], second["Names"] = ["/lab-hello"], ["/lab-hello-2"]
    engine.api.lists["images"][0]["RepoTags"].append("lab/hello:1")
    assert names(plan_reset(engine, course, "welcome.hello")) == [
        "container lab-hello",
        "image lab/hello:1",
    ]
    assert names(plan_reset(engine, course, "containers.first_run")) == []


def test_planning_removes_nothing(engine: Any, course: Course) -> None:
    plan_reset(engine, course)
    assert engine.api.removed == []


def test_a_reset_does_what_the_plan_said_in_its_order(engine: Any, course: Course) -> None:
    plan = plan_reset(engine, course)
    done = reset(engine, course, plan)
    assert done.removal.removed == plan.things
    assert sorted(engine.api.removed) == sorted(thing.reference for thing in plan.things)
    assert engine.api.removed[-3:] == [thing.reference for thing in plan.things[-3:]]
    assert done.kept_as is None


def test_a_started_exercise_begins_again_and_the_old_copy_is_kept(
    engine: Any, course: Course
) -> None:
    exercise = course.exercise("welcome.hello")
    copy = Workspace(course).start(exercise).path
    copy.write_text("mine")
    plan = plan_reset(engine, course, exercise.slug)
    assert plan.copy == copy
    assert not plan.empty
    done = reset(engine, course, plan)
    assert done.kept_as is not None
    assert done.kept_as.read_text() == "mine"
    assert copy.read_bytes() == course.exercise_notebook(exercise).read_bytes()


def test_nothing_is_removed_when_the_fresh_copy_cannot_be_made(engine: Any, course: Course) -> None:
    exercise = course.exercise("welcome.hello")
    Workspace(course).start(exercise)
    engine.api.lists["containers"][0]["Names"] = ["/lab-hello"]
    plan = plan_reset(engine, course, exercise.slug)
    assert plan.things
    course.exercise_notebook(exercise).unlink()
    with pytest.raises(CourseError):
        reset(engine, course, plan)
    assert engine.api.removed == []


def test_a_reset_of_the_engine_leaves_exercises_alone(engine: Any, course: Course) -> None:
    copy = Workspace(course).start(course.exercise("welcome.hello")).path
    copy.write_text("mine")
    reset(engine, course, plan_reset(engine, course))
    assert copy.read_text() == "mine"


def test_a_reset_forgets_how_to_reach_a_cluster_that_went(engine: Any, course: Course) -> None:
    engine.containers = FakeCollection(NoSuchContainer, {"lab-cluster": object()})
    path = course_kubeconfig(course.work())
    take(path, Taken("lab/kubernetes", "lab-cluster"), b"{}")
    reset(engine, course, plan_reset(engine, course))
    assert path.exists()
    del engine.containers.things["lab-cluster"]
    reset(engine, course, plan_reset(engine, course))
    assert not path.exists()


def test_a_plan_without_anything_is_empty(engine: Any, course: Course) -> None:
    assert plan_reset(engine, course, "containers.first_run").empty


def test_a_plan_is_json(engine: Any, course: Course) -> None:
    told = json.loads(json.dumps(plan_reset(engine, course).as_json()))
    assert told["exercise"] is None
    assert {"kind": "network", "name": "lab-net"} in told["objects"]


def test_an_unknown_exercise_is_refused_before_the_engine_is_asked(course: Course) -> None:
    with pytest.raises(UnknownSlug):
        plan_reset(None, course, "welcome.helo")  # type: ignore[arg-type]
