"""The requests of batches, and the search for their jobs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal, TypeAlias, TypeVar, cast

from pydantic import BaseModel

from ...wire.batch_completions import (
    BatchContent,
    BatchJob,
    BatchJobReply,
    BatchModelOptions,
    BatchOptions,
    PromptBatchContent,
)
from ...wire.fine_tunes import FineTune
from .._operation import Operation, Request, path_segment, set_options
from .._steps import Flow
from ..errors import APIStatusError, InvalidArgumentError, NotFoundError
from .results import asked_in

Version: TypeAlias = Literal["v1", "v2"]
ReplyT = TypeVar("ReplyT", bound="BaseModel")

V1_PATH = "/v1/llm/batch-completions"
V2_PATH = "/v2/batch-completions"
_STATUSES = {
    "PENDING": "queued",
    "RUNNING": "running",
    "SUCCESS": "completed",
    "FAILURE": "failed",
    "TIMEOUT": "failed",
    "CANCELLED": "cancelled",
}


def job_path(job_id: str) -> str:
    """Return the path of a job."""
    return f"{V2_PATH}/{path_segment(job_id, 'job id')}"


def body(
    version: Version,
    model: str,
    output_data_path: str,
    input_data_path: str | None,
    content: BatchContent | None,
    options: Mapping[str, Any],
) -> dict[str, Any]:
    """Return the body of a request for a batch.

    Raises:
        InvalidArgumentError: It makes no sense, or this version of the route does not support it.
        TypeError: An option is unknown.
    """
    for name, value in (("model's name", model), ("output path", output_data_path)):
        if not value:
            raise InvalidArgumentError(f"The {name} is empty.")
    if (content is None) == (not input_data_path):
        raise InvalidArgumentError("A batch needs either content or input_data_path.")
    fields = set_options(options, BatchOptions)
    if version == "v1":
        _check_v1(content, fields)
    elif version != "v2":
        raise InvalidArgumentError(f"Unknown version {version!r} of batches; use v1 or v2.")
    config = {"model": model} | {name: fields.pop(name) for name in BatchModelOptions.__annotations__ if name in fields}
    labels = fields.pop("labels", None)
    if labels is not None:
        config["labels"] = labels
        fields |= {"labels": labels} if version == "v2" else {}  # v2 reads these, v1 only those of the model
    source = {"input_data_path": input_data_path} if content is None else {"content": on_the_wire(content)}
    return {"output_data_path": output_data_path, **source, "model_config": config, **fields}


def on_the_wire(content: BatchContent) -> object:
    """Return content in the gateway's form, with the defaults of `completions.create`.

    Raises:
        InvalidArgumentError: It is empty, or is not batch content.
        TypeError: It has an unknown field.
    """
    asked = asked_in(content, "content")
    if not isinstance(content, Mapping):
        return list(asked)
    defaults = {"max_new_tokens": 256, "temperature": 0.2}
    return defaults | set_options(cast("Mapping[str, Any]", content), PromptBatchContent) | {"prompts": list(asked)}


def _check_v1(content: BatchContent | None, fields: Mapping[str, Any]) -> None:
    if content is not None and not isinstance(content, Mapping):
        raise InvalidArgumentError('v1 batches take prompts; lists of requests need version="v2".')
    if fields.get("data_parallelism", 1) > 1:
        raise InvalidArgumentError('v1 batches run on one worker; data_parallelism needs version="v2".')


class Search:
    """Finds a job repeatedly.

    The v2 route may not know a job that v1 made, and the open-source gateway's v2 route fails for every job. There, the jobs are listed
    among the fine-tunes, with another status and without the other fields. The route that found the job the first time is used from then
    on.
    """

    def __init__(self, job_id: str, ask: Callable[[Operation[Any]], Flow[Any]]) -> None:
        self._v2 = Operation(Request(method="GET", path=job_path(job_id)), BatchJobReply)
        self._v1 = Operation(
            Request(method="GET", path=f"/v1/llm/fine-tunes/{path_segment(job_id, 'job id')}"), FineTune
        )
        self._ask = ask
        self._version: Version | None = None

    def look(self) -> Flow[BatchJob]:
        """Return the current state of the job."""
        if self._version == "v1":
            return (yield from self._listed())
        try:
            reply: BatchJobReply = yield from self._ask(self._v2)
        except APIStatusError as error:
            if self._version == "v2" or error.status_code not in {404, 500}:
                raise
            return (yield from self._instead(error))
        self._version = "v2"
        return reply.job

    def _instead(self, error: APIStatusError) -> Flow[BatchJob]:
        try:
            job = yield from self._listed()
        except APIStatusError:
            raise error from None
        self._version = "v1"
        return job

    def _listed(self) -> Flow[BatchJob]:
        found: FineTune = yield from self._ask(self._v1)
        if found.fine_tuned_model is not None:
            raise NotFoundError(f"{found.id} is a fine-tune.")
        return BatchJob(job_id=found.id, status=_STATUSES.get(found.status, "unknown"))
