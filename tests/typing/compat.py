"""The types of upstream's names; only checked, never run."""

from collections.abc import AsyncGenerator, Generator
from typing import assert_type

from llmengine_integrations.compat import Completion, File, FineTune, Model
from llmengine_integrations.compat.data_types import (
    CancelBatchCompletionsV2Response,
    CancelFineTuneResponse,
    CompletionStreamResponse,
    CompletionSyncResponse,
    CreateBatchCompletionsModelConfig,
    CreateBatchCompletionsRequestContent,
    CreateBatchCompletionsResponse,
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
    ModelDownloadResponse,
    UpdateLLMEndpointResponse,
    UploadFileResponse,
)

LABELS = {"team": "t", "product": "p"}
CONFIG = CreateBatchCompletionsModelConfig(model="m", labels=LABELS)
CONTENT = CreateBatchCompletionsRequestContent(prompts=["hi"], max_new_tokens=1, temperature=0)


def upstream_blocking(flag: bool) -> None:
    assert_type(Completion.create("m", "hi"), CompletionSyncResponse)
    assert_type(Completion.create(model="m", prompt="hi", top_k=5, stop_sequences=["a"]).output.text, str)
    assert_type(Completion.create("m", "hi", stream=True), Generator[CompletionStreamResponse])
    assert_type(Completion.create("m", "hi", stream=flag), CompletionSyncResponse | Generator[CompletionStreamResponse])
    assert_type(Completion.batch_create("o", CONFIG, CONTENT), CreateBatchCompletionsResponse)
    assert_type(Completion.get_batch_completion("id"), GetBatchCompletionV2Response)
    assert_type(Completion.cancel_batch_completion("id"), CancelBatchCompletionsV2Response)
    assert_type(FineTune.create("m", "file-1"), CreateFineTuneResponse)
    assert_type(FineTune.get("id"), GetFineTuneResponse)
    assert_type(FineTune.list(), ListFineTunesResponse)
    assert_type(FineTune.cancel("id"), CancelFineTuneResponse)
    assert_type(FineTune.get_events("id"), GetFineTuneEventsResponse)
    assert_type(Model.create("m", "llama-2-7b", "latest", labels=LABELS), CreateLLMEndpointResponse)
    assert_type(Model.get("m", request_headers={"a": "b"}), GetLLMEndpointResponse)
    assert_type(Model.list(order_by="newest"), ListLLMEndpointsResponse)
    assert_type(Model.update("m", max_workers=2), UpdateLLMEndpointResponse)
    assert_type(Model.delete("m"), DeleteLLMEndpointResponse)
    assert_type(Model.download("m"), ModelDownloadResponse)
    assert_type(File.upload("train.csv"), UploadFileResponse)
    assert_type(File.get("id"), GetFileResponse)
    assert_type(File.list(), ListFilesResponse)
    assert_type(File.download("id"), GetFileContentResponse)
    assert_type(File.delete("id"), DeleteFileResponse)


async def upstream_awaited() -> None:
    assert_type(await Completion.acreate("m", "hi"), CompletionSyncResponse)
    assert_type(await Completion.acreate("m", "hi", stream=True), AsyncGenerator[CompletionStreamResponse])
    assert_type(await Completion.abatch_create("o", CONFIG, CONTENT), CreateBatchCompletionsResponse)
    assert_type(await Completion.aget_batch_completion("id"), GetBatchCompletionV2Response)
    assert_type(await Completion.acancel_batch_completion("id"), CancelBatchCompletionsV2Response)
    assert_type(await FineTune.acreate("m", "file-1"), CreateFineTuneResponse)
    assert_type(await FineTune.aget("id"), GetFineTuneResponse)
    assert_type(await FineTune.alist(), ListFineTunesResponse)
    assert_type(await FineTune.acancel("id"), CancelFineTuneResponse)
    assert_type(await FineTune.aget_events("id"), GetFineTuneEventsResponse)
    assert_type(await Model.acreate("m", "llama-2-7b", "latest", labels=LABELS), CreateLLMEndpointResponse)
    assert_type(await Model.aget("m"), GetLLMEndpointResponse)
    assert_type(await Model.alist(), ListLLMEndpointsResponse)
    assert_type(await Model.aupdate("m", max_workers=2), UpdateLLMEndpointResponse)
    assert_type(await Model.adelete("m"), DeleteLLMEndpointResponse)
    assert_type(await Model.adownload("m"), ModelDownloadResponse)
    assert_type(await File.aupload("train.csv"), UploadFileResponse)
    assert_type(await File.aget("id"), GetFileResponse)
    assert_type(await File.alist(), ListFilesResponse)
    assert_type(await File.adownload("id"), GetFileContentResponse)
    assert_type(await File.adelete("id"), DeleteFileResponse)


def refused() -> None:
    Model.get()  # type: ignore[call-arg]
    Completion.create("m", "hi", stop="x")  # type: ignore[call-overload]
