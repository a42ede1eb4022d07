"""No public method of an adapter swallows an argument: it uses it, or refuses a name that it does not know."""

from __future__ import annotations

import asyncio
import inspect

import httpx
import pytest

from llmengine_integrations import AsyncClient, Client

pytest.importorskip("langchain_core")
pytest.importorskip("llama_index.core")

from langchain_core.messages import HumanMessage
from llama_index.core.llms import ChatMessage, ChatResponse
from llama_index.core.tools import FunctionTool

from llmengine_integrations import langchain, llama_index


def tool() -> str:
    """Say nothing."""
    return ""


MESSAGE, TOOL = ChatMessage("x"), FunctionTool.from_defaults(tool)
LANGCHAIN = {
    "generate": [["x"]],
    "agenerate": [["x"]],
    "stream": ["x"],
    "astream": ["x"],
    "batch": [["x"]],
    "abatch": [["x"]],
    "batch_as_completed": [["x"]],
    "abatch_as_completed": [["x"]],
}
CALLS = {
    langchain.LLMEngine: LANGCHAIN,
    langchain.ChatLLMEngine: LANGCHAIN | {"generate": [[[HumanMessage("x")]]], "agenerate": [[[HumanMessage("x")]]]},
    llama_index.LLMEngine: {
        **{name: [[MESSAGE]] for name in ("chat", "achat", "stream_chat", "astream_chat")},
        **{name: ["x"] for name in ("complete", "acomplete", "stream_complete", "astream_complete")},
        "from_endpoint": ["m"],
        "afrom_endpoint": ["m"],
        "get_tool_calls_from_response": [ChatResponse(message=MESSAGE), False],
        **{name: [[TOOL], "x"] for name in ("predict_and_call", "apredict_and_call")},
    },
    llama_index.LLMEngineFileReader: {
        **{name: [] for name in ("load_data", "lazy_load_data", "aload_data", "alazy_load_data")},
        **{name: ["x"] for name in ("get_resource_info", "aget_resource_info", "load_resource", "aload_resource")},
        **{name: [] for name in ("list_resources", "alist_resources")},
        **{name: [["x"]] for name in ("load_resources", "aload_resources")},
    },
    llama_index.LLMEngineFinetuneEngine: {
        "from_finetuning_handler": [llama_index.LLMEngineFineTuningHandler(), "m", "never-written.csv"]
    },
}
ELSEWHERE = {
    "bind_tools": "handed on to each call, which refuses it",
    "with_structured_output": "handed on to each call, which refuses it",
    "structured_predict": "arguments of the prompt",
    "astructured_predict": "arguments of the prompt",
    "stream_structured_predict": "arguments of the prompt",
    "astream_structured_predict": "arguments of the prompt",
    "get_finetuned_model": "fields of LLMEngine, whose constructor refuses it",
    "aget_finetuned_model": "fields of LLMEngine, whose constructor refuses it",
}


def own_methods(kind):
    """The public methods that take any argument and are written here."""
    for name, method in inspect.getmembers(kind, callable):
        function = inspect.unwrap(method)
        if name.startswith("_") or not function.__module__.startswith("llmengine_integrations"):
            continue
        if any(parameter.kind in (2, 4) for parameter in inspect.signature(function).parameters.values()):
            yield name


def instance(kind):
    """Made over a server that answers everything with nothing."""

    def answer(request):
        return httpx.Response(200, json={})

    client = Client("http://gateway.test", "k", http_client=httpx.Client(transport=httpx.MockTransport(answer)))
    awaited = httpx.AsyncClient(transport=httpx.MockTransport(answer))
    clients = {"client": client, "async_client": AsyncClient("http://gateway.test", "k", http_client=awaited)}
    if kind is llama_index.LLMEngineFinetuneEngine:
        return kind("m", [("q", "a")], **clients)
    return kind(**({} if kind is llama_index.LLMEngineFileReader else {"model": "m"}), **clients)


async def drained(result):
    if inspect.isawaitable(result):
        result = await result
    if hasattr(result, "__aiter__"):
        async for _ in result:
            pass
    elif inspect.isgenerator(result):
        list(result)


@pytest.mark.parametrize("kind", CALLS)
def test_every_method_that_takes_anything_is_looked_at(kind):
    assert set(own_methods(kind)) <= CALLS[kind].keys() | ELSEWHERE.keys()


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind, calls in CALLS.items() for name in calls])
def test_an_unknown_name_is_refused(kind, name):
    arguments = CALLS[kind][name]
    with pytest.raises(TypeError, match="nonsence"):
        asyncio.run(drained(getattr(instance(kind), name)(*arguments, nonsence=1)))


@pytest.mark.parametrize("kind", [*CALLS, langchain.LLMEngineFileLoader])
def test_every_constructor_refuses_an_unknown_name(kind):
    with pytest.raises(TypeError, match="nonsence"):
        kind(model="m", nonsence=1) if "model" in inspect.signature(kind).parameters else kind(nonsence=1)
