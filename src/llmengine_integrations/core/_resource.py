"""Turns one definition of a resource into blocking calls on `Client` and async calls on `AsyncClient`.

A resource's method is pure: it builds a value that says what to send. The descriptors below pass that value to the client's transport.
Their `__get__` is overloaded on the transport's type, so that type checkers and editors see what each client returns. Tests reach the
method itself as `Completions.create.build`.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Generator, Iterator
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from types import MethodType
from typing import (
    TYPE_CHECKING,
    Any,
    ClassVar,
    Concatenate,
    Generic,
    ParamSpec,
    Self,
    TypeVar,
    cast,
    get_args,
    overload,
)

from ._operation import Operation, StreamOperation
from ._steps import Feed, Flow

if TYPE_CHECKING:
    from pydantic import BaseModel

    from .transport.async_transport import AsyncTransport
    from .transport.sync_transport import SyncTransport

P = ParamSpec("P")
T = TypeVar("T")
ReplyT = TypeVar("ReplyT", bound="BaseModel")
TransportT = TypeVar("TransportT", bound="SyncTransport | AsyncTransport")


class Resource(Generic[TransportT]):
    """A group of calls. The client that holds it binds it to a transport."""

    def __init__(self, transport: TransportT) -> None:
        self._transport: TransportT = transport


class _Endpoint(Generic[P]):
    """The common part of the descriptors: they look like the method that they wrap, and bind it to a way of running it."""

    returns: ClassVar[str] = "{}"
    """The return type of a call, as `help()` shows it, with the type of the method's value inserted."""

    def __init__(self, build: Callable[Concatenate[Any, P], Any]) -> None:
        self.build = build
        self._call: Callable[..., Any] | None = None
        functools.update_wrapper(cast("Callable[..., Any]", self), build)

    def __set_name__(self, owner: type, name: str) -> None:
        self.__signature__ = _expanded_signature(self.build, self.returns)

    def _bind(self, resource: Resource[Any] | None, run: str) -> Any:
        if resource is None:
            return self
        self._call = self._call or self._calling(run)
        # As Python binds methods. If the resource kept it, there would be a cycle, and a dropped client would stay open for a while.
        return MethodType(self._call, resource)

    def _calling(self, run: str) -> Callable[..., Any]:
        build = self.build

        @functools.wraps(build)
        def call(resource: Resource[Any], *args: P.args, **kwargs: P.kwargs) -> Any:
            return getattr(resource._transport, run)(build(resource, *args, **kwargs))  # noqa: SLF001 - one class in two parts

        call.__dict__["__signature__"] = self.__signature__
        return call


class endpoint(_Endpoint[P], Generic[P, ReplyT]):  # noqa: N801 - reads as the decorator that it is
    """Turn a method that builds an `Operation` into one that runs it."""

    def __init__(self, build: Callable[Concatenate[Any, P], Operation[ReplyT]]) -> None:
        super().__init__(build)

    @overload
    def __get__(self, resource: None, owner: object) -> Self: ...
    @overload
    def __get__(self, resource: Resource[SyncTransport], owner: object) -> Callable[P, ReplyT]: ...
    @overload
    def __get__(
        self, resource: Resource[AsyncTransport], owner: object
    ) -> Callable[P, Coroutine[Any, Any, ReplyT]]: ...
    def __get__(self, resource: Resource[Any] | None, owner: object) -> Any:
        """Return the method itself on the class, a call on a client's resource."""
        return self._bind(resource, "run")


class stream_endpoint(_Endpoint[P], Generic[P, T]):  # noqa: N801 - reads as the decorator that it is
    """Turn a method that builds a `StreamOperation` into one that opens the stream."""

    returns = "AbstractContextManager[Iterator[{}]]"

    def __init__(self, build: Callable[Concatenate[Any, P], StreamOperation[T]]) -> None:
        super().__init__(build)

    @overload
    def __get__(self, resource: None, owner: object) -> Self: ...
    @overload
    def __get__(
        self, resource: Resource[SyncTransport], owner: object
    ) -> Callable[P, AbstractContextManager[Iterator[T]]]: ...
    @overload
    def __get__(
        self, resource: Resource[AsyncTransport], owner: object
    ) -> Callable[P, AbstractAsyncContextManager[AsyncIterator[T]]]: ...
    def __get__(self, resource: Resource[Any] | None, owner: object) -> Any:
        """Return the method itself on the class, a call on a client's resource."""
        return self._bind(resource, "stream")


class flow_endpoint(_Endpoint[P], Generic[P, T]):  # noqa: N801 - reads as the decorator that it is
    """Turn a generator of operations into a call that runs it to its end."""

    def __init__(self, build: Callable[Concatenate[Any, P], Flow[T]]) -> None:
        super().__init__(build)

    @overload
    def __get__(self, resource: None, owner: object) -> Self: ...
    @overload
    def __get__(self, resource: Resource[SyncTransport], owner: object) -> Callable[P, T]: ...
    @overload
    def __get__(self, resource: Resource[AsyncTransport], owner: object) -> Callable[P, Coroutine[Any, Any, T]]: ...
    def __get__(self, resource: Resource[Any] | None, owner: object) -> Any:
        """Return the method itself on the class, a call on a client's resource."""
        return self._bind(resource, "drive")


class follow_endpoint(_Endpoint[P], Generic[P, T]):  # noqa: N801 - reads as the decorator that it is
    """Turn a generator that emits items as it runs into an iterator over them."""

    returns = "Generator[{}]"

    def __init__(self, build: Callable[Concatenate[Any, P], Feed[T]]) -> None:
        super().__init__(build)

    @overload
    def __get__(self, resource: None, owner: object) -> Self: ...
    @overload
    def __get__(self, resource: Resource[SyncTransport], owner: object) -> Callable[P, Generator[T]]: ...
    @overload
    def __get__(self, resource: Resource[AsyncTransport], owner: object) -> Callable[P, AsyncGenerator[T]]: ...
    def __get__(self, resource: Resource[Any] | None, owner: object) -> Any:
        """Return the method itself on the class, a call on a client's resource."""
        return self._bind(resource, "follow")


def _expanded_signature(build: Callable[..., Any], returns: str) -> inspect.Signature:
    """Return the signature with `**options: Unpack[SomeTypedDict]` expanded, so that `help()` shows every option and the reply's type."""
    signature = inspect.signature(build)
    parameters: list[inspect.Parameter] = []
    for parameter in signature.parameters.values():
        if parameter.kind is not inspect.Parameter.VAR_KEYWORD:
            parameters.append(parameter)
            continue
        options = _unpacked(build, parameter.annotation)
        parameters += [
            inspect.Parameter(
                name,
                inspect.Parameter.KEYWORD_ONLY,
                default=None,
                annotation=getattr(kind, "__forward_arg__", kind),
            )
            for name, kind in options.__annotations__.items()
        ]
    kind = str(signature.return_annotation).partition("[")[2].removesuffix("]")  # Operation[Completion]: Completion
    return signature.replace(parameters=parameters, return_annotation=returns.format(kind))


def _unpacked(build: Callable[..., Any], annotation: object) -> type[Any]:
    """Return the `TypedDict` in `Unpack[...]`, which is a string if the module postpones its annotations."""
    if not isinstance(annotation, str):
        return cast("type[Any]", get_args(annotation)[0])
    return build.__globals__[annotation.partition("[")[2].removesuffix("]")]
