"""Which operation of the gateway, with which status, is played: worked out from the cassettes and the rows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from functools import cache

from .rows import ROWS
from .tape import PATHS, exchange
from .unplayed import UNPLAYED

OPERATIONS = [
    "POST /v1/llm/completions-sync",
    "POST /v1/llm/completions-stream",
    "POST /v2/chat/completions",
    "POST /v2/completions",
    "GET /v1/llm/model-endpoints",
    "POST /v1/llm/model-endpoints",
    "POST /v1/llm/model-endpoints/download",
    "GET /v1/llm/model-endpoints/{name}",
    "PUT /v1/llm/model-endpoints/{name}",
    "DELETE /v1/llm/model-endpoints/{name}",
    "POST /v1/files",
    "GET /v1/files",
    "GET /v1/files/{id}",
    "DELETE /v1/files/{id}",
    "GET /v1/files/{id}/content",
    "POST /v1/llm/fine-tunes",
    "GET /v1/llm/fine-tunes",
    "GET /v1/llm/fine-tunes/{id}",
    "PUT /v1/llm/fine-tunes/{id}/cancel",
    "GET /v1/llm/fine-tunes/{id}/events",
    "POST /v1/llm/batch-completions",
    "POST /v2/batch-completions",
    "GET /v2/batch-completions/{id}",
    "POST /v2/batch-completions/{id}",
    "POST /v2/batch-completions/{id}/actions/cancel",
]


def operation(method: str, path: str) -> str:
    """The operation that a request reaches; the request itself if it reaches none."""
    for template in OPERATIONS:
        if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", template), f"{method} {path}"):
            return template
    return f"{method} {path}"


@cache
def table() -> dict[tuple[str, int], dict[str, str | None]]:
    """Each operation and status with its recordings: "played", "refused", the reason why not, or None where there is no reason."""
    found: dict[tuple[str, int], dict[str, str | None]] = {}
    for name in PATHS:
        recorded = exchange(name)
        key = operation(recorded.request.method, recorded.request.path), recorded.status
        found.setdefault(key, {})[name] = state(name)
    return dict(sorted(found.items(), key=lambda item: (_position(item[0][0]), item[0][1])))


def state(name: str) -> str | None:
    """What becomes of a recording."""
    ours = [row for row in ROWS if row.recording == name]
    if ours:
        return "played" if any(row.expect.sends for row in ours) else "refused by the client"
    return next((reason for reason, pattern in entries() if matches(pattern, name)), None)


def entries() -> Iterator[tuple[str, str]]:
    """Every pattern of the list of what is not played, with its reason."""
    for reason, patterns in UNPLAYED.items():
        for pattern in patterns:
            yield reason, pattern


def matches(pattern: str, name: str) -> bool:
    """Whether a pattern such as `files/*` means a recording."""
    return fnmatchcase(f"{PATHS[name].parent.name}/{name}", pattern)


def _position(template: str) -> int:
    return OPERATIONS.index(template) if template in OPERATIONS else len(OPERATIONS)
