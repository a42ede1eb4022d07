"""The content of a batch job: rows, each of which becomes one item of the output file."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar, cast

from pydantic import TypeAdapter, ValidationError

from llmengine_integrations.engine.dialect.chat_requests import chat_work
from llmengine_integrations.engine.dialect.completion_requests import (
    check_fields,
    completion_output,
    generation_request,
)
from llmengine_integrations.engine.dialect.errors import RefusedError
from llmengine_integrations.engine.dialect.text_requests import text_work
from llmengine_integrations.engine.runtime.generation import GenerationRequest, Piece
from llmengine_integrations.wire.batch_completions import BatchChatRequest, BatchTextRequest, PromptBatchContent
from llmengine_integrations.wire.chat import ChatRequest
from llmengine_integrations.wire.completions import CompletionRequest
from llmengine_integrations.wire.text_completions import TextCompletionRequest

_T = TypeVar("_T")

_SEEDS = 2**63  # the limit of torch's seeds

_PROMPTS: TypeAdapter[PromptBatchContent] = TypeAdapter(PromptBatchContent)
_CHAT: TypeAdapter[BatchChatRequest] = TypeAdapter(BatchChatRequest)
_TEXT: TypeAdapter[BatchTextRequest] = TypeAdapter(BatchTextRequest)


class ContentError(Exception):
    """Content that no job can work on. The message is for the user."""


class RowError(Exception):
    """A row that has no output.

    Attributes:
        status_code: 400 if the row is invalid, else 500.
        message: the reason.
    """

    def __init__(self, status_code: int, message: str) -> None:
        super().__init__(message)
        self.status_code = status_code
        self.message = message


@dataclass(frozen=True, slots=True)
class RowWork:
    """What to generate for a row, and how to turn that into the row's output."""

    requests: Sequence[GenerationRequest]
    output: Callable[[Sequence[list[Piece]]], object]


@dataclass(frozen=True, slots=True)
class Content:
    """The rows of a job.

    Attributes:
        rows: the number of rows.
        work: returns the work for the row at a place. Raises a RowError.
        prompts: whether the rows are prompts with shared settings, not requests.
    """

    rows: int
    work: Callable[[int], Awaitable[RowWork]]
    prompts: bool


def read_content(found: object, model: str, seed: int | None, *, lists: bool) -> Content:
    """Read the rows from parsed JSON.

    Args:
        found: prompts that share their settings, or a list of requests.
        model: the job's model, under the name in the request.
        seed: the seed in the model's configuration. Each row gets a seed of its own, so that the job is repeatable and its rows differ.
        lists: whether the job may have a list of requests.

    Raises:
        ContentError: it is neither.
    """
    if isinstance(found, list) and lists:
        rows = cast("list[object]", found)
        return Content(len(rows), lambda place: _request_work(rows[place], model, _seed(seed, place)), prompts=False)
    try:
        prompts = _PROMPTS.validate_python(found)
    except ValidationError as error:
        kinds = "an object with prompts and their settings" + (", or a list of requests" if lists else "")
        raise ContentError(f"The content is not {kinds}: {_first(error)}") from error
    return Content(len(prompts["prompts"]), lambda place: _prompt_work(prompts, place, seed), prompts=True)


async def _prompt_work(content: PromptBatchContent, place: int, seed: int | None) -> RowWork:
    settings: dict[str, Any] = {key: value for key, value in content.items() if key != "prompts"}
    fields = cast("CompletionRequest", {"prompt": content["prompts"][place], **settings})
    try:
        check_fields(fields)
    except RefusedError as error:
        raise RowError(error.status_code, error.detail) from error
    request = generation_request(fields, None, incremental=False)
    request = replace(request, sampling=replace(request.sampling, seed=_seed(seed, place)))
    return RowWork(
        [request], lambda choices: completion_output(choices[0], log_probs=request.log_probs).model_dump(mode="json")
    )


async def _request_work(row: object, model: str, seed: int | None) -> RowWork:
    """Return the work for a chat or text completion request: not streamed, and done by the job's model, whatever the row says."""
    if not isinstance(row, dict):
        raise RowError(400, "Not a request: expected a JSON object.")
    asked = cast("dict[str, Any]", row)
    fixed = {"model": model, "stream": False, "stream_options": None}
    drawn = {} if seed is None else {"seed": seed}
    try:
        if "messages" in asked:
            chat = drawn | _validated(_CHAT, asked) | fixed
            requests, writer = await chat_work(cast("ChatRequest", chat))
        else:
            text = drawn | _validated(_TEXT, asked) | fixed
            requests, writer = await text_work(cast("TextCompletionRequest", text))
    except RefusedError as error:
        raise RowError(error.status_code, error.detail) from error
    return RowWork(requests, writer.full_reply)


def _validated(adapter: TypeAdapter[_T], row: Mapping[str, Any]) -> dict[str, Any]:
    try:
        return cast("dict[str, Any]", adapter.validate_python(row))
    except ValidationError as error:
        raise RowError(400, _first(error)) from error


def _first(error: ValidationError) -> str:
    """Return the first problem, and where it is."""
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    where = ".".join(map(str, first["loc"]))
    return f"{where}: {first['msg']}" if where else first["msg"]


def _seed(seed: int | None, place: int) -> int | None:
    return None if seed is None else (seed + place) % _SEEDS
