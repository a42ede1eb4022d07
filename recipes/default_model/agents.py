"""Agents: one tool call after another, as calls of the API and as text (ReAct)."""

from __future__ import annotations

from typing import Any

import agentwords as aw
import toolwords as t
from template import Message, Piece, completion, dumps, only_last, render, said
from tools import Maker, Schema, Tools
from values import shown

Step = tuple[str, dict[str, Any], str]
"""A tool's name, its arguments, its result."""
REACT_LONG = 2200
"""Characters of a long prompt for an agent, without its tools."""


class Agents(Tools):
    """Draws chats in which tools are called one after the other."""

    def scalar(self, schema: Schema) -> str:
        """A parameter whose value another tool can find, or ""."""
        parameters = schema["function"]["parameters"]
        fits = [
            key
            for key in parameters.get("required", [])
            if parameters["properties"][key].get("type") in ("string", "integer")
            and "enum" not in parameters["properties"][key]
        ]
        return self.choice(fits) if fits else ""

    def finding(self, key: str, value: Any) -> str:
        """A tool's result that has the value."""
        shape = self.choice(["json", "json", "json", "value", "text"])
        if shape == "value":
            return str(value)
        if shape == "text":
            return self.pick(t.RESULT_SENTENCES, "statement").format(k=key.replace("_", " "), v=value)
        found = {key: value}
        for other in self.keys(self.choice((0, 1, 2))):
            found.setdefault(other, self.value(self.choice("name place number color status".split())))
        keys = list(found)
        self.r.shuffle(keys)
        return dumps({k: found[k] for k in keys})

    def task_of_steps(self, pairs: list[tuple[Schema, Maker]]) -> tuple[str, list[Step], str]:
        """(what the user asks for, the calls with their results, the final answer) with some of these tools."""
        first, *others = self.r.sample(pairs, len(pairs))
        name = first[0]["function"]["name"]
        text, args = first[1]("")
        key = self.scalar(others[0][0]) if others else ""
        if not others or self.chance(0.35):
            result, answer = self.tool_result()
            return text, [(name, args, result)], answer
        second = others[0][0]["function"]["name"]
        chain = bool(key) and self.chance(0.65)
        text2, args2 = others[0][1](key if chain else "")
        result2, answer = self.tool_result()
        if chain:
            result = self.finding(key, args2[key])
        else:
            result, before = self.tool_result()
            answer = f"{before} {answer}"
        a, b = (x if x[-1] in ".?!" else x + "." for x in (text, text2))
        asked = self.pick(t.CHAINS if chain else t.STEPS, "frame").format(a=a, b=b)
        return asked, [(name, args, result), (second, args2, result2)], answer

    def some_tools(self, numbers: tuple[int, ...], form: str = "") -> list[tuple[Schema, Maker]]:
        """Tools with different names."""
        pairs = [self.tool(form) for _ in range(self.choice(numbers))]
        return list({p[0]["function"]["name"]: p for p in pairs}.values())

    def agent(self) -> list[Piece]:
        """A task, its calls one by one, and the final answer."""
        pairs = self.some_tools((1, 2, 2, 3))
        msgs = self.maybe_system()
        for _ in range(self.choice((1, 1, 2))):
            asked, steps, answer = self.task_of_steps(pairs)
            msgs.append(said("user", asked))
            for name, args, result in steps:
                call = {"type": "function", "function": {"name": name, "arguments": args}}
                msgs += [{**said("assistant", ""), "tool_calls": [call]}, said("tool", result)]
            msgs.append(said("assistant", answer))
        return render(msgs, [p[0] for p in pairs])

    # ---- as text
    def described(self, schema: Schema, style: str) -> str:
        """A tool as a prompt's text describes it."""
        f = schema["function"]
        if style == "llama_index":
            return (
                f"> Tool Name: {f['name']}\nTool Description: {f['description']}\nTool Args: {dumps(f['parameters'])}\n"
            )
        keys = ", ".join(f["parameters"]["properties"])
        told = f["description"].rpartition("\n")[2]
        return {
            "langchain": f"{f['name']}({keys}) -> str - {told}",
            "dash": f"- {f['name']}: {told} Arguments: {keys or 'none'}",
            "colon": f"{f['name']}: {told}, args: {dumps(f['parameters']['properties'])}",
        }[style]

    def react(self) -> list[Piece]:
        """An agent that writes Thought, Action and Action Input."""
        if self.chance(0.25):
            return self.react_completion()
        long = self.longest > REACT_LONG and self.chance(0.75)
        pairs = self.some_tools((1, 2, 2, 3), "llama_index")
        style = "llama_index" if long else self.choice(["llama_index", "dash", "colon"])
        frame = aw.LLAMA_INDEX if long else self.pick(aw.SHORT_FRAMES, "frame")
        header, thought, last_thought, word = frame.split("||")
        tools = "\n".join(self.described(p[0], style) for p in pairs)
        names = ", ".join(p[0]["function"]["name"] for p in pairs)
        head = header.replace("{tools}", tools).replace("{names}", names)
        asked, steps, answer = self.task_of_steps(pairs)
        if self.chance(0.06):
            steps, asked, answer = [], *(m["content"] for m in self.small_talk())
        msgs: list[Message] = [said("system", head), said("user", asked)]
        as_given = self.chance(0.35)  # LlamaIndex writes earlier inputs as Python does
        for name, args, result in steps:
            given = str(args) if as_given else dumps(args)
            msgs.append(said("assistant", f"Thought: {thought}\nAction: {name}\nAction Input: {given}"))
            msgs.append(said("user", f"Observation: {result}"))
        end = said("assistant", f"Thought: {last_thought}\n{word}: {answer}")
        if not as_given:
            return render([*msgs, end])
        if len(steps) > 1 and self.chance(0.5):
            name, args, _ = steps[1]
            end = said("assistant", f"Thought: {thought}\nAction: {name}\nAction Input: {dumps(args)}")
            msgs = msgs[:-2]
        return only_last(render([*msgs, end]))

    def react_completion(self) -> list[Piece]:
        """The same as a plain completion that a program continues after every observation."""
        pairs = self.some_tools((1, 2, 2, 3))
        header, thought, last_thought, word = self.pick(aw.COMPLETION_FRAMES, "frame").split("||")
        style = self.choice(["langchain", "langchain", "dash", "colon"])
        tools = "\n".join(self.described(p[0], style) for p in pairs)
        names = ", ".join(p[0]["function"]["name"] for p in pairs)
        asked, steps, answer = self.task_of_steps(pairs)
        prompt = header.replace("{tools}", tools).replace("{names}", names).replace("{q}", asked)
        texts: list[str] = []
        for name, args, _ in steps:
            given = shown(next(iter(args.values()), "")) if len(args) < 2 else dumps(args)
            texts.append(f"{thought}\nAction: {name}\nAction Input: {given}")
        texts.append(f"{last_thought}\n{word}: {answer}")
        at = self.r.randrange(len(texts))
        for text, (_, _, result) in zip(texts[:at], steps, strict=False):
            prompt += f" {text}\nObservation: {result}\nThought:"
        return completion(prompt, texts[at])
