"""Tool calls, their results, and JSON extraction."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import chats
import schemas
import statements as s
import toolwords as t
import words as w
from sources import Sources
from template import Message, Piece, dumps, render, said
from values import capital, joined, json_type, shown

Schema = dict[str, Any]
Request = tuple[str, dict[str, Any]]
Maker = Callable[[str], Request]
"""Makes a request and its arguments; the argument that it is given the name of is left to be found first."""
GENERIC_KINDS = "name place number code color small words person day time org animal decimal bool list enum".split()
RECORD_KINDS = "name person place number code color words small email day org food decimal bool".split()
JSON_TYPES = {"number": "integer", "small": "integer", "decimal": "number", "bool": "boolean", "list": "array"}


class Tools(Sources):
    """Draws chats with tools, and records to extract."""

    def plain_parameter(self) -> t.Parameter:
        """A parameter of any name."""
        key = self.keys(1)[0]
        kind = self.choice(GENERIC_KINDS)
        said_as = key.replace("_", " ")
        phrase = t.Split(*(tuple(x.replace("{k}", said_as) for x in side) for side in (t.PHRASES.known, t.PHRASES.new)))
        return t.Parameter(
            key,
            JSON_TYPES.get(kind, "string"),
            kind,
            phrase,
            self.choice([f"The {said_as}", said_as, f"{capital(said_as)} to use", ""]),
            tuple(dict.fromkeys(self.noun() for _ in range(self.r.randint(2, 4)))) if kind == "enum" else (),
        )

    def argument(self, p: t.Parameter) -> Any:
        """A value for a parameter."""
        return self.choice(p.options) if p.options else self.value(p.kind)

    def made_up_tool(self, form: str) -> tuple[Schema, Maker]:
        """A tool that no training document had before, and a maker of requests for it."""
        new = "name" in self.new
        verb = self.pick(w.VERBS, "name") if new or self.chance(0.8) else self.choice(self.words)
        noun = self.noun()
        if self.chance(0.2):
            noun = f"{noun}_{self.choice(w.NOUNS.known)}"
        names = [f"{verb}_{noun}"] * 5 + [
            verb + capital(noun),
            f"{noun}_{verb}",
            f"{verb}-{noun}",
            f"{self.name().lower()}_{verb}_{noun}",
            f"{verb}_{noun}_tool",
            f"{noun}_tool",
            noun,
        ]
        name, noun_text = self.choice(names), noun.replace("_", " ")
        params: dict[str, t.Parameter] = {}
        for _ in range(self.choice((0, 1, 1, 1, 2, 2, 3))):
            p = self.choice(t.NEW_PARAMETERS if new else t.PARAMETERS) if self.chance(0.5) else self.plain_parameter()
            params[p.name] = p
        options = self.r.sample(t.NEW_OPTIONAL if new else t.OPTIONAL, self.choice((0, 0, 0, 1, 1, 2)))
        options = [o for o in options if o[0] not in params]
        description = self.pick(t.DESCRIPTIONS, "name").format(v=verb.replace("_", " "), n=noun_text)
        schema = self.schema(name, description, list(params.values()), options, form)

        def request(later: str) -> Request:
            args: dict[str, Any] = {p.name: self.argument(p) for p in params.values()}
            phrases = [
                self.pick(t.LATER, "frame").replace("{k}", p.name.replace("_", " "))
                if p.name == later
                else self.pick(p.phrases, "statement").replace("{v}", shown(args[p.name]))
                for p in params.values()
            ]
            for key, kind, ways in options:
                if self.chance(0.4):
                    args[key] = self.optional(kind)
                    phrases.append(self.pick(ways, "statement").replace("{v}", shown(args[key])))
            ways = t.NOUN_REQUESTS if verb in t.LOOKUPS and self.chance(0.4) else t.REQUESTS
            glue = self.choice([" ", " ", " and "]) if len(phrases) > 1 else " "
            text = self.pick(ways, "question").format(v=verb.replace("_", " "), n=noun_text, p=glue.join(phrases))
            for mark in ".?:,":
                text = text.replace(" " + mark, mark)
            return capital(text.replace("..", ".").strip(" ,:")), args

        return schema, request

    def optional(self, schema: dict[str, Any]) -> Any:
        """A value for an optional parameter."""
        if "enum" in schema:
            return self.choice(schema["enum"])
        return self.chance(0.5) if schema["type"] == "boolean" else self.r.randint(1, 50)

    def schema(
        self, name: str, description: str, params: list[t.Parameter], options: list[Any], form: str = ""
    ) -> Schema:
        """A tool as OpenAI's API describes it, in one of `schemas.FORMS`."""
        described = self.chance(0.5)
        fields = [schemas.Field(p.name, p.type, p.description if described else "", p.options) for p in params]
        form = form or self.choice(schemas.FORMS)
        optional = {key: schema for key, schema, _ in options}
        required = bool(options) or self.chance(0.7)
        return schemas.tool(form, name, capital(description), fields, optional, required)

    def tool(self, form: str = "") -> tuple[Schema, Maker]:
        """A tool of the tutorials, or one made up."""
        if "name" in self.new or self.chance(0.75):
            return self.made_up_tool(form)
        name, description, params, requests = self.choice(t.WELL_KNOWN)

        def request(later: str) -> Request:
            args = {k: self.value(kind) for k, _, kind in params}
            told = args | ({later: self.pick(t.LATER_VALUES, "frame").format(k=later)} if later else {})
            return self.pick(requests, "question").format(**told), args

        options = self.r.sample(t.OPTIONAL, 1) if self.chance(0.35) else []  # never asked for here
        told = [
            t.Parameter(k, kind, values, t.PHRASES, self.choice(["The " + k, k, f"The {k}, e.g. {self.value(values)}"]))
            for k, kind, values in params
        ]
        options = [o for o in options if o[0] not in [p.name for p in told]]
        return self.schema(name, description + self.choice(["", "."]), told, options, form), request

    def tool_chat(self, results: bool) -> list[Piece]:
        """A chat with one to four tools."""
        pairs = [self.tool() for _ in range(self.choice((1, 2, 2, 3, 3, 4) if not results else (1, 1, 2, 3)))]
        pairs = list({p[0]["function"]["name"]: p for p in pairs}.values())
        msgs = self.maybe_system()
        for _ in range(self.choice((1, 1, 2) if results else (1, 2, 3))):
            if self.chance(0.05) and not results:
                msgs += self.small_talk()
                continue
            chosen = self.r.sample(pairs, 2) if len(pairs) > 1 and self.chance(0.25) else [self.choice(pairs)]
            if self.chance(0.06):
                chosen = chosen[:1] * 2  # the same tool twice
            calls, texts = [], []
            for schema, request in chosen:
                text, args = request("")
                texts.append(text)
                calls.append({"type": "function", "function": {"name": schema["function"]["name"], "arguments": args}})
            if len(texts) > 1:
                a, b = (x if x[-1] in ".?!" else x + "." for x in texts)
                texts = [self.pick(t.JOINERS, "frame").format(a=a, b=b)]
            msgs += [said("user", texts[0]), {**said("assistant", ""), "tool_calls": calls}]
            if results:
                made = [self.tool_result() for _ in calls]
                msgs += [said("tool", m[0]) for m in made] + [said("assistant", " ".join(m[1] for m in made))]
        return render(msgs, [p[0] for p in pairs])

    def tool_call(self) -> list[Piece]:
        """Requests that need a tool."""
        return self.tool_chat(results=False)

    def tool_answer(self) -> list[Piece]:
        """Requests with the tool's result and the final answer."""
        return self.tool_chat(results=True)

    def tool_result(self) -> tuple[str, str]:
        """(content of the tool's turn, final answer); one fixed rule for every shape of the result."""
        shape = self.choice(["json", "json", "value", "text"])
        if shape == "json":
            found = {
                k: self.value(self.choice("name place number color status words small decimal bool".split()))
                for k in self.keys(self.r.randint(1, 4))
            }
            return dumps(found), "The " + " and the ".join(f"{k} is {shown(v)}" for k, v in found.items()) + "."
        if shape == "value":
            value = self.value(self.choice("name number code small time decimal words place".split()))
            return str(value), f"The result is {value}."
        text = self.fact().sentence if self.chance(0.7) else self.choice(self.sentences)
        return text, text

    def small_talk(self) -> list[Message]:
        """A turn about nothing."""
        texts, reply = self.choice(chats.CHAT)
        return [said("user", self.pick(texts, "question")), said("assistant", reply)]

    # ---- JSON
    def extract(self) -> list[Piece]:
        """A record from a text, with the keys that are asked for."""
        typed = self.chance(0.35)
        record, text, types = self.listed_record(typed) if self.chance(0.45) else self.told_record()
        if len(record) > 2 and self.chance(0.25):
            record.pop(self.choice(list(record)))
        keys = list(record)
        if self.chance(0.5):
            self.r.shuffle(keys)
        if typed:
            schema = self.record_schema(keys, types, record)
            user = self.pick(t.EXTRACT_SCHEMA, "frame").replace("{k}", dumps(schema))
            keys = list(schema["properties"])
        else:
            named = self.choice([", ".join(keys), joined(keys), ", ".join(keys), ", ".join(f'"{k}"' for k in keys)])
            user = self.pick(t.EXTRACT, "frame").replace("{k}", named)
        user = user.replace("{x}", text)
        return render(
            [*self.maybe_system(), said("user", user), said("assistant", dumps({k: record[k] for k in keys}))]
        )

    def record_schema(self, keys: list[str], types: dict[str, str], record: dict[str, Any]) -> Schema:
        """A plain schema of a record, or one as pydantic writes it; that may have a field that the text has not."""
        fields = [schemas.Field(k, types[k], f"The {k.replace('_', ' ')}" if self.chance(0.4) else "") for k in keys]
        if self.chance(0.4):
            plain = {"type": "object", "properties": {f.name: schemas.prop(f) for f in fields}}
            return plain | ({"required": keys} if self.chance(0.3) else {})
        missing = [schemas.Field(k, "string", "") for k in self.keys(1) if k not in record and self.chance(0.3)]
        record.update(dict.fromkeys((f.name for f in missing), None))
        name = "".join(map(capital, self.noun().split()))
        return schemas.pydantic_model(
            name, self.choice(["", f"A {name.lower()}.", f"Facts about a {name.lower()}"]), fields, missing
        )

    def extract_tool(self) -> list[Piece]:
        """A record from a text as the arguments of a call; often another tool is there."""
        record, text, types = self.listed_record(typed=True) if self.chance(0.45) else self.told_record()
        noun = self.noun()
        model = self.record_schema(list(record), types, record)
        name = self.choice(
            [capital(noun), f"save_{noun}", f"extract_{noun}", f"record_{noun}", model.get("title", "Record")]
        )
        parameters = {k: v for k, v in model.items() if k not in ("title", "description")}
        about = {
            "description": self.choice(
                [f"A {noun}.", f"The {noun} of the text", f"Save a {noun}", f"Information about a {noun}"]
            )
        }
        function = {"name": name, **about, "parameters": parameters}
        tools = [{"type": "function", "function": function}]
        if self.chance(0.25):
            tools.append(self.tool()[0])
            self.r.shuffle(tools)
        user = self.pick(t.RECORD_TOOLS, "frame").replace("{n}", noun).replace("{x}", text)
        call = {
            "type": "function",
            "function": {"name": name, "arguments": {k: record[k] for k in model["properties"]}},
        }
        return render(
            [*self.maybe_system(), said("user", user), {**said("assistant", ""), "tool_calls": [call]}], tools
        )

    def told_record(self) -> tuple[dict[str, Any], str, dict[str, str]]:
        """A record from statements about one subject."""
        kind = self.choice(["person", "person", "org", "product", "event", "place"])
        subject = str(self.value(kind))
        key = self.pick(t.SUBJECT_KEYS[kind], "name")
        record: dict[str, Any] = {key: subject}
        own = [rel for rel in s.RELATIONS if rel.subject == kind]
        refer = self.pick(s.REFER[kind], "statement") if kind in s.REFER else subject
        sents: list[str] = []
        for rel in self.r.sample(own, min(len(own), self.r.randint(1, 4))) + [s.GENERIC] * self.choice((0, 0, 1, 2)):
            attribute = self.keys(1)[0]
            name = attribute if rel is s.GENERIC else self.pick(rel.keys, "name")
            if name in record:
                continue
            record[name] = self.value(rel.object)
            template = self.pick(rel.statements, "statement")
            fill = {"o": str(record[name]), "r": attribute.replace("_", " ")}
            if sents and template.startswith("{s} ") and self.chance(0.4):
                sents[-1] = sents[-1].rstrip(".") + " and" + template[3:].format(**fill)
            else:
                about = refer.lower() if sents and self.chance(0.6) else subject
                sents.append(capital(template.format(s=about, **fill)))
        return record, " ".join(sents), {k: json_type(v) for k, v in record.items()}

    def listed_record(self, typed: bool) -> tuple[dict[str, Any], str, dict[str, str]]:
        """A record of any fields; with lists only where types are given, because "a and b" may be a text as well."""
        keys = self.keys(self.r.randint(2, 5))
        kinds = [*RECORD_KINDS, "list"] if typed else RECORD_KINDS
        record: dict[str, Any] = {k: self.value(self.choice(kinds)) for k in keys}
        style, text = self.pick(t.FIELDS, "statement"), []
        for k, v in record.items():
            text.append(
                capital(style).replace("{k}", k if self.chance(0.5) else k.replace("_", " ")).replace("{v}", shown(v))
            )
            style = style if self.chance(0.5) else self.pick(t.FIELDS, "statement")
        types = {k: json_type(v) for k, v in record.items()}
        return record, self.choice([" ", "\n", ", "]).join(text), types
