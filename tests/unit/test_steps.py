"""Pull, push and build, told part by part."""

from __future__ import annotations

from contextlib import nullcontext
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from labkit.engine import steps
from labkit.engine.steps import Part
from labkit.errors import EngineRequestFailed
from labkit.show import progress

if TYPE_CHECKING:
    from pathlib import Path

PULL = [
    {"status": "Pulling from lab/web", "id": "latest"},
    {"status": "Pulling fs layer", "progressDetail": {}, "id": "a1"},
    {"status": "Already exists", "progressDetail": {}, "id": "b2"},
    {"status": "Downloading", "progressDetail": {"current": 25, "total": 100}, "id": "a1"},
    {"status": "Verifying Checksum", "progressDetail": {}, "id": "a1"},
    {"status": "Pull complete", "progressDetail": {}, "id": "a1"},
    {"status": "Digest: sha256:feed"},
]
BUILD = [
    {"stream": "Step 1/3 : FROM lab/shell\n"},
    {"stream": " ---> 1234\nStep 2/3 : RUN true\n"},
    {"stream": " ---> Using cache\n"},
    {"stream": "Step 3/3 : RUN sleep 1\n"},
    {"stream": " ---> Running in 99\n"},
]


class Messages(list[Any]):
    closed = False

    def close(self) -> None:
        self.closed = True


def an_engine(messages: list[dict[str, Any]]) -> tuple[Any, Messages, list[Any]]:
    asked: list[Any] = []
    stream = Messages(messages)

    def answer(*arguments: Any, **named: Any) -> Messages:
        asked.append((arguments, named.get("tag")))
        return stream

    api = SimpleNamespace(pull=answer, push=answer, build=answer)
    return SimpleNamespace(client=SimpleNamespace(api=api), errors=nullcontext), stream, asked


def test_a_pull_tells_how_far_each_layer_is() -> None:
    engine, _stream, asked = an_engine(PULL)
    told = list(steps.pull(engine, "localhost:5000/lab/web"))
    assert asked == [(("localhost:5000/lab/web",), "latest")]
    assert told[0] == (Part("a1", "Pulling fs layer"),)
    assert told[2] == (Part("a1", "Downloading", 0.25), Part("b2", "Already exists", 1.0))
    assert told[3][0] == Part("a1", "Verifying Checksum", 0.25), "it is as far as it was"
    assert [part.share for part in told[-1]] == [1.0, 1.0]


def test_a_push_leaves_out_what_is_said_of_the_tag() -> None:
    messages = [
        {"status": "The push refers to repository [localhost:5000/lab/web]"},
        {"status": "Pushed", "progressDetail": {}, "id": "a1"},
        {"status": "1: digest: sha256:feed size: 740", "id": "1"},
    ]
    engine, _stream, asked = an_engine(messages)
    assert list(steps.push(engine, "localhost:5000/lab/web:1"))[-1] == (Part("a1", "Pushed", 1.0),)
    assert asked == [(("localhost:5000/lab/web",), "1")]


def test_a_build_tells_each_step_as_it_begins_and_ends(tmp_path: Path) -> None:
    engine, stream, _asked = an_engine(BUILD)
    told = list(steps.build(engine, tmp_path, "lab/x"))
    assert told[0] == (Part("1/3 FROM lab/shell", "running", 0.0),)
    assert told[-1] == (
        Part("1/3 FROM lab/shell", "done", 1.0),
        Part("2/3 RUN true", "from the cache", 1.0),
        Part("3/3 RUN sleep 1", "done", 1.0),
    )
    assert stream.closed


def test_a_refusal_ends_it_in_the_engine_s_words(tmp_path: Path) -> None:
    engine, stream, _asked = an_engine([*BUILD, {"error": "returned a non-zero code: 1"}])
    told: list[tuple[Part, ...]] = []
    with pytest.raises(EngineRequestFailed, match="non-zero code"):
        told.extend(steps.build(engine, tmp_path, "lab/x"))
    assert stream.closed
    assert [part.state for part in told[-1]] == ["done", "from the cache", "failed"]


def test_how_far_a_part_is_stands_in_the_text_too() -> None:
    parts = (Part("a1", "Downloading", 0.25), Part("b2", "Waiting"), Part("c3", "Pulled", 1.0))
    html = progress.drawn("t", "layers", parts).html()
    assert ">Downloading, 25%<" in html
    assert ">Waiting<" in html
    assert ">Pulled<" in html


def test_without_a_notebook_bars_are_lines_of_text(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress.sys.stdout, "isatty", lambda: True)
    engine, _stream, _asked = an_engine(PULL)
    progress.pull("lab/web", engine=engine)
    said = capsys.readouterr().out
    assert "Pulling lab/web" in said
    assert "██████████  a1  Pull complete" in said


def test_a_pull_of_what_is_here_says_so(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress.sys.stdout, "isatty", lambda: True)
    engine, _stream, _asked = an_engine([PULL[0], PULL[-1], {"status": "Status: up to date"}])
    progress.pull("lab/web", engine=engine)
    assert "every layer was here already" in capsys.readouterr().out
    engine, _stream, _asked = an_engine([PULL[0], {"error": "manifest unknown"}])
    with pytest.raises(EngineRequestFailed):
        progress.pull("lab/web", engine=engine)
    assert "every layer was here already" not in capsys.readouterr().out


def test_in_a_notebook_they_are_drawn_in_one_place(monkeypatch: pytest.MonkeyPatch) -> None:
    pictures: list[Any] = []
    handle = SimpleNamespace(update=pictures.append)
    monkeypatch.setattr("IPython.display.display", lambda *_args, **_named: handle)
    monkeypatch.setattr(progress.sys.stdout, "isatty", lambda: False)
    engine, _stream, _asked = an_engine(PULL)
    progress.push("lab/web", engine=engine)
    assert len(pictures) < len(PULL), "what comes fast is drawn together"
    assert "██████████  a1  Pull complete" in repr(pictures[-1])
