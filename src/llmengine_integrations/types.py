"""The types of arguments and replies, for annotations: `from llmengine_integrations.types import Completion`.

Replies are pydantic models that keep fields which this version does not know; options are `TypedDict`s.
"""

from .core.training.checks import TrainingData
from .core.transport.httpx_backend import HttpAsyncClient, HttpClient
from .wire._openai import Usage
from .wire.batch_completions import BatchJob
from .wire.batch_files import BatchResult
from .wire.chat import ChatCompletion, ChatCompletionChunk, ChatCompletionMessage, ChatOptions, ToolCall
from .wire.chat_messages import ChatMessageParam, ToolParam
from .wire.completions import Completion, CompletionChunk, CompletionOptions, CompletionOutput, TokenOutput
from .wire.files import File, FileContent, FileDeletion, FileList, UploadedFile
from .wire.fine_tunes import (
    FineTune,
    FineTuneCancelled,
    FineTuneCreated,
    FineTuneEvent,
    FineTuneEventList,
    FineTuneList,
)
from .wire.models import Model, ModelDeletion, ModelDownload, ModelList, ModelTask
from .wire.text_completions import TextCompletion, TextCompletionOptions

__all__ = [
    "BatchJob",
    "BatchResult",
    "ChatCompletion",
    "ChatCompletionChunk",
    "ChatCompletionMessage",
    "ChatMessageParam",
    "ChatOptions",
    "Completion",
    "CompletionChunk",
    "CompletionOptions",
    "CompletionOutput",
    "File",
    "FileContent",
    "FileDeletion",
    "FileList",
    "FineTune",
    "FineTuneCancelled",
    "FineTuneCreated",
    "FineTuneEvent",
    "FineTuneEventList",
    "FineTuneList",
    "HttpAsyncClient",
    "HttpClient",
    "Model",
    "ModelDeletion",
    "ModelDownload",
    "ModelList",
    "ModelTask",
    "TextCompletion",
    "TextCompletionOptions",
    "TokenOutput",
    "ToolCall",
    "ToolParam",
    "TrainingData",
    "UploadedFile",
    "Usage",
]
