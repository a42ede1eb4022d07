"""Upstream's data types, under upstream's names. Types that only upstream's own code creates are this package's wire types."""

from __future__ import annotations

from ..wire.batch_completions import BatchJobUpdated as UpdateBatchCompletionsV2Response
from ..wire.batch_completions import BatchRequest as CreateBatchCompletionsV2Request
from ..wire.batch_completions import BatchRequestV1 as CreateBatchCompletionsV1Request
from ..wire.batch_completions import BatchUpdateRequest as UpdateBatchCompletionsV2Request
from ..wire.chat import ChatCompletion as ChatCompletionV2SyncResponse
from ..wire.chat import ChatCompletionChunk as ChatCompletionV2StreamSuccessChunk
from ..wire.completions import CompletionRequest as CompletionSyncV1Request
from ..wire.completions import StreamErrorBody as StreamError
from ..wire.completions import StreamErrorContent, TokenOutput
from ..wire.fine_tunes import FineTuneRequest as CreateFineTuneRequest
from ..wire.model_args import VLLMArgs as VLLMEndpointAdditionalArgs
from ..wire.model_args import VLLMModelArgs as VLLMModelConfig
from ..wire.models import BasicCallbackAuth as CallbackBasicAuth
from ..wire.models import CallbackAuth
from ..wire.models import CreateModelRequest as CreateLLMEndpointRequest
from ..wire.models import DeploymentState as ModelEndpointDeploymentState
from ..wire.models import EndpointSpec as GetModelEndpointResponse
from ..wire.models import MTLSCallbackAuth as CallbackmTLSAuth
from ..wire.models import ResourceState as ModelEndpointResourceState
from ..wire.models import UpdateModelRequest as UpdateLLMEndpointRequest
from ..wire.text_completions import TextCompletion as CompletionV2SyncResponse
from ._enums import (
    BatchCompletionsJobStatus,
    BatchJobStatus,
    GpuType,
    LLMInferenceFramework,
    LLMSource,
    ModelEndpointStatus,
    ModelEndpointType,
    PostInferenceHooks,
    Quantization,
)
from ._parameters import (
    BatchCompletionContent,
    BatchCompletionsModelConfig,
    ChatCompletionV2Request,
    CompletionV2Request,
    CreateBatchCompletionsV1ModelConfig,
    CreateBatchCompletionsV1RequestContent,
    CreateBatchCompletionsV2RequestContent,
    FilteredChatCompletionV2Request,
    FilteredCompletionV2Request,
    ModelDownloadRequest,
    ToolConfig,
)
from ._responses import (
    BatchCompletionsJob,
    CancelBatchCompletionsV2Response,
    CancelFineTuneResponse,
    CompletionOutput,
    CompletionStreamOutput,
    CompletionStreamV1Response,
    CompletionSyncV1Response,
    CreateBatchCompletionsV1Response,
    CreateFineTuneResponse,
    CreateLLMEndpointResponse,
    DeleteFileResponse,
    DeleteLLMEndpointResponse,
    GetBatchCompletionV2Response,
    GetFileContentResponse,
    GetFileResponse,
    GetFineTuneEventsResponse,
    GetFineTuneResponse,
    GetLLMEndpointResponse,
    ListFilesResponse,
    ListFineTunesResponse,
    ListLLMEndpointsResponse,
    LLMFineTuneEvent,
    ModelDownloadResponse,
    UpdateLLMEndpointResponse,
    UploadFileResponse,
)

