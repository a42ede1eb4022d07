"""The ways to call a completion model, under one signature, so that a test can hold for all of them."""

from __future__ import annotations

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.outputs import LLMResult


class Ended(BaseCallbackHandler):
    """Keeps what a run ended with."""

    def __init__(self):
        self.results: list[LLMResult] = []
        self.errors: list[BaseException] = []

    def on_llm_end(self, response, **kwargs):
        self.results.append(response)

    def on_llm_error(self, error, **kwargs):
        self.errors.append(error)

    @property
    def generation(self):
        (result,) = self.results
        return result.generations[0][0]


async def invoke(llm, prompt, **kwargs):
    return llm.invoke(prompt, **kwargs)


async def ainvoke(llm, prompt, **kwargs):
    return await llm.ainvoke(prompt, **kwargs)


async def stream(llm, prompt, **kwargs):
    return "".join(llm.stream(prompt, **kwargs))


async def astream(llm, prompt, **kwargs):
    return "".join([text async for text in llm.astream(prompt, **kwargs)])


async def batch(llm, prompt, **kwargs):
    return llm.batch([prompt], **kwargs)[0]


async def abatch(llm, prompt, **kwargs):
    return (await llm.abatch([prompt], **kwargs))[0]


WHOLE = [invoke, ainvoke, batch, abatch]
STREAMED = [stream, astream]
ALL = WHOLE + STREAMED


async def info(call, llm, prompt, **kwargs):
    """The generation_info that a run ended with."""
    ended = Ended()
    await call(llm, prompt, config={"callbacks": [ended]}, **kwargs)
    return ended.generation.generation_info
