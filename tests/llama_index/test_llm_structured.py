"""The four `structured_predict` methods: the server keeps the text to the schema, and the system prompt stays."""

from __future__ import annotations

import pytest
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.prompts import ChatPromptTemplate, PromptTemplate
from llama_index.core.types import PydanticProgramMode
from pydantic import BaseModel

from .gateway import said


class Person(BaseModel):
    name: str
    age: int
    tags: list[str] = []


PROMPT = PromptTemplate("Who is in: {text}")
JSON = '{"name": "Maria Lopez", "age": 34, "tags": ["a", "b"]}'
MARIA = Person(name="Maria Lopez", age=34, tags=["a", "b"])


async def whole(llm, **kwargs):
    return [llm.structured_predict(Person, PROMPT, text="Maria", **kwargs)]


async def awhole(llm, **kwargs):
    return [await llm.astructured_predict(Person, PROMPT, text="Maria", **kwargs)]


async def streamed(llm, **kwargs):
    return list(llm.stream_structured_predict(Person, PROMPT, text="Maria", **kwargs))


async def astreamed(llm, **kwargs):
    return [one async for one in await llm.astream_structured_predict(Person, PROMPT, text="Maria", **kwargs)]


each_way = pytest.mark.parametrize("way", [whole, awhole, streamed, astreamed], ids=lambda way: way.__name__)


def schema_sent(body):
    if "guided_json" in body:
        return body["guided_json"]
    assert body["response_format"]["type"] == "json_schema"
    return body["response_format"]["json_schema"]["schema"]


@each_way
async def test_the_object(way, llm, gateway):
    gateway.replies = [said(JSON)]
    assert (await way(llm))[-1] == MARIA
    assert schema_sent(gateway.last) == Person.model_json_schema()
    assert len(gateway.requests) == 1


@each_way
async def test_the_system_prompt_is_kept(way, llm, gateway):
    llm.system_prompt = "Be exact."
    gateway.replies = [said(JSON)]
    await way(llm)
    assert "Be exact." in gateway.prompt
    assert "Who is in: Maria" in gateway.prompt


@each_way
async def test_options_of_the_call(way, llm, gateway):
    options = {"max_tokens": 9, "tool_choice": None, "tool_required": True}
    gateway.replies = [said(JSON)]
    await way(llm, llm_kwargs=options)
    assert gateway.last.get("max_tokens", gateway.last.get("max_new_tokens")) == 9
    assert options == {"max_tokens": 9, "tool_choice": None, "tool_required": True}


@each_way
async def test_an_answer_that_is_cut_off_raises(way, llm, gateway):
    gateway.replies = [said('{"name": "Maria Lo')]
    with pytest.raises(ValueError, match=r"not a valid Person: .*max_new_tokens"):
        await way(llm)


@pytest.mark.parametrize("way", [streamed, astreamed], ids=lambda way: way.__name__)
async def test_objects_grow(way, llm, gateway):
    gateway.replies = [said(JSON)]
    seen = [one.model_dump() for one in await way(llm)]
    assert {"name": "Maria", "age": None, "tags": None} in seen
    assert {"name": "Maria Lopez", "age": 34, "tags": ["a"]} in seen
    assert seen[-1] == MARIA.model_dump()


def test_a_structured_model_answers_chats(llm, gateway):
    gateway.replies = [said(JSON), said(JSON)]
    structured = llm.as_structured_llm(Person)
    assert structured.chat([ChatMessage(content="Who?")]).raw == MARIA
    *_, last = structured.stream_chat([ChatMessage(content="Who?")])
    assert last.raw == MARIA
    assert structured.metadata == llm.metadata


def test_a_prompt_of_several_messages(make_llm, gateway):
    gateway.replies = [said(JSON)]
    prompt = ChatPromptTemplate.from_messages([("system", "Be exact."), ("user", "Who is in: {text}")])
    assert make_llm().structured_predict(Person, prompt, text="Maria") == MARIA
    assert [message["role"] for message in gateway.last["messages"]] == ["system", "user"]


def test_definitions_of_nested_models_go_along(make_llm, gateway):
    class Team(BaseModel):
        members: list[Person]

    gateway.replies = [said('{"members": [' + JSON + "]}")]
    assert make_llm().structured_predict(Team, PROMPT, text="x") == Team(members=[MARIA])
    assert "Person" in schema_sent(gateway.last)["$defs"]


@pytest.mark.parametrize("way", [whole, awhole], ids=lambda way: way.__name__)
async def test_other_modes_are_llama_indexes_own(way, make_llm, gateway):
    llm = make_llm(pydantic_program_mode=PydanticProgramMode.FUNCTION)
    gateway.replies = [said(calls=[("Person", JSON)])]
    assert (await way(llm))[-1] == MARIA
    assert gateway.last["tools"][0]["function"]["name"] == "Person"
    llm = make_llm(pydantic_program_mode=PydanticProgramMode.LLM)
    gateway.replies = [said(f"Here it is: {JSON}")]
    assert (await way(llm))[-1] == MARIA


def test_streamed_tool_calls_fill_llama_indexes_own_objects(make_llm, gateway):
    """Its streams look for calls among the message's additional keyword arguments, not among the blocks."""
    llm = make_llm(pydantic_program_mode=PydanticProgramMode.FUNCTION)
    gateway.replies = [said(calls=[("Person", JSON)])]
    *_, last = llm.stream_structured_predict(Person, PROMPT, text="Maria")
    assert last == MARIA
