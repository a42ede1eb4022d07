"""`/v2/chat/completions` with the real default model, over HTTP and through this package's clients."""

from __future__ import annotations

import json
import math
import re
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest

from llmengine_integrations import AsyncClient, Client
from llmengine_integrations.engine.config import DEFAULT_MODEL_PATH, EngineConfig
from llmengine_integrations.errors import StreamError
from llmengine_integrations.wire.chat import ChatCompletion, ChatCompletionChunk

from .conftest import parse_events
from .fakes import FakeBatch, eventually, fake_lane, running

pytestmark = pytest.mark.engine

URL = "/v2/chat/completions"
MODEL = "llmengine-tiny"
HELLO = [{"role": "user", "content": "Hello"}]
BOSTON = [{"role": "user", "content": "What's the weather like in Boston?"}]
OPEN_ENDED = [{"role": "user", "content": "Tell me something about the garden and the people in it"}]
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_current_weather",
        "description": "Get the current weather in a given location",
        "parameters": {
            "type": "object",
            "properties": {
                "location": {"type": "string", "description": "The city and state, e.g. San Francisco, CA"},
                "unit": {"type": "string", "enum": ["celsius", "fahrenheit"]},
            },
            "required": ["location"],
        },
    },
}
NOW = {"type": "function", "function": {"name": "what_time_is_it"}}
NAMED = {"type": "function", "function": {"name": "get_current_weather"}}
IMAGE = {"type": "image_url", "image_url": {"url": "https://example.test/cat.png"}}


@pytest.fixture(scope="session")
def chat(client):
    def ask(messages: list[dict] = HELLO, **fields: object) -> dict:
        reply = client.post(URL, json=body(messages, **fields))
        assert reply.status_code == 200, reply.text
        ChatCompletion.model_validate_json(reply.content)
        return reply.json()

    return ask


@pytest.fixture(scope="session")
def stream(client):
    def ask(messages: list[dict] = HELLO, **fields: object) -> list[dict]:
        reply = client.post(URL, json=body(messages, stream=True, **fields))
        assert reply.status_code == 200, reply.text
        events = parse_events(reply.content)
        for event in events:
            ChatCompletionChunk.model_validate(event)
        return events

    return ask


@pytest.fixture(scope="session")
def greeting(chat) -> list[str]:
    """The tokens of the greedy answer to `HELLO`; what they say is the model's business."""
    found = [token["token"] for token in chat(logprobs=True)["choices"][0]["logprobs"]["content"]]
    tokens = found[:-1] if found[-1] == "<|end|>" else found
    assert len(set(tokens)) > 4
    return tokens


@pytest.fixture
def own_client(engine) -> Iterator[Client]:
    with Client(base_url=engine.base_url, api_key=engine.api_key) as client:
        yield client


@pytest.fixture
async def own_async_client(engine) -> AsyncIterator[AsyncClient]:
    async with AsyncClient(base_url=engine.base_url, api_key=engine.api_key) as client:
        yield client


def body(messages: list[dict] = HELLO, **fields: object) -> dict:
    return {"model": MODEL, "messages": messages, "temperature": 0} | fields


def content(reply: dict, index: int = 0) -> str:
    return reply["choices"][index]["message"]["content"]


def joined(events: list[dict], index: int = 0) -> str:
    choices = [choice for event in events for choice in event["choices"] if choice["index"] == index]
    return "".join(choice["delta"].get("content", "") for choice in choices)


def refused(client, messages: list[dict] = HELLO, **fields: object) -> str:
    reply = client.post(URL, json=body(messages, **fields))
    assert reply.status_code == 400, reply.text
    return reply.json()["detail"]


def test_a_greeting_is_answered(chat):
    reply = chat()
    assert content(reply)
    assert reply["choices"][0]["finish_reason"] == "stop"
    assert reply["model"] == MODEL
    usage = reply["usage"]
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]


def test_usage_counts_what_v1_counts(chat, client):
    usage = chat()["usage"]
    output = client.complete("<|user|>\nHello<|end|>\n<|assistant|>\n", max_new_tokens=100)
    assert output["text"] == content(chat())
    assert usage["prompt_tokens"] == output["num_prompt_tokens"]
    assert usage["completion_tokens"] == output["num_completion_tokens"]


def test_an_alias_answers_under_its_own_name(chat):
    assert chat(model="llama-2-7b")["model"] == "llama-2-7b"


