"""Upstream's `Completion`."""

from __future__ import annotations

import warnings
from collections.abc import AsyncGenerator, Coroutine, Generator, Mapping
from dataclasses import replace
from typing import Any, ClassVar, Literal, Protocol, TypeVar, cast, overload

from typing_extensions import Unpack

from ..core._operation import Request
from ..core._steps import Flow
from ..core._timeouts import TimeoutLike
from ..core.resources.batch_completions import BatchCompletions
from ..core.resources.completions import Completions
from ..wire.batch_completions import BatchJob, BatchJobReply
from ..wire.completions import CompletionOptions
from ._call import Call, StreamCall, method
from ._enums import GpuType
from ._parameters import (
    BatchCompletionContent,
    BatchCompletionsModelConfig,
    CreateBatchCompletionsV1RequestContent,
    ToolConfig,
    given,
)
from ._responses import (
    BatchCompletionsJob,
    CancelBatchCompletionsV2Response,
    CompletionStreamV1Response,
    CompletionSyncV1Response,
    CreateBatchCompletionsV1Response,
    GetBatchCompletionV2Response,
)
from .api_engine import Headers

COMPLETION_TIMEOUT = 300
"""Seconds to wait for a completion's next byte, unless the call sets it. A model without a running worker takes minutes."""

WholeT_co = TypeVar("WholeT_co", covariant=True)
StreamT_co = TypeVar("StreamT_co", covariant=True)


class _Create(Protocol[WholeT_co, StreamT_co]):
    """The signature of `create` and `acreate` for type checkers: what is returned depends on `stream`."""

    @overload
    def __call__(
        self,
        model: str,
        prompt: str,
        max_new_tokens: int = 20,
        temperature: float = 0.2,
        *,
        timeout: TimeoutLike | None = COMPLETION_TIMEOUT,
        stream: Literal[False] = False,
        request_headers: Headers = None,
        **options: Unpack[CompletionOptions],
    ) -> WholeT_co: ...
    @overload
    def __call__(
        self,
        model: str,
        prompt: str,
        max_new_tokens: int = 20,
        temperature: float = 0.2,
        *,
        timeout: TimeoutLike | None = COMPLETION_TIMEOUT,
        stream: Literal[True],
        request_headers: Headers = None,
        **options: Unpack[CompletionOptions],
    ) -> StreamT_co: ...
    @overload
    def __call__(
        self,
        model: str,
        prompt: str,
        max_new_tokens: int = 20,
        temperature: float = 0.2,
        *,
        timeout: TimeoutLike | None = COMPLETION_TIMEOUT,
        stream: bool = False,
        request_headers: Headers = None,
        **options: Unpack[CompletionOptions],
    ) -> WholeT_co | StreamT_co: ...