# Upstream's second names
ChatCompletionV2Response = ChatCompletionV2SyncResponse
CompletionResponse = CompletionV2SyncResponse | ChatCompletionV2SyncResponse
CompletionRequest = FilteredCompletionV2Request | FilteredChatCompletionV2Request
CompletionStreamRequest = CompletionStreamV1Request = CompletionSyncRequest = CompletionSyncV1Request
CompletionStreamResponse = CompletionStreamV1Response
CompletionSyncResponse = CompletionSyncV1Response
CpuSpecificationType = StorageSpecificationType = str | int | float
CompletionV1Output = CompletionOutput
CompletionV2Response = CompletionV2StreamSuccessChunk = CompletionV2SyncResponse
CreateBatchCompletionsModelConfig = CreateBatchCompletionsV1ModelConfig
CreateBatchCompletionsRequest = CreateBatchCompletionsV1Request
CreateBatchCompletionsRequestContent = CreateBatchCompletionsV1RequestContent
CreateBatchCompletionsResponse = CreateBatchCompletionsV1Response
CreateBatchCompletionsV2ModelConfig = BatchCompletionsModelConfig
CreateBatchCompletionsV2Response = BatchCompletionsJob

__all__ = [
    "BatchCompletionContent",
    "BatchCompletionsJob",
    "BatchCompletionsJobStatus",
    "BatchCompletionsModelConfig",
    "BatchJobStatus",
    "CallbackAuth",
    "CallbackBasicAuth",
    "CallbackmTLSAuth",
    "CancelBatchCompletionsV2Response",
    "CancelFineTuneResponse",
    "ChatCompletionV2Request",
    "ChatCompletionV2Response",
    "ChatCompletionV2StreamSuccessChunk",
    "ChatCompletionV2SyncResponse",
    "CompletionOutput",
    "CompletionRequest",
    "CompletionResponse",
    "CompletionStreamOutput",
    "CompletionStreamRequest",
    "CompletionStreamResponse",
    "CompletionStreamV1Request",
    "CompletionStreamV1Response",
    "CompletionSyncRequest",
    "CompletionSyncResponse",
    "CompletionSyncV1Request",
    "CompletionSyncV1Response",
    "CompletionV1Output",
    "CompletionV2Request",
    "CompletionV2Response",
    "CompletionV2StreamSuccessChunk",
    "CompletionV2SyncResponse",
    "CpuSpecificationType",
    "CreateBatchCompletionsModelConfig",
    "CreateBatchCompletionsRequest",
    "CreateBatchCompletionsRequestContent",
    "CreateBatchCompletionsResponse",
    "CreateBatchCompletionsV1ModelConfig",
    "CreateBatchCompletionsV1Request",
    "CreateBatchCompletionsV1RequestContent",
    "CreateBatchCompletionsV1Response",
    "CreateBatchCompletionsV2ModelConfig",
    "CreateBatchCompletionsV2Request",
    "CreateBatchCompletionsV2RequestContent",
    "CreateBatchCompletionsV2Response",
    "CreateFineTuneRequest",
    "CreateFineTuneResponse",
    "CreateLLMEndpointRequest",
    "CreateLLMEndpointResponse",
    "DeleteFileResponse",
    "DeleteLLMEndpointResponse",
    "FilteredChatCompletionV2Request",
    "FilteredCompletionV2Request",
    "GetBatchCompletionV2Response",
    "GetFileContentResponse",
    "GetFileResponse",
    "GetFineTuneEventsResponse",
    "GetFineTuneResponse",
    "GetLLMEndpointResponse",
    "GetModelEndpointResponse",
    "GpuType",
    "LLMFineTuneEvent",
    "LLMInferenceFramework",
    "LLMSource",
    "ListFilesResponse",
    "ListFineTunesResponse",
    "ListLLMEndpointsResponse",
    "ModelDownloadRequest",
    "ModelDownloadResponse",
    "ModelEndpointDeploymentState",
    "ModelEndpointResourceState",
    "ModelEndpointStatus",
    "ModelEndpointType",
    "PostInferenceHooks",
    "Quantization",
    "StorageSpecificationType",
    "StreamError",
    "StreamErrorContent",
    "TokenOutput",
    "ToolConfig",
    "UpdateBatchCompletionsV2Request",
    "UpdateBatchCompletionsV2Response",
    "UpdateLLMEndpointRequest",
    "UpdateLLMEndpointResponse",
    "UploadFileResponse",
    "VLLMEndpointAdditionalArgs",
    "VLLMModelConfig",
]
