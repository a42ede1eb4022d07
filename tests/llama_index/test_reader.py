"""`LLMEngineFileReader` on the embedded engine's files."""

from __future__ import annotations

import logging
import pickle

import pytest
from llama_index.core.ingestion import IngestionPipeline
from llama_index.core.readers.base import BasePydanticReader, BaseReader, ReaderConfig
from llama_index.core.schema import Document, MetadataMode

from llmengine_integrations import AsyncClient, Client
from llmengine_integrations.errors import NotFoundError
from llmengine_integrations.llama_index import LLMEngineFileReader

pytestmark = pytest.mark.engine

CSV = 'prompt,response\nWhat is up?,"The sky, mostly"\n\nWhat is down?,The ground\n'
JSONL = '{"prompt": "one", "score": 1}\n\n{"prompt": "two", "score": null}\n'


@pytest.fixture(scope="module")
def client(engine):
    with Client(base_url=engine.base_url, api_key=engine.api_key) as client:
        yield client


@pytest.fixture(scope="module")
def files(client):
    uploads = {"table": (CSV, "table.csv"), "lines": (JSONL, "lines.jsonl"), "text": ("# Title\n\nText.", "text.md")}
    ids = {name: client.files.upload(text.encode(), filename).id for name, (text, filename) in uploads.items()}
    yield ids
    for file_id in ids.values():
        client.files.delete(file_id)


@pytest.fixture
def reader(engine, files):
    def make(*names, **fields):
        ids = [files[name] for name in names or files]
        return LLMEngineFileReader(base_url=engine.base_url, api_key=engine.api_key, file_ids=ids, **fields)

    return make


@pytest.fixture(params=["sync", "async"])
def load(request):
    async def asynchronous(reader):
        return await reader.aload_data()

    async def blocking(reader):
        return reader.load_data()

    return asynchronous if request.param == "async" else blocking


def test_it_is_a_reader_of_llama_index(reader):
    names = [base.__name__ for base in LLMEngineFileReader.__mro__]
    assert BasePydanticReader.__name__ in names
    assert "ResourcesReaderMixin" in names
    assert reader().is_remote
    assert reader().class_name() == "LLMEngineFileReader"
    assert LLMEngineFileReader.model_json_schema()["properties"]["file_ids"]


async def test_whole_files(reader, load, files):
    documents = await load(reader())
    assert [document.text for document in documents] == [CSV, JSONL, "# Title\n\nText."]
    assert [document.id_ for document in documents] == list(files.values())
    assert documents[2].metadata["file_name"] == "text.md"
    assert documents[2].metadata["file_size"] == 14
    assert documents[2].metadata["source"].endswith(f"/v1/files/{files['text']}/content")


async def test_rows(reader, load, files):
    documents = await load(reader(mode="rows"))
    assert [document.text for document in documents] == [
        "prompt: What is up?\nresponse: The sky, mostly",
        "prompt: What is down?\nresponse: The ground",
        "prompt: one\nscore: 1",
        "prompt: two\nscore: null",
        "# Title\n\nText.",
    ]
    assert [document.metadata.get("row") for document in documents] == [1, 2, 1, 2, None]
    assert documents[1].id_ == f"{files['table']}:2"


def test_what_names_no_content_is_kept_from_models(reader):
    (document,) = reader("text").load_data()
    shown = document.get_content(metadata_mode=MetadataMode.LLM)
    embedded = document.get_content(metadata_mode=MetadataMode.EMBED)
    assert "file_name: text.md" in shown
    assert document.id_ not in shown
    assert document.id_ not in embedded


async def test_the_same_files_give_the_same_documents(reader, load):
    first, second = await load(reader(mode="rows")), await load(reader(mode="rows"))
    assert [(one.id_, one.hash) for one in first] == [(one.id_, one.hash) for one in second]


def test_lazily(reader):
    some = reader("text")
    some.file_ids = [*some.file_ids, "file-none"]
    documents = some.lazy_load_data()
    assert next(documents).text.startswith("# Title")
    with pytest.raises(NotFoundError):
        next(documents)


async def test_resources(reader, client, files):
    by_reader = reader()
    listed = by_reader.list_resources()
    assert listed == sorted(file.id for file in client.files.list())
    assert set(files.values()) <= set(listed)
    assert listed == await by_reader.alist_resources()
    info = by_reader.get_resource_info(files["table"])
    assert info["file_name"] == "table.csv"
    assert info == await by_reader.aget_resource_info(files["table"])
    (document,) = by_reader.load_resource(files["table"])
    assert document.hash == reader("table").load_data()[0].hash
    assert await by_reader.aload_resources([files["table"]]) == {files["table"]: [document]}
    assert (await by_reader.aload_resource(files["table"])) == [document]


