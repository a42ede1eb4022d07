"""The shell's completion of names that the server knows."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

JOBS = {
    "jobs": [
        {"id": "ft-1", "status": "SUCCESS", "fine_tuned_model": "base.mine.1"},
        {"id": "ft-2", "status": "RUNNING", "fine_tuned_model": "base.mine.2"},
        {"id": "batch-1", "status": "RUNNING"},
    ]
}


class Jobs(BaseHTTPRequestHandler):
    """A gateway that has jobs, and nothing else."""

    def do_GET(self) -> None:
        body = json.dumps(JOBS if self.path == "/v1/llm/fine-tunes" else {"detail": "Not Found"}).encode()
        self.send_response(200 if self.path == "/v1/llm/fine-tunes" else 404)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def jobs() -> Iterator[str]:
    """The URL of such a gateway."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Jobs) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def offered(alone):
    """What Tab offers at the end of a line, with what zsh and fish show beside it."""

    def tab(line: str, **settings: str) -> list[tuple[str, str]]:
        words = line.split(" ")
        found = alone(_LLMENGINE_COMPLETE="zsh_complete", COMP_WORDS=line, COMP_CWORD=str(len(words) - 1), **settings)
        assert (found.exit_code, found.stderr) == (0, ""), found.output
        parts = iter(found.stdout.removesuffix("\n").splitlines())  # three lines for each
        return [
            (value, about if kind == "plain" else kind) for kind, value, about in zip(parts, parts, parts, strict=True)
        ]

    return tab


@pytest.mark.engine
@pytest.mark.parametrize(
    "line", ["models get", "models delete --yes", "complete -m", "chat Hello --model", "batch create -m"]
)
def test_models(offered, settings, line):
    assert ("llama-2-7b", "READY") in offered(f"llmengine {line} lla", **settings)
    assert ("llmengine-tiny", "READY") in offered(f"llmengine {line} ", **settings)
    assert offered(f"llmengine {line} nobody", **settings) == []


@pytest.mark.engine
def test_files(offered, run, settings, tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("prompt,response\na,b\n")
    uploaded = run("files", "upload", path).stdout.strip()
    assert (uploaded, "rows.csv") in offered("llmengine files get file-", **settings)
    assert (uploaded, "rows.csv") in offered("llmengine fine-tunes create file-", **settings)
    assert offered("llmengine fine-tunes create ro", **settings) == [("ro", "file")]  # the shell's own files
    run("files", "delete", uploaded, "--yes")


def test_jobs(offered, jobs):
    assert offered("llmengine fine-tunes watch ft", LLM_ENGINE_BASE_PATH=jobs) == [
        ("ft-1", "SUCCESS base.mine.1"),
        ("ft-2", "RUNNING base.mine.2"),
    ]
    assert offered("llmengine batch wait ", LLM_ENGINE_BASE_PATH=jobs) == [("batch-1", "RUNNING")]
    assert offered(f"llmengine --base-url {jobs} batch wait ") == [("batch-1", "RUNNING")]
    assert offered(f"llmengine batch wait --base-url {jobs} ") == [("batch-1", "RUNNING")]


@pytest.mark.parametrize("url", ["http://127.0.0.1:9", "nonsense", "https://nobody.invalid"])
def test_a_server_that_is_not_there_offers_nothing(offered, url):
    assert offered("llmengine models get ", LLM_ENGINE_BASE_PATH=url) == []


def test_a_server_that_fails_offers_nothing(offered, jobs):
    assert offered("llmengine models get ", LLM_ENGINE_BASE_PATH=jobs) == []


def test_a_server_that_says_nothing_is_given_up_soon(offered, monkeypatch):
    from llmengine_integrations import Timeout  # noqa: PLC0415 - only here
    from llmengine_integrations.cli.options import shell_candidates  # noqa: PLC0415 - only here

    assert shell_candidates._PATIENCE.total == 2.0
    monkeypatch.setattr(shell_candidates, "_PATIENCE", Timeout(total=0.2))
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        assert offered("llmengine models get ", LLM_ENGINE_BASE_PATH=f"http://127.0.0.1:{port}") == []
