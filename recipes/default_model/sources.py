"""Answers that cite numbered sources, and follow-up questions made to stand alone."""

from __future__ import annotations

import sourcewords as sw
import statements as s
from contexts import IDK, Contexts
from template import Message, Piece, completion, only_last, render, said


class Sources(Contexts):
    """Draws texts in numbered sources, and chats to condense."""

    def cited(self) -> list[Piece]:
        """A question about numbered sources; the answer names the source."""
        groups = [self.facts(self.choice((1, 1, 2))) for _ in range(self.r.randint(2, 4))]
        head = self.pick(sw.SOURCE_HEADS, "frame")
        texts = [" ".join(f.sentence for f in group) for group in groups]
        for i in range(len(texts)):
            if self.chance(0.25):
                texts[i] += " " + self.choice(self.sentences)
        gap = self.choice(["\n", "\n\n"]) if "\n" not in head else "\n\n"
        context = gap.join(head.format(i=i + 1) + text for i, text in enumerate(texts))
        asks = [(q, f"{a.rstrip('.')} [{i + 1}].") for i, group in enumerate(groups) for f in group for q, a in f.asks]
        asks = self.r.sample(asks, min(len(asks), self.r.randint(1, 3)))
        if self.chance(0.2):
            asks.insert(self.r.randrange(len(asks) + 1), (self.absent([f for group in groups for f in group]), IDK))
        system, _, user = self.pick(sw.CITED_FRAMES, "frame").rpartition("||")
        msgs: list[Message] = [said("system", system.replace("{c}", context))] if system else self.maybe_system()
        for i, (q, a) in enumerate(asks):
            msgs += [said("user", q if i else user.replace("{q}", q).replace("{c}", context)), said("assistant", a)]
        return render(msgs)

    def follow_up(self) -> tuple[list[tuple[str, str]], str, str]:
        """Earlier questions with answers, a follow-up question, and the same question standing alone."""
        history = [self.choice(self.fact().asks) for _ in range(self.choice((0, 0, 1)))]
        kind = self.choice(["person", "org", "product", "event", "place"])
        subject = str(self.value(kind))
        own = [rel for rel in s.RELATIONS if rel.subject == kind]
        told, asked = [self.choice([*own, s.GENERIC]) for _ in range(2)]
        fill = {"s": subject, "o": str(self.value(told.object)), "r": self.attribute()}
        history.append((self.pick(told.questions, "question").format(**fill), fill["o"] + "."))
        wording, attribute = self.pick(asked.questions, "question"), self.attribute()
        alone = wording.format(s=subject, r=attribute)
        if self.chance(0.15):
            return history, alone, alone  # it stands alone already
        pronoun = self.choice(sw.PRONOUNS.get(kind, ("it",)))
        owner = {"it": "its", "they": "their"}.get(pronoun, pronoun + "'s")
        asked_as = wording.replace("{s}'s", owner)
        if pronoun == "they":
            pronoun = "he" if " {s} " in asked_as and self.chance(0.5) else "this person"
        return history, asked_as.format(s=pronoun, r=attribute), alone

    def condense(self) -> list[Piece]:
        """A follow-up question that is to be made a standalone one."""
        history, asked, alone = self.follow_up()
        if self.chance(0.35):
            msgs: list[Message] = [said("system", self.pick(sw.CONDENSE_SYSTEMS, "frame"))]
            for q, a in [*history, (asked, alone)]:
                msgs += [said("user", q), said("assistant", a)]
            return only_last(render(msgs))
        human, bot = self.choice(sw.SPEAKERS)
        told = "\n".join(f"{human}: {q}\n{bot}: {a}" for q, a in history)
        user = self.pick(sw.CONDENSE_FRAMES, "frame").replace("{h}", told).replace("{q}", asked)
        if self.chance(0.25):
            return completion(user, alone)
        return render([*self.maybe_system(), said("user", user), said("assistant", alone)])
