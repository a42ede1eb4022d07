"""What a call and a token may cost, in calls of functions: a count that no busy machine changes. `benchmarks` measures the time.

The limits stand about half above what was counted when they were written, so that another version of a library passes, and a
second validation, a lost connection or work for each byte does not.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from llmengine_integrations import AsyncClient, Client
from llmengine_integrations.core.streams import completion_events as _completion_stream
from llmengine_integrations.core.streams import sse as _sse

SERVER = Path(__file__).parent.parent / "benchmarks" / "_server.py"
TEXT = " word"

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the benchmarks' server is an epoll loop")


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    command = [sys.executable, str(SERVER)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - our own
        try:
            assert process.stdout is not None
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.kill()


def counted(work: Callable[[], Any]) -> int:
    """The calls of functions, those written in C included, that this thread makes."""
    calls = 0

    def note(frame: Any, event: str, argument: Any) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(None)
    return calls


def per_call(work: Callable[[], Any], times: int = 20) -> float:
    """The calls of one of many, once everything is loaded and connected."""
    work()
    return counted(lambda: [work() for _ in range(times)]) / times


def per_token(stream: Callable[[int], Any], tokens: int = 1000) -> float:
    """The calls that a token more makes."""
    stream(tokens)
    return (counted(lambda: stream(2 * tokens)) - counted(lambda: stream(tokens))) / tokens


def read(texts: list[str], tokens: int) -> None:
    assert "".join(texts) == TEXT * tokens


def blocking_call(url: str) -> float:
    with Client(url, "key") as client:
        return per_call(lambda: read([client.completions.create("m", "prompt").output.text], 10))


def blocking_stream(url: str, kind: str = "coalesced", tokens: int = 1000) -> float:
    with Client(url, "key") as client:

        def stream(count: int) -> None:
            with client.completions.stream(f"{kind}-{count}", "prompt") as events:
                read([event.output.text for event in events], count)

        return per_token(stream, tokens)


def awaited(url: str, body: Callable[[AsyncClient, asyncio.Runner], float]) -> float:
    with asyncio.Runner() as runner:
        client = AsyncClient(url, "key")
        try:
            return body(client, runner)
        finally:
            runner.run(client.close())


def awaited_call(url: str) -> float:
    async def many(client: AsyncClient) -> None:
        replies = await asyncio.gather(*(client.completions.create("m", "prompt") for _ in range(32)))
        for reply in replies:
            read([reply.output.text], 10)

    return awaited(url, lambda client, runner: per_call(lambda: runner.run(many(client)), 5) / 32)


def awaited_stream(url: str) -> float:
    async def stream(client: AsyncClient, tokens: int) -> None:
        async with client.completions.stream(f"coalesced-{tokens}", "prompt") as events:
            read([event.output.text async for event in events], tokens)

    return awaited(url, lambda client, runner: per_token(lambda tokens: runner.run(stream(client, tokens))))


def langchain(url: str, **fields: Any) -> Any:
    module = pytest.importorskip("llmengine_integrations.langchain")
    return module.LLMEngine(**{"model": "m", "base_url": url, "api_key": "key"} | fields)


def langchain_invoke(url: str) -> float:
    """Above the client's own call."""
    model = langchain(url)
    return per_call(lambda: read([model.invoke("prompt")], 10)) - blocking_call(url)


def langchain_abatch(url: str) -> float:
    """Above the client's own calls."""

    def measured(client: AsyncClient, runner: asyncio.Runner) -> float:
        model = langchain(url, async_client=client, max_concurrency=32)

        def batch() -> None:
            for text in runner.run(model.abatch(["prompt"] * 32)):
                read([text], 10)

        return per_call(batch, 5) / 32

    return awaited(url, measured) - awaited_call(url)


def langchain_stream(url: str) -> float:
    model = langchain(url)

    def stream(tokens: int) -> None:
        read(list(model.stream("prompt", model=f"coalesced-{tokens}")), tokens)

    return per_token(stream)


def langchain_astream(url: str) -> float:
    async def stream(client: AsyncClient, tokens: int) -> None:
        model = langchain(url, async_client=client)
        read([text async for text in model.astream("prompt", model=f"coalesced-{tokens}")], tokens)

    return awaited(url, lambda client, runner: per_token(lambda tokens: runner.run(stream(client, tokens))))


def llama_index(url: str, model: str = "m") -> Any:
    module = pytest.importorskip("llmengine_integrations.llama_index")
    return module.LLMEngine(model=model, base_url=url, api_key="key", is_chat_model=False)


def llama_index_complete(url: str) -> float:
    model = llama_index(url)
    return per_call(lambda: read([model.complete("prompt").text], 10))


def llama_index_acomplete(url: str) -> float:
    model = llama_index(url)

    async def many() -> None:
        for response in await asyncio.gather(*(model.acomplete("prompt") for _ in range(32))):
            read([response.text], 10)

    with asyncio.Runner() as runner:
        return per_call(lambda: runner.run(many()), 5) / 32


def llama_index_stream(url: str) -> float:
    models = {tokens: llama_index(url, f"coalesced-{tokens}") for tokens in (1000, 2000)}

    def stream(tokens: int) -> None:
        read([response.delta or "" for response in models[tokens].stream_complete("prompt")], tokens)

    return per_token(stream)


LIMITS: dict[Callable[[str], float], float] = {
    blocking_call: 1600,
    awaited_call: 630,
    blocking_stream: 10,
    awaited_stream: 8,
    langchain_invoke: 570,
    langchain_abatch: 1000,
    langchain_stream: 32,
    langchain_astream: 30,
    llama_index_complete: 1900,
    llama_index_acomplete: 770,
    llama_index_stream: 31,
}
"""Calls of functions, a call or a token."""


