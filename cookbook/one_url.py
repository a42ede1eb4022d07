"""How do I write a program that runs on my laptop today and on a cluster tomorrow, with one URL changed?

    python one_url.py                                                       # starts the embedded engine
    LLM_ENGINE_BASE_PATH=https://... SCALE_API_KEY=... python one_url.py llama-2-7b

`make test-live` tests more of an endpoint, before your programs use it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from llmengine_integrations import Client
from llmengine_integrations.engine import EmbeddedEngine

PROMPT = "Maria lives in Valencia.\nQuestion: Where does Maria live?\nAnswer:"


@contextmanager
def server() -> Iterator[str | None]:
    """Use the server that the environment names; else start an embedded engine and yield its model."""
    if "LLM_ENGINE_BASE_PATH" in os.environ:
        yield None
        return
    with EmbeddedEngine() as engine:
        os.environ |= {"LLM_ENGINE_BASE_PATH": engine.base_url, "SCALE_API_KEY": engine.api_key}
        yield engine.models[0]
    print("The engine has stopped.")


def program(model: str) -> None:
    """Ask the server that the environment names."""
    with Client() as client:
        print(f"{model} at {client.base_url} is {client.models.get(model).status}")
        print(client.completions.create(model, PROMPT, max_new_tokens=10, temperature=0).output.text)


def main() -> int:
    """Run the program on the server that the environment names."""
    with server() as own:
        program(own or sys.argv[1])
    return 0


if __name__ == "__main__":
    sys.exit(main())
