"""What tracing tools are told: prompts and answers, which is what they are for; never a key, a password or a presigned URL."""

from __future__ import annotations

import base64
import json
from types import SimpleNamespace

import pytest

from core._api import EVERY, Api
from core._server import CLOSE, COMPLETION, STREAM, Server, chunk, event, output, reply
from llmengine_integrations import AsyncClient, Client
from llmengine_integrations.errors import LLMEngineError
from reliability._exchange import body

KEY, PASSWORD, SIGNATURE = "sk-trace-5ecret", "hunter2", "5igned"
SECRETS = (KEY, base64.b64encode(f"{KEY}:".encode()).decode(), PASSWORD, SIGNATURE)
PROMPT = "Tell me about the sea"
PRESIGNED = f"X-Amz-Signature={SIGNATURE}&X-Amz-Credential={PASSWORD}&sig={SIGNATURE}"


def told(text):
    text = text.decode("latin-1") if isinstance(text, bytes) else text
    return [secret for secret in SECRETS if secret in text]


def with_password(server):
    return server.url.replace("http://", f"http://user:{PASSWORD}@")


TEXTS = STREAM + chunk(event(output("Hello"))) + chunk(event(output("", finished=True))) + b"0\r\n\r\n"
CHUNKS = STREAM + chunk(body("chat", "Hello")[1]) + b"0\r\n\r\n"
CHAT = {
    "id": "c",
    "object": "chat.completion",
    "created": 1,
    "model": "m",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hello"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
}
ENDS = {"answer": None, "refusal": reply(401, {"detail": "Unknown key"}), "cut": CLOSE}
"""How a call ends; None for well."""


class TestOpenTelemetry:
    """Its instrumentations of httpx and aiohttp write whole URLs, of which they make only some signatures unreadable."""

    @pytest.fixture
    def spans(self):
        sdk = pytest.importorskip("opentelemetry.sdk.trace")
        export = pytest.importorskip("opentelemetry.sdk.trace.export")
        memory = pytest.importorskip("opentelemetry.sdk.trace.export.in_memory_span_exporter")
        over_httpx = pytest.importorskip("opentelemetry.instrumentation.httpx").HTTPXClientInstrumentor()
        over_aiohttp = pytest.importorskip("opentelemetry.instrumentation.aiohttp_client").AioHttpClientInstrumentor()
        exporter, provider = memory.InMemorySpanExporter(), sdk.TracerProvider()
        provider.add_span_processor(export.SimpleSpanProcessor(exporter))
        instrumentors = (over_httpx, over_aiohttp)
        for instrumentor in instrumentors:
            instrumentor.instrument(tracer_provider=provider)
        yield exporter
        for instrumentor in instrumentors:
            instrumentor.uninstrument()

    @pytest.mark.parametrize("kind", EVERY)
    async def test_spans_of_calls_and_downloads(self, kind, spans, server, tmp_path):
        with Server() as storage:
            storage.then(reply(302, location=f"{storage.url}/g?{PRESIGNED}")).then(reply(200, b"data"))
            storage.always(reply(403, b"<Error><Code>AccessDenied</Code></Error>"))
            server.then(COMPLETION).always(reply(200, {"urls": {"f": f"{storage.url}/f?{PRESIGNED}"}}))
            api = Api(kind, with_password(server), api_key=KEY)
            await api.create(prompt=PROMPT)
            await api.call("models.download", "m", tmp_path)
            with pytest.raises(LLMEngineError):
                await api.call("models.download", "m", tmp_path / "again", max_retries=0)
            await api.close()
        shown = [span.to_json() for span in spans.get_finished_spans()]
        assert len(shown) >= 3  # those of the gateway's routes
        assert all(server.url in text for text in shown)
        assert not told("".join(shown))

    async def test_what_follows_a_download_is_traced(self, spans, server, tmp_path):
        with Server() as storage:
            storage.always(reply(200, b"data"))
            server.then(reply(200, {"urls": {"f": f"{storage.url}/f?{PRESIGNED}"}})).then(COMPLETION)
            api = Api("async", server.url, api_key=KEY)
            await api.call("models.download", "m", tmp_path)
            await api.create()
            await api.close()
        assert len(spans.get_finished_spans()) == 2


