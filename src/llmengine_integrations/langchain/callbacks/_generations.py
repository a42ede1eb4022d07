"""Reads the results of runs, plain or chat. Pure functions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, cast

from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, Generation, LLMResult

_NAMES = {"prompt_tokens": "input_tokens", "completion_tokens": "output_tokens", "total_tokens": "total_tokens"}
_MEDIA = frozenset({"image", "audio", "video", "file", "text-plain"})


def first(result: LLMResult) -> Generation | None:
    """Return the result's first generation, if it has one."""
    return next((generation for several in result.generations for generation in several), None)


def text_of(generation: Generation) -> str:
    """Return the text. A chat answer may have several blocks of it."""
    return str(generation.message.text) if isinstance(generation, ChatGeneration) else generation.text


def message_of(generation: Generation | None) -> AIMessage | None:
    """Return a chat answer's message; None for a plain one."""
    message = generation.message if isinstance(generation, ChatGeneration) else None
    return message if isinstance(message, AIMessage) else None


def calls_tools(generation: Generation) -> bool:
    """Return whether a chat answer calls tools, valid or not."""
    message = message_of(generation)
    return message is not None and bool(message.tool_calls or message.invalid_tool_calls)


def has_media(message: BaseMessage) -> bool:
    """Return whether a message has an image, a sound or a file."""
    if isinstance(message.content, str):
        return False
    return any(block["type"] in _MEDIA for block in message.content_blocks)


def info_of(generation: Generation | None) -> Mapping[str, Any]:
    """Return finish reason, model, log-probabilities and similar information."""
    message = message_of(generation)
    info: Mapping[str, Any] = (generation.generation_info if generation is not None else None) or {}
    return {**info, **message.response_metadata} if message is not None else info


def usage_of(result: LLMResult) -> Mapping[str, Any] | None:
    """Return a run's token counts under LangChain's names; None if it has none.

    A prompt's own counts are preferred to those of the call, which may be the sum over several prompts.
    """
    generation = first(result)
    if (message := message_of(generation)) is not None and message.usage_metadata:
        return cast("Mapping[str, Any]", message.usage_metadata)
    counts: Mapping[str, Any] = (
        info_of(generation).get("token_usage") or (result.llm_output or {}).get("token_usage") or {}
    )
    return {_NAMES[name]: count for name, count in counts.items() if name in _NAMES and isinstance(count, int)} or None


def model_of(result: LLMResult) -> str | None:
    """Return the name of the model that answered, if the result has it."""
    return info_of(first(result)).get("model_name") or (result.llm_output or {}).get("model_name")


def log_probs(info: Mapping[str, Any]) -> Iterator[tuple[str, float | None]]:
    """Yield tokens with their natural log-probabilities, from the form of completions or from that of chats."""
    logprobs: Mapping[str, Any] = info.get("logprobs") or {}
    if logprobs.get("content"):
        yield from ((entry["token"], entry.get("logprob")) for entry in logprobs["content"])
    elif logprobs.get("tokens"):
        yield from zip(logprobs["tokens"], logprobs["token_logprobs"], strict=True)
