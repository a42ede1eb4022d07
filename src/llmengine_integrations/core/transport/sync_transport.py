"""The blocking transport: runs operations, streams and flows over a backend."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, TypeVar

from tenacity import Retrying

from .._steps import Done, Emit, Local, Now, Sleep, Transfer, advance
from ..errors import LLMEngineError, from_reply
from .base import BaseTransport, Decoding, again, check_stream, is_success, log_request, parsed
from .reply_bodies import explanation, read
from .stream import Opening, Stream

if TYPE_CHECKING:
    from pydantic import BaseModel

    from .._operation import Operation, Request, StreamOperation
    from .._settings import Settings
    from .._steps import Feed, Flow, Step
    from .backend import Backend, IncomingReply

T = TypeVar("T")
ReplyT = TypeVar("ReplyT", bound="BaseModel")


class SyncTransport(BaseTransport):
    """Runs operations, blocking."""

    def __init__(self, settings: Settings, backend: Backend) -> None:
        super().__init__(settings)
        self._backend = backend

    def run(self, operation: Operation[ReplyT]) -> ReplyT:
        """Send one request and return its typed reply, with retries where they are allowed."""
        request = self.with_deadline(operation.request)
        return self._retrying(request, lambda: self._once(operation, request))

    def stream(self, operation: StreamOperation[T]) -> Opening[T]:
        """Return a stream to open. Entering it waits for its first event, with retries until then where they are allowed."""
        return Opening(self._opened(operation))

    @contextmanager
    def _opened(self, operation: StreamOperation[T]) -> Generator[Iterator[T]]:
        request = self.with_deadline(operation.request)
        with closing(self._retrying(request, lambda: self._open(operation, request))) as stream:
            yield stream

    def send_raw(self, request: Request, take: Callable[[IncomingReply], T]) -> T:
        """Send one request and return what `take` makes of its reply. Retries repeat both, where they are allowed."""
        request = self.with_deadline(request)

        def attempt() -> T:
            with closing(self._send(request)) as reply:
                return take(reply)

        return self._retrying(request, attempt)

    def for_other_hosts(self, proxy: str | None) -> Backend:
        """Return a backend for hosts other than the gateway. The caller closes it."""
        return self._backend.for_other_hosts(proxy)

    def drive(self, flow: Flow[T]) -> T:
        """Run a flow to its end and return its result."""
        with closing(flow):
            step = advance(flow)
            while not isinstance(step, Done):
                step = advance(flow, *self._outcome(step))
        result: T = step.result
        return result

    def follow(self, feed: Feed[T]) -> Generator[T]:
        """Run a flow and yield what it emits. Closing this closes the flow."""
        with closing(feed):
            step = advance(feed)
            while not isinstance(step, Done):
                if isinstance(step, Emit):
                    yield step.item
                    step = advance(feed)
                else:
                    step = advance(feed, *self._outcome(step))

    def close(self) -> None:
        """Close the connections."""
        self._backend.close()

    def _outcome(self, step: Step) -> tuple[object, Exception | None]:
        try:
            return self._step(step), None
        except Exception as error:  # noqa: BLE001 - the flow decides how to handle it
            return None, error

    def _step(self, step: Step) -> object:
        match step:
            case Sleep():
                return time.sleep(step.seconds)
            case Now():
                return time.monotonic()
            case Local():
                return step.work()
            case Transfer():
                return step.run(self)
            case _:
                return self.run(step)

    def _retrying(self, request: Request, attempt: Callable[[], T]) -> T:
        try:
            return attempt()
        except LLMEngineError as error:
            if not self.retries(request, error):
                raise
            first = error
        try:
            return Retrying(**self.policy(request))(again(first, attempt))
        except LLMEngineError as error:
            self.explain(error)
            raise

    def _once(self, operation: Operation[ReplyT], request: Request) -> ReplyT:
        reply = self._send(request)
        try:
            return parsed(operation, reply.status, read(reply))
        finally:
            reply.close()

    def _send(self, request: Request) -> IncomingReply:
        started = time.perf_counter()
        reply = self._backend.send(self.outgoing(request))
        log_request(request, reply.status, started)
        if is_success(reply.status):
            return reply
        try:
            raise from_reply(reply.status, reply.headers, explanation(reply))
        finally:
            reply.close()

    def _open(self, operation: StreamOperation[T], request: Request) -> Stream[T]:
        reply = self._send(request)
        try:
            check_stream(reply)
            decoding, chunks = Decoding(operation, reply.status), reply.chunks()
            for chunk in chunks:
                if (first := decoding.first(chunk)) is not None:
                    return Stream(reply, decoding, self.broken_off, first, chunks)
            decoding.reader.end()
        except BaseException:
            reply.close()
            raise
        return Stream(reply, decoding, self.broken_off, iter(()), chunks)
