from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import httpx
import psutil
import pytest

from llmengine_integrations.engine import EmbeddedEngine, EngineConfigError, EngineStartError, config
from llmengine_integrations.engine.config import DEFAULT_MODEL_PATH

from .fakes import eventually

pytestmark = pytest.mark.engine

COMPLETE = "/v1/llm/completions-sync?model_endpoint_name=llmengine-tiny"
BODY = {"prompt": "Hello", "max_new_tokens": 3, "temperature": 0}


def gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def python(code: str, **options: object) -> subprocess.Popen[str]:
    return subprocess.Popen(  # noqa: S603 - our own code
        [sys.executable, "-c", textwrap.dedent(code)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


def test_importing_the_package_loads_nothing_heavy():
    code = """
        import sys
        import llmengine_integrations.engine, llmengine_integrations.cli
        print({"torch", "transformers", "starlette", "uvicorn"} & set(sys.modules))
    """
    with python(code) as process:
        assert process.communicate(timeout=60)[0].strip() == "set()"


def test_a_life():
    engine = EmbeddedEngine(api_key="secret-key")
    with pytest.raises(RuntimeError, match="not running"):
        _ = engine.base_url
    with engine:
        pid = engine.pid
        assert engine.base_url.startswith("http://127.0.0.1:")
        assert httpx.post(engine.base_url + COMPLETE, json=BODY, auth=("secret-key", "")).status_code == 200
        assert httpx.post(engine.base_url + COMPLETE, json=BODY, auth=("other", "")).status_code == 401
        assert "secret-key" not in " ".join(psutil.Process(pid).cmdline())
        with pytest.raises(RuntimeError, match="running already"):
            engine.start()
    assert gone(pid)
    assert engine.pid is None
    engine.stop()
    with pytest.raises(RuntimeError, match="not running"):
        _ = engine.base_url


async def test_an_async_life():
    async with EmbeddedEngine(aliases={"short": "m"}, models={"m": DEFAULT_MODEL_PATH}) as engine:
        async with httpx.AsyncClient(base_url=engine.base_url, auth=(engine.api_key, "")) as client:
            reply = await client.post("/v1/llm/completions-sync?model_endpoint_name=short", json=BODY)
        assert reply.status_code == 200


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_the_engine_dies_with_its_parent(how):
    code = """
        import os, sys, time
        from llmengine_integrations.engine import EmbeddedEngine
        engine = EmbeddedEngine().start()
        if os.fork() == 0:  # a sibling that keeps the pipe to the engine open
            os.close(1)
            time.sleep(30)
            os._exit(0)
        print(engine.pid, flush=True)
        time.sleep(60)
    """
    with python(code, start_new_session=True) as parent:
        try:
            pid = int(parent.stdout.readline())
            assert not gone(pid)
            parent.send_signal(how)
            assert eventually(lambda: gone(pid), 10)
        finally:
            os.killpg(parent.pid, signal.SIGKILL)


def test_the_engine_ends_with_the_interpreter():
    code = """
        from llmengine_integrations.engine import EmbeddedEngine
        engine = EmbeddedEngine().start()
        print(engine.pid, engine._folder.name)
    """
    with python(code) as parent:
        out, err = parent.communicate(timeout=60)
    pid, folder = out.split()
    assert parent.returncode == 0, err
    assert gone(int(pid))
    assert not Path(folder).exists()


def test_a_killed_engine_cuts_its_streams(endless_model):
    with (
        EmbeddedEngine({"endless": endless_model}) as engine,
        httpx.Client(base_url=engine.base_url, auth=(engine.api_key, "")) as client,
    ):
        path = "/v1/llm/completions-stream?model_endpoint_name=endless"
        with client.stream("POST", path, json=BODY | {"max_new_tokens": 1900}) as reply:
            chunks = reply.iter_bytes()
            next(chunks)
            os.kill(engine.pid, signal.SIGKILL)
            with pytest.raises(httpx.TransportError):
                list(chunks)


def test_a_model_that_cannot_be_loaded(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "llama"}))
    (tmp_path / "model.safetensors").write_bytes(b"no weights")
    with pytest.raises(
        EngineStartError, match=r"(?s)ended before it was ready.*error: model broken: .* cannot be served"
    ):
        EmbeddedEngine({"broken": tmp_path}).start()


def test_a_start_that_takes_too_long():
    engine = EmbeddedEngine(start_timeout=0.2)
    with pytest.raises(EngineStartError, match=r"not ready within 0\.2 seconds"):
        engine.start()
    assert engine.pid is None


@pytest.mark.parametrize(
    ("models", "aliases", "message"),
    [
        ({"m": "/no/such/folder"}, (), "model m: /no/such/folder is not a folder"),
        ({"m": Path(__file__).parent}, (), "is not a Hugging Face model"),
        (None, {"x": "nobody"}, "points to 'nobody'"),
        (None, ["llmengine-tiny"], "already the name of a model"),
    ],
)
def test_what_cannot_be_served_is_refused_at_once(models, aliases, message):
    with pytest.raises(EngineConfigError, match=message):
        EmbeddedEngine(models, aliases=aliases)


def test_options_reach_the_engine():
    with EmbeddedEngine(dtype="bfloat16", kv_memory=2_000_000, max_upload_size=10) as engine:
        client = httpx.Client(base_url=engine.base_url, auth=(engine.api_key, ""))
        refused = client.post(COMPLETE, json=BODY | {"max_new_tokens": 1900})
        # 2 bytes a number, 4 layers and a spare one, 5 heads of 32: 3,200 bytes a token, so 625 tokens and 576 in whole blocks
        assert refused.json()["detail"].startswith("The engine's key-value memory has room for 576 tokens")
        assert client.post(COMPLETE, json=BODY).status_code == 200
        assert client.post("/v1/files", files={"file": b"x" * 11}).status_code == 413
        client.close()


def test_too_little_memory_for_anything():
    with pytest.raises(EngineStartError, match="100 bytes of key-value memory are too few for any completion"):
        EmbeddedEngine(kv_memory=100).start()


def test_pickled_weights_are_never_loaded(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "llama"}))
    (tmp_path / "pytorch_model.bin").write_bytes(b"")
    with pytest.raises(EngineConfigError, match=r"no \*\.safetensors weights"):
        EmbeddedEngine({"m": tmp_path})


def test_a_missing_extra_names_the_command(monkeypatch):
    monkeypatch.setattr(config.importlib.util, "find_spec", lambda name: None if name == "torch" else object())
    with pytest.raises(EngineConfigError, match=r"needs torch\. .*pip install 'llmengine-integrations\[engine\]'"):
        EmbeddedEngine()
