"""Documents from the Files API of a stand-in, and of the embedded engine."""

from __future__ import annotations

import json

import httpx
import pytest
from langchain_core.document_loaders import BaseBlobParser
from langchain_core.documents import Document

from llmengine_integrations import AsyncClient, Client, errors
from llmengine_integrations.langchain import LLMEngineFileLoader

from .standard_loader_tests import LoaderTests

FILES = {
    "file-b": ("qa.csv", 'prompt,response,topic\r\n"One, two","three\nfour",1\r\n\r\nFive?,Six.,2\r\n'),
    "file-a": ("notes.txt", "Some notes.\nprompt,response\n"),
    "file-c": ("more.JSONL", '{"prompt": "a", "n": 1, "tags": ["x", "ü"]}\n\n{"prompt": "b", "n": 2, "tags": []}'),
}
URL = "http://127.0.0.1:5005/v1/files"


class FilesApi:
    """The routes of files at the I/O edge, as an httpx transport."""

    def __init__(self):
        self.files = dict(FILES)
        self.paths: list[str] = []

    def __call__(self, request):
        path = request.url.path.removeprefix("/v1/files").strip("/")
        self.paths.append(path)
        file_id, _, content = path.partition("/")
        if not path:
            return httpx.Response(200, json={"files": [self.file(file_id) for file_id in self.files]})
        if file_id not in self.files:
            return httpx.Response(404, json={"detail": "The specified file could not be found."})
        if content:
            return httpx.Response(200, json={"id": file_id, "content": self.files[file_id][1]})
        return httpx.Response(200, json=self.file(file_id))

    def file(self, file_id):
        name, text = self.files[file_id]
        return {"id": file_id, "filename": name, "size": len(text.encode())}


@pytest.fixture
def api():
    return FilesApi()


@pytest.fixture
def clients(api):
    transport = httpx.MockTransport(api)
    return {
        "client": Client(max_retries=0, http_client=httpx.Client(transport=transport)),
        "async_client": AsyncClient(max_retries=0, http_client=httpx.AsyncClient(transport=transport)),
    }


@pytest.fixture
def make(clients):
    def make(*args, **kwargs):
        return LLMEngineFileLoader(*args, **clients, **kwargs)

    return make


class TestStandardWithTheStandIn(LoaderTests):
    @pytest.fixture(autouse=True)
    def counting(self, api):
        self.api = api

    @pytest.fixture
    def make_loader(self, make):
        return make

    @pytest.fixture(params=["file", "rows"])
    def loader_params(self, request):
        return {"mode": request.param}

    @pytest.fixture
    def missing_params(self):
        return {"file_ids": ["file-a", "file-z"]}

    def fetches(self):
        return len(self.api.paths)


@pytest.mark.engine
class TestStandardWithTheEngine(LoaderTests):
    secrets = ("hunter2",)

    @pytest.fixture
    def make_loader(self):
        return LLMEngineFileLoader

    @pytest.fixture
    def connection(self, engine):
        return {"base_url": engine.base_url.replace("//", "//user:hunter2@"), "api_key": engine.api_key}

    @pytest.fixture
    def loader_params(self, connection):
        with Client(**connection) as client:
            ids = [client.files.upload(text.encode(), filename=name).id for name, text in FILES.values()]
            yield {"file_ids": ids, "mode": "rows", **connection}
            for file_id in ids:
                client.files.delete(file_id)

    @pytest.fixture
    def missing_params(self, connection):
        return {"file_ids": "file-that-is-not-there", **connection}


def metadata(file_id, **more):
    return {"source": f"{URL}/{file_id}/content", "file_id": file_id, "filename": FILES[file_id][0], **more}


def test_whole_files(make):
    assert make().load() == [
        Document(FILES[file_id][1], id=file_id, metadata=metadata(file_id))
        for file_id in ("file-a", "file-b", "file-c")
    ]


def test_the_files_that_were_named_in_the_order_given(make, api):
    assert [document.id for document in make(["file-c", "file-a"]).load()] == ["file-c", "file-a"]
    assert [document.id for document in make("file-b").load()] == ["file-b"]
    assert "" not in api.paths
    assert make([]).load() == []


async def test_rows(make):
    documents = await make(mode="rows").aload()
    assert documents == [
        Document(FILES["file-a"][1], id="file-a", metadata=metadata("file-a")),
        Document(
            "prompt: One, two\nresponse: three\nfour\ntopic: 1", id="file-b:1", metadata=metadata("file-b", row=1)
        ),
        Document("prompt: Five?\nresponse: Six.\ntopic: 2", id="file-b:2", metadata=metadata("file-b", row=2)),
        Document('prompt: a\nn: 1\ntags: ["x", "ü"]', id="file-c:1", metadata=metadata("file-c", row=1)),
        Document("prompt: b\nn: 2\ntags: []", id="file-c:2", metadata=metadata("file-c", row=2)),
    ]


