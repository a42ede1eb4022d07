from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import click
import httpx
import pytest
from click.testing import CliRunner

from llmengine_integrations.cli import main
from llmengine_integrations.cli.options import option_types as values
from llmengine_integrations.engine import config

pytestmark = pytest.mark.engine

COMMAND = [sys.executable, "-c", "from llmengine_integrations.cli import main; main()", "serve"]
BODY = {"prompt": "Hello", "max_new_tokens": 1900, "temperature": 0}


@contextmanager
def served(*options: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The command in a process, with its address; killed if the test leaves it running."""
    environment = {name: value for name, value in os.environ.items() if name != config.API_KEY_VARIABLE}
    with subprocess.Popen(  # noqa: S603 - our own command
        [*COMMAND, "--port", "0", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        start_new_session=True,
    ) as process:
        try:
            yield process, re.search(r"http://\S+", process.stdout.readline())[0]
        finally:
            process.kill()


def finish(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(main, ["serve", *arguments], prog_name="llmengine", env={config.API_KEY_VARIABLE: None})
    return result.exit_code, result.output


def wait_until_ready(url: str) -> None:
    deadline = time.monotonic() + 60
    while httpx.get(f"{url}/readyz").status_code != 200:
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_it_cleanly_in_the_middle_of_a_stream(how, endless_model):
    with served("--model", f"endless={endless_model}") as (process, url):
        # sent before the model is loaded: it waits
        streaming = httpx.stream(
            "POST",
            f"{url}/v1/llm/completions-stream?model_endpoint_name=endless",
            json=BODY,
            auth=("any", ""),
            timeout=60,
        )
        with streaming as reply:
            chunks = reply.iter_bytes()
            next(chunks)
            process.send_signal(how)
            rest: list[bytes] = []
            with pytest.raises(httpx.RemoteProtocolError):  # it breaks off, without an end
                rest.extend(chunks)
        code, out, err = finish(process)
    assert (code, err) == (0, "")
    assert out.endswith("Stopped.\n")
    assert b'"finished":true' not in b"".join(rest)
    assert b'"error":{' not in b"".join(rest)


@pytest.mark.parametrize("after", [0.0, 0.5, 2.0])
def test_ctrl_c_stops_it_while_it_loads(after):
    with served() as (process, _):
        time.sleep(after)
        process.send_signal(signal.SIGINT)
        code, _, err = finish(process)
    assert code in {0, 130}
    assert err == ""


def test_it_says_how_to_try_it_and_that_works():
    with served("--alias", "llama-2-7b") as (process, url):
        wait_until_ready(url)
        process.send_signal(signal.SIGINT)
        _, out, _ = finish(process)
    assert "Ready. Models: llmengine-tiny, llama-2-7b (= llmengine-tiny)" in out
    example = re.search(r"curl -u \"any:\" '(\S+)' -H '([^']+)' -d '(.*)'", out)
    assert example[1] == f"{url}/v1/llm/completions-sync?model_endpoint_name=llmengine-tiny"
    assert json.loads(example[3])["max_new_tokens"] == 16


def test_a_busy_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        code, output = run("--port", str(port))
    assert code == 1
    assert f"port {port} on 127.0.0.1 is already in use" in output
    assert "--port" in output


def test_a_busy_data_folder(tmp_path):
    with served("--data", str(tmp_path)) as (process, _):
        code, output = run("--port", "0", "--data", str(tmp_path))
        process.send_signal(signal.SIGINT)
        _, out, _ = finish(process)
    reason = "is in use by another engine: stop that one, or choose another folder with --data"
    assert (code, output) == (1, f"Error: the data folder {tmp_path} {reason}\n")
    assert "temporary folder" not in out


def test_without_a_data_folder_nothing_stays(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with served("--max-upload-size", "10") as (process, url):
        files = f"{url}/v1/files"
        said = process.stdout.readline()
        assert httpx.post(files, files={"file": b"x" * 10}, auth=("any", "")).status_code == 200
        assert httpx.post(files, files={"file": b"x" * 11}, auth=("any", "")).status_code == 413
        assert len(list(tmp_path.glob("llmengine-data-*"))) == 1
        process.send_signal(signal.SIGINT)
        code, _, _ = finish(process)
    assert code == 0
    assert said.startswith("Uploads are kept in a temporary folder and deleted when the engine stops")
    assert list(tmp_path.glob("llmengine*")) == []  # torch may leave a folder of its own


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "example.com"])  # noqa: S104 - it is refused
def test_another_host_needs_a_key(host):
    code, output = run("--host", host)
    assert code == 2
    assert "--api-key" in output
    assert config.API_KEY_VARIABLE in output


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--model", "m=/no/such/folder"], 1, "Error: model m: /no/such/folder is not a folder\n"),
        (["--model", "nonsense"], 2, "'nonsense' is not NAME=SOURCE"),
        (["--model", "a=/x", "--model", "a=/y"], 2, "two models are named 'a'"),
        (["--alias", "x=nobody"], 1, "points to 'nobody'"),
        (["--alias", "=x"], 2, "is not NAME or NAME=MODEL"),
        (["--alias", "x=a", "--alias", "x=b"], 2, "'x' is given two models"),
        (["--device", "gpu"], 1, "Error: 'gpu' is not a valid device. Use auto, cpu, cuda, cuda:1, mps or xpu\n"),
        (["--dtype", "float8"], 2, "'float8'"),
        (["--kv-memory", "lots"], 2, "'lots' is not a size. Examples: 1000000, 512MB, 2GiB"),
        (["--max-upload-size", "0.4"], 2, "at least one byte"),
        (["--port", "70000"], 2, "70000"),
    ],
)
def test_wrong_usage(arguments, code, message):
    found, output = run(*arguments)
    assert (found, message in output) == (code, True), output
    assert "Traceback" not in output


def test_without_the_extra(monkeypatch):
    monkeypatch.setattr(config.importlib.util, "find_spec", lambda name: None)
    code, output = run()
    assert code == 1
    assert output.startswith("Error: the embedded engine needs ")
    assert "pip install 'llmengine-integrations[engine]'" in output
    assert output.count("\n") == 1


def test_a_model_that_cannot_be_loaded(tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "llama"}')
    (tmp_path / "model.safetensors").write_bytes(b"no weights")
    with served("--model", f"broken={tmp_path}") as (process, _):
        code, _, err = finish(process)
    assert code == 1
    assert err.startswith("Error: model broken: ")
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("text", "size"),
    [("7", 7), ("512MB", 512_000_000), ("1.5k", 1500), ("2GiB", 2**31), ("1 Ti", 2**40), ("3b", 3)],
)
def test_sizes(text, size):
    assert values.size(text) == size
    assert values.size(values.size_text(size)) == size


@pytest.mark.parametrize("text", ["", "MB", "-1", "1ib", "1e9", "5 pounds"])
def test_what_is_no_size(text):
    with pytest.raises(click.BadParameter, match="is not a size"):
        values.size(text)


def test_a_device_that_is_not_there():
    with served("--device", "cuda:99") as (process, _):
        code, _, err = finish(process)
    assert code == 1
    assert err.startswith("Error: device cuda:99 cannot be used: ")
    assert err.count("\n") == 1


def test_the_key_from_the_environment_is_needed(monkeypatch):
    with served("--api-key", "k3y") as (process, url):
        assert httpx.get(f"{url}/v1/llm/model-endpoints", auth=("any", "")).status_code == 401
        assert httpx.get(f"{url}/v1/llm/model-endpoints", auth=("k3y", "")).status_code == 200
        process.send_signal(signal.SIGINT)
        assert finish(process)[0] == 0
