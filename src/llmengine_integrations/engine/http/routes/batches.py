"""The routes of batch completions: `/v1/llm/batch-completions` and those under `/v2/batch-completions`.

Paths are local paths. A checkpoint path is validated as in the gateway but not used: the job runs on the model that the engine serves.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, cast

from pydantic import TypeAdapter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from llmengine_integrations.wire.batch_completions import BatchRequest, BatchRequestV1, BatchUpdateRequest

from ...batch_jobs.runner import BatchRunner
from ...dialect.errors import RefusedError
from ...dialect.fields import check_unicode
from ...local_paths import LocalPaths, PathNotAllowedError
from ...registry import Registry
from ...store.batch_jobs import Batch, BatchStore
from ..auth import Authenticator
from ..error_replies import json_reply
from ..request_bodies import read_body, validated

_V1: TypeAdapter[BatchRequestV1] = TypeAdapter(BatchRequestV1)
_V2: TypeAdapter[BatchRequest] = TypeAdapter(BatchRequest)
_UPDATE: TypeAdapter[BatchUpdateRequest] = TypeAdapter(BatchUpdateRequest)

_DAY = 24 * 60 * 60
_REMOTE = ("s3://", "azure://", "gs://", "abfss://")
_TOOL = "code_evaluator"

_MODEL_DEFAULTS = {"trust_remote_code": False, "gpu_memory_utilization": 0.9, "num_shards": 1}
_MODEL_KEYS = (
    *("max_model_len", "max_num_seqs", "enforce_eager", "trust_remote_code", "pipeline_parallel_size"),
    *("tensor_parallel_size", "quantization", "disable_log_requests", "chat_template", "tool_call_parser"),
    *("enable_auto_tool_choice", "load_format", "config_format", "tokenizer_mode", "limit_mm_per_prompt"),
    *("max_num_batched_tokens", "tokenizer", "dtype", "seed", "revision", "code_revision", "rope_scaling"),
    *("tokenizer_revision", "quantization_param_path", "max_seq_len_to_capture", "disable_sliding_window"),
    *("skip_tokenizer_init", "served_model_name", "override_neuron_config", "mm_processor_kwargs", "block_size"),
    *("gpu_memory_utilization", "swap_space", "cache_dtype", "num_gpu_blocks_override", "enable_prefix_caching"),
    *("model", "checkpoint_path", "num_shards", "max_context_length", "response_role"),
)
"""The fields that the gateway reports about a job's model, in its order."""


