"""Upstream's `FineTune`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..core.resources.fine_tunes import FineTunes
from ._call import Call, method
from ._responses import (
    CancelFineTuneResponse,
    CreateFineTuneResponse,
    GetFineTuneEventsResponse,
    GetFineTuneResponse,
    ListFineTunesResponse,
)
from .api_engine import Headers


class FineTune:
    """Train models on your own examples. Each call has an async version, such as `acreate`."""

    @method
    def create(
        self,
        model: str,
        training_file: str,
        validation_file: str | None = None,
        hyperparameters: Mapping[str, str | int | float | Mapping[str, Any]] | None = None,
        wandb_config: Mapping[str, Any] | None = None,
        suffix: str | None = None,
        request_headers: Headers = None,
    ) -> Call[CreateFineTuneResponse]:
        """Start a fine-tuning job. `POST /v1/llm/fine-tunes`. It is never sent twice.

        Args:
            model: The base model, such as "llama-2-7b".
            training_file: A file's id (`File.upload`), or a URL that the server can read: CSV with a header, or JSON lines, with the
                columns prompt and response.
            validation_file: The same for validation; a tenth of the training file by default.
            hyperparameters: `lr`, `warmup_ratio`, `epochs`, `weight_decay` and others; the server's choice by default.
            wandb_config: Weights & Biases settings; must contain `api_key`.
            suffix: Part of the new model's name: 1 to 28 letters, digits and dashes.
            request_headers: Headers of this call.

        Raises:
            InvalidArgumentError: The suffix is not valid, or the model or the training file is empty.
            NotFoundError: The file does not exist.
            BadRequestError: The file lacks the columns, or the model cannot be tuned.
        """
        steps = FineTunes.create.build(
            None,
            model,
            training_file,
            validation_file=validation_file,
            hyperparameters=hyperparameters,
            suffix=suffix,
            wandb_config=wandb_config,
        )
        return Call(steps, CreateFineTuneResponse, request_headers)

    @method
    def get(self, fine_tune_id: str, request_headers: Headers = None) -> Call[GetFineTuneResponse]:
        """Return one job. `GET /v1/llm/fine-tunes/{id}`.

        Raises:
            NotFoundError: The job does not exist, or was cancelled.
        """
        return Call(FineTunes.get.build(None, fine_tune_id), GetFineTuneResponse, request_headers)

    @method
    def list(self, request_headers: Headers = None) -> Call[ListFineTunesResponse]:
        """List your jobs. `GET /v1/llm/fine-tunes`. Batch jobs are among them; they have no `fine_tuned_model`."""
        return Call(FineTunes.list.build(None), ListFineTunesResponse, request_headers)

    @method
    def cancel(self, fine_tune_id: str, request_headers: Headers = None) -> Call[CancelFineTuneResponse]:
        """Cancel a job. `PUT /v1/llm/fine-tunes/{id}/cancel`. If it does not exist, `success` is False."""
        steps = FineTunes.cancel.build(None, fine_tune_id, missing_ok=True)
        return Call(steps, CancelFineTuneResponse, request_headers)

    @method
    def get_events(self, fine_tune_id: str, request_headers: Headers = None) -> Call[GetFineTuneEventsResponse]:
        """Return the events of a job so far, oldest first. `GET /v1/llm/fine-tunes/{id}/events`.

        Raises:
            NotFoundError: The job does not exist, or has no events yet.
        """
        return Call(FineTunes.events.build(None, fine_tune_id), GetFineTuneEventsResponse, request_headers)

    acreate = create.awaited
    aget = get.awaited
    alist = list.awaited  # noqa: A003 - the method above, not the builtin
    acancel = cancel.awaited
    aget_events = get_events.awaited
