"""Handlers for LangChain's callbacks. They work with every model of LangChain, plain and chat, blocking and async.

A handler that raises does not end the run; LangChain logs the error. To let the error end the run, set the handler's `raise_error`.
"""

# None of them sets `run_inline`, which would save async runs a thread. With it, LangChain notifies no other handler of the start of a plain
# model's run, and `astream_events` yields nothing. (langchain-core 1.7.2, AsyncCallbackManager.on_llm_start)

from .fine_tune_dataset import FineTuneDatasetCallbackHandler
from .token_stream import AsyncTokenStreamCallbackHandler, StreamedRun, StreamedToken, TokenStreamCallbackHandler
from .usage import LLMEngineUsageCallbackHandler, get_llmengine_usage_callback

__all__ = [
    "AsyncTokenStreamCallbackHandler",
    "FineTuneDatasetCallbackHandler",
    "LLMEngineUsageCallbackHandler",
    "StreamedRun",
    "StreamedToken",
    "TokenStreamCallbackHandler",
    "get_llmengine_usage_callback",
]