def test_the_bytes_of_a_stream(client, greeting):
    first, second = (re.escape(json.dumps(token, ensure_ascii=False).encode()) for token in greeting[:2])
    reply = client.post(URL, json=body(max_tokens=2, stream=True))
    assert reply.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert reply.headers["cache-control"] == "no-cache"
    start = rb'data: \{"id":"chatcmpl-[0-9a-f]{32}","choices":\[\{'
    end = rb'"index":0\}\],"created":\d+,"model":"llmengine-tiny","object":"chat.completion.chunk"\}\r\n\r\n'
    deltas = [
        rb'"delta":\{"content":"","role":"assistant"\},',
        rb'"delta":\{"content":%b\},' % first,
        rb'"delta":\{"content":%b\},"finish_reason":"length",' % second,
    ]
    assert re.fullmatch(b"".join(start + delta + end for delta in deltas), reply.content)


def test_a_stream_adds_up_to_the_reply(chat, stream):
    whole, events = chat(), stream(stream_options={"include_usage": True})
    assert joined(events) == content(whole)
    *chunks, usage = events
    assert chunks[-1]["choices"][0]["finish_reason"] == "stop"
    assert usage["choices"] == []
    assert usage["usage"] == {key: value for key, value in whole["usage"].items() if value is not None}
    assert all("usage" not in chunk for chunk in chunks)
    assert len({event["id"] for event in events}) == 1


def test_stop_and_length(chat, greeting):
    whole = "".join(greeting)
    stop = whole[3:7]  # across tokens
    before = whole.partition(stop)[0]
    cut = chat(stop=stop)
    assert (content(cut), cut["choices"][0]["finish_reason"]) == (before, "stop")
    assert content(chat(stop=["never", stop])) == before
    assert content(chat(stop=stop, include_stop_str_in_output=True)) == before + stop
    short = chat(max_tokens=100, max_completion_tokens=2)
    assert (content(short), short["choices"][0]["finish_reason"]) == ("".join(greeting[:2]), "length")


def test_what_may_end_a_text_and_when(chat, greeting):
    place = next(i for i, token in enumerate(greeting) if i and token.isascii() and token not in greeting[:i])
    before, end, mark = "".join(greeting[:place]), 2, token_id(greeting[place])
    assert content(chat(stop_token_ids=[mark])) == before
    assert content(chat(stop_token_ids=[mark], include_stop_str_in_output=True)) == before + greeting[place]
    natural = chat()["usage"]["completion_tokens"]
    longer = chat(min_tokens=natural + 5, max_tokens=natural + 20)
    assert longer["usage"]["completion_tokens"] >= natural + 5
    endless = chat(ignore_eos=True, max_tokens=natural + 7, skip_special_tokens=False)
    assert endless["usage"]["completion_tokens"] == natural + 7
    assert endless["choices"][0]["finish_reason"] == "length"
    assert "<|end|>" in content(endless)
    assert content(chat(logit_bias={str(end): 100})) == ""


def token_id(token: str) -> int:
    """The id of an ASCII token; a leading space is written as byte-level tokenizers do."""
    vocabulary = json.loads((DEFAULT_MODEL_PATH / "tokenizer.json").read_text())["model"]["vocab"]
    return vocabulary[token.replace(" ", "\u0120")]


def test_seeds_repeat_and_differ(chat):
    def draw(**fields: object) -> list[str]:
        reply = chat(OPEN_ENDED, temperature=1.5, max_tokens=20, **fields)
        return [choice["message"]["content"] for choice in reply["choices"]]

    three = draw(seed=5, n=3)
    assert draw(seed=5, n=3) == three
    assert len(set(three)) > 1
    assert draw(seed=5) == three[:1]
    assert draw(seed=6) == three[1:2]
    assert len({draw()[0] for _ in range(4)}) > 1
    assert len(draw(seed=2**63 - 1, n=2)) == len(draw(seed=-(2**63), n=2)) == 2


def test_n_choices_in_a_stream_carry_their_index(chat, stream):
    fields = {"n": 3, "seed": 9, "temperature": 1.5, "max_tokens": 15}
    whole, events = chat(OPEN_ENDED, **fields), stream(OPEN_ENDED, **fields)
    assert [joined(events, index) for index in range(3)] == [content(whole, index) for index in range(3)]
    assert whole["usage"]["completion_tokens"] == sum(
        chat(OPEN_ENDED, **fields | {"n": 1, "seed": seed})["usage"]["completion_tokens"] for seed in (9, 10, 11)
    )
    assert [event["choices"][0]["index"] for event in events[:3]] == [0, 1, 2]
    ends = [event["choices"][0]["index"] for event in events if "finish_reason" in event["choices"][0]]
    assert sorted(ends) == [0, 1, 2]


