"""The interactive chat: a typed line is a message to the model or a /command."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import click

from llmengine_integrations.errors import LLMEngineError, NotFoundError

from ..options.option_types import Number
from ..options.session import listed
from ..terminal import output
from ..terminal.error_messages import one_line, os_error_text
from ..terminal.line_input import LineInput
from .conversation import Conversation
from .reply import Reply

_MOST_CALLS = 20
_SETTINGS: dict[str, Number | click.IntRange] = {
    "temperature": Number(0, 2),
    "max_tokens": click.IntRange(),
    "top_p": Number(0, 1),
    "seed": click.IntRange(),
}


class Leave(Exception):  # noqa: N818 - not an error
    """The user wants to leave."""


class Repl:
    """Reads lines and acts on them until the input ends.

    Args:
        conversation: The messages.
        models: Returns the models that Tab offers, each with its status.
        history: The file that keeps the lines for later chats; None keeps nothing.
    """

    def __init__(
        self, conversation: Conversation, models: Callable[[], Iterable[tuple[str, str]]], history: Path | None
    ) -> None:
        self._chat = conversation
        self._input = LineInput(self.offer, history)
        self._usage: list[tuple[int, int]] = []
        self._commands: dict[str, tuple[str, str, Callable[[str], None]]] = {
            "help": ("", "show this", self._help),
            "system": (
                "[TEXT]",
                "set the system message, or show it; - removes it",
                self._system,
            ),
            "model": ("[NAME]", "switch to another model, or list the models", self._model),
            "tools": ("", "list the tools for the model (from --tools)", self._tools),
            "set": ("[NAME VALUE]", "set temperature, max_tokens, top_p or seed, or show them", self._set),
            "retry": ("", "ask for the last reply again", self._retry),
            "undo": ("", "remove the last message and its reply", self._undo),
            "history": ("", "show all messages", self._history),
            "usage": ("", "show the number of tokens so far", self._show_usage),
            "save": ("FILE", "write the chat to a JSON file", self._save),
            "load": ("FILE", "continue a saved chat", self._load),
            "clear": ("", "remove all messages", self._clear),
            "exit": ("", "leave (Ctrl-D does too)", self._leave),
        }
        self._takes: dict[str, Callable[[str], Iterable[str]]] = {
            "model": lambda _: (name for name, _ in models()),
            "set": lambda _: (f"{name} " for name in _SETTINGS),
            "save": _paths,
            "load": _paths,
        }

    def run(self) -> None:
        """Read and answer lines until the user leaves."""
        click.echo(f"{output.visible(self._chat.model)}. /help lists the commands; Ctrl-D leaves.")
        with self._input.ready(), suppress(Leave, EOFError):
            while True:
                self._act(self._line())

    def _line(self) -> str:
        """Read the next line. Ctrl-C drops the typed line; a second Ctrl-C in a row leaves."""
        try:
            try:
                return self._input.read("> ")
            except KeyboardInterrupt:
                output.print_note("\n(Ctrl-C again or Ctrl-D leaves)")
                return self._input.read("> ")
        except EOFError:
            click.echo()
            raise

    def _act(self, line: str) -> None:
        try:
            self.take(line)
        except LLMEngineError as error:
            output.print_note(one_line(error, "chat"))
        except OSError as error:
            output.print_note(os_error_text(error))
        except ValueError as error:
            output.print_note(str(error))

    def take(self, line: str) -> None:
        """Act on one line."""
        text = line.strip()
        if text.startswith("/") and not text.startswith("//"):
            name, _, rest = text[1:].partition(" ")
            self._run(name, rest.strip())
        elif text:
            self._say(text.removeprefix("/") if text.startswith("//") else text)

    def offer(self, before: str, word: str) -> Iterable[str]:
        """Return what Tab offers for a word: commands at the beginning of a line, or a command's arguments."""
        first, *others = before.split() or [""]
        if not first:
            return [f"/{name} " if takes else f"/{name}" for name, (takes, _, _) in self._commands.items()]
        return [] if others or not first.startswith("/") else self._takes.get(self._named(first[1:]), _nothing)(word)

    def _run(self, name: str, rest: str) -> None:
        known = self._named(name)
        if not known:
            raise ValueError(
                f"There is no command /{name}; /help lists the commands. To send a message that begins with /, type //."
            )
        self._commands[known][2](rest)

    def _named(self, name: str) -> str:
        """Return the command for a name or an unambiguous beginning of one; an empty string if there is none."""
        found = [name] if name in self._commands else [known for known in self._commands if known.startswith(name)]
        return found[0] if name and len(found) == 1 else ""

    def _say(self, text: str) -> None:
        before = len(self._chat.messages)
        self._chat.messages.append({"role": "user", "content": text})
        self._get_reply(before)

    def _get_reply(self, before: int) -> None:
        """Get the model's reply, and the results of tools that it calls. After a failure, the messages are as before."""
        try:
            for _ in range(_MOST_CALLS):
                reply = self._chat.next()
                self._count(reply)
                if not reply.calls:
                    return
                self._answer(reply)
        except BaseException as error:
            del self._chat.messages[before:]
            if isinstance(error, KeyboardInterrupt):
                output.print_note("(stopped)")
                return
            raise

    def _answer(self, reply: Reply) -> None:
        for call in reply.calls:
            try:
                result = self._input.read(f"result of {output.visible(call['name'])}: ", remember=False)
            except EOFError as error:
                raise ValueError("Without a result, the model cannot continue. The message was removed.") from error
            self._chat.messages.append({"role": "tool", "tool_call_id": call["id"], "content": result})

    def _count(self, reply: Reply) -> None:
        if reply.usage is not None:
            self._usage.append((reply.usage.prompt_tokens, reply.usage.completion_tokens))

    def _help(self, _: str) -> None:
        output.print_fields((f"/{name} {rest}".rstrip(), said) for name, (rest, said, _) in self._commands.items())
        click.echo("End a line with \\ to continue it in the next line. Ctrl-C stops a reply.")

    def _system(self, text: str) -> None:
        if text:
            self._chat.system = None if text == "-" else text
        click.echo(output.visible(self._chat.system or "(no system message)"))

    def _model(self, name: str) -> None:
        if name:
            with suppress(NotFoundError):  # /model lists the models; not every server can
                self._chat.client.models.get(name)
                self._chat.model = name
                click.echo(output.visible(f"Talking to {name}."))
                return
            raise ValueError(f"There is no model {name}; /model lists the models.")
        names = [model.name for model in self._chat.client.models.list()]
        click.echo(output.visible(f"Talking to {self._chat.model}. There are {listed(names)}."))

    def _tools(self, _: str) -> None:
        tools: list[Any] = self._chat.options.get("tools") or []
        found: list[tuple[str, object]] = [
            (tool["function"]["name"], tool["function"].get("description") or "(no description)") for tool in tools
        ]
        output.print_fields(found) if found else click.echo("(no tools)")

    def _set(self, text: str) -> None:
        name, _, value = text.partition(" ")
        if text and name not in _SETTINGS:
            raise ValueError(f"Give a setting and a value. The settings are {', '.join(_SETTINGS)}.")
        if text:
            self._chat.options[name] = _number(name, value)
        else:
            output.print_fields((name, self._chat.options.get(name, "(the server's default)")) for name in _SETTINGS)

    def _retry(self, _: str) -> None:
        removed = self._back()
        self._chat.messages.append(removed[0])
        before = len(self._chat.messages) - 1
        try:
            self._get_reply(before)
        finally:
            if len(self._chat.messages) == before:
                self._chat.messages += removed

    def _undo(self, _: str) -> None:
        self._back()
        left = len(self._chat.messages)
        click.echo(f"{left} message{' is' if left == 1 else 's are'} left.")

    def _back(self) -> list[dict[str, object]]:
        """Remove the last user message and everything after it, and return them."""
        last = next(
            (n for n in reversed(range(len(self._chat.messages))) if self._chat.messages[n]["role"] == "user"), None
        )
        if last is None:
            raise ValueError("Nothing has been said yet.")
        removed = self._chat.messages[last:]
        del self._chat.messages[last:]
        return removed

    def _history(self, _: str) -> None:
        if not self._chat.all_messages:
            raise ValueError("Nothing has been said yet.")
        for message in self._chat.all_messages:
            said = message.get("content") or ", ".join(
                f"{call['function']['name']}({call['function']['arguments']})" for call in message.get("tool_calls", ())
            )
            click.echo(f"{click.style(message['role'], bold=True)}: {output.visible(str(said))}")

    def _show_usage(self, _: str) -> None:
        read, written = (sum(column) for column in zip(*self._usage, strict=True)) if self._usage else (0, 0)
        replies = len(self._usage)
        click.echo(f"{read} tokens read and {written} written in {replies} {'reply' if replies == 1 else 'replies'}.")

    def _save(self, name: str) -> None:
        path = _path(name)
        self._chat.save(path)
        click.echo(f"Saved {len(self._chat.all_messages)} messages to {path}.")

    def _load(self, name: str) -> None:
        self._chat.load(_path(name))
        click.echo(f"Loaded {len(self._chat.all_messages)} messages.")

    def _clear(self, _: str) -> None:
        self._chat.messages.clear()
        click.echo(
            "Removed all messages." if not self._chat.system else "Removed all messages except the system message."
        )

    def _leave(self, _: str) -> None:
        raise Leave


def _path(name: str) -> Path:
    words = shlex.split(name)
    if len(words) != 1:
        raise ValueError("Give one file name, in quotes if it has spaces.")
    return Path(words[0]).expanduser()


def _paths(start: str) -> Iterable[str]:
    """Paths with this beginning; a folder ends with a slash."""
    shown = Path(start).expanduser()
    folder, name = (shown, "") if start.endswith("/") or not start else (shown.parent, shown.name)
    try:
        found = sorted(path for path in folder.iterdir() if path.name.startswith(name))
    except OSError:
        return []
    prefix = start[: len(start) - len(name)]
    return [f"{prefix}{path.name}/" if path.is_dir() else f"{prefix}{path.name}" for path in found]


def _number(name: str, value: str) -> float | int:
    try:
        return _SETTINGS[name](value)
    except click.BadParameter as error:
        raise ValueError(f"{name}: {error.message}") from error


def _nothing(_: str) -> Iterable[str]:
    return []
