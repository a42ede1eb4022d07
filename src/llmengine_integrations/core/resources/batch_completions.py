"""Batches: many prompts or requests in one job, read from a file and written to a file."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial

from typing_extensions import Unpack

from ...wire.batch_completions import (
    BatchCancelled,
    BatchContent,
    BatchJob,
    BatchJobReply,
    BatchJobUpdated,
    BatchOptions,
)
from ...wire.batch_files import BatchResult
from .._operation import Operation, Request
from .._polling import MAX_POLL_INTERVAL, POLL_INTERVAL, JobWatch
from .._resource import Resource, TransportT, flow_endpoint
from .._steps import Flow, Local
from .._timeouts import TimeoutLike
from ..batches.files import PathLike, Storage, read_json, shown, write_json
from ..batches.requests import V1_PATH, V2_PATH, Search, Version, body, job_path, on_the_wire
from ..batches.results import asked_in, results
from ..errors import InvalidArgumentError, NotFoundError, ServerError


class BatchCompletions(Resource[TransportT]):
    """Complete many prompts in one job.

    The gateway has two versions of these routes. v1 is the default: its jobs run on every gateway, accept only prompts, and are watched
    with `wait`. v2 also accepts chat requests and spreads a batch over several workers; `get` and `update` are for its jobs. The
    open-source gateway fails to answer v2's `create` (after starting the job), `get` and `update`.
    """

    @flow_endpoint
    def create(
        self,
        model: str,
        *,
        output_data_path: str,
        content: BatchContent | None = None,
        input_data_path: str | None = None,
        version: Version = "v1",
        timeout: TimeoutLike | None = None,
        **options: Unpack[BatchOptions],
    ) -> Flow[BatchJob]:
        """Start a job. `POST /v1/llm/batch-completions`, or `POST /v2/batch-completions`.

        It is never sent twice. After an APIConnectionError or a ServerError the job may be running; see `fine_tunes.list().batch_jobs`.

        Args:
            model: The model's name, such as "llama-2-7b".
            output_data_path: Where the job's machine writes the results: usually s3://, gs:// or azure://. `results` reads it.
            content: The prompts or requests: `{"prompts": [...]}` with the settings that they share (`max_new_tokens` is 256 and
                `temperature` 0.2 unless given), or, for v2 only, a list of chat requests or of text completion requests.
            input_data_path: A file with such content instead; `input_file` writes one. A list of requests in it is for v2 only.
            version: "v1" or "v2".
            timeout: Seconds to wait for the next byte, instead of the client's; or an `httpx.Timeout`.
            **options: The fields of `BatchOptions`: how the job runs, and how its model is served.

        Returns:
            The job. In v1, it has only its `job_id`.

        Raises:
            InvalidArgumentError: There is neither content nor an input file, or both; or v1 does not support a request or option.
            BadRequestError: The checkpoint is unknown or cannot be reached, or the tool is unknown.
            ValidationError: A field is out of range; the message names it.
            ServerError: v2 failed, or did not know the model's checkpoint.
        """
        fields = body(version, model, output_data_path, input_data_path, content, options)
        path = V1_PATH if version == "v1" else V2_PATH
        request = Request(method="POST", path=path, json=fields, repeatable=False, timeout=timeout)
        try:
            job: BatchJob = yield Operation(request, BatchJob)
        except ServerError as error:
            error.add_note("The job may be running all the same: see fine_tunes.list().batch_jobs.")
            if version == "v2":
                error.add_note('The open-source gateway always fails to answer this; version="v1" works there.')
            raise
        return job

    @flow_endpoint
    def get(self, job_id: str) -> Flow[BatchJob]:
        """Return a job of v2. `GET /v2/batch-completions/{id}`. For a job of v1, see `fine_tunes.get` or `wait`.

        Raises:
            NotFoundError: The job does not exist.
        """
        reply: BatchJobReply = yield Operation(Request(method="GET", path=job_path(job_id)), BatchJobReply)
        return reply.job

    @flow_endpoint
    def update(self, job_id: str, *, priority: str | None = None) -> Flow[BatchJobUpdated]:
        """Change the priority of a job of v2. `POST /v2/batch-completions/{id}`.

        Raises:
            NotFoundError: The job does not exist.
            ServerError: The gateway cannot change jobs. The open-source one never can.
        """
        fields = {"job_id": job_id} | ({} if priority is None else {"priority": priority})
        reply: BatchJobUpdated = yield Operation(
            Request(method="POST", path=job_path(job_id), json=fields), BatchJobUpdated
        )
        return reply

    @flow_endpoint
    def cancel(self, job_id: str, *, missing_ok: bool = False) -> Flow[BatchCancelled]:
        """Cancel a job. `POST /v2/batch-completions/{id}/actions/cancel`.

        Args:
            job_id: The job's id.
            missing_ok: Whether a missing job is not an error. The reply's `success` is False then.

        Raises:
            NotFoundError: The job does not exist.
        """
        request = Request(method="POST", path=f"{job_path(job_id)}/actions/cancel")
        reply: BatchCancelled = yield Operation(request, BatchCancelled)
        if not reply.success and not missing_ok:
            message = f"There is no batch job {job_id!r} to cancel: its id is wrong, or it has ended, or it is gone."
            raise NotFoundError(message, body=reply.model_dump())
        return reply

    @flow_endpoint
    def wait(
        self,
        job_id: str,
        *,
        poll_interval: float = POLL_INTERVAL,
        max_poll_interval: float = MAX_POLL_INTERVAL,
        timeout: float | None = None,
        on_status: Callable[[BatchJob], object] | None = None,
    ) -> Flow[BatchJob]:
        """Wait until a job is completed, and return it. Polls `GET /v2/batch-completions/{id}`.

        If this route does not know a job, or fails to answer, `GET /v1/llm/fine-tunes/{id}` is used, where the gateway shows the jobs of
        v1. The returned job then has only its id and its status.

        Args:
            job_id: The job's id.
            poll_interval: Seconds until the second poll; each pause is 1.5 times the one before.
            max_poll_interval: The longest pause, in seconds.
            timeout: The total time to wait, in seconds; no limit by default.
            on_status: Called with the job whenever its status changes, and with its first status.

        Raises:
            JobFailedError: The job failed or was cancelled.
            JobTimeoutError: Time is up; the job keeps running.
            NotFoundError: The job does not exist.
            APIConnectionError: The server cannot be reached at first, or in six polls in a row. The same holds for a ServerError.
        """
        watch: JobWatch[BatchJob] = JobWatch(
            f"Batch {job_id}",
            lambda: search.look(),  # noqa: PLW0108 - it is defined two lines below
            poll_interval=poll_interval,
            max_poll_interval=max_poll_interval,
            timeout=timeout,
            on_status=on_status,
        )
        search = Search(job_id, watch.send)
        job = yield from watch.done()
        if not job.succeeded:
            raise watch.failed()
        return job

    @flow_endpoint
    def results(
        self,
        output: PathLike | BatchJob,
        *,
        content: BatchContent | None = None,
        input_data_path: PathLike | None = None,
        storage_options: Storage | None = None,
    ) -> Flow[list[BatchResult]]:
        """Read a job's output file, and pair each result with its prompt or request. Sends nothing to the gateway.

        Args:
            output: The file's path: a local one, or a URL such as s3://bucket/file (with the packages fsspec and s3fs). Or a job of v2,
                which names its files.
            content: The job's content, as passed to `create`.
            input_data_path: Its input file, if it had one.
            storage_options: For fsspec: credentials, an endpoint's URL, ...

        Returns:
            A result for each prompt or request, in their order. Some may have failed: they have an `error` and no `output`.

        Raises:
            OSError: A file cannot be read. It is a FileNotFoundError until the job has written the file.
            InvalidResponseError: It is not an output file, or does not belong to this content: their lengths differ.
            ConfigurationError: A package is missing; the message has the command that installs it.
        """
        path, source = _files(output, input_data_path)
        if content is None and source:
            content = yield Local(partial(read_json, source, storage_options))
        asked = None if content is None else asked_in(content, "content" if source is None else shown(source))
        items: object = yield Local(partial(read_json, path, storage_options))
        return results(items, asked, shown(path))

    @flow_endpoint
    def input_file(self, path: PathLike, content: BatchContent, *, storage_options: Storage | None = None) -> Flow[str]:
        """Write a job's input file, and return its path for `create(input_data_path=...)`. Sends nothing to the gateway.

        Args:
            path: The file to write: a local path, or a URL such as s3://bucket/file (with the packages fsspec and s3fs). A local file
                appears when it is complete.
            content: The same as for `create`.
            storage_options: For fsspec: credentials, an endpoint's URL, ...

        Raises:
            OSError: The file cannot be written.
            InvalidArgumentError: The content is empty.
            ConfigurationError: A package is missing; the message has the command that installs it.
        """
        yield Local(partial(write_json, path, on_the_wire(content), storage_options))
        return os.fspath(path)


def _files(output: PathLike | BatchJob, input_data_path: PathLike | None) -> tuple[PathLike, PathLike | None]:
    if not isinstance(output, BatchJob):
        return output, input_data_path
    if not output.output_data_path:
        raise InvalidArgumentError("The job does not name its output file: give output_data_path itself.")
    return output.output_data_path, input_data_path or output.input_data_path
