"""LlamaIndex's tools in the wire format, and the calls of a reply."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from llama_index.core.base.llms.types import ChatMessage, ChatResponse, ToolCallBlock
from llama_index.core.llms.llm import ToolSelection

from .. import errors
from ..prompting.partial_json import parse_partial
from ..prompting.tool_calls import read_call
from ._messages import wire_call, wire_calls

if TYPE_CHECKING:
    from llama_index.core.tools.types import BaseTool


def tool_options(
    tools: Sequence[BaseTool], choice: str | Mapping[str, Any] | None, *, required: bool, parallel: bool
) -> dict[str, Any]:
    """The request fields for tools; empty without tools.

    Args:
        tools: LlamaIndex's tools.
        choice: "auto", "none", "required" (or "any"), a tool's name, or a dict in the wire format. If None, `required` decides.
        required: Whether the model must call a tool.
        parallel: Whether one reply may make several calls.
    """
    if not tools:
        return {}
    specs = [_spec(tool) for tool in tools]
    wanted = ("required" if required else "auto") if choice is None else choice
    return {"tools": specs, "tool_choice": _choice(wanted), "parallel_tool_calls": parallel}


class ToolCallError(errors.InvalidResponseError, ValueError):
    """The model requested a tool call that cannot be executed: its arguments cannot be parsed completely, or it has no tool name."""


class NoToolCallError(ValueError):
    """The model answered without a tool call.

    Attributes:
        content: The text of the answer.
    """

    def __init__(self, content: str | None) -> None:
        super().__init__(f"Expected at least one tool call, but got none: {content!r}")
        self.content = content or ""


def selections(response: ChatResponse, *, error_on_no_tool_call: bool) -> list[ToolSelection]:
    """The calls of a reply or, without `error_on_no_tool_call`, of a chunk in which they are still being written.

    A chunk's calls have the arguments that are known so far. In a reply, an unreadable call is never executed with arguments other than the
    model's. With `error_on_no_tool_call`, it raises. Without it, as agents use this, it selects a tool that does not exist. Agents return
    the name of such a tool to the model, and this name says what is wrong with the call.

    Raises:
        ValueError: There are no calls, and `error_on_no_tool_call` is true.
        ToolCallError: A call cannot be executed, and `error_on_no_tool_call` is true.
    """
    calls = wire_calls(response.message)
    if not calls and error_on_no_tool_call:
        raise NoToolCallError(response.message.content)
    if not calls or not _is_growing(response):
        reason = cast("Any", response).additional_kwargs.get("finish_reason", "stop")
        return [_selection(call, reason, error_on_no_tool_call=error_on_no_tool_call) for call in calls]
    if error_on_no_tool_call:
        raise ToolCallError("The reply is still being written. Read the tool calls from the last chunk of the stream.")
    return [
        _selected(call, call["function"]["name"], _known(call["function"].get("arguments") or "")) for call in calls
    ]


def _is_growing(response: ChatResponse) -> bool:
    """Whether the response is a chunk of an unfinished stream: it has a delta, but no finish reason yet."""
    return response.delta is not None and "finish_reason" not in cast("Any", response).additional_kwargs


def _selection(call: Mapping[str, Any], finish_reason: str | None, *, error_on_no_tool_call: bool) -> ToolSelection:
    name = call["function"].get("name") or ""
    arguments, problem = read_call(name, call["function"].get("arguments"), finish_reason)
    if arguments is not None:
        return _selected(call, name, arguments)
    if error_on_no_tool_call:
        raise ToolCallError(f"The call of {name or 'a tool'} was not made. {problem}", body=dict(call))
    return _selected(call, f"{name or 'without a name'} (not called. {problem} Write the whole call again.)", {})


def _selected(call: Mapping[str, Any], name: str, arguments: dict[str, Any]) -> ToolSelection:
    return ToolSelection(tool_id=call.get("id") or "", tool_name=name, tool_kwargs=arguments)


def _known(written: str | Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of a call, as far as they are written; empty if they are not a JSON object."""
    found: object = parse_partial(written) if isinstance(written, str) else written
    return dict(cast("Mapping[str, Any]", found)) if isinstance(found, Mapping) else {}


def with_one_call(response: ChatResponse) -> ChatResponse:
    """The response with its first call only, for servers that return several calls although one was requested."""
    message = response.message
    calls = [block for block in message.blocks if isinstance(block, ToolCallBlock)]
    if len(calls) < 2:  # noqa: PLR2004 - one is fine
        return response
    blocks = [block for block in message.blocks if not isinstance(block, ToolCallBlock) or block is calls[0]]
    kept = ChatMessage(
        role=message.role,
        blocks=blocks,
        additional_kwargs={**message.additional_kwargs, "tool_calls": [wire_call(calls[0])]},
    )
    return response.model_copy(update={"message": kept})


def _spec(tool: BaseTool) -> dict[str, Any]:
    """A tool's specification, without LlamaIndex's limit on the length of descriptions, which is OpenAI's."""
    return tool.metadata.to_openai_tool(skip_length_check=True)


def _choice(choice: str | Mapping[str, Any]) -> str | dict[str, Any]:
    if not isinstance(choice, str):
        return dict(choice)
    if choice == "any":
        return "required"
    if choice in {"auto", "none", "required"}:
        return choice
    return {"type": "function", "function": {"name": choice}}
