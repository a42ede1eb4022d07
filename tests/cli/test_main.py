"""What all commands have in common: help, errors, interrupts, pipes, what is imported."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from llmengine_integrations import __version__
from llmengine_integrations.cli import main
from llmengine_integrations.cli.options import option_types as values
from llmengine_integrations.cli.terminal import output

EVENT = b'data: {"request_id": "r", "output": {"text": "Once", "finished": false, "num_completion_tokens": 1}}\r\n\r\n'
CHUNK = (
    b'data: {"id": "c", "model": "m", "object": "chat.completion.chunk", "created": 1, '
    b'"choices": [{"index": 0, "delta": {"role": "assistant", "content": "Once"}}]}\r\n\r\n'
)
STREAM = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n"
REFUSED = b'{"detail": "Could not authenticate user"}'
COMMAND = [sys.executable, "-c", "from llmengine_integrations.cli import main; main()"]
REFUSAL = b"HTTP/1.1 401 Unauthorized\r\ncontent-length: %d\r\nconnection: close\r\n\r\n" % len(REFUSED) + REFUSED


@pytest.fixture
def settings() -> dict[str, str]:
    """No engine: the tests here name their servers."""
    return {}


@pytest.fixture
def server() -> Iterator[tuple[str, dict[str, bytes]]]:
    """A server that answers each request with the bytes put in, and then keeps quiet without hanging up."""
    reply: dict[str, bytes] = {}
    kept: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                kept.append(connection)
                connection.recv(65536)
                connection.sendall(reply["bytes"])

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}", reply
        listening.shutdown(socket.SHUT_RDWR)
        thread.join(timeout=10)
    for connection in kept:
        connection.close()


def commands(group=main, path=()) -> Iterator[tuple[str, ...]]:
    yield path
    for name in group.list_commands(None) if hasattr(group, "list_commands") else ():
        yield from commands(group.get_command(None, name), (*path, name))


@pytest.mark.parametrize("path", list(commands()), ids=" ".join)
def test_every_command_has_help(alone, path):
    result = alone(*path, "--help")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.startswith(" ".join(("Usage: llmengine", *path)))
    if path and path[0] not in {"serve", "completion"} and " COMMAND " not in result.stdout:
        assert "Connection and output:" in result.stdout
        assert "--json" in result.stdout


def test_the_version(alone):
    assert alone("--version").stdout == f"llmengine, version {__version__}\n"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(alone, shell):
    assert "_LLMENGINE_COMPLETE" in alone("completion", shell).stdout
    assert alone("completion", "tcsh").exit_code == 2


def test_completion_completes(alone):
    result = alone(_LLMENGINE_COMPLETE="bash_complete", COMP_WORDS="llmengine fine-tunes wa", COMP_CWORD="2")
    assert result.stdout == "plain,watch\n"


@pytest.mark.parametrize("arguments", [["--help"], ["models", "--help"], ["models", "list", "--json"]])
def test_nothing_heavy_is_imported(arguments, server):
    url, reply = server
    body = b'{"model_endpoints": []}'
    reply["bytes"] = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\nconnection: close\r\n\r\n" % len(body) + body
    program = f"""
import sys, json
sys.modules["rich"] = None
import httpx  # which takes rich along where it is installed
del sys.modules["rich"]
from llmengine_integrations.cli import main
try:
    main({arguments!r})
except SystemExit as end:
    assert not end.code, end.code