@pytest.mark.parametrize(("measure", "limit"), LIMITS.items(), ids=lambda value: getattr(value, "__name__", ""))
def test_cost(url, measure, limit):
    assert measure(url) <= limit


def test_a_token_of_a_long_stream_costs_no_more_than_one_of_a_short_stream(url):
    assert blocking_stream(url, tokens=4000) <= 1.1 * blocking_stream(url, tokens=500)


def test_it_notices_a_second_validation(url, monkeypatch):
    once = _completion_stream.CompletionEventReader.feed
    monkeypatch.setattr(
        _completion_stream.CompletionEventReader,
        "feed",
        lambda self, data: once(self, json.dumps(json.loads(data)).encode()),
    )
    assert blocking_stream(url) > LIMITS[blocking_stream]


def test_it_notices_work_for_each_byte(url, monkeypatch):
    whole = _sse.SSEDecoder.feed

    def byte_by_byte(self: Any, chunk: bytes) -> Iterator[bytes]:
        for byte in chunk:
            yield from whole(self, bytes([byte]))

    monkeypatch.setattr(_sse.SSEDecoder, "feed", byte_by_byte)
    assert blocking_stream(url) > LIMITS[blocking_stream]


def test_it_notices_a_connection_for_each_call(url):
    def call() -> None:
        with Client(url, "key") as client:
            read([client.completions.create("m", "prompt").output.text], 10)

    assert per_call(call) > LIMITS[blocking_call]


def test_it_notices_events_that_nobody_sees(url):
    instrumentation = pytest.importorskip("llama_index.core.instrumentation")

    class Handler(instrumentation.NullEventHandler):
        pass

    dispatcher, handler = instrumentation.get_dispatcher(), Handler()
    dispatcher.event_handlers.append(handler)
    try:
        assert llama_index_stream(url) > LIMITS[llama_index_stream]
    finally:
        dispatcher.event_handlers.remove(handler)


@pytest.fixture(scope="module")
def lane() -> Any:
    """The embedded engine without HTTP: its queue, its batch, and the default model."""
    torch = pytest.importorskip("torch")
    pytest.importorskip("transformers")
    from llmengine_integrations.engine.config import DEFAULT_MODEL_PATH  # noqa: PLC0415
    from llmengine_integrations.engine.runtime.torch_runtime.kv_memory import KVMemory  # noqa: PLC0415
    from llmengine_integrations.engine.runtime.torch_runtime.lane import Lane  # noqa: PLC0415
    from llmengine_integrations.engine.runtime.torch_runtime.loading.loaded_model import LoadedModel  # noqa: PLC0415 - after importorskip
    from llmengine_integrations.engine.runtime.torch_runtime.running_batch import RunningBatch  # noqa: PLC0415

    model = LoadedModel.load(DEFAULT_MODEL_PATH, torch.device("cpu"))
    return Lane(model, RunningBatch(model.causal_lm), max_batch_size=BATCH, memory=KVMemory(10**9))


BATCH = 16
STEP = 1700
"""Calls of functions for a token of a batch of one, nearly all of them the model's."""
ROWS = {"whole": 26, "stream": 48}
"""Those for the same token of each row more, when its text is sent at once, or token by token."""


def generated(lane: Any, rows: int, tokens: int, **fields: Any) -> None:
    from llmengine_integrations.engine.runtime.generation import Generation, GenerationRequest  # noqa: PLC0415 - as above

    for row in range(rows):
        request = GenerationRequest(prompt="ab" * (row + 4), max_new_tokens=tokens, ignore_end=True, **fields)
        lane.enqueue(Generation(request))
    while lane.busy:
        lane.turn()


def per_step(lane: Any, rows: int, **fields: Any) -> float:
    """The calls that a token more of all rows makes."""
    few, many = (counted(lambda count=count: generated(lane, rows, count, **fields)) for count in (10, 30))
    return (many - few) / 20


def per_row(lane: Any, kind: str) -> float:
    """The calls that a row more makes at every token."""
    most, fewest = (per_step(lane, rows, incremental=kind == "stream") for rows in (BATCH, 2))
    return (most - fewest) / (BATCH - 2)


def forward_passes(lane: Any, tokens: int) -> int:
    """How often the model runs for a batch."""
    passes: list[object] = []
    handle = lane._model.causal_lm._model.register_forward_hook(lambda *_: passes.append(1))
    generated(lane, BATCH, tokens)
    handle.remove()
    return len(passes)


def test_cost_of_a_token_of_the_engine(lane):
    generated(lane, BATCH, 3)
    assert per_step(lane, 1) <= STEP


@pytest.mark.parametrize("kind", ROWS)
def test_cost_of_a_row_of_the_engine(lane, kind):
    assert per_row(lane, kind) <= ROWS[kind]


def test_a_batch_runs_the_model_once_a_token(lane):
    # the prompts once for those of like length: 9 to 17 tokens and 19 to 39, say
    assert forward_passes(lane, 20) <= 19 + 3


def test_it_notices_text_decoded_for_each_token_in_vain(lane, monkeypatch):
    from llmengine_integrations.engine.runtime.torch_runtime import detokenizer as text  # noqa: PLC0415 - as above

    monkeypatch.setattr(text, "WholeText", text.Detokenizer)
    assert per_row(lane, "whole") > ROWS["whole"]


def test_it_notices_prompts_read_one_by_one(lane, monkeypatch):
    from llmengine_integrations.engine.runtime.torch_runtime import lane as lanes  # noqa: PLC0415 - as above

    monkeypatch.setattr(lanes, "_of_like_length", lambda sequences: [[sequence] for sequence in sequences])
    assert forward_passes(lane, 20) > 19 + 3
