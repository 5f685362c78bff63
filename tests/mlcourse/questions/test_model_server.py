"""A model is asked over HTTP, at a real server on this machine that speaks the protocol, or says nonsense."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

import mlworkbench as wb
from mlcourse.questions.model_server import KEY_VARIABLE, complete
from mlworkbench.ports import free_port


class Model(BaseHTTPRequestHandler):
    """Answers what the server holds; keeps what it was asked."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.asked.append((self.path, self.headers.get("Authorization"), json.loads(body)))
        self.send_response(self.server.status)
        self.end_headers()
        self.wfile.write(self.server.answer)

    def log_message(self, *_: object) -> None:
        """Say nothing on the terminal."""


@pytest.fixture
def server() -> Iterator[ThreadingHTTPServer]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Model) as running:
        running.asked, running.status, running.answer = [], 200, b""
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def address(server: ThreadingHTTPServer) -> str:
    return f"http://127.0.0.1:{server.server_port}/v1"


def completion(text: object) -> bytes:
    return json.dumps({"choices": [{"message": {"role": "assistant", "content": text}}]}).encode()


@pytest.mark.parametrize("end", ["", "/"])
def test_a_model_answers(server: ThreadingHTTPServer, end: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(KEY_VARIABLE, raising=False)
    server.answer = completion(" In the bin. ")
    assert complete("Where do runs go?", address(server) + end, "small") == "In the bin."
    ((path, key, body),) = server.asked
    assert path == "/v1/chat/completions"
    assert key is None
    assert (body["model"], body["temperature"]) == ("small", 0)
    assert body["messages"] == [{"role": "user", "content": "Where do runs go?"}]


def test_a_key_comes_from_the_environment(server: ThreadingHTTPServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY_VARIABLE, "of-tests")
    server.answer = completion("Yes.")
    complete("?", address(server))
    assert server.asked[0][1] == "Bearer of-tests"


def test_without_an_address_the_stand_in_answers() -> None:
    assert complete("Question: x\nPassage: It says so.") == "It says so."


def failure(prompt_address: str) -> str:
    with pytest.raises(wb.WorkbenchError) as caught:
        complete("?", prompt_address)
    return str(caught.value)


@pytest.mark.parametrize(
    ("status", "answer", "found"),
    [
        (500, b"out of\n memory", "answered 500: 'out of memory'. "),
        (401, b'{"error": "no key"}', "answered 401"),
        (404, b"", "answered 404: nothing"),
        (200, b"<html>Welcome</html>", "sent no completion, but '<html>Welcome</html>'"),
        (200, b"", "sent no completion, but nothing"),
        (200, b"[]", "sent no completion, but '[]'"),
        (200, b"null", "sent no completion, but 'null'"),
        (200, b'{"choices": []}', "sent no completion"),
        (200, completion(None), "sent no completion"),
        (200, completion("  "), "sent no completion"),
        (200, completion(["a"]), "sent no completion"),
        (200, b"\xff\xfe" * 4000, "sent no completion"),
    ],
)
def test_a_server_with_an_error_or_nonsense(
    server: ThreadingHTTPServer, status: int, answer: bytes, found: str
) -> None:
    server.status, server.answer = status, answer
    told = failure(address(server))
    assert found.strip() in told
    assert "Expected:" in told
    assert "Do this: Look at what the server printed" in told
    assert len(told) < 600


def test_nobody_listens() -> None:
    told = failure(f"http://127.0.0.1:{free_port()}/v1")
    assert "(ConnectionError)" in told
    assert "Start the server, or leave the address empty" in told


@pytest.mark.parametrize("wrong", ["127.0.0.1:80", "model", "http://", "http://[", "ftp://127.0.0.1"])
def test_an_address_that_is_none(wrong: str) -> None:
    assert f"no model answers at {wrong}" in failure(wrong)


def test_a_password_in_the_address_is_told_to_nobody(server: ThreadingHTTPServer) -> None:
    server.status = 500
    assert "hush" not in failure(address(server).replace("//", "//me:hush@"))
    assert "hush" not in failure(f"http://me:hush@127.0.0.1:{free_port()}")
