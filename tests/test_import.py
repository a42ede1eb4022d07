"""What importing the package costs: nothing but its own core, no network, no look at the environment."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

FOREIGN = [
    "aiohttp",
    "boto3",
    "click",
    "fsspec",
    "langchain_core",
    "llama_index",
    "numpy",
    "peft",
    "starlette",
    "torch",
    "transformers",
    "uvicorn",
    "vcr",
]


def run(program: str):
    """What a program prints as JSON, run by a fresh interpreter."""
    command = [sys.executable, "-I", "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)  # noqa: S603 - our own program
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_it_loads_no_framework():
    """Nor do making a client, and a call of the blocking one."""
    loaded = run(f"""
import sys, json
import httpx  # which takes click along where it is installed
before = set(sys.modules)
from llmengine_integrations import AsyncClient, Client, errors
AsyncClient("http://127.0.0.1:1")
client = Client("http://127.0.0.1:1", max_retries=0)
try:
    client.completions.create("m", "hi")
except errors.APIConnectionError:
    pass
print(json.dumps([name for name in {FOREIGN!r} if name in sys.modules.keys() - before]))
""")
    assert loaded == []


@pytest.mark.parametrize("name", ["wire.completions", "wire.chat", "errors", "core.client"])
def test_each_part_can_be_imported_first(name):
    assert run(f"import llmengine_integrations.{name}; print(1)") == 1


def test_it_opens_nothing_and_reads_no_setting():
    """Sockets, child processes and our environment variables, watched by an audit hook and by a mapping in place of `os.environ`."""
    seen = run("""
import json, os, sys
import httpx, pydantic, tenacity  # what they do when they are imported is theirs

events, read = [], []

class Environment(type(os.environ)):
    def __getitem__(self, key):
        read.append(key)
        return super().__getitem__(key)

watched = Environment.__new__(Environment)
watched.__dict__.update(os.environ.__dict__)
os.environ = watched
sys.addaudithook(lambda name, _: events.append(name))
import llmengine_integrations

names = ("LLM_ENGINE", "SCALE_", "HTTP_PROXY", "HTTPS_PROXY")
print(json.dumps({
    "events": [name for name in events if name.startswith(("socket.", "subprocess.", "os.system", "urllib."))],
    "read": [key for key in read if str(key).upper().startswith(names)],
    "hooked": "import" in events,
    "watched": os.environ.get("PATH", "") is not None and "PATH" in read,
}))
""")
    assert seen == {"events": [], "read": [], "hooked": True, "watched": True}


def test_it_prints_nothing_and_leaves_logging_alone():
    handlers = run("""
import json, logging
import llmengine_integrations
logger = logging.getLogger("llmengine_integrations")
print(json.dumps([logging.getLogger().handlers, logger.handlers, logger.level]))
""")
    assert handlers == [[], [], 0]
