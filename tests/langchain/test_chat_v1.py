"""The chat model over v1 completions: prompts, role markers, tools and formats by guided_json; whole and streamed alike."""

from __future__ import annotations

import json
import subprocess
import sys

import httpx
import pytest
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.tools import tool
from pydantic import BaseModel

from llmengine_integrations import errors
from llmengine_integrations.langchain import ChatLLMEngine
from llmengine_integrations.langchain._chat.template import formatter_of
from llmengine_integrations.prompting.completions_chat import turn_stops

from . import chat_calls as calls
from .gateway import completion, output_event, stream

CHATML = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
LLAMA_2 = (
    "{% if messages[0].role == 'system' %}{% set system = messages[0].content %}{% set rest = messages[1:] %}"
    "{% else %}{% set system = '' %}{% set rest = messages %}{% endif %}"
    "{% for m in rest %}"
    "{% if (m.role == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('Roles must alternate') }}{% endif %}"
    "{% if m.role == 'user' %}{{ bos_token }}[INST] {% if loop.first and system %}<<SYS>>\n{{ system }}\n<</SYS>>\n\n{% endif %}"
    "{{ m.content }} [/INST]{% else %} {{ m.content }} {{ eos_token }}{% endif %}{% endfor %}"
)
ALPACA = (
    "{% for m in messages %}### {{ 'Instruction' if m.role == 'user' else 'Response' }}:\n{{ m.content }}\n\n{% endfor %}"
    "### Response:\n"
)
PLAIN = "{% for m in messages %}{{ m.role|capitalize }}: {{ m.content }}\n{% endfor %}Assistant:"


@pytest.fixture
def v1(make_chat):
    def make(**fields):
        return make_chat(**{"api": "v1", "chat_template": CHATML} | fields)

    return make


@pytest.fixture
def says(chat_gateway):
    """Has the model write a text, a word at a time, whatever it is asked."""

    def says(text, *, finished=True, **counts):
        counts = {"prompt_tokens": 5, "count": 7} | counts
        pieces = [text[i : i + 3] for i in range(0, len(text), 3)]

        def answer(body):
            if chat_gateway.paths[-1].endswith("sync"):
                return completion(text, **counts)
            events = [output_event(piece, count=i + 1) for i, piece in enumerate(pieces)]
            return stream(*events, output_event("", finished=finished, **counts))

        chat_gateway.refuse = answer

    return says


@pytest.mark.parametrize("call", calls.ALL)
async def test_a_prompt_is_made_of_the_messages(v1, chat_gateway, call):
    found = await call(v1(temperature=0, top_k=3), [SystemMessage("Be brief."), HumanMessage("Hi")])
    assert {k: v for k, v in chat_gateway.last.items() if k != "return_token_log_probs"} == {
        "model": "m",
        "prompt": "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n",
        "max_new_tokens": 256,
        "temperature": 0,
        "top_k": 3,
        "stop_sequences": ["<|im_end|>", "<|im_start|>"],
    }
    assert isinstance(found, AIMessage)


