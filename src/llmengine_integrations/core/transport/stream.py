"""The result of `stream(...)`, and the object that its block reads. Reading outside the block raises an error; it never yields nothing.

While a stream is open, its next step is that of the generator of events itself, so an event costs no extra call. When the stream is
closed, its next step is a function that raises.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Generator, Iterator
from contextlib import AbstractAsyncContextManager, AbstractContextManager, contextmanager
from functools import partial
from typing import TYPE_CHECKING, ClassVar, Generic, NoReturn, Self, TypeVar

from ..errors import APIConnectionError, StreamClosedError

if TYPE_CHECKING:
    from types import TracebackType

    from .backend import AsyncIncomingReply, IncomingReply
    from .base import Decoding

T = TypeVar("T")

_OPEN = "with client.completions.stream(...) as chunks:"
_CLOSED = (
    "This stream is closed: its block was left, a read was cancelled or an error was raised before it was read to its end. "
    "Read it inside the block (`{open}`), or keep its chunks in a list there."
)
_UNOPENED = "This stream is not open yet. Write `{open}`, and iterate over `chunks` inside the block."
_ONCE = "This stream has been opened before, and can be opened only once. Call stream(...) again."


class _Events(Generic[T]):
    """The common part of both kinds of streams."""

    __slots__ = ("_broken_off", "_decoding", "_ended")

    def __init__(self, decoding: Decoding[T], broken_off: Callable[[APIConnectionError, Decoding[T]], None]) -> None:
        self._decoding = decoding
        self._broken_off = broken_off
        self._ended = False

    def _shut(self) -> None:
        """Make every further read raise, unless the stream was read to its end."""

    @contextmanager
    def _reading(self) -> Generator[None]:
        """Read events to their end. A connection that breaks after the last one is not an error."""
        try:
            yield
        except APIConnectionError as error:
            if not self._decoding.reader.finished:
                self._shut()
                self._broken_off(error, self._decoding)
                raise
        except BaseException:  # also for a cancelled read, which ends the generator as if the stream had ended
            self._shut()
            raise
        self._ended = True


class Stream(_Events[T]):
    """The events of a reply. They can be read while its block is open."""

    __slots__ = ("_events", "_reply", "_step")

    def __init__(
        self,
        reply: IncomingReply,
        decoding: Decoding[T],
        broken_off: Callable[[APIConnectionError, Decoding[T]], None],
        first: Iterator[T],
        chunks: Iterator[bytes],
    ) -> None:
        super().__init__(decoding, broken_off)
        self._reply = reply
        self._events = self._read(first, chunks)
        self._step: Callable[[], T] = self._events.__next__

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> T:
        return self._step()

    def close(self) -> None:
        """Close the connection; unread events are lost."""
        self._shut()
        try:
            self._events.close()
        finally:
            self._reply.close()

    def _read(self, first: Iterator[T], chunks: Iterator[bytes]) -> Generator[T]:
        with self._reading():
            yield from first
            for chunk in chunks:
                yield from self._decoding.events(chunk)
            self._decoding.reader.end()

    def _shut(self) -> None:
        if not self._ended:
            self._step = partial(_refuse, _CLOSED.format(open=_OPEN), self._decoding.reader.text)


class AsyncStream(_Events[T]):
    """The async version of `Stream`."""

    __slots__ = ("_events", "_reply", "_step")

    def __init__(
        self,
        reply: AsyncIncomingReply,
        decoding: Decoding[T],
        broken_off: Callable[[APIConnectionError, Decoding[T]], None],
        first: Iterator[T],
        chunks: AsyncIterator[bytes],
    ) -> None:
        super().__init__(decoding, broken_off)
        self._reply = reply
        self._events = self._read(first, chunks)
        self._step: Callable[[], Awaitable[T]] = self._events.__anext__

    def __aiter__(self) -> Self:
        return self

    def __anext__(self) -> Awaitable[T]:
        return self._step()

    async def aclose(self) -> None:
        """Close the connection; unread events are lost."""
        self._shut()
        try:
            await self._events.aclose()
        finally:
            await self._reply.close()

    async def _read(self, first: Iterator[T], chunks: AsyncIterator[bytes]) -> AsyncGenerator[T]:
        with self._reading():
            for event in first:
                yield event
            async for chunk in chunks:
                for event in self._decoding.events(chunk):
                    yield event
            self._decoding.reader.end()

    def _shut(self) -> None:
        if not self._ended:
            self._step = partial(_arefuse, _CLOSED.format(open=f"async {_OPEN}"), self._decoding.reader.text)


if not TYPE_CHECKING:  # the same as the two methods above, with one call less for each event
    Stream.__next__ = Stream._step  # noqa: SLF001 - of this module
    AsyncStream.__anext__ = AsyncStream._step  # noqa: SLF001 - of this module


class _Unopened:
    """Raises an error that shows the right code if you iterate over the result of `stream(...)`, or await it."""

    _open: ClassVar[str] = _OPEN

    def _refuse(self) -> NoReturn:
        _refuse(_UNOPENED.format(open=self._open))

    __iter__ = __next__ = __aiter__ = __anext__ = __await__ = _refuse


class Opening(_Unopened, Generic[T]):
    """The result of `stream(...)`: `with` opens the stream and closes it."""

    def __init__(self, opening: AbstractContextManager[Iterator[T]]) -> None:
        self._opening = [opening]

    def __enter__(self) -> Iterator[T]:
        self._opened = self._opening.pop() if self._opening else _refuse(_ONCE)
        return self._opened.__enter__()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool | None:
        return self._opened.__exit__(kind, error, traceback)


class AsyncOpening(_Unopened, Generic[T]):
    """The version of `Opening` for `async with`."""

    _open = f"async {_OPEN}"

    def __init__(self, opening: AbstractAsyncContextManager[AsyncIterator[T]]) -> None:
        self._opening = [opening]

    async def __aenter__(self) -> AsyncIterator[T]:
        self._opened = self._opening.pop() if self._opening else _refuse(_ONCE)
        return await self._opened.__aenter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool | None:
        return await self._opened.__aexit__(kind, error, traceback)


def _refuse(message: str, text: str = "") -> NoReturn:
    raise StreamClosedError(message, text=text)


async def _arefuse(message: str, text: str) -> NoReturn:
    raise StreamClosedError(message, text=text)
