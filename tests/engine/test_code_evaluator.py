"""Code that a model wrote, at its worst; and the evaluator as a tool of batches."""

from __future__ import annotations

import os
import socket
import sys

import psutil
import pytest

from llmengine_integrations.engine.batch_jobs import code_evaluator
from llmengine_integrations.engine.batch_jobs.code_evaluator import CodeEvaluator, log_missing_walls, missing_walls

from .fakes import eventually
from .test_batches import V2, bench, prompts

pytestmark = [pytest.mark.engine, pytest.mark.skipif(os.name != "posix", reason="needs limits on processes")]

WALLS = missing_walls() if os.name == "posix" else ["everything"]
walled = pytest.mark.skipif(bool(WALLS), reason=f"this system does not allow {WALLS}")


async def run(code: str, seconds: float = 20):
    return await CodeEvaluator().run(code, seconds)


def children() -> set[int]:
    """The processes that run code, and whatever those started."""
    found = psutil.Process().children(recursive=True)
    return {child.pid for child in found if any("code_sandbox" in word for word in words_of(child))}


def words_of(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:  # it has just ended
        return []


@pytest.mark.parametrize(
    ("code", "output"),
    [
        ("print(6 * 7)", "42\n"),
        ("x = 6\nx * 7", "42\n"),
        ("None", ""),
        ("", ""),
        ("'é🌍'", "'é🌍'\n"),
        ("import math, json, datetime, decimal, statistics\nmath.factorial(5)", "120\n"),
        ("open('a', 'w').write('b')\nopen('a').read()", "'b'\n"),
        ("import threading\nt = threading.Thread(target=print, args=('t',)); t.start(); t.join()", "t\n"),
        ("import asyncio\nasyncio.run(asyncio.sleep(0, 'slept'))", "'slept'\n"),
        ("import sys\nsys.exit()", ""),
        ("import sys\nprint('e', file=sys.stderr)", "e\n"),
        ("input", "<built-in function input>\n"),
        ("def f(n):\n    return 1 if n < 2 else n * f(n - 1)\nf(5)", "120\n"),
    ],
)
async def test_what_code_shows(code, output):
    assert await run(code) == code_evaluator.CodeResult(output, failed=False)


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("1/0", "ZeroDivisionError: division by zero"),
        ("def", "SyntaxError"),
        ("a\0b", "SyntaxError"),
        ("input()", "EOFError"),
        ("import sys\nsys.exit(3)", ""),
        ("import os\nos._exit(5)", ""),
        ("import os\nos.abort()", "The code was stopped"),
        ("import numpy", "No module named 'numpy'"),
        ("import llmengine_integrations", "No module named"),
        ("def f(): f()\nf()", "RecursionError"),
        ("\ud800", ""),
        ("#" * 300_000, "has more than"),
    ],
)
async def test_code_that_fails(code, message):
    result = await run(code)
    assert result.failed
    assert message in result.output
    assert "code_sandbox" not in result.output


async def test_each_piece_is_new():
    assert not (await run("x = 1\nopen('kept', 'w').write('x')")).failed
    assert "NameError" in (await run("x")).output
    assert (await run("import os\nos.listdir('.')")).output == "[]\n"


async def test_an_endless_loop_ends():
    result = await run("print('begun', flush=True)\nwhile True: pass", 1)
    assert (result.output, result.failed) == ("begun\nThe code was stopped after 1 seconds.", True)
    assert not children()


async def test_sleeping_and_deaf_code_ends():
    code = "import signal, time\nfor n in range(1, 32):\n  try: signal.signal(n, signal.SIG_IGN)\n  except (OSError, ValueError): pass\n"
    assert (await run(code + "time.sleep(600)", 1)).failed
    assert not children()


async def test_a_memory_hog():
    result = await run("x = [bytearray(2**20) for _ in range(4096)]")
    assert result.failed
    assert "MemoryError" in result.output or "limit" in result.output


async def test_huge_output():
    result = await run("while True: print('x' * 1000)")
    assert result.failed
    assert len(result.output) < 17_000
    assert result.output.endswith("it wrote more than 16384 bytes.")