@pytest.mark.parametrize("call", calls.ALL)
async def test_the_same_metadata_as_over_v2(v1, says, call):
    says("It is sunny.")
    found = await call(v1(), "x")
    assert found.content == "It is sunny."
    assert found.usage_metadata == {"input_tokens": 5, "output_tokens": 7, "total_tokens": 12}
    assert found.response_metadata == {
        "finish_reason": "stop",
        "model_name": "m",
        "model_provider": "llmengine",
        "token_usage": {"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12},
        "id": "req-1",
    }


@pytest.mark.parametrize("call", calls.BOTH)
async def test_length_and_unknown_counts(v1, says, call):
    says("It is")
    assert (await call(v1(max_tokens=7), "x")).response_metadata["finish_reason"] == "length"
    says("It is", prompt_tokens=None)
    found = await call(v1(), "x")
    assert found.usage_metadata is None
    assert found.response_metadata["token_usage"] == {"completion_tokens": 7}


@pytest.mark.parametrize(
    ("template", "variables", "stops"),
    [
        (CHATML, {}, ["<|im_end|>", "<|im_start|>"]),
        (LLAMA_2, {"bos_token": "<s>", "eos_token": "</s>"}, ["</s>", "<s>", "[INST]"]),
        (LLAMA_2, {}, ["[INST]"]),
        (ALPACA, {}, ["\n### Instruction:"]),
        (PLAIN, {}, ["\nUser:"]),
        ("{% for m in messages %}{{ m.content }} {% endfor %}", {}, []),
    ],
)
def test_role_markers(template, variables, stops):
    assert turn_stops(formatter_of(template, None, variables)) == stops


@pytest.mark.parametrize("call", calls.ALL)
async def test_the_answer_ends_where_anothers_turn_begins(v1, says, call):
    """Also where the server ignores stop strings, and however they are cut into pieces."""
    says("It is sunny.\nUser: And tomorrow?\nAssistant: Rain.")
    found = await call(v1(chat_template=PLAIN), "x")
    assert found.content == "It is sunny."
    assert found.response_metadata["finish_reason"] == "stop"


@pytest.mark.parametrize("call", calls.ALL)
async def test_own_stops_come_first_and_role_markers_too(v1, says, chat_gateway, call):
    says("one two STOP three")
    found = await call(v1(stop=["STOP"]), "x")
    assert chat_gateway.last["stop_sequences"] == ["STOP", "<|im_end|>", "<|im_start|>"]
    assert found.content == "one two "
    found = await call(v1(role_stops=[], include_stop_str_in_output=True), "x", stop="STOP")
    assert chat_gateway.last["stop_sequences"] == ["STOP"]
    assert found.content == "one two STOP three"


def test_leaving_at_a_stop_closes_the_stream(v1, chat_gateway):
    events = [output_event("a"), output_event("<|im_end|>"), *(output_event("b") for _ in range(1000))]
    chat_gateway.refuse = lambda body: stream(*events)
    assert "".join(chunk.content for chunk in v1().stream("x")) == "a"
    (opened,) = chat_gateway.streams
    assert opened.closed
    assert opened.read < 10


def test_templates_that_want_turns_get_turns(v1, chat_gateway):
    v1(chat_template=LLAMA_2, chat_template_kwargs={"bos_token": "<s>", "eos_token": "</s>"}).invoke(
        [
            SystemMessage("A"),
            SystemMessage("B"),
            HumanMessage("one"),
            HumanMessage([{"type": "text", "text": "two"}]),
            AIMessage("three"),
            AIMessage("four"),
            HumanMessage("five"),
        ]
    )
    assert chat_gateway.last["prompt"] == (
        "[INST] <<SYS>>\nA\n\nB\n<</SYS>>\n\none\n\ntwo [/INST] three\n\nfour </s><s>[INST] five [/INST]"
    )


@pytest.mark.parametrize("call", calls.BOTH)
async def test_a_template_that_refuses(v1, chat_gateway, call):
    with pytest.raises(errors.InvalidArgumentError, match="Roles must alternate"):
        await call(v1(chat_template=LLAMA_2, role_stops=[]), [AIMessage("first")])
    with pytest.raises(errors.InvalidArgumentError, match="Not a Jinja template"):
        await call(v1(chat_template="{% for %}"), "x")
    assert chat_gateway.requests == []


@pytest.mark.parametrize(
    "template",
    [
        "{{ messages.append(1) }}",
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ messages.__init__.__globals__ }}",
    ],
)
def test_templates_are_sandboxed(v1, chat_gateway, template):
    with pytest.raises(errors.InvalidArgumentError, match="unsafe"):
        v1(chat_template=template).invoke("x")
    assert chat_gateway.requests == []


def test_a_formatter_and_a_tokenizer(v1, chat_gateway):
    def formatter(messages):
        return "".join(f"[{m['role']}] {m['content']}\n" for m in messages) + "[assistant]"

    class Tokens:
        bos_token = "<s>"

        def encode(self, text):
            return text.split()

        def apply_chat_template(
            self, conversation, *, tokenize, add_generation_prompt, chat_template="own", **variables
        ):
            assert (tokenize, add_generation_prompt) == (False, True)
            return f"<s>{chat_template} {variables} " + " ".join(m["content"] for m in conversation)

    v1(chat_template=None, formatter=formatter).invoke("hi")
    assert chat_gateway.last["prompt"] == "[user] hi\n[assistant]"
    chat = v1(chat_template=None, tokenizer=Tokens(), role_stops=["X"])
    chat.invoke("hi", chat_template_kwargs={"think": False})
    assert chat_gateway.last["prompt"] == "own {'think': False} hi"
    assert chat.get_num_tokens("one two three") == 3


