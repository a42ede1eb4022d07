"""Translates LLM Engine's v2 chat replies into LangChain's generations. Pure functions.

`response_metadata` has the same keys whether an answer came whole or in chunks: `finish_reason`, `model_name`, `model_provider`,
`token_usage`, `id`, and `logprobs` if they were requested.

LangChain merges the chunks of a stream by adding up their values: strings are joined, integers are summed, floats and booleans are
refused. So a chunk has only its text, its parts of tool calls and its log-probabilities (as lists). The last chunk has everything else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from langchain_core.messages import AIMessage, AIMessageChunk, ToolCallChunk
from langchain_core.messages.ai import InputTokenDetails, OutputTokenDetails, UsageMetadata
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult

from ... import errors
from ...prompting.tool_calls import whole_calls
from ...wire._openai import Usage
from ...wire.chat import (
    ChatChoice,
    ChatChunkChoice,
    ChatCompletion,
    ChatCompletionChunk,
    ChatCompletionMessage,
    ChatDelta,
    ChatLogprobs,
)
from .tools import CallChunks, parsed_calls

PROVIDER = "llmengine"


def chat_result(reply: ChatCompletion, params: Mapping[str, Any]) -> ChatResult:
    """Return the result of a call. The first of several choices has the usage, because the server counts them together.

    Raises:
        InvalidResponseError: The reply has no choices.
    """
    if not reply.choices:
        raise errors.InvalidResponseError("The reply holds no answer: its choices are empty.")
    choices = sorted(reply.choices, key=lambda choice: choice.index)
    usages = [reply.usage, *[None] * len(choices)]
    found = [_generation(reply, *pair, params) for pair in zip(choices, usages, strict=False)]
    return ChatResult(generations=found, llm_output=llm_output(token_usage(reply.usage), params))


def llm_output(usage: Mapping[str, Any], params: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a result says in addition to its generations."""
    return {"token_usage": usage, "model_name": params["model"]}


def combined_outputs(outputs: Sequence[Mapping[str, Any] | None]) -> dict[str, Any]:
    """Return what several calls say together: the counts that all of them have, summed."""
    known = [output for output in outputs if output]
    if not known:
        return {}
    usages = [output["token_usage"] for output in known]
    keys = [key for key in ("prompt_tokens", "completion_tokens", "total_tokens") if all(key in u for u in usages)]
    return {"token_usage": {key: sum(u[key] for u in usages) for key in keys}, "model_name": known[0]["model_name"]}


class ChatChunks:
    """Reads one chat stream, event by event."""

    done = False
    """Whether the rest of the stream can be ignored."""

    def __init__(self, params: Mapping[str, Any]) -> None:
        self._params = params
        self._reply: ChatCompletionChunk | None = None
        self._usage: Usage | None = None
        self._finish_reason: str | None = None
        self._calls = CallChunks()

    def feed(self, event: ChatCompletionChunk) -> list[ChatGenerationChunk]:
        """Return the chunk for an event, unless it adds nothing."""
        self._reply = event
        self._usage = event.usage or self._usage
        return [chunk for choice in event.choices if choice.index == 0 for chunk in self._choice(choice)]

    def end(self) -> list[ChatGenerationChunk]:
        """Return the last chunk, which says how the answer ended."""
        reply = self._reply
        info = closing(
            self._finish_reason,
            token_usage(self._usage),
            self._params,
            None if reply is None else reply.id,
            None if reply is None else reply.system_fingerprint,
        )
        message = AIMessageChunk(
            content="",
            tool_call_chunks=self._calls.end(self._finish_reason),
            usage_metadata=usage_metadata(self._usage),
            chunk_position="last",
        )
        return [ChatGenerationChunk(message=message, generation_info=info)]

    def _choice(self, choice: ChatChunkChoice) -> list[ChatGenerationChunk]:
        self._finish_reason = choice.finish_reason or self._finish_reason
        delta = choice.delta
        calls = self._calls.feed(delta) if delta.tool_calls or delta.function_call else ()
        message, info = _delta(delta, calls), _logprobs(choice.logprobs)
        if not (message.content or message.tool_call_chunks or message.additional_kwargs or info):
            return []
        return [ChatGenerationChunk(message=message, generation_info=info or None)]


def closing(
    finish_reason: str | None,
    usage: Mapping[str, Any],
    params: Mapping[str, Any],
    reply_id: str | None,
    fingerprint: str | None = None,
) -> dict[str, Any]:
    """Return what is known at the end of an answer."""
    info = {
        "finish_reason": finish_reason,
        "model_name": params["model"],
        "model_provider": PROVIDER,
        "token_usage": usage,
        "id": reply_id,
    }
    return {**info, "system_fingerprint": fingerprint} if fingerprint else info


def usage_metadata(usage: Usage | None) -> UsageMetadata | None:
    """Return the counts under LangChain's names."""
    if usage is None:
        return None
    found = UsageMetadata(
        input_tokens=usage.prompt_tokens, output_tokens=usage.completion_tokens, total_tokens=usage.total_tokens
    )
    read, written = usage.prompt_tokens_details, usage.completion_tokens_details
    if read is not None and (details := _counted(audio=read.audio_tokens, cache_read=read.cached_tokens)):
        found["input_token_details"] = InputTokenDetails(**details)
    if written is not None:
        details = _counted(audio=written.audio_tokens, reasoning=written.reasoning_tokens)
        if details:
            found["output_token_details"] = OutputTokenDetails(**details)
    return found


def token_usage(usage: Usage | None) -> dict[str, Any]:
    """Return the counts under OpenAI's names, which LangChain's handlers read."""
    if usage is None:
        return {}
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.total_tokens,
    }


def _counted(**counts: int | None) -> Any:
    return {name: count for name, count in counts.items() if count is not None}


def _generation(
    reply: ChatCompletion, choice: ChatChoice, usage: Usage | None, params: Mapping[str, Any]
) -> ChatGeneration:
    message = choice.message
    written = [(call.name, call.arguments, call.id) for call in whole_calls(message)]
    calls = parsed_calls(written, choice.finish_reason)
    info = closing(choice.finish_reason, token_usage(usage), params, reply.id, reply.system_fingerprint)
    return ChatGeneration(
        message=AIMessage(
            content=message.content or "",
            additional_kwargs=_outside_content(message),
            tool_calls=calls.valid,
            invalid_tool_calls=calls.invalid,
            usage_metadata=usage_metadata(usage),
        ),
        generation_info=info | _logprobs(choice.logprobs),
    )


def _outside_content(message: ChatCompletionMessage | ChatDelta) -> dict[str, Any]:
    """Return what LangChain's messages have no field for: thoughts, which its `content_blocks` find here, and refusals."""
    thought = message.reasoning_content or (message.model_extra or {}).get("reasoning")  # its name in newer vLLM
    if not (thought or message.refusal):
        return {}
    found = {"reasoning_content": thought, "refusal": message.refusal}
    return {name: text for name, text in found.items() if text}


def _delta(delta: ChatDelta, calls: Sequence[ToolCallChunk]) -> AIMessageChunk:
    extra = _outside_content(delta)
    if not (extra or calls):
        return AIMessageChunk(content=delta.content or "")  # any other argument is validated too: 0.6 us a token
    return AIMessageChunk(content=delta.content or "", additional_kwargs=extra, tool_call_chunks=list(calls))


def _logprobs(logprobs: ChatLogprobs | None) -> dict[str, Any]:
    if logprobs is None or logprobs.content is None:
        return {}
    return {"logprobs": {"content": [token.model_dump(exclude_none=True) for token in logprobs.content]}}