async def test_huge_files():
    assert "File too large" in (await run("f = open('big', 'wb')\nwhile True: f.write(b'x' * 2**20)")).output
    assert "Too many open files" in (await run("f = [open(str(n), 'w') for n in range(500)]")).output


async def test_no_secrets_in_the_environment(monkeypatch):
    monkeypatch.setenv("LLM_ENGINE_SERVE_API_KEY", "sesame")
    monkeypatch.setenv("PYTHONSTARTUP", "/nowhere")
    result = await run("import os\nsorted(os.environ)")
    assert set(eval(result.output)) <= {"HOME", "LANG", "PATH", "TMPDIR", "LC_CTYPE"}  # noqa: S307 - a list of names


async def test_nothing_is_left_behind(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    await run("open('x', 'w').write('y')\nimport os\nos.makedirs('a/b')\n1/0")
    await run("while True: pass", 1)
    assert list(tmp_path.iterdir()) == []
    assert not children()


BOMB = """
import os
made = 0
for _ in range(10_000):
    try:
        if os.fork() == 0:
            while True: pass
        made += 1
    except OSError:
        break
made
"""


@walled
async def test_a_fork_bomb_makes_nothing():
    assert await run(BOMB) == code_evaluator.CodeResult("0\n", failed=False)


@pytest.mark.parametrize("detach", ["", "os.setsid()", "os.setpgid(0, 0)"])
async def test_what_goes_on_in_the_background_dies_too(detach, monkeypatch):
    """Also without walls: then it may fork, and is killed with its group, unless it leaves that, which walls prevent."""
    if detach and WALLS:
        pytest.skip("only a wall prevents that")
    code = (
        f"import os, time\ntry:\n  if os.fork() == 0:\n    {detach or 'pass'}\n    time.sleep(60)\nexcept OSError: pass"
    )
    await run(code)
    assert eventually(lambda: not children())


@walled
@pytest.mark.parametrize(
    "code",
    [
        "import socket\nsocket.create_connection(('127.0.0.1', PORT), 2)",
        "import socket\nsocket.socket(socket.AF_UNIX).connect('PLACE')",
        "import socket\nsocket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', PORT))",
        "import urllib.request\nurllib.request.urlopen('http://127.0.0.1:PORT', timeout=2)",
        "open('PLACE', 'w').write('x')",
        "open('PLACE').read()",
        "import os\nos.listdir('FOLDER')",
        "import os\nos.unlink('PLACE')",
        "import os\nos.chmod('PLACE', 0o777)",
        "import os\nos.symlink('PLACE', 'link')\nopen('link', 'a').write('x')",
        "open('/proc/PARENT/environ').read()",
        "open('/proc/self/environ').read()",
        "open('/etc/passwd').read()",
        "import os\nos.kill(PARENT, 9)",
        "import os\nos.kill(-1, 9)",
        "import subprocess\nsubprocess.run(['true'])",
        "import os\nos.execv('/bin/sh', ['sh'])",
        "import os\nos.system('true') and 1/0",
        "import os\nos.setsid()",
        "import resource\nresource.setrlimit(resource.RLIMIT_AS, (-1, -1))",
        "import ctypes\nassert ctypes.CDLL(None).unshare(0x10000000) == 0",
        "import ctypes\nassert ctypes.CDLL(None).mount(b'x', b'.', b'proc', 0, None) == 0",
        "import ctypes\nassert ctypes.CDLL(None).ptrace(16, PARENT, 0, 0) == 0",
        "import ctypes\nassert ctypes.CDLL(None).syscall(425, 8, 0) >= 0",
        "import os\nos.memfd_create('a')",
    ],
)
async def test_the_walls(code, tmp_path):
    place = tmp_path / "place"
    place.write_text("untouched")
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0)
        port = str(server.getsockname()[1])
        code = code.replace("PORT", port).replace("PLACE", str(place)).replace("FOLDER", str(tmp_path))
        result = await run(code.replace("PARENT", str(os.getpid())))
        assert result.failed, result.output
        with pytest.raises(BlockingIOError):
            server.accept()
    assert place.read_text() == "untouched"
    assert place.stat().st_mode & 0o002 == 0