class TestLangSmith:
    """Its client posts runs to a server of ours, which is told all that LangSmith would be."""

    @pytest.fixture
    def smith(self, monkeypatch):
        langsmith = pytest.importorskip("langsmith")
        tracers = pytest.importorskip("langchain_core.tracers")
        with Server() as server:
            server.always(reply(202, {}))
            client = langsmith.Client(server.url, api_key="ls-key", auto_batch_tracing=False, info={})
            tracer = tracers.LangChainTracer(client=client, project_name="p")
            yield SimpleNamespace(server=server, tracer=tracer)

    @pytest.fixture
    def model(self, server, request):
        from llmengine_integrations.langchain import ChatLLMEngine, LLMEngine  # noqa: PLC0415 - slow to import

        made = {"text": LLMEngine, "chat": ChatLLMEngine}[request.param]
        settings = {"base_url": with_password(server), "api_key": KEY, "max_retries": 0}
        given = {"client": Client(**settings), "async_client": AsyncClient(**settings)}
        return made(model="m", **settings, **given)

    @pytest.mark.parametrize("model", ["text", "chat"], indirect=True)
    @pytest.mark.parametrize("end", ENDS)
    @pytest.mark.parametrize("call", ["invoke", "stream", "ainvoke", "astream"])
    async def test_runs(self, call, end, model, server, smith):
        chat = type(model).__name__ == "ChatLLMEngine"
        well = (CHUNKS if chat else TEXTS) if "stream" in call else (reply(200, CHAT) if chat else COMPLETION)
        server.always(ENDS[end] or well)
        config = {"callbacks": [smith.tracer], "metadata": {"a": "b"}}
        try:
            match call:
                case "invoke":
                    model.invoke(PROMPT, config)
                case "stream":
                    list(model.stream(PROMPT, config))
                case "ainvoke":
                    await model.ainvoke(PROMPT, config)
                case _:
                    async for _ in model.astream(PROMPT, config):
                        pass
        except LLMEngineError:
            assert end != "answer"
        else:
            assert end == "answer"
        smith.tracer.wait_for_futures()
        posted = b"".join(request.body for request in smith.server.received)
        assert PROMPT.encode() in posted
        assert (b"Hello" in posted) == (end == "answer")
        assert not told(posted)
        await model.async_client.close()
        model.client.close()


class TestLlamaIndex:
    """Its events and spans, as its instrumentation's handlers get them."""

    @pytest.fixture
    def seen(self):
        handlers = pytest.importorskip("llama_index.core.instrumentation.event_handlers")
        spanning = pytest.importorskip("llama_index.core.instrumentation.span_handlers")
        from llama_index.core.instrumentation import get_dispatcher  # noqa: PLC0415 - slow to import

        seen = []

        class Events(handlers.BaseEventHandler):
            def handle(self, event, **_):
                seen.append(repr(event) + event.model_dump_json(fallback=repr))

        spans, events, root = spanning.SimpleSpanHandler(), Events(), get_dispatcher()
        root.add_event_handler(events)
        root.add_span_handler(spans)
        yield SimpleNamespace(events=seen, spans=spans)
        root.event_handlers.remove(events)
        root.span_handlers.remove(spans)

    @pytest.mark.parametrize("end", ENDS)
    @pytest.mark.parametrize("call", ["complete", "stream_complete", "acomplete", "astream_complete", "chat", "achat"])
    async def test_events_and_spans(self, call, end, server, seen):
        from llama_index.core.llms import ChatMessage  # noqa: PLC0415 - slow to import

        from llmengine_integrations.llama_index import LLMEngine  # noqa: PLC0415 - as above

        chat = "chat" in call
        server.always(ENDS[end] or (TEXTS if "stream" in call else reply(200, CHAT) if chat else COMPLETION))
        settings = {"base_url": with_password(server), "api_key": KEY, "max_retries": 0}
        given = {"client": Client(**settings), "async_client": AsyncClient(**settings)}
        llm = LLMEngine(model="m", **settings, **given, is_chat_model=chat)
        asked = [ChatMessage(content=PROMPT)] if chat else PROMPT
        try:
            found = getattr(llm, call)(asked)
            if call.startswith("a"):
                found = await found
            if call == "stream_complete":
                list(found)
            if call == "astream_complete":
                async for _ in found:
                    pass
        except LLMEngineError:
            assert end != "answer"
        else:
            assert end == "answer"
        spans = [*seen.spans.completed_spans, *seen.spans.dropped_spans]
        assert seen.events
        assert spans
        shown = "".join(seen.events) + "".join(
            repr(span) + json.dumps(span.model_dump(mode="python"), default=repr) for span in spans
        )
        assert PROMPT in shown
        assert not told(shown)
        await llm.async_client.close()
        llm.client.close()
