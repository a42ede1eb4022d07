"""The `openai` package, unchanged, asks the engine's v2 routes."""

from __future__ import annotations

import json

import pytest

openai = pytest.importorskip("openai")

pytestmark = pytest.mark.engine

MODEL = "llmengine-tiny"
HELLO = [{"role": "user", "content": "Hello"}]
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Get the weather of a city",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
PERSON = {
    "type": "object",
    "properties": {"name": {"type": "string", "maxLength": 20}, "age": {"type": "integer"}},
    "required": ["name", "age"],
    "additionalProperties": False,
}
AS_PERSON = {"type": "json_schema", "json_schema": {"name": "person", "schema": PERSON, "strict": True}}


@pytest.fixture(scope="module")
def client(engine):
    with openai.OpenAI(base_url=f"{engine.base_url}/v2", api_key=engine.api_key, max_retries=0) as client:
        yield client


def test_chat(client):
    reply = client.chat.completions.create(
        model=MODEL, messages=HELLO, max_tokens=8, temperature=0, logprobs=True, top_logprobs=2
    )
    choice = reply.choices[0]
    assert choice.message.role == "assistant"
    assert choice.message.content
    assert choice.finish_reason in {"stop", "length"}
    assert all(len(token.top_logprobs) == 2 for token in choice.logprobs.content)
    assert reply.usage.total_tokens == reply.usage.prompt_tokens + reply.usage.completion_tokens


def test_chat_streamed(client):
    whole = client.chat.completions.create(model=MODEL, messages=HELLO, max_tokens=8, temperature=0)
    chunks = list(
        client.chat.completions.create(
            model=MODEL,
            messages=HELLO,
            max_tokens=8,
            temperature=0,
            stream=True,
            stream_options={"include_usage": True},
        )
    )
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == whole.choices[0].message.content
    assert chunks[-1].usage == whole.usage


@pytest.mark.parametrize("choice", ["required", {"type": "function", "function": {"name": "get_weather"}}])
def test_tools(client, choice):
    asked = [{"role": "user", "content": "What is the weather in Paris?"}]
    reply = client.chat.completions.create(
        model=MODEL, messages=asked, tools=[WEATHER], tool_choice=choice, max_tokens=80, temperature=0
    )
    call = reply.choices[0].message.tool_calls[0]
    assert call.function.name == "get_weather"
    assert isinstance(json.loads(call.function.arguments)["city"], str)
    result = {"role": "tool", "tool_call_id": call.id, "content": "sunny"}
    said = reply.choices[0].message.model_dump(exclude_none=True)
    after = client.chat.completions.create(
        model=MODEL, messages=[*asked, said, result], tools=[WEATHER], max_tokens=20, temperature=0
    )
    assert after.choices[0].message.role == "assistant"


def test_tools_streamed(client):
    """The client's own helper puts the pieces of a call together."""
    asked = [{"role": "user", "content": "What is the weather in Paris?"}]
    with client.chat.completions.stream(
        model=MODEL, messages=asked, tools=[WEATHER | {"function": WEATHER["function"] | {"strict": True}}],
        tool_choice="required", max_tokens=80, temperature=0,
    ) as stream:  # fmt: skip
        final = stream.get_final_completion()
    assert "city" in json.loads(final.choices[0].message.tool_calls[0].function.arguments)


def test_json_schema(client):
    asked = [{"role": "user", "content": "Anna is 31 years old. Give me name and age."}]
    reply = client.chat.completions.create(
        model=MODEL, messages=asked, response_format=AS_PERSON, max_tokens=100, temperature=0
    )
    person = json.loads(reply.choices[0].message.content)
    assert set(person) == {"name", "age"}
    assert isinstance(person["age"], int)


def test_json_schema_parsed(client):
    from pydantic import BaseModel, Field  # noqa: PLC0415 - for this test

    class Person(BaseModel):
        name: str = Field(max_length=20)
        age: int

    reply = client.chat.completions.parse(
        model=MODEL, messages=HELLO, response_format=Person, max_tokens=120, temperature=0
    )
    assert isinstance(reply.choices[0].message.parsed, Person)


def test_completions(client):
    reply = client.completions.create(model=MODEL, prompt="Hello, my name is", max_tokens=5, temperature=0, logprobs=1)
    assert len(reply.choices[0].logprobs.tokens) == reply.usage.completion_tokens
    chunks = client.completions.create(
        model=MODEL, prompt="Hello, my name is", max_tokens=5, temperature=0, stream=True
    )
    assert "".join(chunk.choices[0].text for chunk in chunks if chunk.choices) == reply.choices[0].text


def test_several_choices_and_seed(client):
    first, again = (
        client.chat.completions.create(model=MODEL, messages=HELLO, n=3, seed=7, temperature=1.5, max_tokens=8)
        for _ in range(2)
    )
    texts = [choice.message.content for choice in first.choices]
    assert [choice.index for choice in first.choices] == [0, 1, 2]
    assert texts == [choice.message.content for choice in again.choices]


async def test_async(engine):
    async with openai.AsyncOpenAI(base_url=f"{engine.base_url}/v2", api_key=engine.api_key, max_retries=0) as client:
        reply = await client.chat.completions.create(model=MODEL, messages=HELLO, max_tokens=4)
        assert reply.choices[0].message.content
        stream = await client.chat.completions.create(model=MODEL, messages=HELLO, max_tokens=4, stream=True)
        assert [chunk async for chunk in stream][-1].choices[0].finish_reason


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"model": "nobody"}, openai.NotFoundError),
        ({"messages": [{"role": "nobody", "content": "x"}]}, openai.UnprocessableEntityError),
        ({"temperature": -1}, openai.APIStatusError),
        (
            {"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": 3}}}},
            openai.BadRequestError,
        ),
    ],
)
def test_errors(client, fields, status):
    with pytest.raises(status) as error:
        client.chat.completions.create(**{"model": MODEL, "messages": HELLO, "max_tokens": 4} | fields)
    assert 400 <= error.value.status_code < 500


def test_a_wrong_key(engine):
    stranger = openai.OpenAI(base_url=f"{engine.base_url}/v2", api_key="wrong", max_retries=0)
    with stranger as client, pytest.raises(openai.AuthenticationError):
        client.chat.completions.create(model=MODEL, messages=HELLO)
