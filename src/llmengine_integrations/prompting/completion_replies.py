"""Reads the replies of v1 completions: text up to a stop string, tool calls, token counts, and the finish reason. Pure functions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from .._shared.stops import StopFilter
from .guided_tools import GuidedReply, GuidedTools


def counted(
    prompt_tokens: int | None, completion_tokens: int | None, limit: int, *, empty: bool
) -> tuple[dict[str, int], Literal["stop", "length"] | None]:
    """The known token counts, under OpenAI's names, and the finish reason.

    The gateway does not send the reason, so it is derived from the count. Some vLLM endpoints do not count and send 0, which gives no
    information unless the text is empty.

    Args:
        prompt_tokens: The server's count.
        completion_tokens: The server's count.
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
    """Reads one reply, complete or piece by piece.

    Args:
        limit: `max_new_tokens` of the request.
        stops: The strings at which the text ends, even if the server continues after them.
        tools: The tools that the text is guided to; None if it is unconstrained.
        strip: Whether to remove leading whitespace, with which the answers of a chat without a template start.

    Attributes:
        text: The text so far, up to the stop string.
        tools: The `tools` argument.
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
        """Whether a stop string has been found. The text after it is ignored."""
        return self._filter is not None and self._filter.stopped

    def count(self, prompt_tokens: int | None, completion_tokens: int | None) -> None:
        """Record the server's latest counts."""
        if prompt_tokens is not None:
            self._prompt_tokens = prompt_tokens
        if completion_tokens is not None:
            self._completion_tokens = completion_tokens

    def push(self, text: str) -> str:
        """Add more text. Returns what it adds to the answer."""
        if text:
            self._empty = False
        return self._added(text if self._filter is None else self._filter.push(text))

    def finish(self) -> str:
        """End the reply. Returns the text that was held back because it could have been the start of a stop string."""
        return "" if self._filter is None else self._added(self._filter.finish())

    def reply(self, *, ended: bool) -> GuidedReply:
        """The content of the text: an answer or tool calls. Before the text has ended, this is the part written so far."""
        if self.tools is None:
            return GuidedReply(self.text, [])
        return self.tools.finish(self.text) if ended else self.tools.read(self.text)

    @property
    def usage(self) -> dict[str, int]:
        """The known token counts, under OpenAI's names."""
        return counted(self._prompt_tokens, self._completion_tokens, self._limit, empty=self._empty)[0]

    def finish_reason(self, reply: GuidedReply) -> Literal["stop", "length", "tool_calls"] | None:
        """Why the answer ended; None if the server does not count. The reason is `tool_calls` if all calls are complete.

        Args:
            reply: The final content.
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
