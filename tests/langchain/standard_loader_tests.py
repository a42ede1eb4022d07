"""Standard tests of document loaders, in the manner of langchain-tests, which has none for them.

Subclass, say what to test, and let pytest collect it; nothing here knows LLM Engine:

    class TestMine(LoaderTests):
        @pytest.fixture
        def make_loader(self):
            return MyLoader

        @pytest.fixture
        def loader_params(self, tmp_path):
            return {"path": tmp_path / "data.csv"}
"""

from __future__ import annotations

import asyncio
import inspect
import json
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from langchain_core.document_loaders import BaseLoader
from langchain_core.documents import Document
from langchain_core.vectorstores import InMemoryVectorStore


class LoaderTests:
    """What every loader should do, wherever it loads from."""

    @pytest.fixture
    def make_loader(self) -> Callable[..., BaseLoader]:
        """Makes loaders: the class, as a rule."""
        raise NotImplementedError

    @pytest.fixture
    def loader_params(self) -> dict[str, Any]:
        """What a loader is made with. It should load several documents, more than one fetch can bring."""
        return {}

    @pytest.fixture
    def missing_params(self) -> dict[str, Any]:
        """With what a loader is made of which the source does not exist; none if that cannot be."""
        return {}

    def fetches(self) -> int | None:
        """How often the source has been asked so far; None if nobody counts."""
        return None

    @property
    def secrets(self) -> list[str]:
        """What must show nowhere."""
        return []

    @pytest.fixture
    def loader(self, make_loader, loader_params) -> BaseLoader:
        return make_loader(**loader_params)

    @pytest.fixture
    def documents(self, loader) -> list[Document]:
        documents = loader.load()
        assert len(documents) > 1
        return documents

    def test_it_is_a_loader_that_leaves_load_alone(self, loader):
        assert isinstance(loader, BaseLoader)
        assert type(loader).load is BaseLoader.load
        assert type(loader).aload is BaseLoader.aload

    def test_async_loading_is_native(self, loader):
        """LangChain's default takes a thread for each document."""
        assert type(loader).alazy_load is not BaseLoader.alazy_load
        assert inspect.isasyncgenfunction(type(loader).alazy_load)

    def test_nothing_is_fetched_before_it_is_needed(self, make_loader, loader_params):
        before = self.fetches()
        reading = make_loader(**loader_params).lazy_load()
        assert self.fetches() == before
        next(reading)
        some = self.fetches()
        list(reading)
        if before is None:
            pytest.skip("nobody counts the fetches")
        assert before < some < self.fetches()

    async def test_every_way_loads_the_same(self, loader, documents):
        assert list(loader.lazy_load()) == documents
        assert await loader.aload() == documents
        assert [document async for document in loader.alazy_load()] == documents

    def test_loading_again_gives_the_same(self, make_loader, loader_params, loader, documents):
        assert loader.load() == documents
        assert make_loader(**loader_params).load() == documents

    def test_ids_tell_documents_apart(self, documents):
        ids = [document.id for document in documents]
        assert all(ids)
        assert len(set(ids)) == len(ids)

    def test_metadata(self, documents):
        for document in documents:
            assert isinstance(document.metadata["source"], str)
            assert json.loads(json.dumps(document.metadata)) == document.metadata

    def test_documents_share_nothing(self, loader, documents):
        documents[0].metadata["source"] = "changed"
        assert all(document.metadata["source"] != "changed" for document in documents[1:])
        assert loader.load()[0].metadata["source"] != "changed"

    def test_no_secret_shows(self, loader, documents):
        shown = f"{loader!r} {documents!r}"
        assert [secret for secret in self.secrets if secret in shown] == []

    async def test_what_is_missing_is_said(self, make_loader, missing_params):
        if not missing_params:
            pytest.skip("missing_params is not set")
        with pytest.raises(Exception) as blocking:  # noqa: PT011 - which one is the loader's
            make_loader(**missing_params).load()
        with pytest.raises(type(blocking.value)):
            await make_loader(**missing_params).aload()

    def test_leaving_early(self, loader):
        reading = loader.lazy_load()
        next(reading)
        reading.close()
        assert list(reading) == []

    async def test_leaving_early_async(self, loader):
        reading = loader.alazy_load()
        await anext(reading)
        await reading.aclose()
        assert [document async for document in reading] == []

    def test_threads_share_it(self, loader, documents):
        with ThreadPoolExecutor(4) as executor:
            assert list(executor.map(lambda _: loader.load(), range(4))) == [documents] * 4

    def test_event_loops_in_turn(self, loader, documents):
        for _ in range(3):
            assert asyncio.run(loader.aload()) == documents

    async def test_a_vector_store_takes_them(self, documents):
        from langchain_core.embeddings import DeterministicFakeEmbedding  # noqa: PLC0415 - loads numpy

        store = InMemoryVectorStore(DeterministicFakeEmbedding(size=8))
        assert store.add_documents(documents) == [document.id for document in documents]
        (found,) = await store.asimilarity_search(documents[1].page_content, k=1)
        assert found.page_content == documents[1].page_content

    def test_importing_it_loads_no_model(self, loader):
        program = f"import sys, {type(loader).__module__}; print('langchain_core.language_models.llms' in sys.modules)"
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)  # noqa: S603
        assert done.stdout.strip() == "False"
