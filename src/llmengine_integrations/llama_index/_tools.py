"""LlamaIndex's tools in the form of the wire, and the calls of a reply."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from llama_index.core.base.llms.types import ChatMessage, ChatResponse, ToolCallBlock
from llama_index.core.llms.llm import ToolSelection

from ..prompting.guided_tools import object_or_text
from ..prompting.partial_json import parse_partial
from ._messages import wire_call, wire_calls

if TYPE_CHECKING:
    from llama_index.core.tools.types import BaseTool


def tool_options(
    tools: Sequence[BaseTool], choice: str | Mapping[str, Any] | None, *, required: bool, parallel: bool
) -> dict[str, Any]:
    """The fields of a request with tools; none without tools.

    Args:
        tools: LlamaIndex's tools.
        choice: "auto", "none", "required" (or "any"), a tool's name, or the wire's own dict. None leaves it to `required`.
        required: Whether one of them must be called.
        parallel: Whether one reply may make several calls.
    """
    if not tools:
        return {}
    specs = [_spec(tool) for tool in tools]
    wanted = ("required" if required else "auto") if choice is None else choice
    return {"tools": specs, "tool_choice": _choice(wanted), "parallel_tool_calls": parallel}


def selections(response: ChatResponse, *, error_on_no_tool_call: bool) -> list[ToolSelection]:
    """The calls of a reply, or of a chunk in which they are still being written: arguments that cannot be read yet are left out.

    A call that was cut off has no arguments at all in the end: half a path is another path.

    Raises:
        ValueError: There are none, and that is an error.
    """
    calls = wire_calls(response.message)
    read = _whole_arguments if "finish_reason" in cast("Any", response).additional_kwargs else arguments
    if not calls and error_on_no_tool_call:
        raise ValueError(f"Expected at least one tool call, but got none: {response.message.content!r}")
    return [
        ToolSelection(
            tool_id=call.get("id") or "",
            tool_name=call["function"]["name"],
            tool_kwargs=read(call["function"].get("arguments") or ""),
        )
        for call in calls
    ]


def arguments(written: str | Mapping[str, Any]) -> dict[str, Any]:
    """A call's arguments, as far as they are written; empty when they are no JSON object."""
    found: object = parse_partial(written) if isinstance(written, str) else written
    return dict(cast("Mapping[str, Any]", found)) if isinstance(found, Mapping) else {}


def with_one_call(response: ChatResponse) -> ChatResponse:
    """The response with its first call only, for servers that make several where one was asked for."""
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


def finished_arguments(written: str) -> dict[str, Any] | str:
    """The arguments of a whole call: an object, or the text where the model did not write one."""
    return cast("dict[str, Any] | str", object_or_text(written))


def _whole_arguments(written: str | Mapping[str, Any]) -> dict[str, Any]:
    found = object_or_text(written)
    return dict(cast("Mapping[str, Any]", found)) if isinstance(found, Mapping) else {}


def _spec(tool: BaseTool) -> dict[str, Any]:
    """Without LlamaIndex's limit for descriptions, which is OpenAI's."""
    return tool.metadata.to_openai_tool(skip_length_check=True)


def _choice(choice: str | Mapping[str, Any]) -> str | dict[str, Any]:
    if not isinstance(choice, str):
        return dict(choice)
    if choice == "any":
        return "required"
    if choice in {"auto", "none", "required"}:
        return choice
    return {"type": "function", "function": {"name": choice}}
