"""How do I move a program from upstream's client, first by its import line alone, then to `Client`?"""

from __future__ import annotations

import os
import sys

from llmengine_integrations import Client, errors
from llmengine_integrations.compat import Completion, Model  # was: from llmengine import Completion, Model
from llmengine_integrations.compat.errors import NotFoundError  # was: from llmengine.errors import NotFoundError
from llmengine_integrations.engine import EmbeddedEngine

PROMPT = "Maria lives in Valencia.\nQuestion: Where does Maria live?\nAnswer:"


def as_before(model: str) -> str:
    """A program for upstream's client, unchanged."""
    response = Completion.create(model=model, prompt=PROMPT, max_new_tokens=10, temperature=0.0)
    stream = Completion.create(model=model, prompt=PROMPT, max_new_tokens=10, temperature=0.0, stream=True)
    streamed = "".join(chunk.output.text for chunk in stream if chunk.output)
    print(f"{response.output.text!r}, streamed {streamed!r}, of {[one.name for one in Model.list().model_endpoints]}")
    try:
        Completion.create(model="no-such-model", prompt=PROMPT)
    except NotFoundError as error:
        print(f"   {error}")
    return response.output.text


def as_now(model: str) -> str:
    """The same with `Client`: a process can have several clients, and a stream that breaks off raises an error."""
    with Client() as client:
        reply = client.completions.create(model, PROMPT, max_new_tokens=10, temperature=0)
        with client.completions.stream(model, PROMPT, max_new_tokens=10, temperature=0) as chunks:
            streamed = "".join(chunk.output.text for chunk in chunks if chunk.output)
        print(f"{reply.output.text!r}, streamed {streamed!r}, of {[one.name for one in client.models.list()]}")
        try:
            client.completions.create("no-such-model", PROMPT)
        except errors.NotFoundError as error:
            print(f"   {error}")
    return reply.output.text


def main() -> int:
    """Do it both ways. Return 0 if the answers are the same."""
    with EmbeddedEngine() as engine:
        os.environ |= {"LLM_ENGINE_BASE_PATH": engine.base_url, "SCALE_API_KEY": engine.api_key}
        same = as_before(engine.models[0]) == as_now(engine.models[0])
    print("The engine has stopped.")
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
