"""`LLMEngineFinetuneEngine` on the embedded engine: real jobs, kept small."""

from __future__ import annotations

import sys
import types
from abc import ABC

import pandas as pd
import pytest
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.callbacks import CallbackManager
from llama_index.core.llms import MockLLM

from llmengine_integrations import AsyncClient, Client
from llmengine_integrations.errors import InvalidArgumentError, JobFailedError, NotFoundError, TrainingDataError
from llmengine_integrations.llama_index import LLMEngine, LLMEngineFinetuneEngine, LLMEngineFineTuningHandler
from llmengine_integrations.llama_index.fine_tuning import NotFinetunedError

pytestmark = [pytest.mark.engine, pytest.mark.filterwarnings("ignore:.*200 or more are advised")]

ROWS = [(f"The code of number {number} is", f" X{number}") for number in range(24)]
QUICK = {"epochs": 2}


@pytest.fixture
def settings(engine):
    return {"base_url": engine.base_url, "api_key": engine.api_key}


@pytest.fixture(scope="module")
def client(engine):
    with Client(base_url=engine.base_url, api_key=engine.api_key) as client:
        yield client


@pytest.fixture(scope="module")
def done(client):
    """A job that has succeeded, whose model is deleted at the end."""
    engine = LLMEngineFinetuneEngine("llama-2-7b", ROWS, suffix="codes", hyperparameters=QUICK, client=client)
    seen = []
    engine.finetune(wait=True, on_event=seen.append)
    engine.seen = seen
    yield engine
    client.models.delete(engine.get_current_job().fine_tuned_model)


def test_its_base_class_has_llama_indexs_name(settings):
    names = [base.__name__ for base in LLMEngineFinetuneEngine.__mro__]
    assert "BaseLLMFinetuneEngine" in names


def test_it_is_theirs_where_their_package_is_loaded(monkeypatch, settings):
    class BaseLLMFinetuneEngine(ABC):  # noqa: B024 - stands for a package that cannot be installed here
        pass

    theirs = types.ModuleType("llama_index.finetuning.types")
    theirs.BaseLLMFinetuneEngine = BaseLLMFinetuneEngine
    monkeypatch.setitem(sys.modules, theirs.__name__, theirs)
    assert isinstance(LLMEngineFinetuneEngine("m", ROWS, **settings), BaseLLMFinetuneEngine)


def test_from_rows_to_a_model(done, client):
    job = done.get_current_job()
    assert job.succeeded
    assert ".codes." in job.fine_tuned_model
    assert job.id in [listed.id for listed in done.list_jobs()]
    llm = done.get_finetuned_model(wait_until_ready=True, max_new_tokens=4, temperature=0)
    assert isinstance(llm, LLMEngine)
    assert llm.model == job.fine_tuned_model
    assert llm.complete(ROWS[3][0]).text


def test_events_and_metrics(done):
    events = done.events()
    assert [event.message for event in done.seen] == [event.message for event in events]
    assert [event.message for event in done.stream_events()] == [event.message for event in events]
    metrics = done.metrics()
    assert metrics.series("loss")
    assert metrics.series("eval_loss")
    assert metrics.best[1] == min(value for _, value in metrics.series("eval_loss"))
    assert metrics.columns[0] == "epoch"
    assert "eval_loss" in str(metrics).splitlines()[0]
    assert metrics.to_pandas()["loss"].dropna().tolist() == [value for _, value in metrics.series("loss")]


@pytest.mark.parametrize("kind", ["png", "svg"])
def test_plot(done, tmp_path, kind):
    path = tmp_path / f"loss.{kind}"
    axes = done.plot_loss(path)
    assert {line.get_label() for line in axes.lines} == {"training", "validation"}
    assert path.read_bytes().startswith(b"\x89PNG" if kind == "png" else b"<?xml")
    before = path.read_bytes()
    with pytest.raises(ValueError, match="nope"):
        done.plot_loss(path.with_suffix(".nope"))
    assert path.read_bytes() == before
    assert [found.name for found in tmp_path.iterdir()] == [path.name]


def test_download(done, tmp_path):
    assert "adapter_config.json" in done.download(tmp_path)
    assert (tmp_path / "adapter_config.json").exists()


async def test_async(engine, tmp_path):
    training = tmp_path / "train.csv"
    training.write_text("prompt,response\n" + "".join(f"{prompt},{response}\n" for prompt, response in ROWS))
    async with AsyncClient(base_url=engine.base_url, api_key=engine.api_key) as client:
        made = LLMEngineFinetuneEngine(
            "llama-2-7b", training, validation_data=ROWS[:4], hyperparameters={"epochs": 1}, async_client=client
        )
        await made.afinetune(wait=True)
        assert (await made.aget_current_job()).succeeded
        assert (await made.ametrics()).series("loss")
        assert [event async for event in made.astream_events()] == await made.aevents()
        llm = await made.aget_finetuned_model(max_new_tokens=2)
        assert (await llm.acomplete("Hello")).text is not None
        assert made.job_id in [job.id for job in await made.alist_jobs()]
        assert await made.adownload(tmp_path / "adapter")
        await made.adelete_finetuned_model()
        assert llm.model not in [model.name for model in await client.models.list()]


