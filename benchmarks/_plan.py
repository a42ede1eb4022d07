"""Who is asked to do what, and how often."""

from __future__ import annotations

from dataclasses import dataclass

CONTENDERS = {
    "floor": (".venv", "raw socket / raw asyncio"),
    "plain_http": (".venv", "httpx.Client / aiohttp"),
    "ours": (".venv", "**llmengine-integrations**"),
    "upstream": (".venv-upstream", "upstream's client"),
    "openai_sdk": (".venv-peers", "openai"),
    "openai_aiohttp": (".venv-peers", "openai over aiohttp"),
    "langchain_floor": (".venv", "LangChain alone"),
    "langchain_ours": (".venv", "**our LLMEngine**"),
    "langchain_observed": (".venv", "ours, observed"),
    "langchain_openai_llm": (".venv-peers", "langchain-openai's OpenAI"),
    "langchain_openai_chat": (".venv-peers", "langchain-openai's ChatOpenAI"),
    "llama_index_floor": (".venv", "LlamaIndex alone"),
    "llama_index_ours": (".venv", "**our LLMEngine**"),
    "llama_index_observed": (".venv", "ours, observed"),
    "llama_index_openai_like": (".venv-peers", "OpenAILike"),
}
"""The environment of each, and what the tables call it."""

CLIENTS = ("floor", "plain_http", "ours", "upstream", "openai_sdk", "openai_aiohttp")
LANGCHAIN = ("langchain_floor", "langchain_ours", "langchain_observed", "langchain_openai_llm", "langchain_openai_chat")
LLAMA_INDEX = ("llama_index_floor", "llama_index_ours", "llama_index_observed", "llama_index_openai_like")


@dataclass(frozen=True)
class Scenario:
    """One row of a table.

    `count` is several times `concurrency`: the first calls of a round open their connections anew, and a new connection is slow at first.
    """

    key: str
    title: str
    method: str
    contenders: tuple[str, ...]
    count: int
    concurrency: int = 1
    tokens: int = 10
    per_token: bool = False

    @property
    def units(self) -> int:
        """What the cost is divided by: calls, or tokens."""
        return self.count * self.tokens if self.per_token else self.count


def _without(*names: str, of: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name for name in of if name not in names)


SCENARIOS = {
    one.key: one
    for one in (
        Scenario("call", "call, blocking", "call_sync", _without("openai_aiohttp", of=CLIENTS), 200),
        Scenario("c64", "call, 64 at once", "call_async", CLIENTS, 640, 64),
        Scenario("c256", "call, 256 at once", "call_async", CLIENTS, 2048, 256),
        Scenario("c1000", "call, 1,000 at once", "call_async", ("floor", "plain_http", "ours", "upstream"), 8000, 1000),
        Scenario(
            "s1",
            "stream, blocking, one event a chunk",
            "stream_sync_single",
            ("floor", "ours", "upstream", "openai_sdk"),
            12,
            1,
            1000,
            per_token=True,
        ),
        Scenario(
            "sc",
            "stream, blocking, 16 kB chunks",
            "stream_sync_coalesced",
            ("floor", "ours", "upstream", "openai_sdk"),
            12,
            1,
            1000,
            per_token=True,
        ),
        Scenario(
            "a1",
            "stream, awaited, one event a chunk",
            "stream_async_single",
            CLIENTS,
            12,
            1,
            1000,
            per_token=True,
        ),
        Scenario(
            "ac",
            "stream, awaited, 16 kB chunks",
            "stream_async_coalesced",
            _without("plain_http", of=CLIENTS),
            12,
            1,
            1000,
            per_token=True,
        ),
        Scenario(
            "paced",
            "64 streams, one event a wake-up",
            "stream_async_paced",
            CLIENTS,
            64,
            64,
            200,
            per_token=True,
        ),
        Scenario("invoke", "LangChain `invoke`", "invoke", LANGCHAIN, 100),
        Scenario("stream", "LangChain `stream`", "stream", LANGCHAIN, 8, 1, 1000, per_token=True),
        Scenario("astream", "LangChain `astream`", "astream", LANGCHAIN, 8, 1, 1000, per_token=True),
        Scenario(
            "abatch", "LangChain `abatch` of 256", "abatch", _without("langchain_openai_llm", of=LANGCHAIN), 2048, 256
        ),
        Scenario("complete", "LlamaIndex `complete`", "complete", LLAMA_INDEX, 100),
        Scenario(
            "stream_complete",
            "LlamaIndex `stream_complete`",
            "stream_complete",
            LLAMA_INDEX,
            8,
            1,
            1000,
            per_token=True,
        ),
        Scenario("acomplete", "LlamaIndex, 256 `acomplete`", "acomplete", LLAMA_INDEX, 2048, 256),
    )
}
