"""The ways to call a chat model, under one signature, each returning one message, so that a test can hold for all of them."""

from __future__ import annotations

from functools import reduce
from operator import add


async def invoke(llm, prompt, **kwargs):
    return llm.invoke(prompt, **kwargs)


async def ainvoke(llm, prompt, **kwargs):
    return await llm.ainvoke(prompt, **kwargs)


async def batch(llm, prompt, **kwargs):
    return llm.batch([prompt], **kwargs)[0]


async def abatch(llm, prompt, **kwargs):
    return (await llm.abatch([prompt], **kwargs))[0]


async def stream(llm, prompt, **kwargs):
    return reduce(add, llm.stream(prompt, **kwargs))


async def astream(llm, prompt, **kwargs):
    return reduce(add, [chunk async for chunk in llm.astream(prompt, **kwargs)])


WHOLE = [invoke, ainvoke, batch, abatch]
STREAMED = [stream, astream]
ALL = WHOLE + STREAMED
BOTH = [invoke, ainvoke, stream, astream]