def test_best_of_returns_the_likeliest(chat, client):
    fields = {"seed": 3, "temperature": 1.5, "max_tokens": 12, "logprobs": True}

    def mean(choice: dict) -> float:
        log_probs = [token["logprob"] for token in choice["logprobs"]["content"]]
        return sum(log_probs) / len(log_probs)

    every = chat(OPEN_ENDED, n=4, **fields)
    best = chat(OPEN_ENDED, n=1, best_of=4, **fields)
    assert [mean(best["choices"][0])] == pytest.approx([max(map(mean, every["choices"]))], abs=1e-3)
    assert best["usage"] == every["usage"]
    assert "best_of" in refused(client, n=2, best_of=1)
    assert "best_of" in refused(client, best_of=2, stream=True)


def test_log_probs_are_those_of_v1(chat, stream, client):
    output = client.complete("<|user|>\nHello<|end|>\n<|assistant|>\n", max_new_tokens=50, return_token_log_probs=True)
    found = chat(logprobs=True, top_logprobs=3)["choices"][0]["logprobs"]["content"]
    assert [token["token"] for token in found] == [token["token"] for token in output["tokens"]]
    wanted = [token["log_prob"] for token in output["tokens"]]
    assert [token["logprob"] for token in found] == pytest.approx(wanted, abs=1e-3)
    for token in found:
        top = token["top_logprobs"]
        assert top[0]["token"] == token["token"]  # greedy
        assert [item["logprob"] for item in top] == sorted((item["logprob"] for item in top), reverse=True)
        assert len(top) == 3
        assert math.fsum(math.exp(item["logprob"]) for item in top) <= 1 + 1e-6
        assert bytes(token["bytes"]).decode() == token["token"]
    streamed = [
        token
        for event in stream(logprobs=True, top_logprobs=3)
        for token in event["choices"][0].get("logprobs", {"content": []})["content"]
    ]
    assert [token["token"] for token in streamed] == [token["token"] for token in found]


def test_penalties_and_filters_change_the_text(chat):
    def write(**fields: object) -> str:
        return content(chat(OPEN_ENDED, **{"max_tokens": 40, "min_tokens": 40} | fields))

    plain = write()
    for penalty in ({"repetition_penalty": 1.8}, {"frequency_penalty": 2}, {"presence_penalty": 2}):
        assert write(**penalty) != plain
    for filtered in ({"min_p": 1.0}, {"top_k": 1}, {"top_p": 0}):
        assert write(temperature=2, **filtered) == plain
    assert write(top_k=0) == write(top_k=-1) == plain


def test_the_default_model_calls_the_weather_tool(chat):
    reply = chat(BOSTON, tools=[WEATHER])
    (choice,) = reply["choices"]
    assert choice["finish_reason"] == "tool_calls"
    assert choice["message"]["content"] is None
    (call,) = choice["message"]["tool_calls"]
    assert re.fullmatch("chatcmpl-tool-[0-9a-f]{32}", call["id"])
    assert call["function"] == {"name": "get_current_weather", "arguments": '{"location": "Boston"}'}


def test_a_streamed_call_has_its_name_first(chat, stream):
    forced = {"tools": [WEATHER], "tool_choice": NAMED}
    (call,) = chat(BOSTON, **forced)["choices"][0]["message"]["tool_calls"]
    events = stream(BOSTON, **forced)
    role, name, arguments, end = [event["choices"][0] for event in events]
    assert role["delta"]["role"] == "assistant"
    (start,) = name["delta"]["tool_calls"]
    assert start["function"] == {"name": "get_current_weather", "arguments": ""}
    assert (start["index"], start["type"]) == (0, "function")
    written = {"arguments": call["function"]["arguments"]}
    assert arguments["delta"]["tool_calls"] == [{"index": 0, "function": written}]
    assert set(json.loads(written["arguments"])) <= {"location", "unit"}
    assert end["delta"] == {}
    assert end["finish_reason"] == "tool_calls"