heavy = ("rich", "torch", "transformers", "langchain_core", "llama_index", "matplotlib", "pandas", "numpy", "starlette", "aiohttp")
print(json.dumps([name for name in heavy if name in sys.modules]), file=sys.stderr)
"""
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={"LLM_ENGINE_BASE_PATH": url},
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stderr) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--base-url", "http://127.0.0.1:9", "models", "list"],
            r"Connection refused .*`llmengine serve`.*`llmengine doctor`",
        ),
        (["models", "list", "--base-url", "nonsense"], r"The base URL must be an http\(s\) URL"),
        (
            ["models", "list", "--base-url", "https://example.com"],
            r"set the environment variable SCALE_API_KEY or pass --api-key\.",
        ),
        (
            ["models", "list", "--base-url", "http://example.com", "--api-key", "k"],
            r"or permit it with LLM_ENGINE_ALLOW_HTTP=1",
        ),
        (["files", "get", "a/b"], r"slash"),
        (
            ["models", "list", "--base-url", "https://nohost.invalid", "--api-key", "k"],
            r"Check --base-url \(LLM_ENGINE_BASE_PATH\)",
        ),
    ],
)
def test_a_failure_is_one_line(alone, arguments, message):
    result = alone(*arguments)
    assert (result.exit_code, result.stdout) == (1, "")
    assert re.fullmatch(rf"Error: .*{message}.*\n", result.stderr), result.stderr


def test_a_wrong_key(alone, server):
    url, reply = server
    reply["bytes"] = REFUSAL
    result = alone("models", "list", "--base-url", url, "--api-key", "wrong")
    assert (result.exit_code, result.stderr) == (
        1,
        "Error: 401: Could not authenticate user. Set SCALE_API_KEY or pass --api-key.\n",
    )
    found = json.loads(alone("--json", "doctor", "--base-url", url, "--api-key", "wrong").stdout)
    assert [finding["check"] for finding in found["findings"] if finding["status"] == "failed"] == ["authentication"]


def test_a_page_that_is_no_gateway(alone, server):
    url, reply = server
    reply["bytes"] = b"HTTP/1.1 200 OK\r\ncontent-length: 13\r\nconnection: close\r\n\r\n<html></html>"
    result = alone("models", "list", "--base-url", url)
    assert result.exit_code == 1
    assert "Is that the gateway's address? `llmengine doctor` checks it." in result.stderr


def test_a_reply_that_is_too_long(alone, server, monkeypatch):
    monkeypatch.setattr("llmengine_integrations.core.transport.reply_bodies.MAX_BODY", 8)
    url, reply = server
    body = b'{"id": "file-1", "content": "much"}'
    reply["bytes"] = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\nconnection: close\r\n\r\n" % len(body) + body
    result = alone("files", "content", "file-1", "--base-url", url)
    assert re.search(r"; `llmengine files download` writes larger files to the disk\.\n$", result.stderr), result.stderr


def test_a_path_that_leads_nowhere(alone, server):
    url, reply = server
    reply["bytes"] = b'HTTP/1.1 404 Not Found\r\ncontent-length: 22\r\nconnection: close\r\n\r\n{"detail":"Not Found"}'
    result = alone("models", "list", "--base-url", f"{url}/wrong")
    assert result.stderr == "Error: 404: Not Found. Is that the gateway's address? `llmengine doctor` checks it.\n"


def test_a_timeout(alone, server):
    url, reply = server
    reply["bytes"] = b""
    result = alone("complete", "-m", "m", "Hello", "--base-url", url, "--timeout", "0.1")
    assert result.exit_code == 1
    assert "--timeout SECONDS waits longer" in result.stderr


def test_ctrl_c_ends_a_stream_quietly(terminal, server):
    url, reply = server
    reply["bytes"] = STREAM + EVENT
    with terminal("complete", "-m", "m", "Hello", "--base-url", url) as shown:
        shown.until("Once")
        shown.type("\x03")
        code, plain = shown.end()
    assert code == 130
    assert plain.replace("^C", "").split() == ["Once"]


def test_ctrl_c_stops_a_reply_and_the_chat_goes_on(terminal, server):
    url, reply = server
    reply["bytes"] = STREAM + CHUNK
    with terminal("chat", "-m", "m", "--base-url", url) as shown:
        shown.until("> ")
        shown.type("Tell me a story.\n")
        shown.until("Once")
        shown.type("\x03")
        shown.until("Once^C\n> ")
        shown.type("/history\n")
        shown.until("assistant: Once\n")
        shown.type("/exit\n")
        code, plain = shown.end()
    assert (code, "Traceback" in plain) == (0, False)


def test_a_reader_that_goes_away(server):
    url, reply = server
    reply["bytes"] = STREAM + EVENT * 20_000
    with subprocess.Popen(  # noqa: S603 - our own command
        [*COMMAND, "complete", "-m", "m", "Hello", "--json", "--base-url", url],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        process.stdout.readline()
        process.stdout.close()
        error = process.stderr.read()
        assert (process.wait(timeout=60), error) == (1, b"")


def in_shell(command: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run it with `llmengine` as `$@`, where a shell closes streams and redirects them."""
    return subprocess.run(  # noqa: S603 - our own command
        ["/bin/sh", "-c", command, "sh", *COMMAND],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=variables,
    )


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize("arguments", ["--help", "models --help", "doctor --base-url http://127.0.0.1:9"])
def test_a_disk_that_is_full(arguments):
    done = in_shell(f'"$@" {arguments} > /dev/full')
    assert (done.returncode, done.stderr) == (1, "Error: No space left on device\n")


@pytest.mark.parametrize(
    ("command", "code", "stdout", "stderr"),
    [
        ('"$@" complete -m m --base-url "$URL" --json --timeout 0.2 < /dev/null >&-', 1, "", "Error: "),
        ('"$@" complete -m m --base-url "$URL" --timeout 0.2 <&-', 1, "Once\n", "Error: "),
        ('"$@" complete -m m --base-url "$URL" --timeout 0.2 <&- 2>&-', 1, "Once\n", ""),
        ('"$@" models delete m --base-url "$URL" <&-', 2, "", "Usage: "),
    ],
)
def test_streams_that_are_closed(server, command, code, stdout, stderr):
    url, reply = server
    reply["bytes"] = STREAM + EVENT
    done = in_shell(command, URL=url)
    assert (done.returncode, done.stdout, "Traceback" in done.stderr) == (code, stdout, False), done.stderr
    assert done.stderr.startswith(stderr)


