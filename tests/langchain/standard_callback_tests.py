"""Standard tests of callback handlers, in the manner of langchain-tests, which has none for them.

Subclass, say what to test, and let pytest collect it; nothing here knows LLM Engine:

    class TestMine(CallbackHandlerTests):
        @pytest.fixture
        def make_handler(self):
            return MyHandler

        def observed(self, handler):
            return handler.count
"""

from __future__ import annotations

import asyncio
import gc
import inspect
import logging
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.language_models import FakeListChatModel
from langchain_core.language_models.llms import BaseLLM
from langchain_core.outputs import Generation, GenerationChunk, LLMResult
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnableLambda

WHOLE = ["invoke", "ainvoke", "batch", "abatch"]
STREAMED = ["stream", "astream", "astream_events"]
WAYS = [*WHOLE, *STREAMED]
KINDS = ["plain", "chat"]
by_way = pytest.mark.parametrize("way", WAYS)
by_kind = pytest.mark.parametrize("kind", KINDS)


async def run(model, way: str, prompt: Any, config: Any, **kwargs: Any) -> Any:  # noqa: PLR0911 - one for each way
    """One run of a model or chain, in one of the ways there are."""
    match way:
        case "invoke":
            return model.invoke(prompt, config, **kwargs)
        case "ainvoke":
            return await model.ainvoke(prompt, config, **kwargs)
        case "batch":
            return model.batch([prompt], config, **kwargs)[0]
        case "abatch":
            return (await model.abatch([prompt], config, **kwargs))[0]
        case "stream":
            return list(model.stream(prompt, config, **kwargs))
        case "astream":
            return [chunk async for chunk in model.astream(prompt, config, **kwargs)]
        case _:
            events = [event async for event in model.astream_events(prompt, config, version="v2", **kwargs)]
            return [
                event["data"]["chunk"]
                for event in events
                if event["event"] in {"on_llm_stream", "on_chat_model_stream"}
            ]


def text_of(answer: Any) -> str:
    """The text of whatever `run` gave back."""
    parts = answer if isinstance(answer, list) else [answer]
    return "".join(part if isinstance(part, str) else part.text for part in parts)


class SpokenLLM(BaseLLM):
    """Says the same to everyone, letter by letter, and tells its callbacks of each; LangChain's own fake does not."""

    text: str
    breaks_after: int | None = None

    @property
    def _llm_type(self) -> str:
        return "spoken"

    def _generate(self, prompts, stop=None, run_manager=None, **kwargs) -> LLMResult:
        if self.breaks_after is not None:
            raise OSError("broken")
        usage = {
            "prompt_tokens": 3 * len(prompts),
            "completion_tokens": 2 * len(prompts),
            "total_tokens": 5 * len(prompts),
        }
        generations = [[Generation(text=self.text)] for _ in prompts]
        return LLMResult(generations=generations, llm_output={"token_usage": usage, "model_name": "spoken"})

    def _stream(self, prompt, stop=None, run_manager=None, **kwargs) -> Iterator[GenerationChunk]:
        for place, letter in enumerate(self.text):
            if place == self.breaks_after:
                raise OSError("broken")
            chunk = GenerationChunk(text=letter)
            if run_manager is not None:
                run_manager.on_llm_new_token(letter, chunk=chunk)
            yield chunk