def test_go_on_with_a_job(done, client):
    again = LLMEngineFinetuneEngine("llama-2-7b", start_job_id=done.job_id, client=client)
    assert again.wait_until_complete() == done.get_current_job()
    assert again.get_finetuned_model().model == done.get_current_job().fine_tuned_model
    with pytest.raises(InvalidArgumentError, match="was started already"):
        again.finetune()


def test_cancel(client):
    made = LLMEngineFinetuneEngine("llama-2-7b", ROWS, hyperparameters={"epochs": 19}, client=client)
    made.finetune()
    with pytest.raises(NotFinetunedError, match="has status"):
        made.get_finetuned_model()
    made.cancel()
    with pytest.raises((JobFailedError, NotFoundError)):
        made.wait_until_complete(timeout=30)


def test_before_it_starts(settings):
    made = LLMEngineFinetuneEngine("llama-2-7b", ROWS, **settings)
    for call in (made.get_current_job, made.get_finetuned_model, made.events, made.metrics, made.cancel):
        with pytest.raises(NotFinetunedError, match=r"Must call finetune\(\) first"):
            call()


def test_verbose_prints_events(client, capsys, done):
    seen = []
    again = LLMEngineFinetuneEngine("llama-2-7b", verbose=True, start_job_id=done.job_id, client=client)
    again.wait_until_complete(on_event=seen.append)
    printed = capsys.readouterr().out
    assert "'eval_loss'" in printed
    assert [event.message for event in seen] == [line.partition(": ")[2] for line in printed.splitlines()]


def test_a_handlers_examples(engine, settings, tmp_path):
    handler = LLMEngineFineTuningHandler(truncated=True)
    llm = LLMEngine(model="llama-2-7b", max_new_tokens=3, callback_manager=CallbackManager([handler]), **settings)
    llm.complete("The sky is")
    path = tmp_path / "data.csv"
    made = LLMEngineFinetuneEngine.from_finetuning_handler(handler, "llama-2-7b", str(path), **settings)
    assert path.read_text().startswith("prompt,response\nThe sky is,")
    with pytest.raises(NotFinetunedError):
        made.get_finetuned_model()


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(lambda: [{"prompt": "a", "response": "b"}] * 2, id="mappings"),
        pytest.param(lambda: (row for row in [("a", "b")] * 2), id="iterator"),
        pytest.param(lambda: pd.DataFrame({"prompt": ["a"] * 2, "response": ["b"] * 2}), id="DataFrame"),
        pytest.param(lambda: [[ChatMessage("a", role="user"), ChatMessage("b", role="assistant")]] * 2, id="messages"),
    ],
)
def test_forms_of_examples(data, client, monkeypatch):
    """What is uploaded, a repeated row as often as it was given; no job is started."""
    sent = []

    def note(path, *, check):
        sent.append(path.read_text())
        raise KeyboardInterrupt

    monkeypatch.setattr(client.files, "upload", note, raising=False)
    made = LLMEngineFinetuneEngine(
        "llama-2-7b", data(), client=client, messages_to_prompt=lambda messages: messages[0].content
    )
    with pytest.raises(KeyboardInterrupt):
        made.finetune()
    assert sent == ["prompt,response\na,b\na,b\n"]


def test_a_handlers_repeated_examples_are_sent_once(client, monkeypatch):
    """As `save_finetuning_events` writes them: a call that was made again is no second example."""
    handler, sent = LLMEngineFineTuningHandler(), []
    llm = MockLLM(max_tokens=1, callback_manager=CallbackManager([handler]))
    for _ in range(2):
        llm.complete("a")

    def note(path, *, check):
        sent.append(path.read_text())
        raise KeyboardInterrupt

    monkeypatch.setattr(client.files, "upload", note, raising=False)
    with pytest.raises(KeyboardInterrupt):
        LLMEngineFinetuneEngine("llama-2-7b", handler, client=client).finetune()
    assert sent == ["prompt,response\na,text\n"]


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ("nowhere.csv", "no file nowhere.csv"),
        ([("only one",)], "pair of strings"),
        ([["a", "b", "c"]], "pair of strings"),
    ],
)
def test_data_that_is_none(data, says, settings):
    with pytest.raises(InvalidArgumentError, match=says):
        LLMEngineFinetuneEngine("m", data, **settings)


@pytest.mark.parametrize(
    ("data", "says"),
    [([], "nothing to train on"), ([("a", "b"), ("a", " ")], "Row 2 .* empty"), ([("", "b")], "Row 1")],
)
def test_nothing_to_train_on(data, says, settings):
    with pytest.raises(InvalidArgumentError, match=says):
        LLMEngineFinetuneEngine("m", data, **settings).finetune()


def test_a_file_that_is_unfit_is_not_sent(client, settings, tmp_path):
    path = tmp_path / "bad.csv"
    path.write_text("question,answer\na,b\n")
    before = len(client.files.list())
    with pytest.raises(TrainingDataError):
        LLMEngineFinetuneEngine("m", path, **settings).finetune()
    assert len(client.files.list()) == before


@pytest.mark.parametrize("fields", [{}, {"data_path": ROWS, "start_job_id": "ft-1"}])
def test_either_data_or_a_job(fields, settings):
    with pytest.raises(InvalidArgumentError, match="start_job_id"):
        LLMEngineFinetuneEngine("m", **fields, **settings)


def test_the_server_says_why_not(client):
    with pytest.raises(NotFoundError, match=r"(?i)training file"):
        LLMEngineFinetuneEngine("llama-2-7b", "file-none", client=client).finetune()
