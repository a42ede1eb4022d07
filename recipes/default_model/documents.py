"""Documents for training and evaluation: every task, and how often each is drawn.

Everything is made on the fly from the wordings beside this file; prose (a small share) is the docstrings of Python's standard library.
`python documents.py` prints one example of every task.
"""

from __future__ import annotations

import ast
import functools
import sysconfig
from pathlib import Path

import chats
import prompts as p
import words as w
from agents import Agents
from template import Piece, dumps, render, said
from values import joined

TASKS = {
    "context_qa": 34,
    "context_qa_long": 11,
    "completion": 9,
    "refine": 3,
    "cited": 4,
    "condense": 3,
    "extract": 20,
    "extract_tool": 7,
    "tool_call": 21,
    "tool_answer": 8,
    "agent": 10,
    "react": 7,
    "repeat": 7,
    "lists": 7,
    "remember": 8,
    "summary": 8,
    "choice": 9,
    "chat": 3,
}
"""Share of the documents."""


@functools.cache
def stdlib_prose() -> tuple[str, ...]:
    """Docstrings of Python's standard library."""
    root, docs = Path(sysconfig.get_path("stdlib")), []
    for path in sorted([*root.glob("*.py"), *root.glob("[a-z]*/*.py")]):
        if any(part in path.as_posix() for part in ("site-packages", "/test", "idlelib", "lib2to3")):
            continue
        try:
            tree = ast.parse(path.read_text(encoding="utf-8"))
        except (SyntaxError, UnicodeDecodeError):
            continue
        for node in ast.walk(tree):
            if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)):
                text = ast.get_docstring(node)
                if text and 80 < len(text) < 1500 and text.isascii():
                    docs.append(text)
    return tuple(docs)


class Documents(Agents):
    """Draws documents of all tasks."""

    def asked(self, request: str) -> str:
        """A request, now and then with a word before it."""
        return (self.pick(p.POLITE, "frame").strip() + " " + request).strip(" ") if self.chance(0.2) else request

    def repeat(self) -> list[Piece]:
        """Say what the user says."""
        msgs = self.maybe_system()
        for _ in range(self.choice((1, 2, 3))):
            parts = [
                str(self.value(self.choice("name words code number person color email".split())))
                for _ in range(self.r.randint(1, 6))
            ]
            text = (
                self.choice(self.sentences)
                if self.chance(0.2)
                else self.fact().sentence
                if self.chance(0.1)
                else " ".join(parts)
            )
            msgs += [
                said(
                    "user",
                    self.pick(p.POLITE, "frame").strip() + " " + self.pick(p.REPEAT, "frame").replace("{x}", text),
                ),
                said("assistant", text),
            ]
            msgs[-2]["content"] = msgs[-2]["content"].strip(" ")
        return render(msgs)

    def lists(self) -> list[Piece]:
        """Bullets, numbers, JSON lists."""
        mark = self.choice(list(p.LISTS))
        kind = self.choice("name color food person words animal job place".split())
        items = list(dict.fromkeys(self.value(kind) for _ in range(self.r.randint(2, 5))))
        items = items if len(items) > 1 else [*items, "tea"]
        numbered = [f"{i + 1}. {x}" if mark == "1. " else mark + x for i, x in enumerate(items)]
        given = joined(items) if self.chance(0.6) else ", ".join(items)
        user = self.asked(self.pick(p.LISTS[mark], "frame")).replace("{x}", given)
        return render(
            [
                *self.maybe_system(),
                said("user", user),
                said("assistant", dumps(items) if mark == "[" else "\n".join(numbered)),
            ]
        )

    def remember(self) -> list[Piece]:
        """Facts of earlier turns."""
        msgs, asks = self.maybe_system(), []
        for kind, tell, ask, answer in self.r.sample(chats.MEMORY, self.choice((1, 2, 2, 3))):
            fill = {
                "v": str(self.value(kind)),
                "r": self.choice(w.ANIMALS) if self.chance(0.2) and kind == "name" else self.noun(),
            }
            reply = chats.ACKS.get(kind, chats.ACKS[""])
            text = self.pick(tell, "statement").format(**fill)
            if kind == "person" and self.chance(0.3):  # two facts in one turn
                _, tell2, ask2, answer2 = chats.MEMORY[1]
                place = str(self.value("place"))
                second = self.pick(tell2, "statement").format(v=place)
                text = text.rstrip(".!") + self.choice([" and ", ". "]) + second
                asks.append((self.pick(ask2, "question"), answer2.format(v=place)))
            msgs += [said("user", text), said("assistant", reply.format(**fill))]
            asks.append((self.pick(ask, "question").format(**fill), answer.format(**fill)))
            if self.chance(0.25):
                msgs += self.small_talk()
        for q, a in self.r.sample(asks, len(asks)):
            msgs += [said("user", q), said("assistant", a)]
        return render(msgs)

    def summary(self) -> list[Piece]:
        """The first sentence stands for the text."""
        sents = [
            f.sentence if self.chance(0.6) else self.choice(self.sentences) for f in self.facts(self.r.randint(2, 5))
        ]
        frame = self.pick(p.SUMMARY, "frame")
        frame = frame if frame.startswith("{x}") else self.asked(frame)
        user = frame.replace("{x}", self.choice([" ", " ", " ", "\n", "\n\n"]).join(sents))
        return render([*self.maybe_system(), said("user", user), said("assistant", sents[0])])

    def choice_task(self) -> list[Piece]:
        """A label for a text."""
        msgs = self.maybe_system()
        for _ in range(self.choice((1, 2, 3))):
            if self.chance(0.45):
                good = self.chance(0.5)
                word = self.pick(p.POSITIVE if good else p.NEGATIVE, "name")
                text = self.pick(p.OPINIONS, "statement").format(t=self.choice(p.THINGS), w=word)
                user = self.asked(self.pick(p.SENTIMENT, "frame")).replace("{x}", text)
                answer = "positive" if good else "negative"
            else:
                kind = self.choice("color food animal job hobby name words place noun noun".split())
                options = list(dict.fromkeys(str(self.value(kind)) for _ in range(self.r.randint(2, 5))))
                answer = self.choice(options)
                text = self.pick(p.CHOICE_TEXTS, "statement").format(v=answer)
                user = self.pick(p.CHOICES, "frame").replace("{o}", ", ".join(options)).replace("{x}", text)
            msgs += [said("user", user), said("assistant", answer)]
        return render(msgs)

    def chat(self) -> list[Piece]:
        """Small talk."""
        msgs = self.maybe_system()
        for texts, reply in self.r.sample(chats.CHAT, self.choice((1, 2, 3))):
            msgs += [said("user", self.pick(texts, "question")), said("assistant", reply)]
        return render(msgs)

    def task(self, name: str) -> list[Piece]:
        """A document of one task."""
        return self.choice_task() if name == "choice" else getattr(self, name)()

    def document(self) -> list[Piece]:
        """A document of any task."""
        return self.task(self.r.choices(list(TASKS), list(TASKS.values()))[0])


def main() -> None:
    """Print examples."""
    for new in ((), ("frame", "question", "statement", "name")):
        draw = Documents(1, new, list(stdlib_prose()))
        for name in TASKS:
            print(
                f"----- {name} {new}\n" + "".join(f"⟦{text}⟧" if answer else text for text, answer in draw.task(name))
            )


if __name__ == "__main__":
    main()
