"""Several requests in a row, written once for the blocking and the async client."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any, TypeAlias, TypeVar

from .. import AsyncClient, Client

T = TypeVar("T")

Step: TypeAlias = Callable[[Any], Any]
"""Makes one request with a client: returns its reply, or what is to be awaited for it."""
Steps: TypeAlias = Generator[Step, Any, T]
"""Yields steps, is sent their replies, and returns a result."""


def run(steps: Steps[T], client: Client) -> T:
    """Take the steps, blocking."""
    try:
        step = next(steps)
        while True:
            try:
                reply = step(client)
            except BaseException as error:  # noqa: BLE001 - the steps' own affair, as if they had called themselves
                step = steps.throw(error)
            else:
                step = steps.send(reply)
    except StopIteration as ended:
        return ended.value


async def arun(steps: Steps[T], client: AsyncClient) -> T:
    """Take the steps, awaiting each."""
    try:
        step = next(steps)
        while True:
            try:
                reply = await step(client)
            except BaseException as error:  # noqa: BLE001 - whatever the caller's step raises
                step = steps.throw(error)
            else:
                step = steps.send(reply)
    except StopIteration as ended:
        return ended.value