@tool
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


@tool
def weather(city: str) -> str:
    """Tell the weather."""
    return city


def called(*named):
    return json.dumps([{"name": name, "arguments": args} for name, args in named])


@pytest.mark.parametrize("call", calls.ALL)
async def test_tool_calls(v1, says, chat_gateway, call):
    says(called(("add", {"a": 1, "b": 2}), ("weather", {"city": "Rome"})))
    found = await call(v1().bind_tools([add, weather]), "x")
    assert [(c["name"], c["args"]) for c in found.tool_calls] == [
        ("add", {"a": 1, "b": 2}),
        ("weather", {"city": "Rome"}),
    ]
    assert len({c["id"] for c in found.tool_calls}) == 2
    assert found.content == ""
    assert found.response_metadata["finish_reason"] == "tool_calls"
    assert "Add two numbers." in chat_gateway.last["prompt"]
    one, several, answer = chat_gateway.last["guided_json"]["anyOf"]
    assert [kind["properties"]["name"]["enum"] for kind in one["anyOf"]] == [["add"], ["weather"]]
    assert several["items"] == one
    assert answer["properties"] == {"answer": {"type": "string"}}


@pytest.mark.parametrize("call", calls.BOTH)
async def test_a_reply_instead_of_a_call(v1, says, call):
    bound = v1().bind_tools([add])
    says('{"answer": "It is \\"3\\"."}')
    found = await call(bound, "x")
    assert (found.content, found.tool_calls, found.response_metadata["finish_reason"]) == ('It is "3".', [], "stop")
    says('{"answer": "It is', count=256)
    found = await call(bound, "x")
    assert (found.content, found.response_metadata["finish_reason"]) == ("It is", "length")


@pytest.mark.parametrize(
    "text", ['{"name": "add", "arguments": {"a": 1', '[{"name": "ad', "hello", '{"arguments": 3}', "[]"]
)
@pytest.mark.parametrize("call", calls.BOTH)
async def test_a_call_that_was_cut_off_is_invalid(v1, says, call, text):
    says(text)
    found = await call(v1().bind_tools([add], tool_choice="any"), "x")
    assert (found.content, found.tool_calls) == ("", [])
    (broken,) = found.invalid_tool_calls
    assert json.loads(broken["args"]) == text
    assert broken["name"] == ("add" if '"add"' in text else "ad" if '"ad' in text else None)


@pytest.mark.parametrize("call", calls.BOTH)
async def test_calls_before_the_one_that_was_cut_off_are_kept(v1, says, call):
    text = '[{"name": "weather", "arguments": {"city": "Rome"}}, {"name": "add", "arguments": {"a": 1'
    says(text)
    found = await call(v1().bind_tools([add, weather]), "x")
    assert [(c["name"], c["args"]) for c in found.tool_calls] == [("weather", {"city": "Rome"})]
    assert [(c["name"], json.loads(c["args"])) for c in found.invalid_tool_calls] == [("add", text)]


class Street(BaseModel):
    name: str


class Address(BaseModel):
    street: Street


@pytest.mark.parametrize("call", calls.BOTH)
async def test_a_structured_answer_beside_tools(v1, says, chat_gateway, call):
    says('{"answer": {"street": {"name": "Via Appia"}}}')
    wanted = {"type": "json_schema", "json_schema": {"name": "Address", "schema": Address.model_json_schema()}}
    found = await call(v1().bind_tools([add], response_format=wanted), "x")
    assert json.loads(found.content) == {"street": {"name": "Via Appia"}}
    guide = chat_gateway.last["guided_json"]
    assert guide["anyOf"][-1]["properties"]["answer"]["properties"]["street"] == {"$ref": "#/$defs/answer_Street"}
    assert guide["$defs"]["answer_Street"]["properties"]["name"]["type"] == "string"


