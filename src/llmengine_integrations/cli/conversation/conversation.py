"""The conversation of an interactive chat: its messages, and saving and loading them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

from llmengine_integrations import Client
from llmengine_integrations._shared.durable_files import write_file

from .reply import Reply, ReplyPrinter


class Conversation:
    """Messages, a model, and the options of every request.

    Attributes:
        model: The model that gets the next message.
        messages: The messages so far, oldest first, without the system message.
        system: The system message, if any.
    """

    def __init__(self, client: Client, model: str, system: str | None, options: dict[str, Any]) -> None:
        self.model = model
        self.messages: list[dict[str, Any]] = []
        self.system = system
        self.options = options
        self.client = client

    @property
    def all_messages(self) -> list[dict[str, Any]]:
        """All messages of a request, including the system message."""
        return [*([{"role": "system", "content": self.system}] if self.system else []), *self.messages]

    def next(self) -> Reply:
        """Get the model's next reply, and print it as it arrives. Ctrl-C ends it early and keeps what has arrived.

        Raises:
            LLMEngineError: The request failed.
        """
        reply, printer = Reply(), ReplyPrinter()
        try:
            with self.client.chat.stream(self.model, self.all_messages, **self.options) as chunks:
                for chunk in chunks:
                    reply.add(chunk)
                    printer.add(chunk)
        except KeyboardInterrupt:
            if not reply.text:
                raise
        finally:
            printer.end(reply)
        self.messages.append(reply.message)
        return reply

    def save(self, path: Path) -> None:
        """Write the messages to a JSON file. The file appears only when it is complete.

        Raises:
            OSError: The file cannot be written.
        """
        write_file(path, (json.dumps(self.all_messages, ensure_ascii=False, indent=2) + "\n").encode())

    def load(self, path: Path) -> None:
        """Replace the messages with those of a JSON file.

        Raises:
            OSError: The file cannot be read.
            ValueError: The file does not contain messages.
        """
        try:
            found: object = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise ValueError(f"{path} is not valid JSON: {error}") from error
        items = cast("list[object]", found) if isinstance(found, list) else [None]
        if not all(isinstance(item, dict) and "role" in item for item in items):
            raise ValueError(f"{path} is not a chat: expected a JSON array of objects with a role.")
        messages = cast("list[dict[str, Any]]", items)
        first = messages[0] if messages and messages[0]["role"] == "system" else None
        self.system = str(first.get("content", "")) if first else None
        self.messages = messages[1:] if first else messages
