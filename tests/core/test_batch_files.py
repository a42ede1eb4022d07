"""The files of batches: input files as they are written, results as they are read and paired."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from llmengine_integrations.core.batches import files as _batch_files
from llmengine_integrations.core.errors import ConfigurationError, InvalidArgumentError, InvalidResponseError
from llmengine_integrations.wire.batch_completions import BatchJob
from llmengine_integrations.wire.chat import ChatCompletion
from llmengine_integrations.wire.completions import CompletionOutput
from llmengine_integrations.wire.text_completions import TextCompletion

PROMPTS = {"prompts": ["one", "two"]}
ON_THE_WIRE = {"prompts": ["one", "two"], "max_new_tokens": 256, "temperature": 0.2}
CHATS = [{"messages": [{"role": "user", "content": "hi"}], "max_tokens": 5}]
TEXTS = [{"prompt": "hi", "max_tokens": 3}]
OUTPUT = {"text": " Paris", "num_prompt_tokens": 3, "num_completion_tokens": 1, "tokens": None}
CHAT = {
    "id": "c-1",
    "object": "chat.completion",
    "created": 1,
    "model": "m",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hello"}, "finish_reason": "stop"}],
}
TEXT = {"id": "t-1", "object": "text_completion", "created": 1, "model": "m", "choices": [{"index": 0, "text": "Hey"}]}


@pytest.fixture
def output(tmp_path):
    """Writes an output file and returns its path."""

    def write(*items) -> Path:
        path = tmp_path / "out.json"
        path.write_text(json.dumps(items), encoding="utf-8")
        return path

    return write


async def results(api, *arguments, **options):
    return await api.call("batch_completions.results", *arguments, **options)


async def test_results_of_prompts(api, server, output):
    first, second = await results(api, output(OUTPUT, OUTPUT | {"text": " Rome"}), content=PROMPTS)
    assert isinstance(first.output, CompletionOutput)
    assert (first.index, first.prompt, first.request, first.text, first.ok) == (0, "one", "one", " Paris", True)
    assert (second.index, second.prompt, second.text) == (1, "two", " Rome")
    assert first.error is None
    assert first.raw == OUTPUT
    assert not server.received


async def test_results_of_chat_requests(api, output):
    [result] = await results(api, output(CHAT), content=CHATS)
    assert isinstance(result.output, ChatCompletion)
    assert (result.prompt, result.request, result.text) == (None, CHATS[0], "Hello")


async def test_results_of_text_requests(api, output):
    [result] = await results(api, output(TEXT), content=TEXTS)
    assert isinstance(result.output, TextCompletion)
    assert (result.prompt, result.text) == ("hi", "Hey")


@pytest.mark.parametrize(
    ("item", "said"),
    [
        (None, "The job reports no output for it."),
        ({"error": "Too long"}, "Too long"),
        ({"error": {"message": "Too long", "code": 400}}, "Too long"),
        ({"object": "error", "message": "Too long", "code": 400}, "Too long"),
        ({"error": {"status_code": 400, "content": {"error": "Too long"}}}, "Too long"),
        ({"detail": "Too long"}, "Too long"),
        ({"choices": []}, "No output, but {'choices': []}"),
        ("what", "No output, but 'what'"),
        ({"choices": [{"message": {"content": "x"}}]}, "No valid ChatCompletion: id: Field required"),
        ({"text": "x", "num_completion_tokens": "many"}, "No valid CompletionOutput: num_completion_tokens: "),
    ],
    ids=repr,
)
async def test_failures_are_results_too(api, output, item, said):
    failed, well = await results(api, output(item, OUTPUT), content=PROMPTS)
    assert (failed.ok, failed.output, failed.text, failed.prompt) == (False, None, None, "one")
    assert failed.error.startswith(said)
    assert failed.raw == item
    assert (well.ok, well.prompt) == (True, "two")


async def test_results_without_what_was_asked(api, output):
    [result] = await results(api, output(OUTPUT))
    assert (result.request, result.prompt, result.text) == (None, None, " Paris")


@pytest.mark.parametrize("content", [PROMPTS, CHATS, TEXTS])
async def test_an_input_file_and_its_results(api, output, tmp_path, content):
    path = tmp_path / "in.json"
    assert await api.call("batch_completions.input_file", path, content) == str(path)
    asked = content["prompts"] if content is PROMPTS else content
    found = await results(api, output(*[OUTPUT] * len(asked)), input_data_path=path)
    assert [result.request for result in found] == list(asked)


async def test_results_of_a_job(api, output, tmp_path):
    source = await api.call("batch_completions.input_file", str(tmp_path / "in.json"), PROMPTS)
    job = BatchJob(job_id="j", input_data_path=source, output_data_path=str(output(OUTPUT, OUTPUT)))
    assert [result.prompt for result in await results(api, job)] == ["one", "two"]
    with pytest.raises(InvalidArgumentError, match="output_data_path"):
        await results(api, BatchJob(job_id="j"))


async def test_results_of_another_batch_are_not_paired(api, output):
    with pytest.raises(InvalidResponseError, match="1 results, but 2"):
        await results(api, output(OUTPUT), content=PROMPTS)


async def test_what_is_no_output_file(api, output, tmp_path):
    broken = output()
    broken.write_text("{", encoding="utf-8")
    with pytest.raises(InvalidResponseError, match="not valid JSON"):
        await results(api, broken)
    broken.write_text("{}", encoding="utf-8")
    with pytest.raises(InvalidResponseError, match="not hold a JSON array"):
        await results(api, broken)
    with pytest.raises(FileNotFoundError):
        await results(api, tmp_path / "later.json")


async def test_an_input_file_has_what_the_wire_has(api, tmp_path):
    path = tmp_path / "in.json"
    await api.call("batch_completions.input_file", path, {"prompts": ["é"]})
    assert json.loads(path.read_text("utf-8")) == {"prompts": ["é"], "max_new_tokens": 256, "temperature": 0.2}
    assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(InvalidArgumentError):
        await api.call("batch_completions.input_file", path, {"prompts": []})


async def test_an_input_file_is_whole_or_as_it_was(api, tmp_path, monkeypatch):
    path = tmp_path / "in.json"
    path.write_text("before", encoding="utf-8")

    def full(_descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        await api.call("batch_completions.input_file", path, PROMPTS)
    assert path.read_text("utf-8") == "before"
    assert list(tmp_path.iterdir()) == [path]


async def test_a_file_url_is_local(api, tmp_path):
    url = (tmp_path / "an input.json").as_uri()
    assert await api.call("batch_completions.input_file", url, PROMPTS) == url
    assert json.loads((tmp_path / "an input.json").read_text("utf-8")) == ON_THE_WIRE
    with pytest.raises(InvalidArgumentError, match="another machine"):
        await results(api, "file://elsewhere/out.json")


@pytest.fixture
def fsspec():
    return pytest.importorskip("fsspec")


async def test_files_elsewhere(api, fsspec):
    url = "memory://bucket/in.json"
    assert await api.call("batch_completions.input_file", url, PROMPTS) == url
    with fsspec.open("memory://bucket/out.json", "wb") as file:
        file.write(json.dumps([OUTPUT, None]).encode())
    found = await results(api, "memory://bucket/out.json", input_data_path=url)
    assert [(result.prompt, result.ok) for result in found] == [("one", True), ("two", False)]


def test_options_reach_the_storage_and_azure_is_az(fsspec, monkeypatch):
    opened = []

    class Storage:
        @staticmethod
        def open(*arguments, **options):
            opened.append((arguments, options))
            return fsspec.open("memory://bucket/x.json", "wb")

    monkeypatch.setattr(_batch_files, "import_module", lambda name: Storage)
    _batch_files.write_json("azure://bucket/x.json", {}, {"key": "k"})
    _batch_files.write_json("s3://bucket/x.json", {}, None)
    assert opened == [(("az://bucket/x.json", "wb"), {"key": "k"}), (("s3://bucket/x.json", "wb"), {})]


@pytest.mark.parametrize(
    ("url", "command"),
    [
        ("s3://b/f", "pip install fsspec s3fs"),
        ("gs://b/f", "pip install fsspec gcsfs"),
        ("azure://b/f", "pip install fsspec adlfs"),
    ],
)
async def test_a_missing_package_is_named(api, monkeypatch, url, command):
    monkeypatch.setitem(sys.modules, "fsspec", None)
    with pytest.raises(ConfigurationError, match=command) as caught:
        await results(api, url)
    assert isinstance(caught.value.__cause__, ImportError)


async def test_a_storage_that_there_is_not(api, fsspec):
    with pytest.raises(InvalidArgumentError, match="nowhere"):
        await results(api, "nowhere://b/f")
