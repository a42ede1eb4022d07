"""ChatLLMEngine passes LangChain's standard integration tests with a real model behind it."""

from __future__ import annotations

import pytest

pytest.importorskip("langchain_tests")
pytest.importorskip("torch")

from .standard_chat_suite import ChatSuite


@pytest.mark.engine
class TestWithARealModel(ChatSuite):
    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def _served(cls, engine):
        cls.served = {"base_url": engine.base_url, "api_key": engine.api_key}
