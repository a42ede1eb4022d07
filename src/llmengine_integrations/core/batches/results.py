"""Reads the items of a batch's output file, and pairs them with their prompts or requests. No I/O happens here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import repeat
from typing import Any, TypeAlias, cast

from pydantic import ValidationError

from ...wire.batch_files import BatchResult
from ...wire.chat import ChatCompletion
from ...wire.completions import CompletionOutput
from ...wire.text_completions import TextCompletion
from ..errors import InvalidArgumentError, InvalidResponseError

Asked: TypeAlias = str | Mapping[str, Any]


def results(items: object, asked: Sequence[Asked] | None, path: str) -> list[BatchResult]:
    """Return one result for each item of the file, with its prompt or request if that is known.

    Raises:
        InvalidResponseError: The file is not a JSON array, or its length differs from the number of prompts or requests.
    """
    if not isinstance(items, list):
        raise InvalidResponseError(f"{path} is not a batch output: it does not hold a JSON array.")
    found = cast("list[object]", items)
    if asked is not None and len(asked) != len(found):
        raise InvalidResponseError(f"{path} holds {len(found)} results, but {len(asked)} were asked for.")
    requests: Iterable[Asked | None] = repeat(None) if asked is None else asked
    return [_result(index, item, request) for index, (item, request) in enumerate(zip(found, requests, strict=False))]


def asked_in(content: object, what: str) -> Sequence[Asked]:
    """Return the prompts, or the requests, of a batch's content.

    Raises:
        InvalidArgumentError: It is neither an object with `prompts` nor a list of requests, or it is empty.
    """
    asked = cast("Mapping[str, Any]", content).get("prompts") if isinstance(content, Mapping) else content
    if not isinstance(asked, Sequence) or isinstance(asked, str | bytes) or not asked:
        raise InvalidArgumentError(f"{what} must be an object with prompts, or a list of requests, and not empty.")
    return cast("Sequence[Asked]", asked)


def _result(index: int, item: object, asked: Asked | None) -> BatchResult:
    result = BatchResult(index=index, request=asked, raw=item)
    if item is None:
        return replace(result, error="The job reports no output for it.")
    body = cast("Mapping[str, Any]", item if isinstance(item, Mapping) else {})
    kind = _kind(body)
    if kind is None:
        return replace(result, error=_complaint(body) or f"No output, but {item!r:.200}")
    try:
        return replace(result, output=kind.model_validate(body))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        return replace(result, error=f"No valid {kind.__name__}: {where}: {first['msg']}")


def _kind(body: Mapping[str, Any]) -> type[CompletionOutput | ChatCompletion | TextCompletion] | None:
    if isinstance(body.get("text"), str):
        return CompletionOutput
    match body.get("choices"):
        case [{"message": _}, *_]:
            return ChatCompletion
        case [_, *_]:
            return TextCompletion
        case _:
            return None


def _complaint(body: Mapping[str, Any]) -> str | None:
    """Return the message of an error object: `{"error": {"message": ...}}`, `{"object": "error", "message": ...}` and similar forms."""
    found: object = body
    while isinstance(found, Mapping):
        fields = cast("Mapping[str, object]", found)
        found = next((fields[key] for key in ("detail", "error", "content", "message") if fields.get(key)), None)
    return found if isinstance(found, str) else None