def test_without_ids_every_file_is_read(engine, files):
    found = LLMEngineFileReader(base_url=engine.base_url, api_key=engine.api_key).load_data()
    assert set(files.values()) <= {document.id_ for document in found}


class Shouting(BaseReader):
    def load_data(self, path, extra_info=None):
        texts = path.read_text().split("\n\n")
        return [Document(text=text.upper(), metadata={**(extra_info or {}), "loud": True}) for text in texts]


async def test_another_reader_for_an_ending(reader, load, files):
    documents = await load(reader("text", "lines", file_extractor={".md": Shouting()}))
    assert [document.text for document in documents] == ["# TITLE", "TEXT.", JSONL]
    assert [document.id_ for document in documents][:2] == [f"{files['text']}:1", f"{files['text']}:2"]
    assert documents[0].metadata["loud"] is True
    assert documents[0].metadata["file_name"] == "text.md"


@pytest.mark.parametrize("on_error", ["warn", "skip"])
async def test_files_that_cannot_be_read_are_left_out(reader, load, caplog, on_error):
    failing = reader("text", on_error=on_error)
    failing.file_ids = ["file-none", *failing.file_ids]
    with caplog.at_level(logging.WARNING):
        documents = await load(failing)
    assert [document.metadata["file_name"] for document in documents] == ["text.md"]
    assert ("file-none" in caplog.text) == (on_error == "warn")


async def test_a_file_that_is_not_there(reader, load):
    failing = reader("text")
    failing.file_ids = [*failing.file_ids, "file-none"]
    with pytest.raises(NotFoundError):
        await load(failing)


async def test_a_row_that_cannot_be_read(client, reader, load):
    broken = client.files.upload(b"a,b\n1,2\n1,2,3\n", "broken.csv").id
    try:
        failing = reader(mode="rows")
        failing.file_ids = [broken]
        with pytest.raises(ValueError, match=r"broken\.csv: row 2 has 3 cells"):
            await load(failing)
    finally:
        client.files.delete(broken)


def test_it_is_serialized_without_its_key(engine, reader):
    made = reader("text", mode="rows")
    text = made.to_json()
    assert engine.api_key not in text
    assert engine.api_key not in repr(made)
    for again in (
        LLMEngineFileReader.from_json(text),
        LLMEngineFileReader.model_validate_json(made.model_dump_json(exclude_unset=True)),
    ):
        assert (again.mode, again.file_ids, again.base_url) == ("rows", made.file_ids, engine.base_url)
    pickled = pickle.dumps(made)
    assert engine.api_key.encode() not in pickled
    assert pickle.loads(pickled).file_ids == made.file_ids  # noqa: S301 - made here


async def test_clients_of_the_users_own(engine, files):
    async with AsyncClient(base_url=engine.base_url, api_key=engine.api_key) as own:
        reader = LLMEngineFileReader(async_client=own, file_ids=[files["text"]])
        assert (await reader.aload_data())[0].text.startswith("# Title")


def test_in_an_ingestion_pipeline(reader):
    pipeline = IngestionPipeline(transformations=[], readers=[ReaderConfig(reader=reader("text"))])
    assert [node.get_content() for node in pipeline.run()] == ["# Title\n\nText."]


def test_a_misspelt_field(engine):
    with pytest.raises(TypeError, match="file_ids"):
        LLMEngineFileReader(base_url=engine.base_url, file_id=["x"])


@pytest.mark.parametrize("given", ["positional", "keyword", "one"])
async def test_the_files_of_one_call(given, engine, files):
    reader = LLMEngineFileReader(base_url=engine.base_url, api_key=engine.api_key)
    ids = [files["text"]]
    args, kwargs = {"positional": ([ids], {}), "keyword": ([], {"file_ids": ids}), "one": (ids, {})}[given]
    found = [
        reader.load_data(*args, **kwargs),
        list(reader.lazy_load_data(*args, **kwargs)),
        await reader.aload_data(*args, **kwargs),
        list(await reader.alazy_load_data(*args, **kwargs)),
        ReaderConfig(reader=reader, reader_args=args, reader_kwargs=kwargs).read(),
    ]
    assert [[document.id_ for document in documents] for documents in found] == [ids] * 5


async def test_no_files_of_a_call_are_no_documents(reader):
    assert reader("text").load_data([]) == await reader("text").aload_data([]) == []