@walled
async def test_many_files_do_not_fill_the_disk():
    result = await run("for n in range(100): open(str(n), 'wb').write(b'x' * 2**20)")
    assert "No space left on device" in result.output


def test_missing_walls_are_logged(monkeypatch, caplog):
    monkeypatch.setattr(code_evaluator, "missing_walls", lambda: ["doors"])
    log_missing_walls()
    assert caplog.messages == ["The code evaluator does without doors: this system does not allow it."]
    monkeypatch.undo()
    monkeypatch.setattr(sys, "executable", "/bin/false")
    assert missing_walls()[0].startswith("anything that works")


# As a tool: the model always writes the same


def tool(**settings) -> dict:
    return {"tool_config": {"name": "code_evaluator"} | settings}


CALL = "so\n```python\nprint(6 * 7)\n```\n"


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_the_tool(tmp_path, version):
    with bench(tmp_path / "data", text=CALL, allow_code_evaluator=True) as shop:
        content = prompts("a", "b", max_new_tokens=1000, return_token_log_probs=True)
        job = shop.ended(shop.create(content, version=version, **tool(max_iterations=2)))
        assert job["status"] == "completed"
        for item in shop.output():
            assert item["text"] == f"{CALL}42\n>>>\n" * 2 + CALL
            assert item["num_completion_tokens"] == 3 * len(CALL)
            assert len(item["tokens"]) == 3  # the fake model has the log-probability of each turn's first token only
            assert item["num_prompt_tokens"] == 2
        shop.ended(shop.create(prompts("a", max_new_tokens=len(CALL) + 4), **tool()))
        assert shop.output()[0]["text"] == f"{CALL}42\n>>>\nso\n`"
        shop.ended(shop.create(prompts("a", max_new_tokens=9, stop_sequences=["o\n"]), **tool()))
        assert shop.output()[0]["text"] == "s"
        shop.ended(shop.create(prompts("a", max_new_tokens=100), **tool(max_iterations=0)))
        assert shop.output()[0]["text"] == CALL


def test_a_block_that_the_prompt_opened_and_one_of_another_kind(tmp_path):
    with bench(tmp_path / "data", text="2 ** 10\n```\n", allow_code_evaluator=True) as shop:
        shop.ended(shop.create(prompts("```python\n", max_new_tokens=14), **tool()))
        assert shop.output()[0]["text"] == "2 ** 10\n```\n1024\n>>>\n2 "
        shop.ended(shop.create(prompts("```json\n", max_new_tokens=14), **tool()))
        assert shop.output()[0]["text"] == "2 ** 10\n```\n2 "


def test_code_that_fails_is_seen_or_ends_the_row(tmp_path):
    text = "```python\n1/0\n```\n"
    with bench(tmp_path / "data", text=text, allow_code_evaluator=True) as shop:
        content = prompts("a", max_new_tokens=len(text))
        shop.ended(shop.create(content, **tool()))
        assert shop.output()[0]["text"].startswith(f"{text}Traceback")
        assert shop.output()[0]["text"].endswith("ZeroDivisionError: division by zero\n>>>\n")
        job = shop.ended(shop.create(content, **tool(should_retry_on_error=False)))
        assert job["metadata"]["requests_failed"] == "1"
        assert shop.output()[0]["message"].startswith("The code failed: Traceback")


def test_a_job_cancelled_while_code_runs_ends_the_code(tmp_path):
    text = "```python\nwhile True: pass\n```\n"
    with bench(tmp_path / "data", text=text, allow_code_evaluator=True) as shop:
        job_id = shop.create(prompts("a", max_new_tokens=100), **tool())
        assert eventually(lambda: bool(children()))
        assert shop.http.post(f"{V2}/{job_id}/actions/cancel").json() == {"success": True}
        assert eventually(lambda: not children())
        assert shop.job(job_id)["status"] == "cancelled"
        slow = prompts("a", max_new_tokens=len(text))
        shop.ended(shop.create(slow, **tool(execution_timeout_seconds=1)))
        assert shop.output()[0]["text"] == f"{text}The code was stopped after 1 seconds.\n>>>\n"
