"""Turns one definition of an upstream method into a blocking and an async call.

Its body is pure, like a resource's methods (`core/_resource.py`): it returns a `Call`, or a `StreamCall`. `method` makes a blocking call
from it, and `.awaited` an async one. Both work on the class, as upstream's class methods do.
"""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Generator, Iterator
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Concatenate, Generic, ParamSpec, TypeVar

from pydantic import BaseModel

from ..core._operation import Operation, StreamOperation
from ..core._steps import Flow
from ..core.errors import StreamError
from ..wire.completions import CompletionChunk
from ._responses import CompletionStreamV1Response
from .api_engine import Headers, awaited, blocking

P = ParamSpec("P")
ReplyT = TypeVar("ReplyT", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Call(Generic[ReplyT]):
    """A request to the gateway, and upstream's type for the reply."""

    steps: Operation[Any] | Flow[Any]
    returns: type[ReplyT]
    headers: Headers

    def run(self) -> ReplyT:
        """Make the call, blocking."""
        return blocking(self.headers).drive(self._flow())

    async def arun(self) -> ReplyT:
        """Make the call on the running event loop."""
        return await awaited(self.headers).drive(self._flow())

    def _flow(self) -> Flow[ReplyT]:
        if isinstance(self.steps, Operation):
            reply: ReplyT = yield replace(self.steps, returns=self.returns)
            return reply
        found: BaseModel = yield from self.steps
        return self.returns.model_validate(found.model_dump(exclude_unset=True))


@dataclass(frozen=True, slots=True)
class StreamCall:
    """A completion to stream.

    Opening it waits for the first event, and retries until then. An error that the server reports inside the stream is returned as upstream
    does it: as a response with `error` and no `output`. If you read on after that, it is raised.
    """

    operation: StreamOperation[CompletionChunk]
    headers: Headers

    def run(self) -> Generator[CompletionStreamV1Response]:
        """Open the stream, blocking. It closes when it ends, when it is closed, and when it is garbage-collected."""
        stack = ExitStack()
        try:
            chunks = stack.enter_context(blocking(self.headers).stream(self.operation))
        except StreamError as error:  # the very first event
            return _reported(error)
        return _responses(stack, chunks)

    async def arun(self) -> AsyncGenerator[CompletionStreamV1Response]:
        """Open the stream on the running event loop."""
        stack = AsyncExitStack()
        try:
            chunks = await stack.enter_async_context(awaited(self.headers).stream(self.operation))
        except StreamError as error:
            return _areported(error)
        return _aresponses(stack, chunks)


def _responses(stack: ExitStack, chunks: Iterator[CompletionChunk]) -> Generator[CompletionStreamV1Response]:
    with stack:
        try:
            for chunk in chunks:
                yield _response(chunk)
        except StreamError as error:
            yield CompletionStreamV1Response.of(error)
            raise


async def _aresponses(
    stack: AsyncExitStack, chunks: AsyncIterator[CompletionChunk]
) -> AsyncGenerator[CompletionStreamV1Response]:
    async with stack:
        try:
            async for chunk in chunks:
                yield _response(chunk)
        except StreamError as error:
            yield CompletionStreamV1Response.of(error)
            raise


def _reported(error: StreamError) -> Generator[CompletionStreamV1Response]:
    yield CompletionStreamV1Response.of(error)
    raise error


async def _areported(error: StreamError) -> AsyncGenerator[CompletionStreamV1Response]:
    yield CompletionStreamV1Response.of(error)
    raise error


def _response(chunk: CompletionChunk) -> CompletionStreamV1Response:
    return CompletionStreamV1Response.model_validate(chunk.model_dump())


class _Method:
    """The common part of both kinds: the function that a class returns, with upstream's signature."""

    _stream: ClassVar[str]

    def __init__(self, build: Callable[..., Any], call: Callable[..., Any]) -> None:
        self._call = functools.update_wrapper(call, build)
        signature = inspect.signature(build)
        _, *parameters = signature.parameters.values()
        returns = re.sub(r"^Call\[(\w+)\]", r"\1", str(signature.return_annotation)).replace("StreamCall", self._stream)
        call.__dict__["__signature__"] = signature.replace(parameters=parameters, return_annotation=returns)
        self.__doc__ = build.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self._call.__name__, self._call.__qualname__ = name, f"{owner.__qualname__}.{name}"


class method(_Method, Generic[P, ReplyT]):  # noqa: N801 - reads as the decorator that it is
    """Turn a body that returns a `Call` into a call that blocks."""

    _stream = "Generator[CompletionStreamV1Response]"

    def __init__(self, build: Callable[Concatenate[Any, P], Call[ReplyT]]) -> None:
        def call(*args: P.args, **kwargs: P.kwargs) -> ReplyT:
            return build(None, *args, **kwargs).run()

        super().__init__(build, call)
        self.awaited = AwaitedMethod(build)

    def __get__(self, instance: object, owner: object) -> Callable[P, ReplyT]:
        """Return the call."""
        return self._call


class AwaitedMethod(_Method, Generic[P, ReplyT]):
    """The async version of the call."""

    _stream = "AsyncGenerator[CompletionStreamV1Response]"

    def __init__(self, build: Callable[Concatenate[Any, P], Call[ReplyT]]) -> None:
        async def call(*args: P.args, **kwargs: P.kwargs) -> ReplyT:
            return await build(None, *args, **kwargs).arun()

        super().__init__(build, call)

    def __get__(self, instance: object, owner: object) -> Callable[P, Coroutine[Any, Any, ReplyT]]:
        """Return the call."""
        return self._call
