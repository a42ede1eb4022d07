"""Makes many calls with a concurrency limit. The results are in order; the first error ends the rest."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence
from concurrent.futures import as_completed
from typing import Any, TypeAlias, TypeVar

from langchain_core.runnables.config import ContextThreadPoolExecutor

T = TypeVar("T")
R = TypeVar("R")


Calling: TypeAlias = Callable[[T], Coroutine[Any, Any, R]]


def map_threads(function: Callable[[T], R], items: Sequence[T], limit: int) -> list[R]:
    """Call `function` with each item, in threads that see the caller's context variables.

    After an error no further call begins. Running calls cannot be stopped; they are waited for, so that nothing runs on afterwards.
    """
    if len(items) == 1 or limit == 1:
        return [function(item) for item in items]
    with ContextThreadPoolExecutor(max_workers=limit) as executor:
        futures = [executor.submit(function, item) for item in items]
        try:
            for future in as_completed(futures):
                future.result()
        except BaseException:
            executor.shutdown(wait=False, cancel_futures=True)
            raise
        return [future.result() for future in futures]


async def tasks_as_completed(function: Calling[T, R], items: Sequence[T], limit: int) -> AsyncGenerator[R]:
    """The version of `map_tasks` that yields results as they come. When the caller leaves, the others are cancelled and waited for too."""
    tasks = _tasks(function, items, limit)
    try:
        for done in asyncio.as_completed(tasks):
            yield await done
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def map_tasks(function: Calling[T, R], items: Sequence[T], limit: int) -> list[R]:
    """Await `function` with each item, in tasks. After an error or a cancellation, the other tasks are cancelled and waited for."""
    if len(items) == 1:
        return [await function(items[0])]
    tasks = _tasks(function, items, limit)
    try:
        return await asyncio.gather(*tasks)
    except BaseException:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        raise


def _tasks(function: Calling[T, R], items: Sequence[T], limit: int) -> list[asyncio.Task[R]]:
    start = asyncio.get_running_loop().create_task
    if limit >= len(items):
        return [start(function(item)) for item in items]
    slots = asyncio.Semaphore(limit)

    async def one(item: T) -> R:
        async with slots:
            return await function(item)

    return [start(one(item)) for item in items]
