"""The conversation of an interactive chat: its messages, and the files that they are kept in."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, cast

from llmengine_integrations import Client

from .reply import Turn, TurnPrinter


class Conversation:
    """Messages, a model, and the settings that every request has.

    Attributes:
        model: Whom the next message goes to.
        messages: What has been said, oldest first, without the system message.
        system: What the model is told first.
    """

    def __init__(self, client: Client, model: str, system: str | None, options: dict[str, Any]) -> None:
        self.model = model
        self.messages: list[dict[str, Any]] = []
        self.system = system
        self.options = options
        self.client = client

    @property
    def whole(self) -> list[dict[str, Any]]:
        """All messages, as a request has them."""
        return [*([{"role": "system", "content": self.system}] if self.system else []), *self.messages]

    def next(self) -> Turn:
        """Have the model say something, and print it as it comes. Ctrl-C ends it early; what came then stays.

        Raises:
            LLMEngineError: It cannot.
        """
        turn, printer = Turn(), TurnPrinter()
        try:
            with self.client.chat.stream(self.model, self.whole, **self.options) as chunks:
                for chunk in chunks:
                    turn.add(chunk)
                    printer.add(chunk)
        except KeyboardInterrupt:
            if not turn.text:
                raise
        finally:
            printer.end(turn)
        self.messages.append(turn.message)
        return turn

    def save(self, path: Path) -> None:
        """Write the messages to a JSON file, which appears when it is whole.

        Raises:
            OSError: It cannot be written.
        """
        part = path.with_name(f".{path.name}.part")
        try:
            part.write_text(json.dumps(self.whole, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
            os.replace(part, path)  # noqa: PTH105 - the name says that it replaces
        except BaseException as error:
            part.unlink(missing_ok=True)
            if isinstance(error, OSError):  # which names the part
                raise OSError(error.errno, error.strerror, str(path)) from error
            raise

    def load(self, path: Path) -> None:
        """Take the messages of a JSON file instead of those that there are.

        Raises:
            OSError: It cannot be read.
            ValueError: It does not hold messages.
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
