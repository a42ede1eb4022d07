"""Reading typed lines: with arrow keys, a history and Tab if the system has readline, otherwise as plain lines."""

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
"""Returns what Tab offers, given the line before the word and the word so far."""

KEPT = 1000
"""The number of lines that are kept for the next chat."""


def history_file() -> Path:
    """Return the file with the lines of earlier chats, below `XDG_STATE_HOME` (default: ~/.local/state)."""
    given = os.environ.get("XDG_STATE_HOME", "")
    folder = Path(given) if given.startswith("/") else Path.home() / ".local" / "state"
    return folder / "llmengine" / "chat_history"


class LineInput:
    """The input of a conversation.

    Args:
        offer: Returns what Tab offers.
        history: A file for the typed lines, which only its owner can read. None keeps nothing beyond this chat. If the file cannot be read
            or written, it is not used.
    """

    def __init__(self, offer: Offer, history: Path | None) -> None:
        self._offer = offer
        self._history = history
        self._readline = _readline()
        self._last = ""
        self._offered: list[str] = []

    @contextmanager
    def ready(self) -> Generator[None]:
        """Set up readline, and restore its settings at the end."""
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
        """Read a line. A line that ends with a backslash continues in the next line.

        Args:
            prompt: The text before the line.
            remember: Whether to add the line to the history. A line that begins with a space is never added.

        Raises:
            EOFError: The input has ended.
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
        """Return the last lines of earlier chats. A file that has grown far beyond them is shortened."""
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
        """Return the candidate with this number. readline counts up from 0, and hides exceptions raised here."""
        if number == 0 and self._readline is not None:
            line = self._readline.get_line_buffer()[: self._readline.get_begidx()]
            self._offered = [one for one in self._offer(line, word) if one.startswith(word)]
        return self._offered[number] if number < len(self._offered) else None


def _owners_only(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _readline() -> ModuleType | None:
    """Return the standard library's readline, if the system has it and standard input is a terminal."""
    if not sys.stdin.isatty():
        return None
    try:
        import readline  # noqa: PLC0415 - Windows has none, and importing it writes to the terminal
    except ImportError:
        return None
    return readline
