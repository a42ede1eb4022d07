"""Lines that are typed: with arrow keys, a history and Tab where the system has readline; plain lines elsewhere."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager, suppress
from pathlib import Path
from types import ModuleType
from typing import Literal, TextIO

Offer = Callable[[str, str], Iterable[str]]
"""What Tab offers, from the line before the word and the word so far."""

KEPT = 1000
"""Lines of the history that the next chat still has."""


def history_file() -> Path:
    """Where the lines of earlier chats are: in `XDG_STATE_HOME`, which is ~/.local/state."""
    given = os.environ.get("XDG_STATE_HOME", "")
    folder = Path(given) if given.startswith("/") else Path.home() / ".local" / "state"
    return folder / "llmengine" / "chat_history"


class LineInput:
    """The input of a conversation.

    Args:
        offer: What Tab offers.
        history: A file for what was typed, which only its owner may read; None keeps nothing beyond this chat. A file that cannot be
            read or written is done without.
    """

    def __init__(self, offer: Offer, history: Path | None) -> None:
        self._offer = offer
        self._history = history
        self._readline = _readline()
        self._last = ""
        self._offered: list[str] = []

    @contextmanager
    def ready(self) -> Generator[None]:
        """Set the terminal's line up, and leave it as it was."""
        readline = self._readline
        if readline is None:
            yield
            return
        before = readline.get_completer(), readline.get_completer_delims()
        readline.set_auto_history(False)
        readline.set_completer(self._complete)
        readline.set_completer_delims(" \t\n")
        libedit = "libedit" in (readline.__doc__ or "")
        readline.parse_and_bind("bind ^I rl_complete" if libedit else "tab: complete")
        for line in self._kept():
            readline.add_history(line)
        try:
            yield
        finally:
            readline.set_completer(before[0])
            readline.set_completer_delims(before[1])
            readline.set_auto_history(True)

    def read(self, prompt: str, *, remember: bool = True) -> str:
        """A line, with those that follow one that ends with a backslash.

        Args:
            prompt: What stands before it.
            remember: Whether it goes into the history; one that begins with a space never does.

        Raises:
            EOFError: There are no more.
        """
        lines = [input(prompt)]
        while lines[-1].endswith("\\"):
            lines[-1] = lines[-1][:-1]
            lines.append(input(". "))
        text = "\n".join(lines)
        if remember and self._readline is not None:
            self._remember(text)
        return text

    def _remember(self, text: str) -> None:
        if not text.strip() or text.startswith(" ") or text == self._last or self._readline is None:
            return
        self._last = text
        self._readline.add_history(text)
        if self._history is not None:
            with suppress(OSError), self._opened("a") as file:
                file.write(f"{json.dumps(text, ensure_ascii=False)}\n")

    def _kept(self) -> list[str]:
        """The last lines of earlier chats; the file is cut where it has grown far beyond them."""
        if self._history is None:
            return []
        try:
            lines = self._history.read_text(encoding="utf-8").splitlines()
            if len(lines) > 2 * KEPT:
                with self._opened("w") as file:
                    file.writelines(f"{line}\n" for line in lines[-KEPT:])
            return [str(json.loads(line)) for line in lines[-KEPT:]]
        except (OSError, ValueError):
            return []

    def _opened(self, mode: Literal["a", "w"]) -> TextIO:
        if self._history is None:
            raise FileNotFoundError
        self._history.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return open(self._history, mode, encoding="utf-8", opener=_owners_only)

    def _complete(self, word: str, number: int) -> str | None:
        """Called by readline for the first word that would do, the second, and so on; it hides what is raised here."""
        if number == 0 and self._readline is not None:
            line = self._readline.get_line_buffer()[: self._readline.get_begidx()]
            self._offered = [one for one in self._offer(line, word) if one.startswith(word)]
        return self._offered[number] if number < len(self._offered) else None


def _owners_only(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _readline() -> ModuleType | None:
    """The standard library's readline, where the system has it and a person types."""
    if not sys.stdin.isatty():
        return None
    try:
        import readline  # noqa: PLC0415 - Windows has none, and importing it writes to the terminal
    except ImportError:
        return None
    return readline
