"""Tokens as they come, with their log-probabilities and times."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import BaseMessage
from langchain_core.outputs import ChatGenerationChunk, Generation, GenerationChunk, LLMResult
from typing_extensions import override

from ..._shared.thread_lock import ThreadLock
from ._runs import StreamedRun, StreamedToken

__all__ = ["AsyncTokenStreamCallbackHandler", "StreamedRun", "StreamedToken", "TokenStreamCallbackHandler"]


class _Recorder:
    """The current runs, and the last ones that ended."""

    def __init__(self, keep: int, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = ThreadLock()
        self._started: dict[UUID, tuple[float, StreamedRun]] = {}
        self._ended: deque[StreamedRun] = deque(maxlen=keep)

    def runs(self) -> list[StreamedRun]:
        with self._lock:
            return list(self._ended)

    def start(self, run_id: UUID) -> None:
        with self._lock:
            self._started[run_id] = (self._clock(), StreamedRun(run_id))

    def token(self, run_id: UUID, token: object, chunk: Generation | None) -> list[StreamedToken]:
        with self._lock:
            begun, run = self._started[run_id]
            return run.add(GenerationChunk(text=str(token)) if chunk is None else chunk, self._clock() - begun)

    def end(self, run_id: UUID, result: LLMResult | None = None, error: BaseException | None = None) -> None:
        with self._lock:
            begun, run = self._started.pop(run_id)
            run.duration, run.error = self._clock() - begun, error
            if result is not None:
                run.end(result)
            self._ended.append(run)


class TokenStreamCallbackHandler(BaseCallbackHandler):
    """Calls a function with each token of a stream, and keeps the tokens, log-probabilities and times of runs.

        tokens = TokenStreamCallbackHandler(lambda token: print(token.text, end=""))
        for _ in llm.stream("The capital of France is", config={"callbacks": [tokens]}, logprobs=True):
            pass
        run = tokens.last
        run.tokens[0].log_prob, run.time_to_first_token, run.inter_token_latency, run.tokens_per_second, run.perplexity

    Runs whose answers come whole are kept too, with their log-probabilities, but their tokens have no times. Safe for threads and tasks:
    one handler may watch any number of runs at a time. In async runs LangChain calls `on_token` in a thread; see
    `AsyncTokenStreamCallbackHandler`.

    Args:
        on_token: Called with each token, in the order of its run, before the caller gets it.
        keep: The number of ended runs whose tokens are kept; the oldest are dropped.
        clock: Returns the time in seconds.
    """

    def __init__(
        self,
        on_token: Callable[[StreamedToken], object] | None = None,
        *,
        keep: int = 100,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        super().__init__()
        self._on_token = on_token
        self._recorder = _Recorder(keep, clock)

    @property
    def runs(self) -> list[StreamedRun]:
        """The runs that have ended, including failed ones, in the order of their ends."""
        return self._recorder.runs()

    @property
    def last(self) -> StreamedRun:
        """The run that ended last.

        Raises:
            LookupError: No run has ended.
        """
        return self.runs[-1]

    @override
    def on_llm_start(self, serialized: dict[str, Any], prompts: list[str], *, run_id: UUID, **kwargs: Any) -> None:
        """Start a run of a plain model."""
        self._recorder.start(run_id)

    @override
    def on_chat_model_start(
        self, serialized: dict[str, Any], messages: list[list[BaseMessage]], *, run_id: UUID, **kwargs: Any
    ) -> None:
        """Start a run of a chat model."""
        self._recorder.start(run_id)

    @override
    def on_llm_new_token(
        self,
        token: str | list[str | dict[str, Any]],
        *,
        chunk: GenerationChunk | ChatGenerationChunk | None = None,
        run_id: UUID,
        **kwargs: Any,
    ) -> Any:  # nothing; a subclass returns an awaitable
        """Keep a chunk's tokens, and pass them on."""
        for one in self._recorder.token(run_id, token, chunk):
            if self._on_token is not None:
                self._on_token(one)

    @override
    def on_llm_end(self, response: LLMResult, *, run_id: UUID, **kwargs: Any) -> None:
        """End a run."""
        self._recorder.end(run_id, response)

    @override
    def on_llm_error(self, error: BaseException, *, run_id: UUID, **kwargs: Any) -> None:
        """End a run that failed, or that its caller left."""
        self._recorder.end(run_id, error=error)


class AsyncTokenStreamCallbackHandler(TokenStreamCallbackHandler):
    """`TokenStreamCallbackHandler` for an async `on_token`, such as one that sends each token to a web socket.

    The stream waits for it. So a slow reader slows the model down instead of filling the memory.
    """

    def __init__(
        self,
        on_token: Callable[[StreamedToken], Awaitable[object]],
        *,
        keep: int = 100,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        super().__init__(keep=keep, clock=clock)
        self._awaited = on_token

    @override
    async def on_llm_new_token(
        self,
        token: str | list[str | dict[str, Any]],
        *,
        chunk: GenerationChunk | ChatGenerationChunk | None = None,
        run_id: UUID,
        **kwargs: Any,
    ) -> None:
        """Keep a chunk's tokens, and pass them on."""
        for one in self._recorder.token(run_id, token, chunk):
            await self._awaited(one)
