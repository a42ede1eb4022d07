"""JSON schemas of tools and records, in the forms that clients send."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Schema = dict[str, Any]
FORMS = ("openai", "openai", "openai", "langchain", "langchain", "llama_index", "strict")
"""How tools are described: by hand, by LangChain or LlamaIndex from a function, and for strict decoding."""
PYTHON_TYPES = {"integer": "int", "number": "float", "boolean": "bool", "array": "list[str]"}


@dataclass(frozen=True)
class Field:
    """A property of a schema."""

    name: str
    type: str
    description: str = ""
    options: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """As pydantic makes it of the name."""
        return self.name.replace("_", " ").title()


def prop(field: Field) -> Schema:
    """A property without a title."""
    out: Schema = {"type": field.type}
    if field.type == "array":
        out = {"type": "array", "items": {"type": "string"}}
    if field.options:
        out["enum"] = list(field.options)
    return out | ({"description": field.description} if field.description else {})


def nullable(schema: Schema) -> Schema:
    """An optional property, as pydantic writes it."""
    if "enum" in schema:
        return {"default": schema["enum"][0], **schema}
    told = {key: value for key, value in schema.items() if key == "description"}
    kind = {key: value for key, value in schema.items() if key != "description"}
    return {"anyOf": [kind, {"type": "null"}], "default": None, **told}


def titled(key: str, schema: Schema) -> Schema:
    """With the title that pydantic gives; keys sorted, as it leaves them."""
    return dict(sorted({**schema, "title": key.replace("_", " ").title()}.items()))


def signature(name: str, fields: list[Field], optional: dict[str, Schema]) -> str:
    """What LlamaIndex puts before a function's docstring."""
    required = [f"{f.name}: {PYTHON_TYPES.get(f.type, 'str')}" for f in fields]
    others = [f"{k}: Optional[{PYTHON_TYPES.get(s['type'], 'str')}] = None" for k, s in optional.items()]
    return f"{name}({', '.join(required + others)}) -> str"


def tool(
    form: str, name: str, description: str, fields: list[Field], optional: dict[str, Schema], required: bool
) -> Schema:
    """A tool in one of `FORMS`; `optional` are the schemas of parameters that may be left out."""
    props = {f.name: prop(f) for f in fields}
    names = [f.name for f in fields]
    if form in ("openai", "strict"):
        parameters: Schema = {"type": "object", "properties": props | optional}
        if required or form == "strict":
            parameters["required"] = names
        if form == "strict":
            parameters["additionalProperties"] = False
    else:
        props |= {key: nullable(schema) for key, schema in optional.items()}
        if form == "llama_index":
            props = {key: titled(key, schema) for key, schema in props.items()}
            description = signature(name, fields, optional) + "\n" + description
        parameters = {"properties": props} | ({"required": names} if names else {}) | {"type": "object"}
    return {"type": "function", "function": {"name": name, "description": description, "parameters": parameters}}


def pydantic_model(name: str, description: str, fields: list[Field], optional: list[Field]) -> Schema:
    """The schema of a pydantic model; `optional` fields may be null."""
    props = {f.name: titled(f.name, prop(f)) for f in fields}
    props |= {f.name: titled(f.name, nullable(prop(f))) for f in optional}
    schema: Schema = {"description": description} if description else {}
    return schema | {"properties": props, "required": [f.name for f in fields], "title": name, "type": "object"}