def _create(
    _: object,
    model: str,
    prompt: str,
    max_new_tokens: int = 20,
    temperature: float = 0.2,
    stop_sequences: list[str] | None = None,
    return_token_log_probs: bool | None = False,
    presence_penalty: float | None = None,
    frequency_penalty: float | None = None,
    top_k: int | None = None,
    top_p: float | None = None,
    include_stop_str_in_output: bool | None = None,
    guided_json: dict[str, Any] | None = None,
    guided_regex: str | None = None,
    guided_choice: list[str] | None = None,
    guided_grammar: str | None = None,
    timeout: TimeoutLike | None = COMPLETION_TIMEOUT,
    stream: bool = False,
    request_headers: Headers = None,
    skip_special_tokens: bool | None = None,
) -> Call[CompletionSyncV1Response] | StreamCall:
    """Complete a prompt. `POST /v1/llm/completions-sync`; with `stream`, `POST /v1/llm/completions-stream`.

    Args:
        model: The endpoint's name.
        prompt: The text to complete.
        max_new_tokens: The maximum number of tokens to generate.
        temperature: 0 (the likeliest token each time) to 1 (the model's own distribution).
        stop_sequences: Strings that end the completion.
        return_token_log_probs: Whether to return each token with its natural log-probability.
        presence_penalty: Penalty for tokens that have occurred at all, 0 to 2.
        frequency_penalty: Penalty for each occurrence of a token, 0 to 2.
        top_k: Sample among the k likeliest tokens; -1 considers all.
        top_p: Sample among the likeliest tokens that together reach this probability.
        include_stop_str_in_output: Whether the text keeps the stop sequence that ended it.
        guided_json: A JSON schema that the text must satisfy; at most one guided_* argument.
        guided_regex: A regular expression that the text must match.
        guided_choice: The text must be one of these strings.
        guided_grammar: A context-free grammar that the text must follow.
        timeout: Seconds to wait for the next byte; or an `httpx.Timeout`. A model without a running worker takes minutes to answer. None
            waits for ten minutes. A completion that timed out is not requested again.
        stream: Whether to return an iterator over the events as they come, instead of the whole. Dropping or closing it closes the
            connection.
        request_headers: Headers of this call.
        skip_special_tokens: Whether to leave special tokens out of the text; the server's choice by default.

    Raises:
        NotFoundError: The endpoint does not exist. This error and the following come from the call itself, streamed or not.
        ValidationError: A field is out of range; the message names it.
        BadRequestError: The endpoint's framework does not support an option.
        ServerError: The model server failed.
        APITimeoutError: There was no reply in time. Other `APIConnectionError`s mean that there was no connection.
        StreamError: The stream was read further after an event whose `error` is set.
        StreamTruncatedError: The stream ended before the completion was finished.
    """
    options: CompletionOptions = {
        "stop_sequences": stop_sequences,
        "return_token_log_probs": return_token_log_probs,
        "presence_penalty": presence_penalty,
        "frequency_penalty": frequency_penalty,
        "top_k": top_k,
        "top_p": top_p,
        "include_stop_str_in_output": include_stop_str_in_output,
        "guided_json": guided_json,
        "guided_regex": guided_regex,
        "guided_choice": guided_choice,
        "guided_grammar": guided_grammar,
        "skip_special_tokens": skip_special_tokens,
    }
    common: dict[str, Any] = {"max_new_tokens": max_new_tokens, "temperature": temperature, "timeout": timeout}
    if stream:
        streamed = Completions.stream.build(None, model, prompt, **common, **options)
        return StreamCall(replace(streamed, request=_asked_once(streamed.request)), request_headers)
    whole = Completions.create.build(None, model, prompt, **common, **options)
    return Call(replace(whole, request=_asked_once(whole.request)), CompletionSyncV1Response, request_headers)


def _asked_once(request: Request) -> Request:
    """Return the request with no retry after a timeout. The server still works on it, and upstream's users expect to wait once."""
    return replace(request, again_after_timeout=False)


_either = method(cast("Any", _create))


