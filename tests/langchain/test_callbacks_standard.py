"""Our handlers pass the standard tests of handlers: with LangChain's own fake models, and with LLMEngine."""

from __future__ import annotations

import itertools

import pytest

from llmengine_integrations.langchain import (
    AsyncTokenStreamCallbackHandler,
    FineTuneDatasetCallbackHandler,
    LLMEngineUsageCallbackHandler,
    TokenStreamCallbackHandler,
)

from .standard_callback_tests import CallbackHandlerTests


class Usage(CallbackHandlerTests):
    @pytest.fixture
    def make_handler(self):
        return LLMEngineUsageCallbackHandler

    def observed(self, handler):
        return handler.usage_metadata, handler.runs, handler.incomplete


class TokenStream(CallbackHandlerTests):
    @pytest.fixture
    def make_handler(self):
        return lambda: TokenStreamCallbackHandler(clock=itertools.count(100).__next__)

    def observed(self, handler):
        return [(run.text, [token.text for token in run.tokens], run.error) for run in handler.runs]

    def open_runs(self, handler):
        return len(handler._recorder._started)


class AsyncTokenStream(TokenStream):
    @pytest.fixture
    def make_handler(self):
        async def nothing(token):
            pass

        return lambda: AsyncTokenStreamCallbackHandler(nothing)


class FineTuneDataset(CallbackHandlerTests):
    @pytest.fixture
    def make_handler(self, tmp_path_factory):
        return lambda: FineTuneDatasetCallbackHandler(tmp_path_factory.mktemp("data") / "train.csv")

    def observed(self, handler):
        return list(handler.file)

    def open_runs(self, handler):
        return len(handler._prompts)


class TestUsage(Usage):
    pass


class TestTokenStream(TokenStream):
    pass


class TestAsyncTokenStream(AsyncTokenStream):
    pass


class TestFineTuneDataset(FineTuneDataset):
    pass
