"""Creates the prompt of a chat: with a model's Jinja template, as in transformers and vLLM, or as plain lines."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NoReturn, cast

from ..wire.chat_messages import OLDER_ROLES
from .guided_tools import calls_text, object_or_text

if TYPE_CHECKING:
    from jinja2 import Template


class ChatTemplateError(ValueError):
    """A text that is not a Jinja template, or a template that refuses the messages."""


class ChatTemplate:
    """A model's chat template. It runs in a sandbox, so that an untrusted template can read only its input.

    Args:
        source: The Jinja template, such as `chat_template` in a model's `tokenizer_config.json`.
        bos_token: The model's begin token. It is removed from the start of the prompt, because the server's tokenizer adds it to every
            plain completion.
        variables: Additional variables for the template, such as `{"enable_thinking": False}`.

    Raises:
        ChatTemplateError: The source is not a Jinja template.
        ImportError: Jinja is not installed.
    """

    def __init__(self, source: str, *, bos_token: str = "", variables: Mapping[str, Any] | None = None) -> None:
        self._template = _compiled(source)
        self._bos_token = bos_token
        self._variables = dict(variables or {})
        self.shows_tools = "tools" in source
        """Whether the template writes the tools into the prompt."""
        self.shows_tool_calls = "tool_calls" in source
        """Whether the template writes earlier tool calls and their results."""

    def render(self, messages: Sequence[Mapping[str, Any]], *, tools: Sequence[Mapping[str, Any]] | None = None) -> str:
        """The prompt of a chat, up to the start of the assistant's answer.

        Raises:
            ChatTemplateError: The template refuses the messages. The message is the template's own.
        """
        from jinja2 import TemplateError  # noqa: PLC0415 - loaded when a template is used

        try:
            prompt = self._template.render(
                {
                    "eos_token": "",
                    **self._variables,
                    "messages": [_for_template(message) for message in messages],
                    "tools": list(tools) if tools else None,
                    "add_generation_prompt": True,
                    "bos_token": self._bos_token,
                }
            )
        except (TemplateError, TypeError) as error:
            raise ChatTemplateError(f"The chat template refuses these messages: {error}") from error
        return prompt.removeprefix(self._bos_token)

    def __call__(self, messages: Sequence[Mapping[str, Any]]) -> str:
        """`render` without tools."""
        return self.render(messages)


def plain_prompt(messages: Sequence[Mapping[str, Any]]) -> str:
    """The chat as lines `role: text`, for models without a template. Messages without text are omitted."""
    lines = [f"{message['role']}: {message['content']}" for message in messages if message.get("content")]
    return "\n".join([*lines, "assistant:"])


PLAIN_STOPS = ["\nuser:", "\nsystem:", "\ntool:", "\nassistant:"]
"""Strings that end an answer to `plain_prompt`."""


def without_tool_messages(messages: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The chat with earlier tool calls and their results as text, for templates that support neither.

    A call becomes the JSON that requested it, and a result becomes a user message.
    """
    names: dict[str, str] = {}
    found: list[dict[str, Any]] = []
    for message in messages:
        calls = cast("list[dict[str, Any]]", message.get("tool_calls") or [])
        for call in calls:
            names[call["id"]] = call["function"]["name"]
        if calls:
            texts = [message.get("content"), calls_text(call["function"] for call in calls)]
            found.append({"role": "assistant", "content": "\n".join(text for text in texts if text)})
        elif message["role"] in {"tool", "function"}:
            name = names.get(message.get("tool_call_id") or "", message.get("name") or "the tool")
            found.append({"role": "user", "content": f"Result of {name}: {message.get('content')}"})
        else:
            found.append(dict(message))
    return found


def _for_template(message: Mapping[str, Any]) -> dict[str, Any]:
    """The message in the form that templates expect: with known roles, text that is never null, and arguments as objects."""
    role = message["role"]
    found = {**message, "role": OLDER_ROLES.get(role, role), "content": message.get("content") or ""}
    if message.get("tool_calls"):
        found["tool_calls"] = [
            {**call, "function": {**call["function"], "arguments": object_or_text(call["function"]["arguments"])}}
            for call in message["tool_calls"]
        ]
    return found


@lru_cache(maxsize=64)
def _compiled(source: str) -> Template:
    try:
        from jinja2 import TemplateSyntaxError  # noqa: PLC0415 - loaded when a template is used
        from jinja2.sandbox import ImmutableSandboxedEnvironment  # noqa: PLC0415
    except ImportError as error:
        raise ImportError("Chat templates need Jinja: pip install jinja2") from error

    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"]
    )
    environment.filters["tojson"] = _tojson
    functions: dict[str, Callable[..., Any]] = {"raise_exception": _raise_exception, "strftime_now": _strftime_now}
    environment.globals.update(functions)
    try:
        return environment.from_string(_without_generation_marks(source))
    except TemplateSyntaxError as error:
        raise ChatTemplateError(f"Not a Jinja template: {error}") from error


def _without_generation_marks(source: str) -> str:
    """The template without the tag that transformers adds to Jinja for training. The tag produces no output."""
    for dash in ("", "-"):
        for name in ("generation", "endgeneration"):
            for end in ("", "-"):
                source = source.replace(f"{{%{dash} {name} {end}%}}", f"{{#{dash} {name} {end}#}}")
    return source


def _tojson(
    value: object,
    ensure_ascii: bool = False,
    indent: int | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,
) -> str:
    """The `tojson` filter of transformers, which does not add the HTML escapes of Jinja's own filter."""
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


def _raise_exception(message: str) -> NoReturn:
    raise TypeError(message)


def _strftime_now(form: str) -> str:
    return datetime.now().astimezone().strftime(form)
