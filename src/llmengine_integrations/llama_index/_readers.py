"""The `Reader`s for the replies of LLM Engine's two routes. Each request has its own reader."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from llama_index.core.base.llms.types import LogProb, ToolCallBlock
from pydantic import BaseModel

from .. import errors
from ..prompting.completion_replies import CompletionReading
from ..prompting.guided_tools import GuidedReply, GuidedTools
from ..prompting.tool_calls import StreamedCalls, WrittenCall, identified, new_call_id, read_arguments, whole_calls
from ..wire.chat import ChatCompletion, ChatCompletionChunk, ChatLogprobs
from ..wire.completions import Completion, CompletionChunk, TokenOutput
from ._reply_parts import Answer


class ChatReplyReader:
    """Reads a chat reply (v2). Only the first choice is read; the others are in `raw`."""

    done = False

    def __init__(self) -> None:
        self._text = ""
        self._thinking = ""
        self._calls = StreamedCalls()
        self._logprobs: list[list[LogProb]] = []
        self._finish_reason: str | None = None

    def whole(self, reply: ChatCompletion) -> Answer:
        """The answer of a non-streamed reply.

        Raises:
            InvalidResponseError: The reply has no choices.
        """
        if not reply.choices:
            raise errors.InvalidResponseError("The reply holds no answer: its choices are empty.")
        choice, raw = min(reply.choices, key=lambda choice: choice.index), _dump(reply)
        return Answer(
            text=choice.message.content or "",
            thinking=choice.message.reasoning_content or "",
            calls=_blocks(whole_calls(choice.message), choice.finish_reason, finished=True),
            logprobs=_chat_logprobs(choice.logprobs),
            raw=raw,
            usage=raw.get("usage"),
            details={"finish_reason": choice.finish_reason},
        )

    def feed(self, event: ChatCompletionChunk) -> Answer:
        """The answer up to this event."""
        delta, thinking_delta, logprobs = "", "", None
        for choice in event.choices:
            if choice.index != 0:
                continue
            delta += choice.delta.content or ""
            thinking_delta += choice.delta.reasoning_content or ""
            if choice.delta.tool_calls or choice.delta.function_call:
                self._calls.feed(choice.delta)
            logprobs = _chat_logprobs(choice.logprobs)
            self._finish_reason = choice.finish_reason or self._finish_reason
        self._text += delta
        self._thinking += thinking_delta
        if logprobs is not None:
            self._logprobs += logprobs
        return self._answer(delta, thinking_delta, logprobs, _dump(event))

    def end(self) -> Answer | None:
        """The complete answer, if no event has finished it."""
        return self._answer("", "", None, {}, ended=True) if self._finish_reason is None else None

    def _answer(
        self,
        delta: str,
        thinking_delta: str,
        logprobs: list[list[LogProb]] | None,
        raw: dict[str, Any],
        *,
        ended: bool = False,
    ) -> Answer:
        finished = ended or self._finish_reason is not None
        calls = self._calls.calls
        return Answer(
            text=self._text,
            thinking=self._thinking,
            calls=_blocks(calls, self._finish_reason, finished=finished) if calls else (),
            delta=delta,
            thinking_delta=thinking_delta,
            logprobs=logprobs,
            raw=raw,
            usage=raw.get("usage"),
            details=_details(self._finish_reason, list(self._logprobs)) if finished else None,
        )


class CompletionReplyReader:
    """Reads a completion (v1). It has the arguments of `CompletionReading`."""

    def __init__(
        self, limit: int, stops: Sequence[str] = (), tools: GuidedTools | None = None, *, strip: bool = False
    ) -> None:
        self._reading = CompletionReading(limit, stops, tools, strip=strip)
        self._shown = ""
        self._ids: list[str] = []
        self._logprobs: list[list[LogProb]] = []
        self._finished = False
        self.done = False
        """Whether a stop string has been found after which the server continued."""

    def whole(self, reply: Completion) -> Answer:
        """The answer of a non-streamed reply."""
        output = reply.output
        self._reading.count(output.num_prompt_tokens, output.num_completion_tokens)
        self._finished = True
        self._take(output.text)
        logprobs = None if output.tokens is None else _token_logprobs(output.tokens)
        answer = self._answer("", logprobs, _dump(reply))
        answer.delta = None
        return answer

    def feed(self, event: CompletionChunk) -> Answer:
        """The answer up to this event."""
        output, logprobs = event.output, None
        self._reading.count(output.num_prompt_tokens, output.num_completion_tokens)
        if output.token is not None:
            logprobs = _token_logprobs([output.token])
            self._logprobs += logprobs
        self._finished = self._finished or output.finished
        return self._answer(self._take(output.text), logprobs, _dump(event))

    def end(self) -> Answer | None:
        """The complete answer, if no event has finished it, as on TensorRT-LLM."""
        if self._finished:
            return None
        self._finished = True
        return self._answer(self._take(""), None, {})

    def _answer(self, delta: str, logprobs: list[list[LogProb]] | None, raw: dict[str, Any]) -> Answer:
        ended = self._finished or self.done
        reply = self._reading.reply(ended=ended)
        text, calls = reply.answer, self._blocks(reply)
        if reply.calls and not calls:  # truncated before the name of the tool
            text = self._reading.text
        if self._reading.tools is not None:  # the shown text differs from the generated text
            delta, self._shown = text[len(self._shown) :], text
        answer = Answer(text=text, calls=calls, delta=delta, logprobs=logprobs, raw=raw)
        if ended:
            answer.usage = self._reading.usage or None
            answer.details = _details(self._reading.finish_reason(reply), list(self._logprobs))
        return answer

    def _take(self, text: str) -> str:
        """Add more text. Returns what it adds to the answer."""
        added = self._reading.push(text)
        if self._finished:
            return added + self._reading.finish()
        self.done = self._reading.stopped
        return added

    def _blocks(self, reply: GuidedReply) -> Sequence[ToolCallBlock]:
        named = [call for call in reply.calls if call.name]
        while len(self._ids) < len(named):
            self._ids.append(new_call_id())
        return [
            ToolCallBlock(tool_call_id=call_id, tool_name=call.name, tool_kwargs=call.arguments)
            for call_id, call in zip(self._ids, named, strict=False)
        ]


def _blocks(calls: Sequence[WrittenCall], finish_reason: str | None, *, finished: bool) -> list[ToolCallBlock]:
    """The calls of a reply. Their arguments are text until the reply is finished, and stay text if they cannot be parsed completely."""
    if finished:
        identified(calls)
    found: list[ToolCallBlock] = []
    for call in calls:
        arguments = read_arguments(call.arguments, finish_reason)[0] if finished else None
        written = call.arguments if arguments is None else arguments
        found.append(ToolCallBlock(tool_call_id=call.id, tool_name=call.name, tool_kwargs=written))
    return found


def _chat_logprobs(found: ChatLogprobs | None) -> list[list[LogProb]] | None:
    """For each position, the chosen token, followed by the other likely tokens."""
    if found is None or found.content is None:
        return None
    return [
        [
            LogProb(token=token.token, logprob=token.logprob, bytes=token.bytes or [])
            for token in [place, *(other for other in place.top_logprobs if other.token != place.token)]
        ]
        for place in found.content
    ]


def _token_logprobs(tokens: Sequence[TokenOutput]) -> list[list[LogProb]]:
    return [[LogProb(token=token.token, logprob=token.log_prob, bytes=list(token.token.encode()))] for token in tokens]


def _details(finish_reason: str | None, logprobs: list[list[LogProb]] | None = None) -> dict[str, Any]:
    return {"finish_reason": finish_reason, "logprobs": logprobs} if logprobs else {"finish_reason": finish_reason}


def _dump(reply: BaseModel) -> dict[str, Any]:
    # Pydantic's `model_dump` would process unused options for each token.
    return type(reply).__pydantic_serializer__.to_python(reply, mode="json", exclude_none=True)