def test_columns(make):
    loader = make("file-b", mode="rows", content_columns=["response", "prompt"], metadata_columns=["topic"])
    assert loader.load()[1] == Document(
        "response: Six.\nprompt: Five?", id="file-b:2", metadata=metadata("file-b", row=2, topic="2")
    )
    rest = make("file-b", mode="rows", metadata_columns=["topic"]).load()
    assert rest[1].page_content == "prompt: Five?\nresponse: Six."
    for columns in ({"content_columns": ["answer"]}, {"metadata_columns": ["answer"]}):
        with pytest.raises(ValueError, match=r"qa\.csv: row 1 has no column 'answer'"):
            make("file-b", mode="rows", **columns).load()


def test_a_column_called_like_the_loaders_own_metadata(make, api):
    api.files["file-a"] = ("facts.csv", "source,fact\nan atlas,Paris is in France\n")
    (document,) = make("file-a", mode="rows", metadata_columns=["source"]).load()
    assert document.metadata == metadata("file-a", row=1, source="an atlas", filename="facts.csv")
    assert document.page_content == "fact: Paris is in France"


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.csv", "x,y\n1,2\n3\n", "a.csv: row 2 has 1 cells, the header 2"),
        ("a.csv", 'x,y\n1,"2\n', "a.csv: line 2 is not valid CSV"),
        ("a.jsonl", '{"x": 1}\n{', "a.jsonl: row 2 is not valid JSON: "),
        ("a.jsonl", "[1]", "a.jsonl: row 1 is not a JSON object"),
    ],
)
def test_rows_that_cannot_be_read(make, api, name, text, message):
    api.files = {"file-a": (name, text)}
    with pytest.raises(ValueError, match=message):
        make(mode="rows").load()
    assert make().load()[0].page_content == text


@pytest.mark.parametrize("text", ["", "x,y\n", "\n"])
def test_files_without_rows(make, api, text):
    api.files = {"file-a": ("a.csv", text), "file-b": ("b.jsonl", text if not text.strip() else "")}
    assert make(mode="rows").load() == []


def test_a_byte_order_mark_is_no_part_of_a_column(make, api):
    api.files = {"file-a": ("a.csv", "\ufeffx\n1\n")}
    assert make(mode="rows").load()[0].page_content == "x: 1"


class Paragraphs(BaseBlobParser):
    """Makes a document of each line, and says what it was given."""

    def lazy_parse(self, blob):
        self.blob = blob
        for line in blob.as_string().splitlines():
            yield Document(line, metadata={"source": blob.source, "type": blob.mimetype})


async def test_a_parser_of_the_users(make):
    parser = Paragraphs()
    loader = make("file-a", blob_parser=parser)
    expected = [
        Document(line, id=f"file-a:{number}", metadata=metadata("file-a", type="text/plain"))
        for number, line in enumerate(["Some notes.", "prompt,response"], start=1)
    ]
    assert loader.load() == expected
    assert await loader.aload() == expected
    assert (parser.blob.path, parser.blob.metadata) == ("notes.txt", metadata("file-a"))
    assert make("file-b", blob_parser=parser).load()[0].metadata["type"] == "text/csv"


def test_a_mode_that_is_none(make):
    with pytest.raises(ValueError, match="mode must be file or rows, not 'row'"):
        make(mode="row")


async def test_a_missing_file(make):
    loader = make("file-z")
    with pytest.raises(errors.NotFoundError):
        loader.load()
    with pytest.raises(errors.NotFoundError):
        await loader.aload()


def test_settings_are_the_clients(monkeypatch):
    monkeypatch.setenv("LLM_ENGINE_BASE_PATH", "https://llm-engine.example.com")
    with pytest.raises(errors.ConfigurationError, match="SCALE_API_KEY"):
        LLMEngineFileLoader()
    LLMEngineFileLoader(api_key="k")
    with pytest.raises(TypeError, match="file_id"):
        LLMEngineFileLoader(file_id="x")


def test_metadata_is_what_an_index_compares(make, api):
    """The same files give the same, another file under the same id does not."""
    before = json.dumps([document.metadata for document in make(mode="rows").load()])
    api.files = dict(reversed(api.files.items()))
    assert json.dumps([document.metadata for document in make(mode="rows").load()]) == before
