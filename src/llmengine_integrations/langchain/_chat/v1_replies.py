"""Translates the replies of v1 completions into messages. Pure functions; `response_metadata` has the keys of a v2 reply."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from langchain_core.messages import AIMessage, AIMessageChunk, ToolCallChunk
from langchain_core.messages.ai import UsageMetadata
from langchain_core.messages.tool import tool_call_chunk
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult

from ...prompting.completion_replies import CompletionReading
from ...prompting.guided_tools import GuidedReply, GuidedTools
from ...wire.completions import Completion, CompletionChunk, TokenOutput
from .results import closing, llm_output
from .tools import Calls, parsed_calls


@dataclass(frozen=True)
class V1Reading:
    """How to read a call's reply.

    Attributes:
        model: The endpoint's name.
        limit: The maximum number of tokens to generate.
        stops: The strings that end the text.
        tools: The tools that guide the text; None for free text.
    """

    model: str
    limit: int
    stops: Sequence[str]
    tools: GuidedTools | None


def v1_result(reply: Completion, reading: V1Reading) -> ChatResult:
    """Return the result of a call."""
    chunks, output = V1Chunks(reading), reply.output
    text = chunks.take(output.text, output.num_prompt_tokens, output.num_completion_tokens, reply.request_id)
    text += chunks.rest()
    found, info = chunks.close()
    message = AIMessage(
        content=text if reading.tools is None else found.text,
        tool_calls=found.calls.valid,
        invalid_tool_calls=found.calls.invalid,
        usage_metadata=chunks.usage_metadata,
    )
    info |= _logprobs(output.tokens)
    return ChatResult(
        generations=[ChatGeneration(message=message, generation_info=info)],
        llm_output=llm_output(info["token_usage"], {"model": reading.model}),
    )


@dataclass(frozen=True)
class _Found:
    """What the model wrote, in LangChain's form."""

    text: str
    calls: Calls


class V1Chunks:
    """Reads one stream, event by event. If the text may contain calls, it is JSON, and is passed on when it is complete."""

    def __init__(self, reading: V1Reading) -> None:
        self._model = reading.model
        self._tools = reading.tools
        self._reading = CompletionReading(reading.limit, reading.stops, reading.tools)
        self._request_id: str | None = None

    @property
    def done(self) -> bool:
        """Whether a stop string has been found, so that the rest of the stream can be ignored."""
        return self._reading.stopped

    def feed(self, event: CompletionChunk) -> list[ChatGenerationChunk]:
        """Return the chunk for an event, unless it adds nothing."""
        output = event.output
        text = self.take(output.text, output.num_prompt_tokens, output.num_completion_tokens, event.request_id)
        return self._chunk(text, _logprobs(None if output.token is None else [output.token]))

    def end(self) -> list[ChatGenerationChunk]:
        """Return what was held back, and the chunk that says why the answer ended."""
        rest = self._chunk(self.rest(), {})
        found, info = self.close()
        message = AIMessageChunk(
            content="" if self._tools is None else found.text,
            tool_call_chunks=[
                _call_chunk(index, call) for index, call in enumerate([*found.calls.valid, *found.calls.invalid])
            ],
            usage_metadata=self.usage_metadata,
            chunk_position="last",
        )
        return [*rest, ChatGenerationChunk(message=message, generation_info=info)]

    def take(self, text: str, prompt_tokens: int | None, completion_tokens: int | None, request_id: str | None) -> str:
        """Add more text and counts, and return the text that comes before any stop string."""
        self._reading.count(prompt_tokens, completion_tokens)
        self._request_id = request_id or self._request_id
        return self._reading.push(text)

    def rest(self) -> str:
        """Return the text that was held back."""
        return self._reading.finish()

    def close(self) -> tuple[_Found, dict[str, Any]]:
        """Return what the model wrote, and what is known of it at the end."""
        reply, reading = self._reading.reply(ended=True), self._reading
        info = closing(reading.finish_reason(reply), reading.usage, {"model": self._model}, self._request_id)
        return _found(reply, reading.text, self._tools), info

    @property
    def usage_metadata(self) -> UsageMetadata | None:
        """Return the counts under LangChain's names; None unless all are known."""
        usage = self._reading.usage
        if "total_tokens" not in usage:
            return None
        return UsageMetadata(
            input_tokens=usage["prompt_tokens"],
            output_tokens=usage["completion_tokens"],
            total_tokens=usage["total_tokens"],
        )

    def _chunk(self, text: str, info: dict[str, Any]) -> list[ChatGenerationChunk]:
        content = text if self._tools is None else ""
        if not content and not info:
            return []
        return [ChatGenerationChunk(message=AIMessageChunk(content=content), generation_info=info or None)]


def _found(reply: GuidedReply, text: str, tools: GuidedTools | None) -> _Found:
    """Return the reply in LangChain's form.

    A call that was cut off is invalid. Its arguments are the whole text as a JSON string. LangChain would complete anything else to an
    object when it adds up a stream, and treat it as a call. The same is done with text that the model wrote instead of a required call.
    """
    calls: list[tuple[str | None, str]] = [
        (call.name or None, json.dumps(call.arguments, ensure_ascii=False)) for call in reply.calls
    ]
    instead = tools is not None and tools.choice != "auto" and not calls and bool(text.strip())
    if instead:
        calls = [(None, json.dumps(text, ensure_ascii=False))]
    found = parsed_calls([(name, arguments, None) for name, arguments in calls])
    return _Found("" if instead else reply.answer, found)


def _call_chunk(index: int, call: Mapping[str, Any]) -> ToolCallChunk:
    args = call["args"]
    written = args if isinstance(args, str) else json.dumps(args, ensure_ascii=False)
    return tool_call_chunk(name=call["name"], args=written, id=call["id"], index=index)


def _logprobs(tokens: Sequence[TokenOutput] | None) -> dict[str, Any]:
    if tokens is None:
        return {}
    return {"logprobs": {"content": [{"token": token.token, "logprob": token.log_prob} for token in tokens]}}
