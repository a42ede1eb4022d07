"""Random values: names, numbers, dates, codes; and the choice of wordings."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import words as w
from wording import Split

T = TypeVar("T")
ONSETS = [
    "b c d f g h j k l m n p r s t v w z br cr dr fr gr pl pr sl st tr th sh ch".split(),
    "k t m n r s h y z d".split(),
    "x q v z kr vl zh gn ts".split(),
]
VOWELS = ["a e i o u ai ea oo ia".split(), "a e i o u".split(), "y ae oi u ou".split()]
ENDS = ["", "", "n", "r", "s", "l", "th", "m", "nd", "x", "ton", "ville", "ford", "berg", "ia", "land", "ix", "o"]
ORG_ENDS = [
    "",
    "",
    "",
    " Labs",
    " Inc",
    " Foods",
    " Bank",
    " Group",
    " Systems",
    " Studio",
    " Works",
    " University",
    " Museum",
]
EVENTS = "meeting concert party conference workshop game exam festival lecture race wedding fair review call".split()
LISTED = "person color food animal place hobby noun".split()
ANY = "name person place number code day color words time email org".split()


class Values:
    """Draws values from a seeded random number generator.

    Args:
        seed: Of the generator.
        new: The axes (`wording.AXES`) whose wordings are those held back for the evaluation.
        prose: Texts whose words and sentences serve as random words and distractors.
    """

    def __init__(self, seed: int, new: Sequence[str], prose: list[str]) -> None:
        self.r = random.Random(seed)
        self.new = frozenset(new)
        counts = Counter(re.findall(r"\b[a-z]{3,10}\b", " ".join(prose)))
        held = {*w.NOUNS.new, *w.VERBS.new}
        self.words = sorted((x for x in counts if x not in held), key=lambda x: (-counts[x], x))[:2500]
        self.sentences = [s for d in prose for s in re.findall(r"(?:^|\. )([A-Z][^.\n]{30,110}\.)", d)]

    def pick(self, wordings: Split, axis: str) -> str:
        """A wording that training knows, or a new one if the axis is under test."""
        return self.r.choice(wordings.new if axis in self.new else wordings.known)

    def chance(self, p: float) -> bool:
        """True with probability p."""
        return self.r.random() < p

    def choice(self, items: Sequence[T]) -> T:
        """One of the items."""
        return self.r.choice(items)

    def name(self) -> str:
        """An invented name, or a word as one."""
        r, k = self.r, self.r.choice((0, 0, 1, 2))
        if self.chance(0.2):
            return r.choice(self.words).capitalize()
        text = "".join(r.choice(ONSETS[k]) + r.choice(VOWELS[k]) for _ in range(r.choice((1, 2, 2, 3)))) + r.choice(
            ENDS
        )
        return text.capitalize() if self.chance(0.97) else text

    def noun(self) -> str:
        """A thing or a key: a listed noun, any word, an invented one."""
        if "name" in self.new:
            return self.r.choice(w.NOUNS.new)
        return (
            self.r.choice(w.NOUNS.known)
            if self.chance(0.5)
            else self.r.choice(self.words)
            if self.chance(0.7)
            else self.name().lower()
        )

    def attribute(self) -> str:
        """A noun or two as the name of an attribute."""
        if self.chance(0.25):
            return f"{self.noun()} {self.r.choice(w.KEY_ENDS.known if self.chance(0.5) else w.NOUNS.known)}"
        return self.noun()

    def keys(self, n: int) -> list[str]:
        """Different JSON keys."""
        found: dict[str, None] = {}
        while len(found) < n:
            key = self.noun()
            if self.chance(0.3):
                key += "_" + self.pick(w.KEY_ENDS, "name")
            found[key] = None
        return list(found)

    def person(self) -> str:
        """A first name, often with a last one."""
        r = self.r
        first = r.choice(w.FIRST_NAMES) if self.chance(0.7) else self.name()
        last = "" if self.chance(0.4) else " " + (r.choice(w.LAST_NAMES) if self.chance(0.5) else self.name())
        return first + last

    def code(self) -> str:
        """Letters and digits, or two words."""
        r = self.r
        digits = "".join(r.choice("0123456789") for _ in range(r.randint(2, 5)))
        letters = "".join(r.choice("ABCDEFGHJKLMNPQRSTUVWXYZ") for _ in range(r.randint(1, 5)))
        a, b = r.choice(self.words), r.choice(self.words)
        return r.choice(
            [
                f"{letters}-{digits}",
                letters + digits,
                digits,
                f"{a}{digits}",
                f"{a}-{b}",
                f"{digits}-{letters}",
                f"{a}-{digits}",
                letters,
            ]
        )

    def day(self) -> str:
        """A date in one of several forms."""
        r = self.r
        month, day, year = r.choice(w.MONTHS), r.randint(1, 28), r.randint(1990, 2030)
        return r.choice(
            [
                f"{month} {day}",
                r.choice(w.DAYS),
                f"{year}-{r.randint(1, 12):02d}-{day:02d}",
                f"{day} {month} {year}",
                f"{month} {year}",
                month,
            ]
        )

    def email(self) -> str:
        """An address."""
        r = self.r
        who = r.choice([r.choice(w.FIRST_NAMES).lower(), r.choice(self.words), self.name().lower()])
        where = r.choice(
            [r.choice(self.words), self.name().lower(), "example", f"{r.choice(self.words)}-{r.choice(self.words)}"]
        )
        return f"{who}@{where}.{r.choice(['com', 'org', 'net', 'io'])}"

    def event(self) -> str:
        """The something meeting."""
        first = self.name() if self.chance(0.5) else self.r.choice(self.words)
        return f"{self.r.choice(['the', 'the', 'the yearly'])} {first} {self.r.choice(EVENTS)}"

    def org(self) -> str:
        """A company, also with several words or one of small letters."""
        kind = self.r.random()
        if kind < 0.15:
            return f"the {self.r.choice(self.words)} {self.r.choice(w.NOUNS.known)}"
        if kind < 0.35:
            return f"{self.r.choice(self.words).capitalize()} {self.r.choice(w.NOUNS.known).capitalize()}"
        return self.name() + self.r.choice([*ORG_ENDS, " " + self.name()])

    def product(self) -> str:
        """A named thing."""
        name = self.name() if self.chance(0.7) else f"{self.r.choice(self.words)} {self.r.choice(w.NOUNS.known)}"
        return (
            self.r.choice(["the ", "the ", "", "a "])
            + name
            + self.r.choice(["", f" {self.r.randint(1, 9)}", " " + self.r.choice(w.NOUNS.known)])
        )

    def number(self) -> int:
        """A number of one to six digits."""
        r = self.r
        return r.choice((r.randint(1, 99), r.randint(100, 999), r.randint(1000, 9999), r.randint(1, 999999)))

    def people(self) -> str:
        """One person or two."""
        return self.person() if self.chance(0.8) else f"{self.person()} and {self.person()}"

    def value(self, kind: str) -> Any:
        """A value of a kind."""
        r = self.r
        makers: dict[str, Callable[[], Any]] = {
            "place": lambda: r.choice(w.CITIES) if self.chance(0.5) else self.name(),
            "year": lambda: r.randint(1800, 2030),
            "age": lambda: r.randint(3, 99),
            "small": lambda: r.randint(1, 12),
            "color": lambda: r.choice(w.COLORS),
            "food": lambda: r.choice(w.FOODS),
            "job": lambda: r.choice(w.JOBS),
            "animal": lambda: r.choice(w.ANIMALS),
            "hobby": lambda: r.choice(w.HOBBIES),
            "hobbies": lambda: r.sample(w.HOBBIES, r.randint(2, 3)),
            "status": lambda: r.choice(w.STATUSES),
            "material": lambda: r.choice([self.name(), r.choice(self.words)]),
            "time": lambda: f"{r.randint(0, 23)}:{r.randint(0, 59):02d}",
            "words": lambda: " ".join(r.choice(self.words) for _ in range(r.randint(1, 4))),
            "bool": lambda: self.chance(0.5),
            "decimal": lambda: round(r.uniform(0.1, r.choice((10, 100, 2000))), r.choice((1, 2))),
            "list": lambda: [str(self.value(r.choice(LISTED))) for _ in range(r.choice((2, 2, 3)))],
        }
        if kind == "any":
            kind = r.choice(ANY)
        return makers[kind]() if kind in makers else getattr(self, kind)()


def joined(items: list[str]) -> str:
    """Items as in a sentence: a, b and c."""
    return ", ".join(items[:-1]) + " and " + items[-1] if len(items) > 1 else items[0]


def shown(value: Any) -> str:
    """A value as a text mentions it."""
    if isinstance(value, bool):
        return str(value).lower()
    return joined([str(v) for v in value]) if isinstance(value, list) else str(value)


def json_type(value: Any) -> str:
    """The type of a value in JSON schema."""
    return {bool: "boolean", int: "integer", float: "number", list: "array"}.get(type(value), "string")


def capital(text: str) -> str:
    """The text with its first letter in upper case."""
    return text[:1].upper() + text[1:]


def lowered(text: str) -> str:
    """The text with its first letter in lower case, if it begins with an ordinary word."""
    first = text.split(" ", 1)[0].strip(",?.")
    return text[:1].lower() + text[1:] if first in ORDINARY else text


ORDINARY = set(
    "The When What Which Who Where How In On By At Whom Whose Tell Give Please Can Could For Is Do To Of From".split()
)