def test_a_tool_result_is_read(chat):
    call = {"id": "1", "type": "function", "function": {"name": "get_current_weather", "arguments": "{}"}}
    turns = [*BOSTON, {"role": "assistant", "tool_calls": [call]}]
    result = "It is 17 degrees and cloudy in Boston."
    modern = [*turns, {"role": "tool", "tool_call_id": "1", "content": result}]
    legacy = [
        *BOSTON,
        {"role": "assistant", "content": None, "function_call": call["function"]},
        {"role": "function", "name": "get_current_weather", "content": result},
    ]
    answer = content(chat(modern, tools=[WEATHER]))
    assert answer
    assert answer != content(chat(BOSTON, tools=[WEATHER], tool_choice="none"))
    assert content(chat(legacy, tools=[WEATHER])) == answer


def test_tool_choice_none_shows_no_tools(chat):
    reply = chat(BOSTON, tools=[WEATHER], tool_choice="none")
    assert reply["choices"][0]["message"]["tool_calls"] is None
    assert reply["usage"]["prompt_tokens"] == chat(BOSTON)["usage"]["prompt_tokens"]


@pytest.mark.parametrize("temperature", [0, 1.8])
def test_a_call_is_forced(chat, temperature):
    named = {"type": "function", "function": {"name": "what_time_is_it"}}
    fields = {"tools": [WEATHER, NOW], "temperature": temperature, "seed": 1, "max_tokens": 400}
    (call,) = chat(tool_choice=named, **fields)["choices"][0]["message"]["tool_calls"]
    assert call["function"] == {"name": "what_time_is_it", "arguments": "{}"}
    choice = chat(tool_choice="required", **fields)["choices"][0]
    assert choice["finish_reason"] in ("tool_calls", "length")
    for call in choice["message"]["tool_calls"]:
        arguments = json.loads(call["function"]["arguments"])
        assert set(arguments) <= {"location", "unit"}
        assert ("location" in arguments) == (call["function"]["name"] == "get_current_weather")


def test_a_tool_is_given_no_argument_that_it_does_not_list(chat):
    function = {"name": "what_time_is_it", "parameters": {"type": "object", "properties": {}}}
    choice = {"type": "function", "function": {"name": "what_time_is_it"}}
    fields = {"temperature": 1.8, "seed": 1, "max_tokens": 400}
    reply = chat(tools=[{"type": "function", "function": function}], tool_choice=choice, **fields)
    assert reply["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"] == "{}"


def test_parallel_calls_can_be_turned_off(stream, chat):
    once = chat(BOSTON, tools=[WEATHER], tool_choice="required", parallel_tool_calls=False, temperature=2, seed=3)
    assert len(once["choices"][0]["message"]["tool_calls"]) == 1


def test_only_the_first_of_several_calls_is_kept_on_request():
    call = '<tool_call>{"name": "f", "arguments": {}}</tool_call>'
    with faked(f"{call}\n{call}") as client:
        fields = body(tools=[NOW], max_tokens=500)
        calls = client.post(URL, json=fields).json()["choices"][0]["message"]["tool_calls"]
        assert len(calls) == 2
        assert len({call["id"] for call in calls}) == 2
        fields["parallel_tool_calls"] = False
        (kept,) = client.post(URL, json=fields).json()["choices"][0]["message"]["tool_calls"]
        assert kept["function"]["name"] == "f"
        deltas = [
            event["choices"][0]["delta"]
            for event in parse_events(client.post(URL, json=fields | {"stream": True}).content)
        ]
        assert [delta["tool_calls"][0]["index"] for delta in deltas if "tool_calls" in delta] == [0, 0]
        fields["parallel_tool_calls"] = True
        deltas = [
            event["choices"][0]["delta"]
            for event in parse_events(client.post(URL, json=fields | {"stream": True}).content)
        ]
        assert [delta["tool_calls"][0]["index"] for delta in deltas if "tool_calls" in delta] == [0, 0, 1, 1]


def test_response_formats(chat):
    assert isinstance(json.loads(content(chat(response_format={"type": "json_object"}, max_tokens=200))), dict)
    schema = {"type": "object", "properties": {"n": {"enum": [1, 2]}}, "required": ["n"], "additionalProperties": False}
    wanted = {"type": "json_schema", "json_schema": {"name": "number", "schema": schema}}
    assert json.loads(content(chat(response_format=wanted)))["n"] in (1, 2)
    assert content(chat(response_format={"type": "text"})) == content(chat())
    assert content(chat(guided_choice=["yes", "no"])) in ("yes", "no")
    reply = chat(BOSTON, response_format=wanted, tools=[WEATHER])["choices"][0]["message"]
    assert reply["tool_calls"] or json.loads(reply["content"])


