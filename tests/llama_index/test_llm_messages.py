"""LlamaIndex's messages on the wire, and chats made into prompts."""

from __future__ import annotations

import base64

import pytest
from llama_index.core.base.llms.types import (
    AudioBlock,
    ChatMessage,
    DocumentBlock,
    ImageBlock,
    MessageRole,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
    VideoBlock,
)

from .endpoints import chat_of

PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
SOUND = b"RIFF\x00\x01\x02"
TEMPLATE = (
    "{{ bos_token }}{% for m in messages %}<|{{ m['role'] }}|>{{ m['content'] }}{{ '<|end|>' }}{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)


@pytest.mark.parametrize(
    ("role", "sent"),
    [
        (MessageRole.SYSTEM, "system"),
        (MessageRole.DEVELOPER, "system"),
        (MessageRole.USER, "user"),
        (MessageRole.ASSISTANT, "assistant"),
        (MessageRole.MODEL, "assistant"),
        (MessageRole.CHATBOT, "assistant"),
        (MessageRole.TOOL, "tool"),
        (MessageRole.FUNCTION, "tool"),
    ],
)
def test_roles(make_llm, gateway, role, sent):
    make_llm().chat([ChatMessage(role=role, content="hi")])
    (message,) = gateway.last["messages"]
    assert (message["role"], message["content"]) == (sent, "hi")


@pytest.mark.parametrize("content", [None, "", "text"])
@pytest.mark.parametrize("role", ["user", "assistant", "system", "tool"])
def test_content_is_never_null(make_llm, gateway, role, content):
    make_llm().chat([ChatMessage(role=role, content=content)])
    assert gateway.last["messages"][0]["content"] == (content or "")


def test_texts_are_joined_and_thoughts_stay_here(make_llm, gateway):
    blocks = [ThinkingBlock(content="hm"), TextBlock(text="one"), TextBlock(text="two")]
    make_llm().chat([ChatMessage(role="assistant", blocks=blocks)])
    assert gateway.last["messages"] == [{"role": "assistant", "content": "one\ntwo"}]


def test_a_message_of_calls_only_has_no_content(make_llm, gateway):
    call = ToolCallBlock(tool_call_id="1", tool_name="add", tool_kwargs={"a": 1})
    make_llm().chat([ChatMessage(role="assistant", blocks=[call])])
    (message,) = gateway.last["messages"]
    assert "content" not in message
    assert message["tool_calls"][0]["function"] == {"name": "add", "arguments": '{"a": 1}'}


def test_images_sounds_and_files(make_llm, gateway):
    blocks = [
        TextBlock(text="Look"),
        ImageBlock(url="https://example.com/a.png", detail="low"),
        ImageBlock(image=PIXEL),
        AudioBlock(audio=SOUND, format="wav"),
        DocumentBlock(data=b"%PDF", title="a.pdf", document_mimetype="application/pdf"),
    ]
    make_llm().chat([ChatMessage(role="user", blocks=blocks)])
    text, linked, image, sound, file = gateway.last["messages"][0]["content"]
    assert text == {"type": "text", "text": "Look"}
    assert linked["image_url"] == {"url": "https://example.com/a.png", "detail": "low"}
    assert image["image_url"]["url"] == "data:image/png;base64," + base64.b64encode(PIXEL).decode()
    assert sound["input_audio"] == {"data": base64.b64encode(SOUND).decode(), "format": "wav"}
    assert file["file"]["file_data"] == "data:application/pdf;base64," + base64.b64encode(b"%PDF").decode()


def test_what_cannot_be_sent_is_refused(make_llm, gateway):
    with pytest.raises(ValueError, match="video cannot be sent"):
        make_llm().chat([ChatMessage(role="user", blocks=[VideoBlock(url="https://example.com/a.mp4")])])
    assert gateway.requests == []


@pytest.mark.parametrize(
    "fields", [{}, {"chat_template": "{{ messages[0].content }}"}, {"messages_to_prompt": lambda messages: "x"}]
)
def test_completions_take_text_only(make_llm, gateway, fields):
    message = ChatMessage(role="user", blocks=[TextBlock(text="What is this?"), ImageBlock(image=PIXEL)])
    with pytest.raises(ValueError, match="text only"):
        make_llm(api="v1", **fields).chat([message])
    assert gateway.requests == []


CHAT = [
    ChatMessage(role="system", content="Be brief"),
    ChatMessage(role="user", content="Hello"),
    ChatMessage(role="assistant", blocks=[ThinkingBlock(content="hm")]),
    ChatMessage(role="user", content="Again"),
]


def test_a_template_makes_the_prompt_over_v1(make_llm, gateway):
    make_llm(api="v1", chat_template=TEMPLATE, bos_token="<s>").chat(CHAT)
    assert gateway.last["prompt"] == (
        "<|system|>Be brief<|end|><|user|>Hello<|end|><|assistant|><|end|><|user|>Again<|end|><|assistant|>"
    ), "without the begin token, which the server adds"
    assert gateway.last["stop_sequences"] == ["<|end|>", "<|user|>"]


def test_the_calls_own_stop_strings_come_before_the_templates(make_llm, gateway):
    make_llm(api="v1", chat_template=TEMPLATE).chat(CHAT, stop=["x"])
    assert gateway.last["stop_sequences"] == ["x", "<|end|>", "<|user|>"]


def test_plain_lines_make_the_prompt_over_v1(make_llm, gateway):
    make_llm(api="v1").chat(CHAT)
    assert gateway.last["prompt"] == "system: Be brief\nuser: Hello\nuser: Again\nassistant:"
    assert "\nuser:" in gateway.last["stop_sequences"]


def test_a_function_of_ones_own_makes_the_prompt_over_v1(make_llm, gateway):
    def prompt_of(messages):
        return "|".join(f"{message.role.value}={message.content}" for message in messages)

    make_llm(api="v1", messages_to_prompt=prompt_of).chat(chat_of("Hello"))
    assert gateway.last["prompt"] == "user=Hello"


def test_the_space_before_an_answer_is_no_part_of_it(make_llm, gateway):
    gateway.replies = [{"text": " Hello you", "calls": [], "thinking": None, "finish_reason": None}] * 2
    llm = make_llm(api="v1")
    assert llm.chat(chat_of("hi")).message.content == "Hello you"
    responses = list(llm.stream_chat(chat_of("hi")))
    assert responses[-1].message.content == "".join(one.delta for one in responses) == "Hello you"


def test_no_template_at_all_is_refused_when_it_is_given(make_llm):
    with pytest.raises(ValueError, match="Not a Jinja template"):
        make_llm(api="v1", chat_template="{% if %}")