class Completion:
    """Complete prompts, one by one or in batches. Each call has an async version, such as `acreate`."""

    create: ClassVar[_Create[CompletionSyncV1Response, Generator[CompletionStreamV1Response]]]
    acreate: ClassVar[
        _Create[
            Coroutine[Any, Any, CompletionSyncV1Response],
            Coroutine[Any, Any, AsyncGenerator[CompletionStreamV1Response]],
        ]
    ]
    create, acreate = cast("Any", (_either, _either.awaited))
    """Complete a prompt, whole or streamed. `POST /v1/llm/completions-sync`, `POST /v1/llm/completions-stream`."""

    @method
    def batch_create(
        self,
        output_data_path: str,
        model_config: BatchCompletionsModelConfig | Mapping[str, Any],
        content: BatchCompletionContent | Mapping[str, Any] | None = None,
        input_data_path: str | None = None,
        data_parallelism: int = 1,
        max_runtime_sec: int = 24 * 3600,
        labels: Mapping[str, str] | None = None,
        priority: str | None = None,
        use_v2: bool = False,
        tool_config: ToolConfig | Mapping[str, Any] | None = None,
        cpus: str | float | None = None,
        gpus: int | None = None,
        memory: str | float | None = None,
        gpu_type: GpuType | str | None = None,
        storage: str | float | None = None,
        request_headers: Headers = None,
        nodes_per_worker: int | None = None,
    ) -> Call[CreateBatchCompletionsV1Response]:
        """Start a batch. `POST /v1/llm/batch-completions`; with `use_v2`, `POST /v2/batch-completions`. It is never sent twice.

        Args:
            output_data_path: Where the results are written, as the job's machine sees it: usually s3://, gs:// or azure://.
            model_config: The model.
            content: Prompts; or, with `use_v2`, a list of requests.
            input_data_path: A file with such content instead.
            data_parallelism: Workers to spread the batch over, 1 to 64. The first version of the route has only one worker. So without
                `use_v2` the batch runs on one, and a warning says so if more are requested.
            max_runtime_sec: Seconds after which the job is stopped; at most two days.
            labels: Labels for the job; those of `model_config` by default.
            priority: The job's priority.
            use_v2: Whether to use the second version of the route. The open-source gateway fails to answer it.
            tool_config: A tool that the model may use. The second version ignores it.
            cpus: CPUs of a worker. The first version ignores all hardware settings.
            gpus: GPUs of a worker.
            memory: Main memory of a worker, such as "24Gi".
            gpu_type: The kind of GPU.
            storage: Disk of a worker, such as "40Gi".
            request_headers: Headers of this call.
            nodes_per_worker: Machines that form a worker.

        Returns:
            An object with the `job_id`; with `use_v2`, a `BatchCompletionsJob`.

        Raises:
            InvalidArgumentError: There is neither content nor an input file, or both; or the content needs `use_v2`.
            BadRequestError: The checkpoint or the tool is unknown or cannot be reached.
            ServerError: The gateway failed. The job may be running anyway.
        """
        if data_parallelism > 1 and not use_v2:
            message = "Batches run on one worker unless use_v2=True is given; data_parallelism is taken as 1."
            warnings.warn(message, stacklevel=3)
            data_parallelism = 1
        model = dict(given(model_config))
        of_the_model = model.pop("labels", None)
        steps = BatchCompletions.create.build(
            None,
            model.pop("model", ""),
            output_data_path=output_data_path,
            content=_content(content),
            input_data_path=input_data_path,
            version="v2" if use_v2 else "v1",
            labels=dict(labels or of_the_model or {}) or None,
            data_parallelism=data_parallelism,
            max_runtime_sec=max_runtime_sec,
            priority=priority,
            tool_config=None if tool_config is None else cast("Any", dict(given(tool_config))),
            cpus=cpus,
            gpus=gpus,
            memory=memory,
            gpu_type=gpu_type,
            storage=storage,
            nodes_per_worker=nodes_per_worker,
            **model,
        )
        returns = BatchCompletionsJob if use_v2 else CreateBatchCompletionsV1Response
        return Call(steps, cast("type[CreateBatchCompletionsV1Response]", returns), request_headers)

    @method
    def get_batch_completion(self, job_id: str, request_headers: Headers = None) -> Call[GetBatchCompletionV2Response]:
        """Return a batch that was made with `use_v2`, as `.job` or `["job"]`. `GET /v2/batch-completions/{id}`.

        Others are listed by `FineTune.list()`, as in the gateway; `Client.batch_completions.wait` handles both.

        Raises:
            NotFoundError: The job does not exist.
        """
        return Call(_replied(BatchCompletions.get.build(None, job_id)), GetBatchCompletionV2Response, request_headers)

    @method
    def cancel_batch_completion(
        self, job_id: str, request_headers: Headers = None
    ) -> Call[CancelBatchCompletionsV2Response]:
        """Cancel a batch. `POST /v2/batch-completions/{id}/actions/cancel`. If it does not exist, `success` is False."""
        steps = BatchCompletions.cancel.build(None, job_id, missing_ok=True)
        return Call(steps, CancelBatchCompletionsV2Response, request_headers)

    abatch_create = batch_create.awaited
    aget_batch_completion = get_batch_completion.awaited
    acancel_batch_completion = cancel_batch_completion.awaited


def _content(content: BatchCompletionContent | Mapping[str, Any] | None) -> Any:
    if content is None or isinstance(content, Mapping | CreateBatchCompletionsV1RequestContent):
        return None if content is None else given(content)
    return [given(request) for request in content]


def _replied(steps: Flow[BatchJob]) -> Flow[BatchJobReply]:
    """Return the reply that contained a job, because that is what upstream returns."""
    return BatchJobReply(job=(yield from steps))
