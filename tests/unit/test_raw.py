from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingUnixStreamServer
from typing import TYPE_CHECKING, Any

import pytest

from labkit.engine.raw import ask
from labkit.errors import EngineUnreachable, LabError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Handler(BaseHTTPRequestHandler):
    """Answers with what it was asked, but for `/refused` and `/text`."""

    def answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        said = f'{{"asked": "{self.command} {self.path}", "body": {body or 0}}}'
        self.send_response(409 if self.path == "/refused" else 200)
        self.send_header("Api-Version", "1.41")
        self.end_headers()
        self.wfile.write(b"OK" if self.path == "/text" else said.encode())

    do_GET = do_POST = answer  # noqa: N815 - as the library names them

    def address_string(self) -> str:
        return "a socket"

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture
def endpoint(tmp_path: Path) -> Iterator[str]:
    path = tmp_path / "engine.sock"
    with ThreadingUnixStreamServer(str(path), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"unix://{path}"
        server.shutdown()
        thread.join()


def test_an_answer_is_parsed(endpoint: str) -> None:
    answer = ask("POST", "/things?name=a", {"size": 1}, endpoint=endpoint)
    assert answer.status == 200
    assert answer.headers["Api-Version"] == "1.41"
    assert answer.body == {"asked": "POST /things?name=a", "body": {"size": 1}}


def test_what_is_no_json_stays_text(endpoint: str) -> None:
    assert ask("GET", "/text", endpoint=endpoint).body == "OK"


def test_a_refusal_is_an_answer_and_reads_as_one(endpoint: str) -> None:
    shown = repr(ask("GET", "/refused", endpoint=endpoint))
    assert shown.startswith("HTTP 409 Conflict\n{")
    assert '"asked": "GET /refused"' in shown


def test_a_socket_where_nobody_answers_is_named(tmp_path: Path) -> None:
    with pytest.raises(EngineUnreachable, match=r"unix://.*nobody"):
        ask("GET", "/_ping", endpoint=f"unix://{tmp_path}/nobody")


def test_an_engine_behind_ssh_is_left_to_the_command() -> None:
    with pytest.raises(LabError, match="ssh://far") as caught:
        ask("GET", "/_ping", endpoint="ssh://far")
    assert "`docker` command" in caught.value.hint
