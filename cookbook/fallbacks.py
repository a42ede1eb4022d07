"""How do I go on when an endpoint is down: try again, then ask another one?

The client retries by itself where that is safe: after connection errors, 429, 502, 503 and 504, with growing pauses. If the call still
fails, `with_fallbacks` sends it to the next model.
"""

from __future__ import annotations

import socket
import sys

from llmengine_integrations import errors
from llmengine_integrations.engine import EmbeddedEngine
from llmengine_integrations.langchain import LLMEngine

PROMPT = "Maria lives in Valencia.\nQuestion: Where does Maria live?\nAnswer:"


def nowhere() -> str:
    """An address where no server listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"http://127.0.0.1:{server.getsockname()[1]}"


def main() -> int:
    """Ask endpoints that are down or missing. Return 0 if the other one answers each time."""
    seen = list[str]()
    with EmbeddedEngine() as engine:
        here = {"base_url": engine.base_url, "api_key": engine.api_key, "temperature": 0, "max_new_tokens": 16}
        good = LLMEngine(model=engine.models[0], **here)
        down = LLMEngine(model="llama-2-7b", base_url=nowhere(), max_retries=1)
        missing = LLMEngine(model="not-there", **here)
        for first, kind in ((down, errors.APIConnectionError), (missing, errors.NotFoundError)):
            try:
                first.invoke(PROMPT)
            except errors.LLMEngineError as error:
                print(f"{type(error).__name__}: {error}")
            answer = first.with_fallbacks([good], exceptions_to_handle=(kind,)).invoke(PROMPT)
            print(f"   the other one says {answer!r}")
            seen.append(answer)
        answers = down.with_fallbacks([missing, good]).batch([PROMPT, PROMPT])  # tries them in turn for each prompt
        expected = good.invoke(PROMPT)
    print("The engine has stopped.")
    return 0 if {*seen, *answers} == {expected} else 1


if __name__ == "__main__":
    sys.exit(main())
