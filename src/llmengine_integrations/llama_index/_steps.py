"""Sequences of requests, written once for both the blocking and the async client."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any, TypeAlias, TypeVar

from .. import AsyncClient, Client

T = TypeVar("T")

Step: TypeAlias = Callable[[Any], Any]
"""Makes one request with a client. Returns the reply, or an awaitable of it."""
Steps: TypeAlias = Generator[Step, Any, T]
"""Yields steps, receives their replies, and returns a result."""


def run(steps: Steps[T], client: Client) -> T:
    """Run the steps, blocking."""
    try:
        step = next(steps)
        while True:
            try:
                reply = step(client)
            except BaseException as error:  # noqa: BLE001 - raised in the steps, as if they had made the call themselves
                step = steps.throw(error)
            else:
                step = steps.send(reply)
    except StopIteration as ended:
        return ended.value


async def arun(steps: Steps[T], client: AsyncClient) -> T:
    """Run the steps, awaiting each."""
    try:
        step = next(steps)
        while True:
            try:
                reply = await step(client)
            except BaseException as error:  # noqa: BLE001 - raised in the steps, as in `run`
                step = steps.throw(error)
            else:
                step = steps.send(reply)
    except StopIteration as ended:
        return ended.value
