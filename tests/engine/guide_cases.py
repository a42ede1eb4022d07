"""Random constraints, and checks that owe nothing to the engine: Python's re, and a few lines for schemas and grammars."""

from __future__ import annotations

import re
from random import Random

LETTERS = "abcxyz019 _-é日😀"
PUNCTUATION = '.+"\\/[(#'


def regex(draw: Random, depth: int = 2) -> str:
    """What Python and Rust both take, and what ends."""
    kind = draw.randrange(7 if depth else 3)
    if kind == 0:
        return re.escape("".join(draw.choices(LETTERS + PUNCTUATION, k=draw.randint(1, 3))))
    if kind == 1:
        return draw.choice(["[a-f]", "[^a-z\\n]", "\\d", "[0-9A-F]", "\\w", "[é-ü]", "[日本語]", "."])
    if kind == 2:
        return f"{draw.choice(['[a-c]', '[0-9]', 'x'])}{{{draw.randint(0, 2)},{draw.randint(2, 5)}}}"
    inner = [regex(draw, depth - 1) for _ in range(draw.randint(1, 3))]
    if kind == 3:
        return f"(?:{'|'.join(inner)})"
    if kind == 4:
        return f"(?:{''.join(inner)}){draw.choice(['?', '{1,2}', '{2}'])}"
    return "".join(inner)


def choices(draw: Random) -> list[str]:
    """Texts of any characters, some of which begin with others."""
    found = ["".join(draw.choices(LETTERS + PUNCTUATION + "\n\t", k=draw.randint(1, 8))) for _ in range(3)]
    found += [text + draw.choice(LETTERS) for text in found[: draw.randint(0, 3)]]
    return found + [found[0][:1]] * draw.randint(0, 1)


def schema(draw: Random) -> dict:
    """A bounded schema, so that its texts end; with a definition that others refer to."""
    definitions = {"leaf": _leaf(draw), "pair": {"type": "array", "items": _leaf(draw), "minItems": 2, "maxItems": 2}}
    return _object(draw, 2) | {"$defs": definitions}


def _leaf(draw: Random) -> dict:
    low = draw.randint(-50, 50)
    return draw.choice(
        [
            {"type": "boolean"},
            {"type": "null"},
            {"type": "integer", "minimum": low, "maximum": low + draw.randint(0, 200)},
            {"type": "string", "minLength": draw.randint(0, 2), "maxLength": draw.randint(2, 6)},
            {"type": "string", "pattern": "^[A-Z]{2}[0-9]{1,3}$"},
            {"type": "string", "format": "date"},
            {"enum": draw.sample(["a", "ab", 'q"', "é日", 1, 1.5, None, True, [1, 2], {"k": "v"}], k=3)},
            {"const": draw.choice(["x", 7, False, "naïve 😀"])},
        ]
    )


def _value(draw: Random, depth: int) -> dict:
    kind = draw.randrange(6) if depth else 0
    if kind == 1:
        return _object(draw, depth - 1)
    if kind == 2:
        low = draw.randint(0, 2)
        return {"type": "array", "items": _value(draw, depth - 1), "minItems": low, "maxItems": low + 1}
    if kind == 3:
        return {"anyOf": [_value(draw, depth - 1), _leaf(draw)]}
    if kind == 4:
        return {"$ref": f"#/$defs/{draw.choice(['leaf', 'pair'])}"}
    return _leaf(draw)


def _object(draw: Random, depth: int) -> dict:
    names = draw.sample(["name", "a b", "größe", 'quo"te', "x", "y/z"], k=draw.randint(0, 3))
    required = [name for name in names if draw.random() < 0.6]
    properties = {name: _value(draw, depth) for name in names}
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def conforms(value: object, schema: dict, definitions: dict) -> bool:  # noqa: PLR0911 - one for each keyword
    """Whether a value is what one of the schemas above allows."""
    if "$ref" in schema:
        return conforms(value, definitions[schema["$ref"].rpartition("/")[2]], definitions)
    if "anyOf" in schema:
        return any(conforms(value, option, definitions) for option in schema["anyOf"])
    if "enum" in schema or "const" in schema:
        return any(_same(value, option) for option in schema.get("enum", [schema.get("const")]))
    kind = schema["type"]
    if kind == "object":
        return (
            isinstance(value, dict)
            and set(schema["required"]) <= set(value) <= set(schema["properties"])
            and all(conforms(item, schema["properties"][name], definitions) for name, item in value.items())
        )
    if kind == "array":
        return (
            isinstance(value, list)
            and schema["minItems"] <= len(value) <= schema["maxItems"]
            and all(conforms(item, schema["items"], definitions) for item in value)
        )
    if kind == "integer":
        return type(value) is int and schema["minimum"] <= value <= schema["maximum"]
    return _plain(value, kind, schema)


