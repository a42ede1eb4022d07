"""Reads the replies of v1 completions: text up to a stop string, tool calls, counts, and why the answer ended. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from .._shared.stops import StopFilter
from .guided_tools import GuidedReply, GuidedTools


def counted(
    prompt_tokens: int | None, completion_tokens: int | None, limit: int, *, empty: bool
) -> tuple[dict[str, int], Literal["stop", "length"] | None]:
    """What is known of the counts, under OpenAI's names, and why the answer ended.

    The gateway does not say why: the count does. Some vLLM endpoints count nothing and send 0, which says nothing about a text.

    Args:
        prompt_tokens: As the server counted.
        completion_tokens: As the server counted.
        limit: `max_new_tokens` of the request.
        empty: Whether the server sent no text.
    """
    if not completion_tokens and not empty:
        completion_tokens = None
    usage: dict[str, int] = {}
    if prompt_tokens is not None:
        usage["prompt_tokens"] = prompt_tokens
    if completion_tokens is None:
        return usage, None
    usage["completion_tokens"] = completion_tokens
    if prompt_tokens is not None:
        usage["total_tokens"] = prompt_tokens + completion_tokens
    return usage, "length" if completion_tokens >= limit else "stop"


class CompletionReading:
    """Reads one reply, whole or piece by piece.

    Args:
        limit: `max_new_tokens` of the request.
        stops: The strings at which the text ends, also where the server goes on.
        tools: The tools that the text is guided to; None if it is free.
        strip: Whether to take the whitespace off the text's beginning: what a chat without a template begins with.

    Attributes:
        text: The text so far, up to the stop string.
        tools: As given.
    """

    __slots__ = ("_completion_tokens", "_empty", "_filter", "_limit", "_prompt_tokens", "_strip", "text", "tools")

    def __init__(
        self, limit: int, stops: Sequence[str] = (), tools: GuidedTools | None = None, *, strip: bool = False
    ) -> None:
        self._limit = limit
        self._filter = StopFilter(stops) if stops else None
        self._strip = strip
        self._empty = True
        self._prompt_tokens: int | None = None
        self._completion_tokens: int | None = None
        self.text = ""
        self.tools = tools

    @property
    def stopped(self) -> bool:
        """Whether a stop string has been found: nothing that comes after it is of interest."""
        return self._filter is not None and self._filter.stopped

    def count(self, prompt_tokens: int | None, completion_tokens: int | None) -> None:
        """Take in what the server has counted so far."""
        if prompt_tokens is not None:
            self._prompt_tokens = prompt_tokens
        if completion_tokens is not None:
            self._completion_tokens = completion_tokens

    def push(self, text: str) -> str:
        """Take in more text; returns what it adds to the answer."""
        if text:
            self._empty = False
        return self._added(text if self._filter is None else self._filter.push(text))

    def finish(self) -> str:
        """The reply is over; returns what was held back because a stop string might have begun there."""
        return "" if self._filter is None else self._added(self._filter.finish())

    def reply(self, *, ended: bool) -> GuidedReply:
        """What the text says: an answer, or calls of tools. Until it has ended, as far as it is written."""
        if self.tools is None:
            return GuidedReply(self.text, [])
        return self.tools.finish(self.text) if ended else self.tools.read(self.text)

    @property
    def usage(self) -> dict[str, int]:
        """What is known of the counts, under OpenAI's names."""
        return counted(self._prompt_tokens, self._completion_tokens, self._limit, empty=self._empty)[0]

    def finish_reason(self, reply: GuidedReply) -> Literal["stop", "length", "tool_calls"] | None:
        """Why the answer ended; None if the server does not count. Calls are the reason if all of them are whole.

        Args:
            reply: What it says in the end.
        """
        if reply.calls and all(isinstance(call.arguments, dict) for call in reply.calls):
            return "tool_calls"
        if self.stopped:
            return "stop"
        return counted(self._prompt_tokens, self._completion_tokens, self._limit, empty=self._empty)[1]

    def _added(self, text: str) -> str:
        if self._strip and not self.text:
            text = text.lstrip()
        self.text += text
        return text
