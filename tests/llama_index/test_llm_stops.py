"""Over v1 an answer ends at its stop strings, also where the server goes on behind them: LightLLM does always, DeepSpeed at the second."""

from __future__ import annotations

from itertools import pairwise

import pytest
from llama_index.core.base.llms.types import ToolCallBlock
from llama_index.core.callbacks import CallbackManager, TokenCountingHandler
from llama_index.core.tools import FunctionTool

from core._server import Server, output, stream
from llmengine_integrations.llama_index import LLMEngine
from llmengine_integrations.prompting.chat_template import PLAIN_STOPS

from .endpoints import ALL, CHATS, STREAMS, by_name, chat_of, complete, text_of
from .gateway import said

CHATML = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)

each_call = pytest.mark.parametrize("call", ALL, ids=by_name)
each_stream = pytest.mark.parametrize("call", STREAMS, ids=by_name)


@pytest.fixture(params=["v1", "completion model"])
def llm(request, make_llm):
    return make_llm(api="v1", is_chat_model=request.param == "v1")


@pytest.mark.parametrize("stop", ["STOP", "two STOP", "three"])
@each_call
async def test_the_answer_ends_at_a_stop_string(call, stop, llm, gateway):
    """However it is cut into pieces: each word is one."""
    text = "one two STOP three four"
    gateway.replies.append(said(text))
    responses = await call(llm, "hi", stop=["never", stop], max_new_tokens=5)
    assert gateway.last["stop_sequences"] == [
        "never",
        stop,
        *(PLAIN_STOPS if llm.is_chat_model or call in CHATS else []),
    ]
    assert text_of(responses[-1]) == text.partition(stop)[0]
    assert responses[-1].additional_kwargs["finish_reason"] == "stop"
    assert "usage" in responses[-1].raw


@each_stream
async def test_what_a_stream_says_never_has_to_be_taken_back(call, llm, gateway):
    gateway.replies.append(said("one two thre two three four"))
    responses = await call(llm, "hi", stop=[" two three"])
    texts = [text_of(response) for response in responses]
    assert texts[-1] == "one two thre"
    assert all(later.startswith(earlier) for earlier, later in pairwise(texts))
    assert "".join(response.delta for response in responses) == texts[-1]


@each_call
async def test_what_only_begins_like_a_stop_string_stays(call, llm, gateway):
    gateway.replies.append(said("one two"))
    responses = await call(llm, "hi", stop=["two three"])
    assert text_of(responses[-1]) == "one two"
    if call in STREAMS:
        assert "".join(response.delta for response in responses) == "one two"


@each_call
async def test_the_models_own_stop_strings(call, make_llm, gateway):
    gateway.replies.append(said("one two STOP three"))
    responses = await call(make_llm(api="v1", stop=["STOP"]), "hi")
    assert text_of(responses[-1]) == "one two "


@each_call
async def test_a_stop_string_that_is_asked_for_stays(call, llm, gateway):
    gateway.replies.append(said("one two STOP"))
    responses = await call(llm, "hi", stop=["STOP"], include_stop_str_in_output=True)
    assert text_of(responses[-1]) == "one two STOP"


@pytest.mark.parametrize(
    ("fields", "behind"), [({}, "\nuser: And tomorrow?"), ({"chat_template": CHATML}, "<|im_end|>\n<|im_start|>user")]
)
@pytest.mark.parametrize("call", CHATS, ids=by_name)
async def test_a_chat_ends_where_anothers_turn_begins(call, fields, behind, make_llm, gateway):
    gateway.replies.append(said(f"It is sunny.{behind}"))
    responses = await call(make_llm(api="v1", **fields), "hi")
    assert text_of(responses[-1]) == "It is sunny."


@each_stream
async def test_at_a_stop_string_the_stream_is_left(call, llm, gateway):
    gateway.replies.append(said("one STOP" + " more" * 1000))
    counter = TokenCountingHandler()
    llm.callback_manager = CallbackManager([counter])
    responses = await call(llm, "hi", stop=[" STOP"])
    (opened,) = gateway.streams
    assert opened.closed
    assert opened.read == 2
    assert responses[-1].raw["usage"] == {"completion_tokens": 2}, "the prompt's are on the last event only"
    assert counter.completion_llm_token_count == 2
    assert counter.prompt_llm_token_count > 0, "estimated"


@pytest.mark.parametrize(
    ("written", "arguments"),
    [
        ('{"name": "add", "arguments": {"a": 1, "b": 2}} ', {"a": 1, "b": 2}),
        ('{"name": "add", "arguments": {"a": 1, ', '{"name": "add", "arguments": {"a": 1, '),
    ],
)
@pytest.mark.parametrize("call", CHATS, ids=by_name)
async def test_a_tool_call_is_read_up_to_the_stop_string(call, written, arguments, make_llm, gateway):
    """One that is cut off there is not to be made: its arguments are all of the text."""
    gateway.replies.append(said(f"{written}END and more"))
    tools = [FunctionTool.from_defaults(lambda a, b: a + b, name="add").metadata.to_openai_tool()]
    *_, last = await call(make_llm(api="v1"), "hi", tools=tools, stop=["END"])
    (chosen,) = (block for block in last.message.blocks if isinstance(block, ToolCallBlock))
    assert (chosen.tool_name, chosen.tool_kwargs) == ("add", arguments)


@pytest.mark.parametrize("call", STREAMS[2:], ids=by_name)
async def test_what_was_held_back_comes_at_the_end_of_a_stream_that_just_ends(call):
    """As TensorRT-LLM's do."""
    with Server() as server:
        server.then(stream(*(output(text, num_prompt_tokens=3) for text in ("one", " tw"))))
        llm = LLMEngine(model="m", base_url=server.url, is_chat_model=False, max_retries=0)
        responses = await call(llm, "hi", stop=["two"])
    assert [response.delta for response in responses] == ["one", " ", "tw"]
    assert responses[-1].text == "one tw"


async def test_over_v2_the_server_is_trusted(make_llm, gateway):
    """Only vLLM and SGLang have that route."""
    gateway.replies.append(said("one STOP"))
    (response,) = await complete(make_llm(), "hi", stop=["STOP"])
    assert response.text == "one STOP"


def test_a_model_without_stop_strings(make_llm, gateway):
    gateway.replies.append(said("one\nuser: two"))
    response = make_llm(api="v1").chat(chat_of("hi"), stop=[], guided_regex=".*")
    assert response.message.content == "one\nuser: two"