def test_parts_roles_and_templates(chat, greeting):
    parts = [{"type": "text", "text": "Hel"}, {"type": "text", "text": "lo"}]
    usage = chat([{"role": "user", "content": parts}])["usage"]
    assert usage == chat([{"role": "user", "content": "Hel\nlo"}])["usage"]
    assert content(chat([{"role": "developer", "content": "Be nice."}, *HELLO])) == content(
        chat([{"role": "system", "content": "Be nice."}, *HELLO])
    )
    begun = [*HELLO, {"role": "assistant", "content": "".join(greeting[:3])}]
    fields = {"continue_final_message": True, "add_generation_prompt": False}
    assert content(chat(begun, **fields)) == "".join(greeting[3:])
    assert content(chat(begun, **fields, echo=True)) == "".join(greeting)


def test_an_echo_begins_the_stream(stream, greeting):
    begun = [*HELLO, {"role": "assistant", "content": "".join(greeting[:3])}]
    events = stream(begun, echo=True, continue_final_message=True, add_generation_prompt=False)
    assert joined(events) == "".join(greeting)


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"messages": [{"role": "user", "content": [IMAGE]}]}, "takes text"),
        ({"messages": [{"role": "user", "content": "\ud800"}]}, "messages"),
        ({"functions": [{"name": "f"}]}, "functions"),
        ({"chat_template": "{{ 1 }}"}, "chat_template"),
        ({"use_beam_search": True}, "use_beam_search"),
        ({"modalities": ["text", "audio"]}, "modalities"),
        ({"web_search_options": {}}, "web_search_options"),
        ({"tool_choice": "required"}, "tool_choice"),
        ({"tools": [NOW], "tool_choice": {"type": "function", "function": {"name": "other"}}}, "tool_choice"),
        ({"top_logprobs": 2}, "top_logprobs"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"min_p": 1.5}, "min_p"),
        ({"best_of": 10**18}, "best_of"),
        ({"best_of": 10**18, "seed": 1}, "best_of"),
        ({"min_tokens": -1}, "min_tokens"),
        ({"repetition_penalty": 0}, "repetition_penalty"),
        ({"stop": ""}, "stop"),
        ({"logit_bias": {"x": 1}}, "logit_bias"),
        ({"guided_choice": ["a"], "response_format": {"type": "json_object"}}, "response_format"),
        ({"guided_regex": "("}, "guided_regex"),
        (
            {
                "tools": [{"type": "function", "function": {"name": "f", "parameters": {"properties": 1}}}],
                "tool_choice": "required",
            },
            "tool f",
        ),
        ({"continue_final_message": True}, "template"),
        ({"messages": [{"role": "user", "content": "word " * 3000}]}, "context length"),
        ({"messages": [{"role": "user", "content": "word " * 3000}], "stream": True}, "context length"),
    ],
)
def test_refusals_name_the_field(client, fields, named):
    raw = json.dumps(body() | fields)
    reply = client.post(URL, content=raw, headers={"content-type": "application/json"})
    assert reply.status_code == 400, reply.text
    assert named in reply.json()["detail"]


def test_fields_that_change_nothing_are_ignored(chat):
    harmless = {
        "user": "u",
        "metadata": {"a": "b"},
        "store": True,
        "service_tier": "auto",
        "priority": 1,
        "reasoning_effort": "low",
        "guided_decoding_backend": "xgrammar",
        "use_beam_search": False,
        "stop": None,
        "length_penalty": 1.0,
        "early_stopping": False,
        "spaces_between_special_tokens": True,
        "unknown_field": 1,
    }
    assert content(chat(**harmless)) == content(chat())


@pytest.mark.parametrize("field", [{"n": 0}, {"temperature": -1}, {"stop": ["a"] * 5}, {"tool_choice": "maybe"}])
def test_values_out_of_bounds_are_a_422(client, field):
    reply = client.post(URL, json=body(**field))
    assert reply.status_code == 422
    assert reply.json()["detail"][0]["loc"][:2] == ["body", *field]


