"""Chat requests: what to generate for a request, and the writer of its reply."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from llmengine_integrations.wire.chat import ChatRequest
from llmengine_integrations.wire.chat_messages import ToolParam

from ..runtime.constraints import Constraint
from ..runtime.generation import ChatPrompt, GenerationRequest
from .chat_prompt import UnsupportedContentError, chat_prompt, text_of
from .chat_replies import ChatForm, ChatWriter
from .choices import check_number
from .errors import RefusedError
from .fields import check_unicode
from .openai_constraint import read_constraint
from .openai_options import candidates, check_options, generation_request, repeated


async def chat_work(fields: ChatRequest) -> tuple[list[GenerationRequest], ChatWriter]:
    """What to generate for a request, and the writer of its reply.

    Raises:
        RefusedError: 400 that names the invalid field.
    """
    _check(fields)
    tools = _shown_tools(fields)
    generation = generation_request(
        fields,
        _prompt(fields, tools),
        max_new_tokens=_max_tokens(fields),
        top_log_probs=_top_log_probs(fields),
        constraint=await _constraint(fields, tools),
    )
    return repeated(generation, candidates(fields)), ChatWriter(_form(fields, tools))


def _check(fields: ChatRequest) -> None:
    """Refuse invalid combinations of fields.

    Raises:
        RefusedError: 400 that names the invalid field.
    """
    check_unicode(fields)
    check_options(fields)
    check_number(candidates(fields))
    if "audio" in (fields.get("modalities") or []):
        raise RefusedError(400, "modalities: this model writes text only.")
    if fields.get("top_logprobs") and not fields.get("logprobs"):
        raise RefusedError(400, "top_logprobs needs logprobs to be true.")
    if (count := _max_tokens(fields)) is not None and count < 1:
        raise RefusedError(400, f"max_tokens must be at least 1, got {count}.")
    _check_tool_choice(fields)


def _check_tool_choice(fields: ChatRequest) -> None:
    choice, tools = fields.get("tool_choice"), fields.get("tools") or []
    if choice in (None, "none"):
        return
    if not tools:
        raise RefusedError(400, "tool_choice needs tools.")
    if isinstance(choice, dict) and not any(tool["function"]["name"] == choice["function"]["name"] for tool in tools):
        raise RefusedError(400, f"tool_choice: there is no tool {choice['function']['name']} among the tools.")


async def _constraint(fields: ChatRequest, tools: Sequence[ToolParam]) -> Constraint | None:
    choice, parallel = fields.get("tool_choice"), fields.get("parallel_tool_calls") is not False
    if not isinstance(choice, dict):
        return await read_constraint(fields, tools, forced=choice == "required", parallel=parallel)
    named = [tool for tool in tools if tool["function"]["name"] == choice["function"]["name"]]
    return await read_constraint(fields, named, forced=True, parallel=False)


def _shown_tools(fields: ChatRequest) -> Sequence[ToolParam]:
    """The tools that the model sees; empty if it may not call any."""
    return [] if fields.get("tool_choice") == "none" else fields.get("tools") or []


def _prompt(fields: ChatRequest, tools: Sequence[Any]) -> ChatPrompt:
    try:
        return chat_prompt(fields, tools)
    except UnsupportedContentError as error:
        raise RefusedError(400, str(error)) from error


def _max_tokens(fields: ChatRequest) -> int | None:
    newer = fields.get("max_completion_tokens")
    return fields.get("max_tokens") if newer is None else newer


def _top_log_probs(fields: ChatRequest) -> int | None:
    return fields.get("top_logprobs") or 0 if fields.get("logprobs") else None


def _form(fields: ChatRequest, tools: Sequence[ToolParam]) -> ChatForm:
    return ChatForm(
        model=fields["model"],
        n=fields.get("n") or 1,
        candidates=candidates(fields),
        logprobs=fields.get("logprobs") or False,
        tools=bool(tools),
        parallel=fields.get("parallel_tool_calls") is not False,
        echo=_echo(fields),
        include_usage=(fields.get("stream_options") or {}).get("include_usage") or False,
    )


def _echo(fields: ChatRequest) -> str:
    """The last message's text, if the request asks to echo it and it is the assistant's."""
    last = fields["messages"][-1]
    return text_of(last.get("content")) if fields.get("echo") and last["role"] == "assistant" else ""
