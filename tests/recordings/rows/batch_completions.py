"""`batch_completions`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from llmengine_integrations.core.errors import (
    BadRequestError,
    InvalidArgumentError,
    JobFailedError,
    NotFoundError,
    ServerError,
)
from llmengine_integrations.wire.batch_completions import BatchCancelled, BatchJob, BatchModel

from ..row import Outcome, Row, raises, refuses, returns
from ..tape import Exchange

_PROMPTS = {
    "prompts": ["What is deep learning", "What is a neural network"],
    "max_new_tokens": 10,
    "temperature": 0.0,
}
_CHAT = [{"messages": [{"role": "user", "content": "hi"}], "max_tokens": 5, "logprobs": True}]
_LABELS = {"team": "t", "product": "p"}
_JOB = "batch-82ef3bf7ccf748f2bb1b"
_REQUEST_ID = "197ecaa2-8e18-4cb7-aa87-3add5e967ff5"


def create(model: str = "llama-2-7b", output: str = "s3://o", **options: Any) -> Callable[[Any], Any]:
    """The call behind a recording; most of them name the checkpoint and the labels."""
    if model == "llama-2-7b":
        options = {"checkpoint_path": "s3://fake-bucket/llama-2-7b", "labels": _LABELS} | options
    if "input_data_path" not in options:
        options = {"content": _PROMPTS} | options
    return lambda client: client.batch_completions.create(model, output_data_path=output, **options)


def job(status: str, priority: str = "low") -> BatchJob:
    """The job of the chat batch."""
    return BatchJob(
        job_id=_JOB,
        output_data_path="s3://o",
        model_cfg=BatchModel(
            model="llama-2-7b",
            checkpoint_path="s3://fake-bucket/llama-2-7b",
            num_shards=1,
            trust_remote_code=False,
            gpu_memory_utilization=0.9,
        ),
        priority=priority,
        status=status,
        created_at=datetime.fromisoformat("2026-11-21T08:39:21.250068"),
        expires_at=datetime.fromisoformat("2026-11-22T08:39:21.250068"),
        metadata=_LABELS,
    )


@dataclass(frozen=True)
class returns_job(returns):  # noqa: N801 - as what it extends
    """The call returns the `job` in the reply."""

    def check(self, outcome: Outcome, recorded: Exchange) -> None:
        if outcome.error is not None:
            raise outcome.error
        assert outcome.reply == self.value
        assert outcome.reply.model_dump(mode="json", exclude_unset=True) == recorded.json["job"]


ROWS = [
    Row(
        "168-batch1-ok",
        create(output="s3://out/o.json"),
        returns(BatchJob(job_id="job-7e8c324d60db4fa0935d")),
    ),
    Row(
        "169-batch1-ok-input-path-tool",
        create(
            output="s3://out/o.json",
            input_data_path="s3://in/i.json",
            tool_config={"name": "code_evaluator"},
        ),
        returns(BatchJob(job_id="job-ee6b31c6488e4c6596dc")),
    ),
    Row(
        "170-batch1-400-parallelism",
        create(data_parallelism=2),
        refuses(InvalidArgumentError, 'data_parallelism needs version="v2"'),
    ),
    Row(
        "171-batch1-400-tool",
        create(tool_config={"name": "other"}),
        raises(BadRequestError, "Only code_evaluator tool is supported for batch completions."),
    ),
    Row(
        "172-batch1-400-checkpoint",
        create("unknown-7b"),
        raises(BadRequestError, "No checkpoint path found for model unknown-7b"),
    ),
    Row(
        "173-batch1-400-checkpoint-scheme",
        create(checkpoint_path="/local"),
        raises(
            BadRequestError,
            "Only S3, Azure Blob Storage, and GCS paths are supported. Given checkpoint path: /local.",
        ),
    ),
    Row(
        "174-batch1-ok-neither-content-nor-input",
        create(content=None),
        refuses(InvalidArgumentError, "either content or input_data_path"),
    ),
    Row(
        "177-batch1-422-bounds",
        create(content=_PROMPTS | {"temperature": 2}, data_parallelism=65, max_runtime_sec=0),
        refuses(InvalidArgumentError, 'data_parallelism needs version="v2"'),
    ),
    Row("178-batch2-create-ok-chat", create(content=_CHAT, priority="low", version="v2"), returns(job("queued"))),
    Row(
        "182-batch2-create-500-no-checkpoint",
        create("unknown-7b", content=_CHAT, version="v2"),
        raises(
            ServerError,
            f"Internal server error. request_id: {_REQUEST_ID}",
            request_id=_REQUEST_ID,
        ),
    ),
    Row("184-batch2-get", lambda client: client.batch_completions.get(_JOB), returns_job(job("queued"))),
    Row(
        "185-batch2-get-404",
        lambda client: client.batch_completions.get("nope"),
        raises(NotFoundError, "Batch completion nope not found."),
    ),
    Row(
        "186-batch2-update",
        lambda client: client.batch_completions.update(_JOB, priority="high"),
        raises(ServerError, "Internal server error"),
    ),
    Row(
        "188-batch2-update-404",
        lambda client: client.batch_completions.update("nope"),
        raises(NotFoundError, "Batch completion nope not found."),
    ),
    Row(
        "191-batch2-cancel-no-body",
        lambda client: client.batch_completions.cancel(_JOB),
        returns(BatchCancelled(success=True)),
    ),
    Row(
        "192-batch2-cancel-unknown",
        lambda client: client.batch_completions.cancel("nope"),
        raises(
            NotFoundError,
            "There is no batch job 'nope' to cancel: its id is wrong, or it has ended, or it is gone.",
            status_code=None,
        ),
    ),
    Row(
        "193-batch2-get-cancelled",
        lambda client: client.batch_completions.get(_JOB),
        returns_job(job("cancelled", priority="high")),
    ),
    Row(
        "193-batch2-get-cancelled",
        lambda client: client.batch_completions.wait(_JOB, poll_interval=0),
        raises(
            JobFailedError,
            f"Batch {_JOB} ended with status cancelled.",
            job=job("cancelled", priority="high"),
        ),
        first=["184-batch2-get"],
    ),
]
