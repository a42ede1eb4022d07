"""Tool calls by guided JSON, for models and routes without tool support.

The model's text is constrained to `{"name": ..., "arguments": {...}}`, a list of such objects, or `{"answer": ...}`.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from .partial_json import parse_partial
from .tool_calls import read_arguments

_NO_ARGUMENTS: dict[str, Any] = {"type": "object", "properties": {}}
_OPENING = frozenset({"$ref", "allOf", "anyOf", "oneOf", "patternProperties"})
"""Keywords that may define properties outside `properties`."""
_TEXT: Mapping[str, Any] = {"type": "string"}


@dataclass(frozen=True, slots=True)
class GuidedCall:
    """A call. While it is being written, its arguments are those known so far.

    If the arguments cannot be parsed completely, they are text, and the call must not be executed. For a truncated call, the arguments are
    the model's whole text, and `name` may be empty.
    """

    name: str
    arguments: dict[str, Any] | str


@dataclass(frozen=True, slots=True)
class GuidedReply:
    """The content of a text, as far as it is written."""

    answer: str
    calls: list[GuidedCall]


@dataclass(frozen=True, slots=True)
class GuidedTools:
    """The tools of one request.

    Attributes:
        tools: All tools that the model sees, in the wire format.
        choice: "auto" (call or answer), "required" (call), "none" (answer), or the name of the tool to call.
        parallel: Whether one reply may make several calls.
        answer: The JSON schema of an answer; any text by default.

    Raises:
        ValueError: `choice` does not name any of the tools.
    """

    tools: Sequence[Mapping[str, Any]]
    choice: str = "auto"
    parallel: bool = False
    answer: Mapping[str, Any] = field(default_factory=lambda: _TEXT)

    def __post_init__(self) -> None:
        if self.choice not in {"auto", "required", "none", *self._names}:
            raise ValueError(f"there is no tool {self.choice!r} among {', '.join(self._names)}")

    @property
    def active(self) -> bool:
        """Whether calls are allowed. If not, the text is unconstrained and needs no guiding."""
        return bool(self.tools) and self.choice != "none"

    def schema(self) -> dict[str, Any]:
        """The JSON schema of the text, for `guided_json`."""
        definitions: dict[str, Any] = {}
        wanted = [tool for tool in self.tools if self.choice in {"auto", "required", tool["function"]["name"]}]
        calls = [_call_schema(tool["function"], number, definitions) for number, tool in enumerate(wanted)]
        one = calls[0] if len(calls) == 1 else {"anyOf": calls}
        found = [one]
        if self.parallel:
            found.append({"type": "array", "items": one, "minItems": 1})
        if self.choice == "auto":
            found.append(_record(answer=_moved(self.answer, "answer", definitions)))
        schema: dict[str, Any] = found[0] if len(found) == 1 else {"anyOf": found}
        return {**schema, "$defs": definitions} if definitions else schema

    def instructions(self, *, listed: bool) -> str:
        """The instructions about the form of the reply, for the system message; empty if none are needed.

        Args:
            listed: Whether the chat template lists the tools and thus explains how to call them. If not, they are listed here.
        """
        if listed and self.choice != "auto":
            return ""
        lines = [] if listed else ["Tools:", *(json.dumps(dict(t["function"]), ensure_ascii=False) for t in self.tools)]
        several = ", or with a list of such objects to make several calls" if self.parallel else ""
        lines.append(f'To call a tool, reply with {{"name": ..., "arguments": {{...}}}}{several}.')
        if self.choice == "auto":
            lines.append('To answer, reply with {"answer": "..."}.')
        return "\n".join(lines)

    @staticmethod
    def read(text: str) -> GuidedReply:
        """The content of a text that is still being written. Text that is not JSON is an answer, because the server did not guide it."""
        items = _items(parse_partial(text))
        if not items:
            return GuidedReply("" if text.lstrip()[:1] in {"{", "[", ""} else text, [])
        calls, answer = _calls(items), _answer(items)
        return GuidedReply(answer if isinstance(answer, str) and not calls else "", calls)

    @staticmethod
    def finish(text: str) -> GuidedReply:
        """The content of the complete text. If the text was truncated, its answer or last call is truncated too."""
        whole = _whole(text)
        if whole is None:
            return _cut_off(text)
        items = _items(whole)
        calls, answer = [call for item in items if (call := _whole_call(item)) is not None], _answer(items)
        if calls or answer is None:
            return GuidedReply("" if calls else text, calls)
        return GuidedReply(answer if isinstance(answer, str) else json.dumps(answer, ensure_ascii=False), [])

    @property
    def _names(self) -> list[str]:
        return [tool["function"]["name"] for tool in self.tools]


def calls_text(functions: Iterable[Mapping[str, Any]]) -> str:
    """Earlier calls, as the model wrote them or would have written them, for prompts that contain them.

    Args:
        functions: The `function` of each call, in the wire format.
    """
    calls = [{"name": one["name"], "arguments": object_or_text(one["arguments"])} for one in functions]
    return json.dumps(calls[0] if len(calls) == 1 else calls, ensure_ascii=False)


def object_or_text(written: object) -> object:
    """A call's arguments as an object, or as text if the model did not write an object."""
    found, _ = read_arguments(written)
    return written if found is None else found