def test_a_stream_that_breaks_off_keeps_what_came(alone, server):
    url, reply = server
    reply["bytes"] = STREAM + EVENT
    result = alone("complete", "-m", "m", "Hello", "--base-url", url, "--timeout", "0.2")
    assert (result.exit_code, result.stdout) == (1, "Once\n")
    assert result.stderr.startswith("Error: ")
    assert result.stderr.count("\n") == 1


def test_the_doctor_finds_no_server(alone):
    result = alone("doctor", "--base-url", "http://127.0.0.1:9")
    assert result.exit_code == 1
    assert "!!  connection" in result.stdout
    assert "http://127.0.0.1:9 (from --base-url)" in result.stdout
    assert "Is the address right, the server running" in result.stdout
    found = json.loads(alone("doctor", "--json", LLM_ENGINE_BASE_PATH="nonsense").stdout)
    assert found["ok"] is False
    assert found["findings"][-1]["check"] == "settings"


def test_the_doctor_finds_http_behind_https(alone, server):
    url, reply = server
    reply["bytes"] = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
    result = alone("doctor", "--base-url", url.replace("http:", "https:"))
    assert result.exit_code == 1
    assert "begin with http:// instead of https://?" in result.stdout


def test_the_doctor_finds_a_server_that_wants_no_key(alone, server):
    url, reply = server
    body = b'{"model_endpoints": [], "files": [], "jobs": []}'
    reply["bytes"] = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\nconnection: close\r\n\r\n" % len(body) + body
    result = alone("doctor", "--base-url", url)
    assert result.exit_code == 0, result.stdout
    assert "the server answers and asks for no key" in result.stdout


@pytest.mark.parametrize(("variables", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)])
def test_no_colour_where_none_is_wanted(terminal, variables, coloured):
    with terminal("doctor", "--base-url", "http://127.0.0.1:9", variables=variables) as shown:
        code, plain = shown.end()
    assert (code, "\x1b[3" in shown.screen) == (1, coloured)
    lines = [line.rstrip() for line in plain.splitlines()]
    assert max(map(len, lines)) <= 100
    assert any(re.match(r"^!!  connection {6}Cannot reach LLM Engine", line) for line in lines)
    assert any(re.match(r"^ {20}\w", line) for line in lines), "what does not fit hangs below its beginning"


@pytest.mark.engine
def test_the_doctor_finds_a_server(alone, engine):
    result = alone("doctor", LLM_ENGINE_BASE_PATH=engine.base_url, SCALE_API_KEY=engine.api_key)
    assert result.exit_code == 0, result.stdout
    assert f"{engine.base_url} (from LLM_ENGINE_BASE_PATH)" in result.stdout
    assert re.search(r"^ok  connection +the server answers and accepts the key$", result.stdout, re.MULTILINE)
    assert re.search(r"^ok  models +\d of \d ready: llmengine-tiny, llama-2-7b", result.stdout, re.MULTILINE)
    assert engine.api_key not in result.stdout


def test_the_doctor_says_what_is_not_installed(alone, monkeypatch):
    from llmengine_integrations.cli.commands import doctor as checks  # noqa: PLC0415 - only here

    def missing(name: str) -> str:
        raise checks.PackageNotFoundError(name)

    monkeypatch.setattr(checks, "version", missing)
    result = alone("doctor", "--base-url", "http://127.0.0.1:9")
    assert "rich is not installed" in result.stdout
    assert "pip install 'llmengine-integrations[plots]' adds pictures" in result.stdout


def test_tables_and_bars_without_rich(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "rich.console", None)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    from llmengine_integrations.cli.terminal import progress  # noqa: PLC0415 - only here

    output.print_table(("name", "bytes:"), [("a", 10), ("\x1b[31mred", 5)], empty="none")
    with progress.transfers() as moved, progress.waiting("waiting") as say:
        moved("a", 1, 2)
        say("more")
    plain = re.sub("\x1b\\[[0-9]*m", "", capsys.readouterr().out)
    assert plain == "name      bytes\na            10\n\u241b[31mred      5\n"


def test_json_is_json():
    found = output.as_json({"nan": float("nan"), "list": (1, "x"), "bool": True, 3: None})
    assert found == {"nan": None, "list": [1, "x"], "bool": True, "3": None}


@pytest.mark.parametrize(
    ("text", "found"),
    [("lr=0.1", ("lr", 0.1)), ("a=b", ("a", "b")), ('p={"r": 4}', ("p", {"r": 4})), ("x=1=2", ("x", "1=2"))],
)
def test_pairs(text, found):
    assert values.pair(text) == found