@pytest.mark.parametrize("choice", ["any", "weather", "none"])
def test_tool_choices(v1, says, chat_gateway, choice):
    says("plain" if choice == "none" else called(("weather", {"city": "Rome"})))
    found = v1().bind_tools([add, weather], tool_choice=choice).invoke("x")
    guide = chat_gateway.last.get("guided_json")
    if choice == "none":
        assert (found.content, guide) == ("plain", None)
        assert "Add two" not in chat_gateway.last["prompt"]
        return
    assert found.tool_calls[0]["name"] == "weather"
    if choice == "weather":
        assert guide["properties"]["name"] == {"enum": ["weather"]}
    else:
        assert [kind.get("type") for kind in guide["anyOf"]] == [None, "array"]


def test_calls_and_results_in_the_prompt(v1, says, chat_gateway):
    says("3")
    v1().invoke(
        [
            HumanMessage("1 + 2?"),
            AIMessage("Let me see.", tool_calls=[{"name": "add", "args": {"a": 1, "b": 2}, "id": "c"}]),
            ToolMessage("3", tool_call_id="c"),
            HumanMessage("Well?"),
        ]
    )
    assert chat_gateway.last["prompt"] == (
        "<|im_start|>user\n1 + 2?<|im_end|>\n"
        '<|im_start|>assistant\nLet me see.\n{"name": "add", "arguments": {"a": 1, "b": 2}}<|im_end|>\n'
        "<|im_start|>user\nResult of add: 3\n\nWell?<|im_end|>\n<|im_start|>assistant\n"
    )


class Person(BaseModel):
    """Someone."""

    name: str


@pytest.mark.parametrize("method", ["json_schema", "function_calling", "json_mode"])
def test_structured_output(v1, says, chat_gateway, method):
    says(called(("Person", {"name": "Ada"})) if method == "function_calling" else '{"name": "Ada"}')
    assert v1().with_structured_output(Person, method=method).invoke("x") == Person(name="Ada")
    guide = chat_gateway.last["guided_json"]
    assert ("name" in json.dumps(guide)) == (method != "json_mode")
    assert guide["type"] == "object"


def test_what_v1_does_not_have(v1, chat_gateway):
    for options in ({"seed": 1}, {"n": 2}, {"top_logprobs": 2}, {"user": "me"}):
        with pytest.raises(errors.InvalidArgumentError, match="v1 completions"):
            v1().invoke("x", **options)
    with pytest.raises(errors.InvalidArgumentError, match="guided_regex cannot be combined"):
        v1().bind_tools([add]).invoke("x", guided_regex="a")
    with pytest.raises(errors.InvalidArgumentError, match="image_url"):
        v1().invoke([HumanMessage([{"type": "image", "url": "https://x.test/a.png"}])])
    assert chat_gateway.requests == []


def test_frameworks_that_cannot_guide_say_so(v1, chat_gateway):
    chat_gateway.refuse = lambda body: httpx.Response(400, json={"detail": "guided_json is only supported in vllm."})
    with pytest.raises(errors.BadRequestError, match="only supported in vllm"):
        v1().bind_tools([add]).invoke("x")


@pytest.mark.parametrize("call", calls.BOTH)
async def test_logprobs(v1, call):
    found = await call(v1(logprobs=True), "x", max_tokens=2)
    assert found.response_metadata["logprobs"] == {
        "content": [{"token": " You", "logprob": -0.125}, {"token": " said:", "logprob": -0.25}]
    }


def test_without_jinja():
    code = (
        "import sys; sys.modules['jinja2'] = None\n"
        "from llmengine_integrations.langchain import ChatLLMEngine\n"
        "ChatLLMEngine(model='m', api='v1', chat_template='{{ messages }}').invoke('x')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)  # noqa: S603
    assert "pip install jinja2" in done.stderr


def test_every_mode_is_shown(v1):
    assert v1()._identifying_params["api"] == "v1"
    assert v1().profile["tool_call_streaming"] is False
    assert ChatLLMEngine(model="m").profile["tool_call_streaming"] is True