def _plain(value: object, kind: str, schema: dict) -> bool:
    if kind in ("boolean", "null"):
        return value is None if kind == "null" else type(value) is bool
    pattern = schema.get("pattern", r"\d{4}-\d\d-\d\d" if "format" in schema else "(?s:.)*")
    return (
        isinstance(value, str)
        and re.search(f"^(?:{pattern})$", value) is not None
        and schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", 99)
    )


def _same(one: object, other: object) -> bool:
    return type(one) is type(other) and one == other


Node = tuple
"""("text", str) | ("set", str) | ("rule", name) | ("all" | "any", nodes) | ("maybe", node)"""


def grammar(draw: Random) -> dict[str, Node]:
    """Rules that end: each refers to later ones only, but for one that may hold the first between brackets."""
    rules = {"root": _node(draw, 2, ["item", "tail"]), "item": _node(draw, 1, ["tail"]), "tail": _node(draw, 1, [])}
    if draw.random() < 0.5:
        nested = ("all", [("text", "("), ("rule", "tail"), ("text", ")")])
        rules["tail"] = ("any", [rules["tail"], ("set", "0-9"), nested])
    return rules


def _node(draw: Random, depth: int, names: list[str]) -> Node:
    kind = draw.randrange(6 if depth else 2)
    if kind == 1:
        return "set", draw.choice(["a-e", "0-9", "xyz", "é日"])
    if kind in (2, 5) and names:
        return "rule", draw.choice(names)
    if kind in (3, 4):
        return ("any" if kind == 3 else "all"), [_node(draw, depth - 1, names) for _ in range(draw.randint(2, 3))]
    if kind == 2:
        return "maybe", _node(draw, depth - 1, names)
    return "text", "".join(draw.choices("abcé日\"\\/# |'", k=draw.randint(1, 3)))


def written(rules: dict[str, Node], *, lark: bool) -> str:
    """The grammar as GBNF or Lark."""
    names = {"root": "start"} if lark else {}
    sign = ":" if lark else " ::="
    return "\n".join(f"{names.get(name, name)}{sign} {_written(node, lark=lark)}" for name, node in rules.items())


def _written(node: Node, *, lark: bool) -> str:
    kind, content = node
    if kind == "text":
        return '"' + content.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if kind == "set":
        return f"/[{content}]/" if lark else f"[{content}]"
    if kind == "rule":
        return content
    if kind == "maybe":
        return f"({_written(content, lark=lark)})?"
    return "(" + (" | " if kind == "any" else " ").join(_written(part, lark=lark) for part in content) + ")"


def follows(text: str, rules: dict[str, Node]) -> bool:
    """Whether a text follows a grammar."""
    return len(text) in _ends(rules["root"], text, 0, rules)


def _ends(node: Node, text: str, start: int, rules: dict[str, Node]) -> set[int]:
    """Where the node may end in the text."""
    kind, content = node
    if kind == "text":
        return {start + len(content)} if text.startswith(content, start) else set()
    if kind == "set":
        return {start + 1} if re.match(f"[{content}]", text[start : start + 1]) else set()
    if kind == "rule":
        return _ends(rules[content], text, start, rules)
    if kind == "maybe":
        return {start} | _ends(content, text, start, rules)
    if kind == "any":
        return set().union(*(_ends(part, text, start, rules) for part in content))
    places = {start}
    for part in content:
        places = set().union(*(_ends(part, text, place, rules) for place in places))
    return places
