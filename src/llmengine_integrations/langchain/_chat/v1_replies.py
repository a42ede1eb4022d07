"""The replies of v1 completions as messages. Pure translation; `response_metadata` has the keys of a v2 reply."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from langchain_core.messages import AIMessage, AIMessageChunk, ToolCallChunk
from langchain_core.messages.ai import UsageMetadata
from langchain_core.messages.tool import tool_call_chunk
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult

from ..._shared.stops import StopFilter
from ...prompting.guided_tools import GuidedTools
from ...wire.completions import Completion, CompletionChunk, TokenOutput
from .._llm.results import counted
from .guided_tools import Answer, read_answer
from .results import closing, llm_output
from .tools import Calls


@dataclass(frozen=True)
class V1Reading:
    """How a call's reply is to be read.

    Attributes:
        model: the endpoint's name.
        limit: tokens to generate at most.
        stops: the strings at which the text ends.
        tools: what the text is guided to calls of; None for free text.
    """

    model: str
    limit: int
    stops: Sequence[str]
    tools: GuidedTools | None

    def answer(self, text: str) -> Answer:
        """What the model wrote."""
        return Answer(text, Calls([], [])) if self.tools is None else read_answer(self.tools, text)


def v1_result(reply: Completion, reading: V1Reading) -> ChatResult:
    """The result of a call."""
    chunks, output = V1Chunks(reading), reply.output
    chunks.count(output.num_prompt_tokens, output.num_completion_tokens, reply.request_id)
    answer = reading.answer(chunks.text(output.text) + chunks.rest())
    message = AIMessage(
        content=answer.text,
        tool_calls=answer.calls.valid,
        invalid_tool_calls=answer.calls.invalid,
        usage_metadata=chunks.usage_metadata,
    )
    info = chunks.closing(answer) | _logprobs(output.tokens)
    return ChatResult(
        generations=[ChatGeneration(message=message, generation_info=info)],
        llm_output=llm_output(info["token_usage"], {"model": reading.model}),
    )


class V1Chunks:
    """Reads one stream, event by event. Where calls may come, the text is JSON and passed on when it is complete."""

    def __init__(self, reading: V1Reading) -> None:
        self._reading = reading
        self._filter = StopFilter(reading.stops)
        self._texts: list[str] = []
        self._prompt_tokens: int | None = None
        self._completion_tokens: int | None = None
        self._request_id: str | None = None

    @property
    def done(self) -> bool:
        """Whether a stop string has been found: nothing that comes after it is of interest."""
        return self._filter.stopped

    def feed(self, event: CompletionChunk) -> list[ChatGenerationChunk]:
        """The chunk for an event, unless it adds nothing."""
        output = event.output
        self.count(output.num_prompt_tokens, output.num_completion_tokens, event.request_id)
        return self._chunk(self.text(output.text), _logprobs(None if output.token is None else [output.token]))

    def end(self) -> list[ChatGenerationChunk]:
        """What was held back, and the chunk that says how it went."""
        rest = self._chunk(self.rest(), {})
        answer = self._reading.answer("".join(self._texts))
        message = AIMessageChunk(
            content="" if self._reading.tools is None else answer.text,
            tool_call_chunks=[
                _call_chunk(index, call) for index, call in enumerate([*answer.calls.valid, *answer.calls.invalid])
            ],
            usage_metadata=self.usage_metadata,
            chunk_position="last",
        )
        return [*rest, ChatGenerationChunk(message=message, generation_info=self.closing(answer))]

    def count(self, prompt_tokens: int | None, completion_tokens: int | None, request_id: str | None) -> None:
        """Take note of what the server counted so far."""
        self._prompt_tokens = self._prompt_tokens if prompt_tokens is None else prompt_tokens
        self._completion_tokens = self._completion_tokens if completion_tokens is None else completion_tokens
        self._request_id = request_id or self._request_id

    def text(self, text: str) -> str:
        """Take more text; what comes before any stop string."""
        return self._kept(self._filter.push(text))

    def rest(self) -> str:
        """The text that was held back."""
        return self._kept(self._filter.finish())

    def closing(self, answer: Answer) -> dict[str, Any]:
        """What is known at the end."""
        usage, finish_reason = self._counted
        if answer.calls.valid:
            finish_reason = "tool_calls"
        elif self.done:
            finish_reason = "stop"
        return closing(finish_reason, usage, {"model": self._reading.model}, self._request_id)

    @property
    def usage_metadata(self) -> UsageMetadata | None:
        """The counts under LangChain's names; None unless all are known."""
        usage, _ = self._counted
        if "total_tokens" not in usage:
            return None
        return UsageMetadata(
            input_tokens=usage["prompt_tokens"],
            output_tokens=usage["completion_tokens"],
            total_tokens=usage["total_tokens"],
        )

    @property
    def _counted(self) -> tuple[dict[str, int], str | None]:
        empty = not "".join(self._texts)
        return counted(self._prompt_tokens, self._completion_tokens, self._reading.limit, empty=empty)

    def _kept(self, text: str) -> str:
        self._texts.append(text)
        return text

    def _chunk(self, text: str, info: dict[str, Any]) -> list[ChatGenerationChunk]:
        content = text if self._reading.tools is None else ""
        if not content and not info:
            return []
        return [ChatGenerationChunk(message=AIMessageChunk(content=content), generation_info=info or None)]


def _call_chunk(index: int, call: Mapping[str, Any]) -> ToolCallChunk:
    args = call["args"]
    written = args if isinstance(args, str) else json.dumps(args, ensure_ascii=False)
    return tool_call_chunk(name=call["name"], args=written, id=call["id"], index=index)


def _logprobs(tokens: Sequence[TokenOutput] | None) -> dict[str, Any]:
    if tokens is None:
        return {}
    return {"logprobs": {"content": [{"token": token.token, "logprob": token.log_prob} for token in tokens]}}