class BatchRoutes:
    """Batch jobs. Jobs of both versions run in the same way, and the v2 routes also find v1 jobs.

    Args:
        store: stores the jobs.
        runner: runs the jobs.
        registry: the names that are served.
        paths: where files may be.
        authenticator: checks keys.
        code_evaluator: whether models may have code executed.
    """

    def __init__(
        self,
        store: BatchStore,
        runner: BatchRunner,
        registry: Registry,
        paths: LocalPaths,
        authenticator: Authenticator,
        *,
        code_evaluator: bool,
    ) -> None:
        self._store = store
        self._runner = runner
        self._registry = registry
        self._paths = paths
        self._authenticator = authenticator
        self._code_evaluator = code_evaluator

    @property
    def routes(self) -> list[BaseRoute]:
        """The routes, for the application."""
        job = "/v2/batch-completions/{job_id}"
        return [
            Route("/v1/llm/batch-completions", self._create_v1, methods=["POST"]),
            Route("/v2/batch-completions", self._create_v2, methods=["POST"]),
            Route(job, self._get, methods=["GET"]),
            Route(job, self._update, methods=["POST"]),
            Route(f"{job}/actions/cancel", self._cancel, methods=["POST"]),
        ]

    async def _create_v1(self, request: Request) -> Response:
        fields = validated(await read_body(request, self._authenticator), _V1)
        if (fields.get("data_parallelism") or 1) > 1:
            raise RefusedError(400, "Data parallelism is disabled for batch completions.")
        labels = fields["model_config"].get("labels")
        batch = await self._created("v1", cast("dict[str, Any]", fields), labels)
        return json_reply({"job_id": batch.id})

    async def _create_v2(self, request: Request) -> Response:
        fields = validated(await read_body(request, self._authenticator), _V2)
        if fields.get("tool_config") is not None and isinstance(fields.get("content"), list):
            raise RefusedError(400, "tool_config is for batches of prompts, not for lists of requests.")
        batch = await self._created("v2", cast("dict[str, Any]", fields), fields.get("labels"))
        return json_reply(job_body(batch))

    async def _get(self, request: Request) -> Response:
        self._authenticator.check(request.headers)
        return json_reply({"job": job_body(await self._found(request))})

    async def _update(self, request: Request) -> Response:
        fields = validated(await read_body(request, self._authenticator), _UPDATE)
        check_unicode(cast("Mapping[str, object]", fields))
        batch = await self._found(request)
        updated = "priority" in fields and await run_in_threadpool(self._store.prioritize, batch.id, fields["priority"])
        return json_reply({**job_body(await self._found(request)), "success": updated or "priority" not in fields})

    async def _cancel(self, request: Request) -> Response:
        await read_body(request, self._authenticator)
        job_id: str = request.path_params["job_id"]
        cancelled = await run_in_threadpool(self._store.cancel, job_id)
        self._runner.drop(job_id)
        return json_reply({"success": cancelled})

    async def _found(self, request: Request) -> Batch:
        job_id: str = request.path_params["job_id"]
        batch = await run_in_threadpool(self._store.get, job_id)
        if batch is None:
            raise RefusedError(404, f"Batch completion {job_id} not found.")
        return batch

    async def _created(
        self, version: Literal["v1", "v2"], fields: Mapping[str, Any], labels: Mapping[str, str] | None
    ) -> Batch:
        """Create and store a job.

        Raises:
            RefusedError: 400 with the error in the request.
        """
        check_unicode(fields)
        self._check_tool(fields.get("tool_config"))
        self._check_model(fields["model_config"])
        paths = await run_in_threadpool(self._paths_in, fields)
        content = fields.get("content")
        kept = {key: value for key, value in fields.items() if key not in ("content", "labels", "model_config")}
        kept |= paths | {
            "version": version,
            "labels": labels or {},
            "model_config": {key: value for key, value in fields["model_config"].items() if key != "labels"},
            "max_runtime_sec": fields.get("max_runtime_sec") or _DAY,
        }
        text = None if content is None else json.dumps(content, ensure_ascii=False)
        batch = await run_in_threadpool(self._store.create, "job" if version == "v1" else "batch", kept, text)
        self._runner.wake()
        return batch

    def _check_tool(self, config: Mapping[str, Any] | None) -> None:
        if config is None:
            return
        if config["name"] != _TOOL:
            raise RefusedError(400, "Only code_evaluator tool is supported for batch completions.")
        if not self._code_evaluator:
            raise RefusedError(
                400,
                "The code evaluator runs what the model writes, so it is off: "
                "start the engine with --allow-code-evaluator to have it.",
            )

    def _check_model(self, config: Mapping[str, Any]) -> None:
        name, checkpoint = config["model"], config.get("checkpoint_path")
        if checkpoint and not checkpoint.startswith(_REMOTE):
            supported = "Only S3, Azure Blob Storage, and GCS paths are supported."
            raise RefusedError(400, f"{supported} Given checkpoint path: {checkpoint}.")
        if self._registry.model_of(name) is not None:
            return
        if not checkpoint:
            raise RefusedError(400, f"No checkpoint path found for model {name}")
        raise RefusedError(400, f"This engine serves no model {name}, and loads none from {checkpoint}.")

    def _paths_in(self, fields: Mapping[str, Any]) -> dict[str, str | None]:
        """The absolute paths of a job's files, so that a client that reads the job can find them."""
        source = fields.get("input_data_path")
        try:
            return {
                "output_data_path": str(self._paths.resolve(fields["output_data_path"], writing=True)),
                "input_data_path": None if source is None else str(self._paths.resolve(source)),
            }
        except PathNotAllowedError as error:
            raise RefusedError(400, str(error)) from error


def job_body(batch: Batch) -> dict[str, Any]:
    """A job as the v2 routes return it. The metadata contain its labels, then its progress, and the error if it failed."""
    request = batch.request
    begun = batch.created_at if batch.started_at is None else batch.started_at
    return {
        "job_id": batch.id,
        "input_data_path": request.get("input_data_path"),
        "output_data_path": request["output_data_path"],
        "model_config": {key: request["model_config"].get(key, _MODEL_DEFAULTS.get(key)) for key in _MODEL_KEYS},
        "priority": batch.priority,
        "status": batch.status,
        "created_at": _time(batch.created_at),
        "expires_at": _time(begun, request["max_runtime_sec"]),
        "completed_at": None if batch.completed_at is None else _time(batch.completed_at),
        "metadata": {**request["labels"], **_progress(batch)},
    }


def _progress(batch: Batch) -> dict[str, str]:
    progress: dict[str, str] = {}
    if batch.total is not None:
        progress = {
            "requests_total": str(batch.total),
            "requests_done": str(batch.done),
            "requests_failed": str(batch.failed),
        }
    return progress if batch.error is None else {**progress, "error": batch.error}


def _time(seconds: float, later: float = 0) -> str:
    """A time as the gateway writes it: UTC, without a zone."""
    moment = datetime.fromtimestamp(seconds, UTC) + timedelta(seconds=later)
    return moment.replace(tzinfo=None).isoformat()