class CallbackHandlerTests:
    """What every handler should do, whatever it is for."""

    prompt = "Once upon a time"

    @pytest.fixture
    def make_handler(self) -> Callable[[], BaseCallbackHandler]:
        """Makes handlers that have seen nothing."""
        raise NotImplementedError

    @pytest.fixture
    def handler(self, make_handler) -> BaseCallbackHandler:
        return make_handler()

    @pytest.fixture
    def models(self) -> dict[str, Any]:
        """A plain and a chat model that answer; deterministic ones."""
        return {
            "plain": SpokenLLM(text=" there was a king."),
            "chat": FakeListChatModel(responses=["There was a king."]),
        }

    @pytest.fixture
    def failing(self) -> dict[str, Any]:
        """The same, but they raise; in streams after they have begun."""
        return {
            "plain": SpokenLLM(text="abc", breaks_after=1),
            "chat": FakeListChatModel(responses=["abc"], error_on_chunk_number=1),
        }

    def observed(self, handler: BaseCallbackHandler) -> Any:
        """What the handler says of the runs it has seen, without times and ids: the same runs, the same again."""
        raise NotImplementedError

    def open_runs(self, handler: BaseCallbackHandler) -> int:
        """Of how many runs the handler waits for the end."""
        return 0

    @pytest.fixture(autouse=True)
    def nothing_is_swallowed(self, caplog):
        """LangChain logs what a handler raises, and goes on."""
        caplog.set_level(logging.WARNING)
        yield
        assert [record.message for record in caplog.records if "callback" in record.message] == []

    def test_methods_have_langchains_names_for_their_arguments(self, handler):
        """The blocking manager passes some of them by keyword."""
        for name, method in inspect.getmembers(type(handler), inspect.isfunction):
            if name.startswith("on_"):
                own = inspect.signature(method).parameters
                langchains = inspect.signature(getattr(BaseCallbackHandler, name)).parameters
                assert any(parameter.kind is parameter.VAR_KEYWORD for parameter in own.values()), name
                assert [p for p in own if p not in langchains] == [], name

    @by_way
    @by_kind
    async def test_it_changes_no_answer(self, handler, models, kind, way):
        answer = await run(models[kind], way, self.prompt, {"callbacks": [handler]})
        assert text_of(answer) == text_of(await run(models[kind], way, self.prompt, {}))
        assert text_of(answer)

    @by_kind
    @pytest.mark.parametrize(("one", "other"), [("invoke", "ainvoke"), ("stream", "astream"), ("batch", "abatch")])
    async def test_blocking_and_async_runs_look_alike(self, make_handler, models, kind, one, other):
        seen = []
        for way in (one, other):
            handler = make_handler()
            await run(models[kind], way, self.prompt, {"callbacks": [handler]})
            seen.append(self.observed(handler))
        assert seen[0] == seen[1]
        assert seen[0] != self.observed(make_handler())

    @by_kind
    async def test_it_sees_runs_inside_a_chain(self, make_handler, models, kind):
        direct, inside = make_handler(), make_handler()
        messages = ChatPromptTemplate.from_messages([("human", "{x}")])
        await run(models[kind], "invoke", messages.invoke({"x": self.prompt}), {"callbacks": [direct]})
        chain = messages | models[kind] | RunnableLambda(text_of)
        await run(chain, "ainvoke", {"x": self.prompt}, {"callbacks": [inside]})
        assert self.observed(inside) == self.observed(direct)

    @by_way
    @by_kind
    async def test_failed_runs_leave_nothing_open(self, handler, failing, kind, way):
        try:
            await run(failing[kind], way, self.prompt, {"callbacks": [handler]})
        except Exception:  # noqa: BLE001 - which one is the model's
            assert self.open_runs(handler) == 0
        else:
            assert way in WHOLE, "the model did not fail"

    @by_kind
    async def test_streams_that_are_left_leave_nothing_open(self, handler, models, kind):
        stream = models[kind].stream(self.prompt, {"callbacks": [handler]})
        next(stream)
        stream.close()
        stream = models[kind].astream(self.prompt, {"callbacks": [handler]})
        await anext(stream)
        await stream.aclose()
        del stream
        gc.collect()
        assert self.open_runs(handler) == 0

    @by_kind
    async def test_threads_and_tasks_share_it(self, make_handler, models, kind):
        model, one, many = models[kind], make_handler(), make_handler()
        for _ in range(24):
            model.invoke(self.prompt, {"callbacks": [one]})
        with ThreadPoolExecutor(6) as executor:
            list(executor.map(lambda _: model.invoke(self.prompt, {"callbacks": [many]}), range(12)))
        await asyncio.gather(*(model.ainvoke(self.prompt, {"callbacks": [many]}) for _ in range(12)))
        assert self.observed(many) == self.observed(one)
        assert self.open_runs(many) == 0

    def test_event_loops_in_turn(self, make_handler, models):
        one, many = make_handler(), make_handler()
        for _ in range(3):
            models["plain"].invoke(self.prompt, {"callbacks": [one]})
            asyncio.run(models["plain"].ainvoke(self.prompt, {"callbacks": [many]}))
        assert self.observed(many) == self.observed(one)
