"""A vcrpy serializer whose cassettes can be reviewed: YAML, with JSON bodies as YAML and other text line by line.

A body comes back byte for byte. It is written as the first of these that says all of it:

* `json`: its compact JSON form (no spaces, characters unescaped) is what the gateway sent; so is what our client sends;
* `lines`: its lines, joined by CRLF; server-sent events and multipart bodies look so;
* `bytes`: base64.
"""

from __future__ import annotations

import json
from typing import Any

import yaml

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the same YAML, read ten times faster where libyaml is there


class _Dumper(yaml.SafeDumper):
    """Writes text that consists of whole lines as a block."""


_Dumper.add_representer(
    str,
    lambda dumper, text: dumper.represent_scalar(
        "tag:yaml.org,2002:str", text, style="|" if text.endswith("\n") else None
    ),
)


def serialize(cassette: dict[str, Any]) -> str:
    """Write a cassette as vcrpy hands it over: bodies are text, or bytes where they are no text."""
    interactions = [
        {
            "request": {**exchange["request"], "body": pack(exchange["request"]["body"])},
            "response": {**exchange["response"], "body": pack(exchange["response"]["body"]["string"])},
        }
        for exchange in cassette["interactions"]
    ]
    return yaml.dump(
        {"interactions": interactions, "version": cassette["version"]},
        Dumper=_Dumper,
        allow_unicode=True,
        sort_keys=False,
        width=float("inf"),
    )


def deserialize(text: str) -> dict[str, Any]:
    """Read a cassette back into what vcrpy expects: bodies are bytes."""
    cassette = yaml.load(text, Loader=_Loader)  # noqa: S506 - a safe loader, either of them
    for exchange in cassette["interactions"]:
        exchange["request"]["body"] = unpack(exchange["request"]["body"])
        exchange["response"]["body"] = {"string": unpack(exchange["response"]["body"])}
    return cassette


def pack(body: str | bytes | None) -> dict[str, Any] | None:
    """The readable form of a body; None if there is none."""
    if not body:
        return None
    try:
        text = body if isinstance(body, str) else body.decode()
    except UnicodeDecodeError:
        return {"bytes": body}
    try:
        value = json.loads(text)
    except ValueError:
        return {"lines": text.split("\r\n")}
    return {"json": value} if compact(value) == text else {"lines": text.split("\r\n")}


def unpack(packed: dict[str, Any] | None) -> bytes:
    """The body that was packed."""
    match packed:
        case None:
            return b""
        case {"json": value}:
            return compact(value).encode()
        case {"lines": lines}:
            return "\r\n".join(lines).encode()
        case {"bytes": content}:
            return content
        case _:
            raise ValueError(f"A body is json, lines or bytes, not {packed}.")


def compact(value: object) -> str:
    """The JSON that the gateway, and our client, write for a value."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