def _whole(text: str) -> Any | None:
    """The text as JSON. A list without its closing bracket is accepted if all its items are complete."""
    for candidate in (text, text.rstrip().removesuffix(",") + "]"):
        try:
            return json.loads(candidate, strict=False)
        except (ValueError, RecursionError):
            continue
    return None


def _cut_off(text: str) -> GuidedReply:
    items = _items(parse_partial(text))
    answer = _answer(items)
    if answer is not None:
        return GuidedReply(answer if isinstance(answer, str) else text.partition(":")[2].strip(), [])
    if not items or not isinstance(items[-1], dict):
        return GuidedReply(text, [])
    name = cast("dict[str, Any]", items[-1]).get("name")
    return GuidedReply("", [*_calls(items[:-1]), GuidedCall(name if isinstance(name, str) else "", text)])


def _items(found: object) -> list[Any]:
    return cast("list[Any]", found) if isinstance(found, list) else [found] if isinstance(found, dict) else []


def _calls(items: Sequence[Any]) -> list[GuidedCall]:
    return [call for item in items if (call := _call(item)) is not None]


def _answer(items: Sequence[Any]) -> object:
    return cast("dict[str, Any]", items[0]).get("answer") if items and isinstance(items[0], dict) else None


def _call(item: object) -> GuidedCall | None:
    """The call, as soon as its name is certain, which is when the arguments have started."""
    if not isinstance(item, dict):
        return None
    found = cast("dict[str, Any]", item)
    name, arguments = found.get("name"), found.get("arguments")
    if not isinstance(name, str) or not isinstance(arguments, dict):
        return None
    return GuidedCall(name, cast("dict[str, Any]", arguments))


def _whole_call(item: object) -> GuidedCall | None:
    """The call in a complete text. If the server did not guide the text, the arguments may have another form."""
    if not isinstance(item, dict):
        return None
    found = cast("dict[str, Any]", item)
    if not isinstance(found.get("name"), str) or "arguments" not in found:
        return None
    written = found["arguments"]
    arguments, _ = read_arguments(written)
    if arguments is None:
        return GuidedCall(
            found["name"], written if isinstance(written, str) else json.dumps(written, ensure_ascii=False)
        )
    return GuidedCall(found["name"], arguments)


def _call_schema(function: Mapping[str, Any], number: int, definitions: dict[str, Any]) -> dict[str, Any]:
    parameters = _moved(function.get("parameters") or _NO_ARGUMENTS, f"tool{number}", definitions)
    return _record(name={"enum": [function["name"]]}, arguments=_closed({**parameters, "type": "object"}))


def _closed(parameters: dict[str, Any]) -> dict[str, Any]:
    """The parameters with additional properties forbidden, because tools refuse unknown arguments."""
    if "properties" not in parameters or not _OPENING.isdisjoint(parameters):
        return parameters
    return {"additionalProperties": False, **parameters}


def _moved(schema: Mapping[str, Any], prefix: str, definitions: dict[str, Any]) -> dict[str, Any]:
    """The schema without its definitions. They move to the root of the combined schema, where the references point."""
    bare = copy.deepcopy(dict(schema))
    own = cast("dict[str, Any]", {**bare.pop("$defs", {}), **bare.pop("definitions", {})})
    names = {name: f"{prefix}_{name}" for name in own}
    definitions.update({names[name]: _renamed(definition, names) for name, definition in own.items()})
    return _renamed(bare, names)


def _renamed(schema: Any, names: Mapping[str, str]) -> Any:
    """The schema with its references updated to the definitions' new place at the root of the combined schema."""
    if isinstance(schema, list):
        return [_renamed(item, names) for item in cast("list[Any]", schema)]
    if not isinstance(schema, dict):
        return schema
    found = {key: _renamed(value, names) for key, value in cast("dict[str, Any]", schema).items()}
    reference = found.get("$ref")
    if isinstance(reference, str):
        name = reference.removeprefix("#/$defs/").removeprefix("#/definitions/")
        if name in names:
            found["$ref"] = f"#/$defs/{names[name]}"
    return found


def _record(**properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }
