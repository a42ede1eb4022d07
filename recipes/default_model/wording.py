"""How wordings are kept: those that training may use, and those that only the evaluation sees."""

from __future__ import annotations

from dataclasses import dataclass

AXES = ("frame", "question", "statement", "name")
"""What can be new to the model: the prompt around a task, how it is asked, how facts are told, names of keys and tools."""


@dataclass(frozen=True)
class Split:
    """A list of wordings; `new` ones are never used in training."""

    known: tuple[str, ...]
    new: tuple[str, ...]


def split(known: str, new: str) -> Split:
    r"""One wording a line; \n inside a line stands for a line break, a lone ~ for the empty wording."""

    def lines(text: str) -> tuple[str, ...]:
        found = [line.strip().replace("\\n", "\n").replace("␣", " ") for line in text.strip().splitlines()]
        return tuple("" if line == "~" else line for line in found)

    return Split(lines(known), lines(new))


def words(known: str, new: str) -> Split:
    """Single words, parted by white space."""
    return Split(tuple(dict.fromkeys(known.split())), tuple(new.split()))
