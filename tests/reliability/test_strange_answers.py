"""What a model may write, and what an adapter makes of it: brackets without end, halves of characters; and what its pickles hold."""

from __future__ import annotations

import pickle

import pytest
from langchain_core.exceptions import OutputParserException
from llama_index.core.llms import ChatMessage
from pydantic import BaseModel

from core._api import EVERY
from core._server import output, reply, stream
from llmengine_integrations.core._timeouts import Timeout
from llmengine_integrations.core.downloads.model_folder import FileDownload
from llmengine_integrations.core.downloads.protocol import Get, Head, Part, Renew
from llmengine_integrations.core.transport.backend import Outgoing
from llmengine_integrations.errors import BadRequestError, LLMEngineError, StreamError
from llmengine_integrations.langchain import ChatLLMEngine, LLMEngineFileLoader
from llmengine_integrations.llama_index import LLMEngine
from llmengine_integrations.prompting.partial_json import parse_partial

DEEP = '{"a": ' + "[" * 50_000
CALLS = [{"index": 0, "id": "c", "type": "function", "function": {"name": "f", "arguments": DEEP}}]
BASE = {"id": "r", "created": 1, "model": "m"}


class Answer(BaseModel):
    a: int


def replied(**message: object) -> bytes:
    choice = {"index": 0, "message": {"role": "assistant", "content": None, **message}, "finish_reason": "stop"}
    return reply(200, {**BASE, "object": "chat.completion", "choices": [choice]})


def streamed(**delta: object) -> bytes:
    chunks = [{"index": 0, "delta": delta}, {"index": 0, "delta": {}, "finish_reason": "stop"}]
    return stream(*({**BASE, "object": "chat.completion.chunk", "choices": [choice]} for choice in chunks))


class TestBracketsWithoutEnd:
    """As of a model that repeats itself. They are a call that cannot be made, or an answer that is none; no `RecursionError`."""

    def test_in_a_call_for_langchain(self, server):
        chat = ChatLLMEngine(model="m", base_url=server.url)
        server.then(replied(tool_calls=CALLS)).then(streamed(tool_calls=CALLS)).always(replied(tool_calls=CALLS))
        assert chat.invoke("x").invalid_tool_calls[0]["args"] == DEEP
        whole = None
        for chunk in chat.stream("x"):
            whole = chunk if whole is None else whole + chunk
        assert not whole.tool_calls
        with pytest.raises(OutputParserException, match="not valid JSON"):
            chat.with_structured_output(Answer, method="function_calling").invoke("x")

    def test_in_a_call_for_llama_index(self, server):
        llm = LLMEngine(model="m", base_url=server.url, is_chat_model=True, context_window=4000)
        messages = [ChatMessage(role="user", content="x")]
        server.then(replied(tool_calls=CALLS)).then(streamed(tool_calls=CALLS))
        for answer in (llm.chat(messages), [*llm.stream_chat(messages)][-1]):
            assert answer.message.additional_kwargs["tool_calls"][0]["function"]["arguments"] == DEEP

    @pytest.mark.parametrize("method", ["json_schema", "json_mode"])
    @pytest.mark.parametrize("schema", [Answer, Answer.model_json_schema()], ids=["type", "dict"])
    def test_in_a_structured_answer(self, method, schema, server):
        server.always(replied(content=DEEP))
        with pytest.raises(OutputParserException):
            ChatLLMEngine(model="m", base_url=server.url).with_structured_output(schema, method=method).invoke("x")

    def test_in_json_that_is_not_whole(self):
        assert parse_partial(DEEP) is None


@pytest.mark.parametrize("kind", EVERY)
async def test_half_a_character_in_an_error_can_be_printed(kind, connect, server):
    half = b'{"detail": "cut \\ud83d", "error": {"message": "cut \\ud83d"}}'
    server.then(reply(400, half)).then(stream(half))
    api = connect(max_retries=0)
    for calling in (api.create, api.text):
        with pytest.raises((BadRequestError, StreamError), match="cut") as caught:
            await calling()
        f"{caught.value} {caught.value.message} {caught.value.args}".encode()


@pytest.mark.parametrize("kind", EVERY)
@pytest.mark.parametrize("end", [b"[DONE]", b"[DONE] ", b"[DONE]\t", b" [DONE]"])
async def test_the_end_as_proxies_write_it(kind, end, connect, server):
    server.then(stream(output("Hel"), end))
    try:
        assert await connect(max_retries=0).text() == "Hel"
    except LLMEngineError:
        assert end == b" [DONE]"  # the standard takes one space off, and this is another's


def test_a_loaders_pickle_holds_no_key(monkeypatch):
    loader = LLMEngineFileLoader("file-1", base_url="https://gateway.test/p", api_key="sk-5ecret", timeout=3)
    pickled = pickle.dumps(loader)
    assert b"5ecret" not in pickled
    monkeypatch.setenv("SCALE_API_KEY", "sk-another")
    again = pickle.loads(pickled)._clients  # noqa: S301 - our own
    assert (again.base_url, again.client.api_key) == ("https://gateway.test/p", "sk-another")
    assert again.client._transport.settings.timeouts.read == 3


def test_what_a_debugger_shows_of_a_download_has_no_presigned_url(tmp_path):
    url = "https://h/f?Signature=5ecret"
    file = FileDownload(
        name="f",
        url=url,
        path=tmp_path,
        part=Part(),
        max_retries=0,
        allow_http=False,
        on_progress=None,
        overwrite=False,
    )
    outgoing = Outgoing("GET", url, {}, None, Timeout())
    for value in (Get(url, {}), Renew(url), Head(302, {"location": url}, url.encode()), file, outgoing):
        assert "5ecret" not in repr(value)
