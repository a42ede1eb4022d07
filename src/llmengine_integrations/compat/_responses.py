"""What upstream's calls return: the replies on the wire, under upstream's names, with the methods and attributes that its users know."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Self

from ..core.errors import StreamError as RaisedStreamError
from ..wire import batch_completions, completions, files, fine_tunes, models
from ..wire._base import Reply
from ._enums import (
    BatchCompletionsJobStatus,
    BatchJobStatus,
    LLMInferenceFramework,
    LLMSource,
    ModelEndpointStatus,
    Quantization,
)
from ._printed import Printed

StreamError = completions.StreamErrorBody


class Response(Printed, Reply):
    """A reply. Fields that this version does not know are kept."""


# Completions


class CompletionOutput(Response, completions.CompletionOutput):
    """A finished completion."""


class CompletionSyncV1Response(Response):
    """What `Completion.create` returns."""

    request_id: str | None = None
    """The server's id for the request, for its logs."""
    output: CompletionOutput

    @property
    def outputs(self) -> list[CompletionOutput]:
        """Return the output in a list, as early versions of upstream's client did."""
        return [self.output]


class CompletionStreamOutput(Response, completions.CompletionStreamOutput):
    """What one event of a stream adds."""


class CompletionStreamV1Response(Response):
    """An event of `Completion.create(stream=True)`: `output`, or an `error` that the server reported in the stream."""

    request_id: str | None = None
    output: CompletionStreamOutput | None = None
    error: StreamError | None = None

    @classmethod
    def of(cls, error: RaisedStreamError) -> Self:
        """Return the event that an error was raised for."""
        return cls(request_id=error.request_id, error=StreamError.model_validate(error.body))


# Batches


class CreateBatchCompletionsV1Response(Response):
    """What `Completion.batch_create` returns, unless `use_v2` is set."""

    job_id: str


class BatchCompletionsJob(Response, batch_completions.BatchJob):
    """A batch. `model_cfg` is its `model_config`, a name that pydantic reserves; `dict()["model_config"]` works too."""

    status: BatchCompletionsJobStatus = BatchCompletionsJobStatus.Unknown  # pyright: ignore[reportIncompatibleVariableOverride] - also a str


class _DictLike(Response):
    """A reply that upstream returns as a plain dict."""

    def __getitem__(self, name: str) -> Any:
        return self.model_dump(mode="json")[name]

    def __contains__(self, name: object) -> bool:
        return name in self.model_dump()

    def keys(self) -> Iterable[str]:
        """Return the fields' names, so that `dict(...)` and `**` work."""
        return self.model_dump().keys()

    def get(self, name: str, default: Any = None) -> Any:
        """Return a field, or a default."""
        return self.model_dump(mode="json").get(name, default)


class GetBatchCompletionV2Response(_DictLike):
    """What `Completion.get_batch_completion` returns."""

    job: BatchCompletionsJob


class CancelBatchCompletionsV2Response(_DictLike):
    """What `Completion.cancel_batch_completion` returns."""

    success: bool


# Fine-tunes


class CreateFineTuneResponse(Response):
    """What `FineTune.create` returns."""

    id: str

    @property
    def fine_tune_id(self) -> str:
        """The id, under the name in early versions of upstream's client."""
        return self.id


class GetFineTuneResponse(Response, fine_tunes.FineTune):
    """A fine-tuning job."""

    status: BatchJobStatus  # pyright: ignore[reportIncompatibleVariableOverride] - also a str

    @property
    def fine_tune_id(self) -> str:
        """The id, under the name in early versions of upstream's client."""
        return self.id


class ListFineTunesResponse(Response):
    """What `FineTune.list` returns. The gateway also lists batch jobs here, which have no `fine_tuned_model`."""

    jobs: list[GetFineTuneResponse]


class CancelFineTuneResponse(Response):
    """What `FineTune.cancel` returns."""

    success: bool
    """False if the job does not exist."""


class LLMFineTuneEvent(Response, fine_tunes.FineTuneEvent):
    """An event of a job."""


class GetFineTuneEventsResponse(Response):
    """What `FineTune.get_events` returns."""

    events: list[LLMFineTuneEvent]


# Models


class GetLLMEndpointResponse(Response, models.Model):
    """A model."""

    source: LLMSource = LLMSource.HUGGING_FACE  # pyright: ignore[reportIncompatibleVariableOverride] - also a str
    status: ModelEndpointStatus = ModelEndpointStatus.UNKNOWN  # pyright: ignore[reportIncompatibleVariableOverride] - also a str
    inference_framework: LLMInferenceFramework = LLMInferenceFramework("unknown")  # pyright: ignore[reportIncompatibleVariableOverride] - also a str
    quantize: Quantization | None = None  # pyright: ignore[reportIncompatibleVariableOverride] - also a str

    @property
    def inference_framework_tag(self) -> str | None:
        """`inference_framework_image_tag`. Upstream's client reads it under this name and never finds it."""
        return self.inference_framework_image_tag


class ListLLMEndpointsResponse(Response):
    """What `Model.list` returns."""

    model_endpoints: list[GetLLMEndpointResponse]


class CreateLLMEndpointResponse(Response, models.ModelTask):
    """What `Model.create` returns. `Model.get` shows when the endpoint is ready."""


class UpdateLLMEndpointResponse(Response, models.ModelTask):
    """What `Model.update` returns."""


class DeleteLLMEndpointResponse(Response, models.ModelDeletion):
    """What `Model.delete` returns."""


class ModelDownloadResponse(Response, models.ModelDownload):
    """What `Model.download` returns."""


# Files


class UploadFileResponse(Response, files.UploadedFile):
    """What `File.upload` returns."""


class GetFileResponse(Response, files.File):
    """What `File.get` returns."""


class ListFilesResponse(Response):
    """What `File.list` returns."""

    files: list[GetFileResponse]


class GetFileContentResponse(Response, files.FileContent):
    """What `File.download` returns."""


class DeleteFileResponse(Response, files.FileDeletion):
    """What `File.delete` returns."""
