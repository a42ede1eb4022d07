"""The model's reply in a chat: assembled from a stream of chunks, and printed."""

from __future__ import annotations

from typing import Any

import click

from llmengine_integrations.prompting.tool_calls import StreamedCalls
from llmengine_integrations.types import ChatCompletionChunk, Usage

from ..terminal import output
from ..terminal.tokens import TextPrinter


class Reply:
    """The model's reply as it arrives.

    Attributes:
        usage: The number of tokens in prompt and reply, once the server has sent it.
        finish_reason: Why the reply ended; None before its end.
    """

    def __init__(self) -> None:
        self.usage: Usage | None = None
        self.finish_reason: str | None = None
        self._texts: list[str] = []
        self._calls = StreamedCalls()

    def add(self, chunk: ChatCompletionChunk) -> None:
        """Add a chunk."""
        self.usage = chunk.usage or self.usage
        self._texts.append(chunk.text)
        for choice in chunk.choices:
            if choice.index == 0:
                self.finish_reason = choice.finish_reason or self.finish_reason
                self._calls.feed(choice.delta)

    @property
    def text(self) -> str:
        """The text so far."""
        return "".join(self._texts)

    @property
    def calls(self) -> list[dict[str, str]]:
        """The tool calls: `id`, `name` and `arguments`, which is JSON as the model wrote it."""
        return [{"id": call.id, "name": call.name, "arguments": call.arguments} for call in self._calls.calls]

    @property
    def message(self) -> dict[str, Any]:
        """The reply as a message of the next request."""
        calls = [
            {"id": call["id"], "type": "function", "function": {"name": call["name"], "arguments": call["arguments"]}}
            for call in self.calls
        ]
        return {"role": "assistant", "content": self.text} | ({"tool_calls": calls} if calls else {})


class ReplyPrinter:
    """Prints a reply: the reasoning dimmed, then the text, then the tool calls."""

    def __init__(self) -> None:
        self._text = TextPrinter()

    def add(self, chunk: ChatCompletionChunk) -> None:
        """Print the text of a chunk."""
        for choice in chunk.choices:
            if choice.index == 0 and choice.delta.reasoning_content:
                click.secho(output.visible(choice.delta.reasoning_content), dim=True, nl=False, err=True)
        self._text.text(chunk.text)

    def end(self, reply: Reply) -> None:
        """End the line, and print the tool calls."""
        self._text.end()
        for call in reply.calls:
            click.echo(output.visible(f"{call['name']}({call['arguments']})"))
