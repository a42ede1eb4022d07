"""Messages as they are sent: whatever LangChain's form, the gateway's."""

from __future__ import annotations

import pytest
from langchain_core.messages import (
    AIMessage,
    ChatMessage,
    FunctionMessage,
    HumanMessage,
    RemoveMessage,
    SystemMessage,
    ToolMessage,
)
from langchain_core.messages.tool import invalid_tool_call, tool_call

IMAGE = "data:image/png;base64,AAAA"
CALL = tool_call(name="add", args={"a": 1, "city": "Zürich"}, id="c1")
SENT_CALL = {"id": "c1", "type": "function", "function": {"name": "add", "arguments": '{"a": 1, "city": "Zürich"}'}}


@pytest.fixture
def sent(chat, chat_gateway):
    def sent(*messages):
        chat.invoke(list(messages))
        return chat_gateway.last["messages"]

    return sent


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (HumanMessage("hi"), {"role": "user", "content": "hi"}),
        (HumanMessage("hi", name="bob"), {"role": "user", "content": "hi", "name": "bob"}),
        (SystemMessage("be"), {"role": "system", "content": "be"}),
        (
            SystemMessage("be", additional_kwargs={"__openai_role__": "developer"}),
            {"role": "developer", "content": "be"},
        ),
        (AIMessage("yes"), {"role": "assistant", "content": "yes"}),
        (AIMessage(""), {"role": "assistant", "content": ""}),
        (AIMessage("", tool_calls=[CALL]), {"role": "assistant", "tool_calls": [SENT_CALL]}),
        (AIMessage("so", tool_calls=[CALL]), {"role": "assistant", "content": "so", "tool_calls": [SENT_CALL]}),
        (ToolMessage("3", tool_call_id="c1"), {"role": "tool", "content": "3", "tool_call_id": "c1"}),
        (ToolMessage("no", tool_call_id="c1", status="error"), {"role": "tool", "content": "no", "tool_call_id": "c1"}),
        (FunctionMessage("3", name="add"), {"role": "function", "content": "3", "name": "add"}),
        (ChatMessage("hi", role="user"), {"role": "user", "content": "hi"}),
        (
            AIMessage("4", additional_kwargs={"reasoning_content": "2+2"}),
            {"role": "assistant", "content": "4", "reasoning_content": "2+2"},
        ),
        (
            AIMessage("", additional_kwargs={"refusal": "no"}),
            {"role": "assistant", "content": "", "refusal": "no"},
        ),
    ],
)
def test_kinds_of_messages(sent, message, expected):
    assert sent(message) == [expected]


def test_an_invalid_call_goes_back_with_the_reason_why_it_was_not_made(sent):
    """vLLM refuses a chat with arguments that are not an object, and others one with a call that has no result."""
    broken = invalid_tool_call(name="add", args='{"a": ', id="c1", error="It was cut off.")
    of_a_stream = invalid_tool_call(name="add", args='{"a": ]', id="c2", error=None)
    without_id = invalid_tool_call(name="add", args="[1]", id=None, error=None)
    asked, first, second = sent(AIMessage("", invalid_tool_calls=[broken, of_a_stream, without_id]))
    assert [call["function"] for call in asked["tool_calls"]] == [{"name": "add", "arguments": "{}"}] * 3
    assert first == {"role": "tool", "content": "The call was not made. It was cut off.", "tool_call_id": "c1"}
    assert "not valid JSON" in second["content"]


def test_an_invalid_call_with_a_result_of_its_own(sent):
    broken = invalid_tool_call(name="add", args='{"a": ', id="c1", error="cut off")
    found = sent(AIMessage("", invalid_tool_calls=[broken]), ToolMessage("Try again.", tool_call_id="c1"))
    assert [one["content"] for one in found[1:]] == ["Try again."]


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        ("plain", {"type": "text", "text": "plain"}),
        ({"type": "text", "text": "t", "cache_control": {"type": "ephemeral"}}, {"type": "text", "text": "t"}),
        ({"type": "image_url", "image_url": {"url": IMAGE, "detail": "low"}}, None),
        ({"type": "image", "url": "https://x.test/a.png"}, {"url": "https://x.test/a.png"}),
        ({"type": "image", "base64": "AAAA", "mime_type": "image/png"}, {"url": IMAGE}),
        ({"type": "image", "source_type": "base64", "data": "AAAA", "mime_type": "image/png"}, {"url": IMAGE}),
        (
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}},
            {"url": IMAGE},
        ),
        ({"type": "image", "source": {"type": "url", "url": "https://x.test/a.png"}}, {"url": "https://x.test/a.png"}),
        (
            {"type": "audio", "base64": "AAAA", "mime_type": "audio/wav"},
            {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}},
        ),
        (
            {"type": "file", "base64": "AAAA", "mime_type": "application/pdf", "filename": "a.pdf"},
            {"type": "file", "file": {"file_data": "data:application/pdf;base64,AAAA", "filename": "a.pdf"}},
        ),
        ({"type": "video_url", "video_url": {"url": "https://x.test/a.mp4"}}, None),
        ({"type": "text-plain", "text": "t", "mime_type": "text/plain"}, {"type": "text", "text": "t"}),
        ({"type": "non_standard", "value": {"type": "odd", "odd": 1}}, {"type": "odd", "odd": 1}),
    ],
    ids=lambda value: None if value is None else str(value)[:40],
)
def test_multimodal_parts(sent, part, expected):
    if expected is not None and "type" not in expected:
        expected = {"type": "image_url", "image_url": expected}
    assert sent(HumanMessage([part]))[0]["content"] == [expected or part]


def test_an_assistants_parts_become_text_and_thoughts(sent):
    content = [
        {"type": "reasoning", "reasoning": "2+2"},
        {"type": "thinking", "thinking": "someone else's", "signature": "x"},
        {"type": "text", "text": "It is "},
        {"type": "text", "text": "4."},
        {"type": "tool_call", "name": "add", "args": {}, "id": "c1"},
        {"type": "tool_use", "name": "add", "input": {}, "id": "c1"},
    ]
    (found,) = sent(AIMessage(content, tool_calls=[CALL]))
    assert found == {
        "role": "assistant",
        "content": "It is 4.",
        "reasoning_content": "2+2",
        "tool_calls": [SENT_CALL],
    }


def test_an_answer_can_be_sent_back(chat, chat_gateway):
    chat.invoke([HumanMessage("hi"), chat.invoke("hi"), HumanMessage("and?")])
    assert chat_gateway.last["messages"] == [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": " You said: hi"},
        {"role": "user", "content": "and?"},
    ]


def test_a_message_that_is_none(chat, chat_gateway):
    with pytest.raises(TypeError, match="RemoveMessage"):
        chat.invoke([RemoveMessage(id="x")])
    assert chat_gateway.requests == []