def faked(text: str, **options: object):
    """A client of an engine whose model always writes the same text."""
    return _Faked(FakeBatch(text=text, **options))


class _Faked:
    def __init__(self, batch: FakeBatch, **config: object) -> None:
        self.batch = batch
        self._lane = fake_lane(batch)
        self._running = running(EngineConfig(port=0, **config), lambda: {MODEL: self._lane})

    def __enter__(self) -> httpx.Client:
        url, _ = self._running.__enter__()
        self._client = httpx.Client(base_url=url, auth=("any", ""), timeout=30)
        return self._client

    def __exit__(self, *error: object) -> None:
        self._client.close()
        self._running.__exit__(*error)


def test_a_failure_before_the_first_chunk_has_a_status():
    with faked("abc", fail_at=0) as client:
        streamed = client.post(URL, json=body(stream=True))
        whole = client.post(URL, json=body())
    assert streamed.status_code == whole.status_code == 500
    assert streamed.json() == {"detail": "Internal error occurred. Our team has been notified."}
    assert whole.json()["detail"].startswith("Upstream service error for request_id ")


def test_a_failure_later_is_an_event_without_a_request_id():
    with faked("abc", fail_at=2) as client:
        events = parse_events(client.post(URL, json=body(stream=True)).content)
        with (
            Client(base_url=str(client.base_url), api_key="any") as own,
            pytest.raises(StreamError) as failed,
            own.chat.stream(MODEL, HELLO) as stream,
        ):
            list(stream)
    assert joined(events[:-1]) == "ab"
    assert list(events[-1]) == ["error"]
    assert events[-1]["error"]["status_code"] == 500
    assert set(events[-1]["error"]["content"]) == {"error", "timestamp"}
    assert failed.value.text == "ab"


def test_pings_keep_a_slow_stream_alive():
    with _Faked(FakeBatch(text="x" * 6, delay=0.1), ping_interval=0.15) as client:
        raw = client.post(URL, json=body(stream=True, max_tokens=6)).content
    assert 2 <= len(re.findall(rb": ping - [^\r]+\r\n\r\n", raw)) <= 5
    assert joined(parse_events(raw)) == "x" * 6


@pytest.mark.parametrize("streamed", [True, False])
def test_a_client_that_leaves_stops_all_its_choices(streamed):
    faked_engine = _Faked(FakeBatch(text="x" * 5000, delay=0.005))
    lane = faked_engine._lane
    with faked_engine as client:
        asked = client.build_request("POST", URL, json=body(n=3, stream=streamed), timeout=0.5)
        if streamed:
            client.send(asked, stream=True).close()
        else:
            with pytest.raises(httpx.ReadTimeout):
                client.send(asked)
        assert eventually(lambda: not lane.busy)
    assert faked_engine.batch.steps < 1000


def test_choices_that_do_not_fit_the_queue_leave_nothing_behind():
    faked_engine = _Faked(FakeBatch(text="x" * 50), max_waiting=4)
    with faked_engine as client:
        assert client.post(URL, json=body(n=5)).status_code == 429
        assert eventually(lambda: not faked_engine._lane.busy)
        assert client.post(URL, json=body(n=4)).status_code == 200


def test_our_client(own_client, greeting):
    reply = own_client.chat.create(MODEL, HELLO, temperature=0)
    assert reply.text == "".join(greeting)
    with own_client.chat.stream(MODEL, HELLO, temperature=0, stream_options={"include_usage": True}) as stream:
        chunks = list(stream)
    assert "".join(chunk.text for chunk in chunks) == reply.text
    assert chunks[-1].usage.completion_tokens == reply.usage.completion_tokens
    reply = own_client.chat.create(MODEL, BOSTON, temperature=0, tools=[WEATHER], tool_choice=NAMED)
    message = reply.choices[0].message
    answer = {"role": "tool", "tool_call_id": message.tool_calls[0].id, "content": "It is 3 degrees in Boston."}
    again = own_client.chat.create(MODEL, [*BOSTON, message, answer], temperature=0, tools=[WEATHER])
    assert again.text


async def test_our_async_client(own_async_client, greeting):
    reply = await own_async_client.chat.create(MODEL, HELLO, temperature=0)
    assert reply.text == "".join(greeting)
    async with own_async_client.chat.stream(MODEL, HELLO, temperature=0) as stream:
        assert "".join([chunk.text async for chunk in stream]) == reply.text
