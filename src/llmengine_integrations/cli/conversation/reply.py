"""One turn of a chat: the message that a stream of chunks adds up to, and how it is shown."""

from __future__ import annotations

from typing import Any

import click

from llmengine_integrations.prompting.tool_calls import StreamedCalls
from llmengine_integrations.types import ChatCompletionChunk, Usage

from ..terminal import output
from ..terminal.tokens import TextPrinter


class Turn:
    """The model's next message as it comes.

    Attributes:
        usage: The tokens of prompt and reply, when the server has told.
        finish_reason: Why it ended; None while it has not.
    """

    def __init__(self) -> None:
        self.usage: Usage | None = None
        self.finish_reason: str | None = None
        self._texts: list[str] = []
        self._calls = StreamedCalls()

    def add(self, chunk: ChatCompletionChunk) -> None:
        """Take in a chunk."""
        self.usage = chunk.usage or self.usage
        self._texts.append(chunk.text)
        for choice in chunk.choices:
            if choice.index == 0:
                self.finish_reason = choice.finish_reason or self.finish_reason
                self._calls.feed(choice.delta)

    @property
    def text(self) -> str:
        """What it has said."""
        return "".join(self._texts)

    @property
    def calls(self) -> list[dict[str, str]]:
        """The tools that it wants called: `id`, `name` and `arguments`, the last being JSON as the model wrote it."""
        return [{"id": call.id, "name": call.name, "arguments": call.arguments} for call in self._calls.calls]

    @property
    def message(self) -> dict[str, Any]:
        """The message for the next request."""
        calls = [
            {"id": call["id"], "type": "function", "function": {"name": call["name"], "arguments": call["arguments"]}}
            for call in self.calls
        ]
        return {"role": "assistant", "content": self.text} | ({"tool_calls": calls} if calls else {})


class TurnPrinter:
    """Prints what a model says and, dimmed, what it thought before; then the tools that it wants called."""

    def __init__(self) -> None:
        self._text = TextPrinter()

    def add(self, chunk: ChatCompletionChunk) -> None:
        """Print what a chunk adds."""
        for choice in chunk.choices:
            if choice.index == 0 and choice.delta.reasoning_content:
                click.secho(output.visible(choice.delta.reasoning_content), dim=True, nl=False, err=True)
        self._text.text(chunk.text)

    def end(self, turn: Turn) -> None:
        """End the line; show the calls."""
        self._text.end()
        for call in turn.calls:
            click.echo(output.visible(f"{call['name']}({call['arguments']})"))
