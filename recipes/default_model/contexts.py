"""Questions about a given text."""

from __future__ import annotations

from dataclasses import dataclass

import chats
import prompts as p
import statements as s
import words as w
from statements import Relation
from template import BEGIN, END, Message, Piece, render, said
from values import Values, capital, lowered
from wording import Split

IDK = p.IDK


@dataclass
class Fact:
    """A sentence with its questions; `others` are questions of the same kind about another subject."""

    subject: str
    kind: str
    sentence: str
    asks: list[tuple[str, str]]
    topic: str


class Contexts(Values):
    """Draws contexts with questions."""

    longest = 900  # characters of a long context; training sets it by the length of its rows

    # ---- single facts
    def question(self, text: str) -> str:
        """A question, now and then with a few words before it."""
        return f"{self.pick(p.ASK_FIRST, 'question')} {lowered(text)}" if self.chance(0.1) else text

    def sentence(self, text: str) -> str:
        """A statement, now and then with a few words before it."""
        return f"{self.pick(s.BEFORE, 'statement')} {lowered(text)}" if self.chance(0.08) else capital(text)

    def topic(self) -> Relation | str:
        """What a fact is about: a relation, a verb, or a unit that is counted."""
        x = self.r.random()
        if x < 0.42:
            return self.choice(s.RELATIONS)
        if x < 0.70:
            return s.GENERIC
        return "verb " + self.verb() if x < 0.9 else "unit " + self.choice(w.UNITS)

    def verb(self) -> str:
        """A past form and its base form."""
        if "statement" not in self.new and self.chance(0.2):
            base = self.name().lower()
            return f"{base}ed:{base}"
        return self.pick(w.EVENT_VERBS, "statement")

    def fact(self, topic: Relation | str | None = None, attribute: str = "", subject: str = "") -> Fact:
        """A fact on a topic."""
        topic = topic or self.topic()
        if isinstance(topic, Relation):
            return self.related(topic, attribute or self.attribute(), subject)
        kind, _, rest = topic.partition(" ")
        return self.event_fact(rest) if kind == "verb" else self.quantity(rest)

    def related(self, rel: Relation, attribute: str, subject: str = "") -> Fact:
        """A fact of a relation."""
        kind = self.choice(["person", "org", "product", "name", "event"]) if rel.subject == "any" else rel.subject
        about = subject or str(self.value(kind))
        fill = {"s": about, "o": str(self.value(rel.object)), "r": attribute}
        text = self.pick(rel.statements, "statement").format(**fill)
        ask = self.question(self.pick(rel.questions, "question").format(**fill))
        return Fact(about, kind, self.sentence(text), [(ask, fill["o"] + ".")], rel.keys.known[0].format(r=attribute))

    def event_fact(self, verb: str) -> Fact:
        """Something was made by someone, somewhere, at some time."""
        past, base = verb.split(":")
        kind = self.choice(["product", "org", "event", "product"])
        fill = {
            "x": str(self.value(kind)),
            "p": self.people(),
            "y": str(self.value("year")),
            "l": str(self.value("place")),
            "v": past,
            "b": base,
        }
        if self.chance(0.3):
            fill["y"] = self.day()
        options = [(s.EVENT_BY, "p"), (s.EVENT_IN, "y"), (s.EVENT_AT, "l"), (s.EVENT_ALL, "py")]
        told, roles = self.choice(options)
        text = self.pick(told, "statement").format(**fill)
        if "{l}" in text or fill["l"] in text:
            roles += "l"
        asked = {"p": s.ASK_WHO, "y": s.ASK_WHEN, "l": s.ASK_WHERE}
        asks = [(self.pick(asked[role], "question").format(**fill), fill[role] + ".") for role in dict.fromkeys(roles)]
        if "p" in roles and self.chance(0.5):
            asks.append((self.pick(s.ASK_WHAT, "question").format(**fill), fill["x"] + "."))
        return Fact(fill["x"], kind, self.sentence(text), [(self.question(q), a) for q, a in asks], past + roles[0])

    def quantity(self, unit: str) -> Fact:
        """So and so many of something."""
        kind = self.choice(["product", "org", "event", "place"])
        fill = {"s": str(self.value(kind)), "n": str(self.number()), "u": unit}
        text, ask = self.pick(s.HAVE, "statement").format(**fill), self.pick(s.ASK_MANY, "question").format(**fill)
        return Fact(fill["s"], kind, self.sentence(text), [(self.question(ask), fill["n"] + ".")], unit)

    # ---- texts
    def facts(self, n: int) -> list[Fact]:
        """Facts about different subjects; often several on one topic."""
        out: list[Fact] = []
        topic = self.topic() if self.chance(0.45) else None
        attribute = self.attribute()
        while len(out) < n:
            themed = topic is not None and self.chance(0.75)
            f = self.fact(topic if themed else None, attribute if themed else "")
            if not any(f.subject in o.subject or o.subject in f.subject for o in out):
                out.append(f)
        return out

    def profile(self) -> list[Fact]:
        """Several facts about one subject, the later ones without its name; one of them carries the whole text."""
        kind = self.choice(list(s.REFER))
        about = str(self.value(kind))
        own = [rel for rel in s.RELATIONS if rel.subject == kind]
        own = self.r.sample(own, min(len(own), self.r.randint(1, 4))) + [s.GENERIC] * self.r.choice((0, 1, 1, 2))
        self.r.shuffle(own)
        refer = self.pick(s.REFER[kind], "statement").lower()
        text = self.pick(s.HEADS, "statement").format(s=about) if self.chance(0.15) else ""
        asks: list[tuple[str, str]] = []
        told: set[str] = set()
        for rel in own:
            attribute = self.attribute()
            fill = {"s": about, "o": str(self.value(rel.object)), "r": attribute}
            topic = rel.keys.known[0].format(r=attribute)
            if topic in told:
                continue
            told.add(topic)
            template = self.pick(rel.statements, "statement")
            named = not text or self.chance(0.35)
            if text and template.startswith("{s} ") and self.chance(0.3):
                text = text.rstrip(".:") + " and" + template[3:].format(**fill)
            else:
                text += (" " if text else "") + self.sentence(
                    template.format(**{**fill, "s": about if named else refer})
                )
            asks.append((self.question(self.pick(rel.questions, "question").format(**fill)), fill["o"] + "."))
        return [Fact(about, kind, text, asks, " ".join(told))]

    def absent(self, facts: list[Fact]) -> str:
        """A question that these facts do not answer: another subject, another relation, or both."""
        told = " ".join(f.topic + " " + f.sentence for f in facts)
        for _ in range(20):
            f, x = self.choice(facts), self.r.random()
            if x < 0.6:  # a known subject, but this was not said
                own = [rel for rel in s.RELATIONS if rel.subject == f.kind and rel.keys.known[0] not in told]
                rel = self.choice(own) if own and self.chance(0.6) else s.GENERIC
                attribute = self.attribute()
                if rel is s.GENERIC and attribute in told:
                    continue
                return self.question(self.pick(rel.questions, "question").format(s=f.subject, r=attribute))
            other = self.fact()
            if x < 0.85:  # the same words about somebody else
                ask, _ = self.choice(f.asks)
                if f.subject in ask:
                    return ask.replace(f.subject, str(self.value(f.kind if f.kind != "any" else "name")))
            elif other.subject not in told:
                return self.choice(other.asks)[0]
        return "What is the reason?"

    def context(self, sentences: list[str], long: bool) -> str:
        """Statements, with sentences about other things between them, as one text or in chunks."""
        r, sents = self.r, list(sentences)
        target = r.randint(100, max(120, self.longest)) if long else 0
        more = r.choice((0, 0, 0, 1, 2))
        while more > 0 or sum(map(len, sents)) < target:
            sents.insert(r.randrange(len(sents) + 1), r.choice(self.sentences))
            more -= 1
        if len(sents) < 2 or self.chance(0.6):
            return r.choice(p.SEPARATORS).join(sents)
        head, chunks, i = self.pick(p.CHUNK_HEADS, "frame"), [], 0
        while i < len(sents):
            k = r.randint(1, 4)
            name = f"{r.choice(self.words)}.{r.choice(['txt', 'md', 'pdf'])}"
            chunks.append(head.format(i=len(chunks) + 1, f=name) + " ".join(sents[i : i + k]))
            i += k
        return ("\n\n" if "\n" in head else r.choice(["\n", "\n\n"])).join(chunks)

    # ---- frames
    def label(self, name: str, content: str) -> str:
        """A part of a prompt under its name."""
        tag = name.lower().replace(" ", "_")
        return self.choice(
            [
                f"{name}: {content}",
                f"{name}: {content}",
                f"{name}:\n{content}",
                f"{name}:\n{content}",
                f"### {name}\n{content}",
                f"<{tag}>\n{content}\n</{tag}>",
                f"{name}:\n---\n{content}\n---",
                f"[{name}]\n{content}",
                f'{name}: "{content}"',
            ]
        )

    def heading(self, wordings: Split) -> str:
        """The name of a part; now and then any word, so that none is relied on."""
        name = capital(self.noun()) if "frame" not in self.new and self.chance(0.2) else ""
        return name if name and name not in wordings.new else self.pick(wordings, "frame")

    def frame(self) -> tuple[str, str]:
        """(system prompt or "", user prompt) with {c} and {q} in them."""
        if self.chance(0.4):
            system, _, user = self.pick(p.QA_FRAMES, "frame").rpartition("||")
            return system, user
        order = self.pick(p.ORDERS, "frame") if self.chance(0.6) else ""
        text = self.label(self.heading(p.CONTEXT_LABELS), "{c}") if self.chance(0.8) else "{c}"
        ask = f"{self.heading(p.QUESTION_LABELS)}: {{q}}" if self.chance(0.75) else "{q}"
        end = [self.heading(p.ANSWER_LABELS) + self.choice([":", ":", ":", ": ", ":\n"])] if self.chance(0.6) else []
        gap = self.choice(["\n", "\n\n", "\n\n"])
        if order and self.chance(0.3):
            return order if self.chance(0.5) else f"{order}{gap}{text}", gap.join([ask, *end]) if self.chance(
                0.1
            ) else "{q}"
        parts = [ask, text] if self.chance(0.12) else [text, ask]
        parts.insert(self.choice((0, 0, 1)), order)
        return "", gap.join([x for x in parts if x] + end)

    def context_qa(self, long: bool = False, raw: bool | None = None) -> list[Piece]:
        """A text and questions about it."""
        r, facts = self.r, []
        for _ in range(r.choice((1, 1, 2)) + (r.randint(0, 2) if long else 0)):
            facts += self.profile() if self.chance(0.45) else self.facts(r.choice((1, 2, 2, 3, 3, 4, 5)))
        ctx = self.context([f.sentence for f in facts], long)
        asks = [ask for f in facts for ask in f.asks]
        asks = r.sample(asks, min(len(asks), r.randint(3, 8) if long else r.choice((2, 3, 4, 5))))
        for _ in range(r.choice((0, 0, 0, 1, 1, 2))):
            asks.insert(r.randrange(len(asks) + 1), (self.absent(facts), IDK))
        system, user = self.frame()
        if "{c}" not in system + user:
            user = "{c}\n\n" + user
        raw = not system and self.chance(0.35) if raw is None else raw
        if raw:  # plain completion; the further questions only make more of the text
            prompt = (system + "\n\n" + user if system else user).replace("{q}", asks[0][0]).replace("{c}", ctx)
            first = [(BEGIN + prompt, False), (("" if prompt[-1] in " \n" else " ") + asks[0][1] + END, True)]
            more = [m for q, a in asks[1:] for m in (said("user", q), said("assistant", a))] if self.chance(0.6) else []
            rest = render(more) if more else []
            return first + [("\n" + t.removeprefix(BEGIN) if i == 0 else t, a) for i, (t, a) in enumerate(rest)]
        if self.chance(0.15):  # something else comes up on the way
            told, asked = self.memory()
            asks = [asks[0], told, *asks[1:3], asked]
        msgs: list[Message] = [said("system", system.replace("{c}", ctx))] if system else self.maybe_system()
        for i, (q, a) in enumerate(asks):
            msgs += [said("user", q if i else user.replace("{q}", q).replace("{c}", ctx)), said("assistant", a)]
        return render(msgs)

    def memory(self) -> tuple[tuple[str, str], tuple[str, str]]:
        """A fact that the user tells, and the question for it; each with its answer."""
        kind, tell, ask, answer = self.choice(chats.MEMORY)
        fill = {"v": str(self.value(kind)), "r": self.noun()}
        reply = chats.ACKS.get(kind, chats.ACKS[""])
        told = self.pick(tell, "statement").format(**fill), reply.format(**fill)
        return told, (self.pick(ask, "question").format(**fill), answer.format(**fill))

    def context_qa_long(self) -> list[Piece]:
        """The same with a long text."""
        return self.context_qa(long=True)

    def completion(self) -> list[Piece]:
        """A question about a text as a plain completion."""
        return self.context_qa(raw=True)

    def refine(self) -> list[Piece]:
        """LlamaIndex's second step: a better answer, if the new text has one."""
        facts = self.facts(self.r.randint(1, 3))
        q, a = self.choice(self.choice(facts).asks)
        old = IDK
        if self.chance(0.5):  # the new text does not help
            q, a = self.choice(self.fact().asks)
            old = a
        ctx = self.context([f.sentence for f in facts], long=False)
        user = self.pick(p.REFINE_FRAMES, "frame").replace("{q}", q).replace("{a}", old).replace("{c}", ctx)
        return render([*self.maybe_system(), said("user", user), said("assistant", a)])

    def maybe_system(self) -> list[Message]:
        """Now and then a system prompt."""
        if "frame" not in self.new and self.chance(0.04):
            return [said("system", f"You are the {self.noun()} assistant of {self.value('org')}.")]
        return [said("system", self.pick(chats.SYSTEMS, "frame"))] if self.chance(0.25) else []
