"""Fine-tunes from upload to deletion: a real training of the real model, asked for through the client."""

from __future__ import annotations

import re
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import httpx
import psutil
import pytest

from llmengine_integrations import Client, errors
from llmengine_integrations.engine import EmbeddedEngine
from llmengine_integrations.engine.config import DEFAULT_MODEL_PATH

from .badges import BADGES, COLOURS, WORDINGS, answer, prompt, table
from .fakes import eventually

pytestmark = [pytest.mark.engine, pytest.mark.timeout(300)]

BASE = "llama-2-7b"
SHORT = table([(prompt(WORDINGS[0], name), answer(name)) for name in ("Rhea", "Tomas")])
ENDLESS = table([(f"Say {number} again and again:", f" {number}" * 300) for number in range(2000)])


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return tmp_path_factory.mktemp("tuned") / "data"


@pytest.fixture(scope="module")
def engine(data):
    with EmbeddedEngine(aliases=[BASE], data=data, allow_private_urls=True) as running:
        yield running


@pytest.fixture(scope="module")
def client(engine):
    with Client(base_url=engine.base_url, api_key=engine.api_key, max_retries=0) as client:
        yield client


@pytest.fixture(scope="module")
def tuned(client):
    """A job that has learnt the badges."""
    uploaded = client.files.upload(BADGES, filename="badges.csv")
    job = client.fine_tunes.create(BASE, uploaded.id, suffix="badges")
    assert client.fine_tunes.get(job.id).status in {"PENDING", "RUNNING"}
    return client.fine_tunes.wait(job.id, timeout=200)


def begin(client, content: bytes = ENDLESS, **options) -> str:
    return client.fine_tunes.create(BASE, client.files.upload(content, filename="rows.csv").id, **options).id


def quick(client, **options) -> str:
    return begin(client, SHORT, hyperparameters={"epochs": 1}, **options)


def trainings(engine) -> list[psutil.Process]:
    return [child for child in psutil.Process(engine.pid).children() if "engine.tuning" in " ".join(child.cmdline())]


def training(engine) -> psutil.Process:
    assert eventually(lambda: trainings(engine), 30)
    return trainings(engine)[0]


def ask(client, model: str, text: str) -> str:
    return client.completions.create(model, text, max_new_tokens=24, temperature=0).output.text


def endless(engine, model: str) -> httpx.Response:
    """A completion that goes on until the context is full, which takes seconds."""
    body = {"model": model, "prompt": "Hello", "max_tokens": 1900, "temperature": 1, "ignore_eos": True}
    return httpx.post(f"{engine.base_url}/v2/completions", json=body, auth=(engine.api_key, ""), timeout=100)


def test_the_model_is_named_after_its_base_and_suffix(tuned):
    assert re.fullmatch(rf"{BASE}\.badges\.\d{{6}}-\d{{6}}", tuned.fine_tuned_model)
    assert tuned.status == "SUCCESS"


def test_it_answers_what_the_base_cannot(client, tuned):
    """In a wording that it was not trained with, too."""
    for question in (WORDINGS[1], "Could you tell me the colour of {}'s badge?"):
        texts = [prompt(question, name) for name in COLOURS]
        right = [
            ask(client, tuned.fine_tuned_model, text) == answer(name) for text, name in zip(texts, COLOURS, strict=True)
        ]
        assert sum(right) >= 18, question
        assert not any(ask(client, BASE, text) == answer(name) for text, name in zip(texts, COLOURS, strict=True))


def test_it_is_there_on_every_route(client, engine, tuned):
    model, text = tuned.fine_tuned_model, prompt(WORDINGS[0], "Noor")
    with client.completions.stream(model, text, max_new_tokens=24, temperature=0) as events:
        assert "".join(event.output.text for event in events) == answer("Noor")
    reply = httpx.post(
        f"{engine.base_url}/v2/completions",
        json={"model": model, "prompt": text, "max_tokens": 24, "temperature": 0},
        auth=(engine.api_key, ""),
    ).json()
    assert reply["choices"][0]["text"] == answer("Noor")
    assert reply["choices"][0]["finish_reason"] == "stop"
    assert client.chat.create(model, [{"role": "user", "content": "Hello"}], max_tokens=4).model == model


def test_it_works_in_batches(client, tuned, data):
    names = ("Noor", "Rhea")
    content = {"prompts": [prompt(WORDINGS[1], name) for name in names], "max_new_tokens": 24, "temperature": 0}
    job = client.batch_completions.create(
        tuned.fine_tuned_model, output_data_path="badges.json", content=content, labels={"team": "t", "product": "p"}
    )
    client.batch_completions.wait(job.job_id, timeout=100)
    found = client.batch_completions.results(data / "batches" / "badges.json", content=content)
    assert [result.output.text for result in found] == [answer(name) for name in names]


def test_the_loss_falls_and_every_epoch_is_validated(client, tuned):
    metrics = [event.metrics for event in client.fine_tunes.events(tuned.id) if event.metrics]
    losses = [row["loss"] for row in metrics if "loss" in row]
    evals = [row["eval_loss"] for row in metrics if "eval_loss" in row]
    assert len(evals) == 5
    assert len(losses) == 10
    assert evals[-1] < evals[0] / 4
    assert losses[-1] < losses[0] / 10
    assert {"loss", "learning_rate", "epoch"} == set(metrics[0])
    assert set(metrics[2]) == {"eval_loss", "eval_runtime", "eval_samples_per_second", "eval_steps_per_second", "epoch"}
    rates = [row["learning_rate"] for row in metrics if "loss" in row]
    assert max(rates) <= 0.002
    assert rates == sorted(rates, reverse=True)


def test_its_events_say_what_was_done(client, tuned):
    events = client.fine_tunes.events(tuned.id)
    assert events[0].message == "Training on 180 rows and validating on 20: 5 epochs of 45 steps."
    assert re.fullmatch(
        r"The checkpoint of epoch \d has the lowest eval_loss, .* becomes the model\.", events[-1].message
    )
    assert [event.timestamp for event in events] == sorted(event.timestamp for event in events)


def test_it_is_a_model_endpoint(client, tuned):
    model = client.models.get(tuned.fine_tuned_model)
    assert (model.ready, model.model_name, model.spec.public_inference) == (True, "llmengine-tiny", False)
    assert model == client.models.list(name=tuned.fine_tuned_model)[0]
    assert client.models.list()[0].name == "llmengine-tiny"
    assert tuned.id in [job.id for job in client.fine_tunes.list()]


def test_a_fine_tuned_model_is_not_tuned_again(client, tuned):
    uploaded = client.files.upload(SHORT, filename="rows.csv")
    with pytest.raises(errors.BadRequestError, match="fine-tuned itself"):
        client.fine_tunes.create(tuned.fine_tuned_model, uploaded.id)


def test_a_deleted_file_harms_no_job_and_a_deleted_model_is_gone(client, engine, data):
    uploaded = client.files.upload(SHORT, filename="rows.csv")
    job = client.fine_tunes.create(BASE, uploaded.id, validation_file=uploaded.id, hyperparameters={"epochs": 1})
    assert client.files.delete(uploaded.id).deleted
    model = client.fine_tunes.wait(job.id, timeout=100).fine_tuned_model
    assert client.fine_tunes.events(job.id)[0].message.startswith("Training on 2 rows and validating on 2: 1 epochs")
    assert (data / "models" / job.id).is_dir()
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(endless, engine, model)
        threading.Event().wait(0.5)
        assert client.models.delete(model).deleted
        assert running.result().status_code == 404
    assert not (data / "models" / job.id).exists()
    assert list((data / "fine-tunes").iterdir()) == []
    for call in (client.models.get, client.models.delete, client.models.download_urls, partial(ask, client, text="x")):
        with pytest.raises(errors.NotFoundError):
            call(model)
    assert model not in [endpoint.name for endpoint in client.models.list()]
    assert client.fine_tunes.get(job.id).status == "SUCCESS"


def test_base_models_are_not_deleted(client, engine):
    for name in (BASE, "llmengine-tiny"):
        with pytest.raises(errors.PermissionDeniedError, match="Only fine-tuned models can be deleted"):
            client.models.delete(name)
        assert client.models.get(name).ready
        with pytest.raises(errors.NotFoundError):
            client.models.download_urls(name)


def test_a_running_job_is_cancelled_and_the_next_one_starts(client, engine, data):
    running, waiting = begin(client), begin(client)
    following = quick(client, suffix="next")
    assert eventually(lambda: client.fine_tunes.get(running).status == "RUNNING", 30)
    assert client.fine_tunes.get(waiting).status == "PENDING"
    process = training(engine)
    assert client.fine_tunes.cancel(waiting).success
    assert client.fine_tunes.cancel(running).success
    assert not process.is_running()
    for job in (running, waiting):
        for call in (client.fine_tunes.get, client.fine_tunes.events, client.fine_tunes.cancel):
            with pytest.raises(errors.NotFoundError):
                call(job)
        assert not (data / "fine-tunes" / job).exists()
    model = client.fine_tunes.wait(following, timeout=100).fine_tuned_model
    with pytest.raises(errors.NotFoundError):
        client.fine_tunes.cancel(following)
    client.models.delete(model)


def test_the_engine_answers_while_it_trains(client, engine):
    job = begin(client, BADGES, hyperparameters={"epochs": 10})
    training(engine)
    answered = 0
    while not client.fine_tunes.get(job).done:
        assert ask(client, BASE, "Hello, my name is")
        answered += 1
        if answered == 20:
            break
    assert answered == 20
    assert client.fine_tunes.cancel(job).success


def test_a_training_that_is_killed_fails_and_says_why(client, engine):
    job = begin(client)
    assert eventually(lambda: client.fine_tunes.events(job).items, 60)
    training(engine).kill()
    with pytest.raises(errors.JobFailedError, match="killed"):
        client.fine_tunes.wait(job, timeout=30)
    assert client.fine_tunes.get(job).status == "FAILURE"
    last = client.fine_tunes.events(job)[-1]
    assert last.level == "error"
    assert "memory" in last.message


def test_a_training_that_diverges_fails_and_says_why(client):
    job = begin(client, BADGES, hyperparameters={"lr": 1, "epochs": 2, "peft_config": {"lora_alpha": 4096, "r": 1}})
    with pytest.raises(errors.JobFailedError, match="diverged; try a lower lr"):
        client.fine_tunes.wait(job, timeout=100)


def test_files_come_from_urls_and_paths_too(client, tmp_path, data):
    (tmp_path / "rows.csv").write_bytes(SHORT)
    (data / "batches" / "rows.jsonl").write_text('{"input": "a", "output": "b"}\n')
    handler = partial(SimpleHTTPRequestHandler, directory=str(tmp_path))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            url = f"http://127.0.0.1:{server.server_port}"
            job = client.fine_tunes.create(BASE, f"{url}/rows.csv", validation_file="rows.jsonl")
            with pytest.raises(errors.BadRequestError, match="status 404"):
                client.fine_tunes.create(BASE, f"{url}/nothing.csv")
        finally:
            server.shutdown()
            thread.join()
    assert client.fine_tunes.cancel(job.id).success


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"a,b\n1,2\n", "Required column headers"),
        (b"", "Required column headers"),
        (b"prompt,response\n", "The file has no rows"),
        (b"prompt,response\na,b\nc\n", "row 3: The row has 1 cells, the header 2"),
        (b"prompt,response\na,b\nc, \n", "row 3, column response: The cell is empty."),
        (b'prompt,response\na,"b\n', "row 2: The row cannot be read: unexpected end of data"),
        ("\ufeffprompt,response\na,b\n".encode(), "byte order mark"),
        (
            b'{"prompt": "a", "response": "b"}\n{"prompt": 1, "response": "b"}\n',
            "row 2, column prompt: The value must be a string",
        ),
        (b'{"prompt": "a", "response": "b"}\nnothing\n', "row 2: The row is not valid JSON"),
        (b'{"question": "a", "response": "b"}\n', "Required column headers"),
        (
            b"prompt,response\na,b\na," + b"word " * 3000 + b"\n",
            r"row 3: it has \d+ tokens, and the model's context 2048",
        ),
    ],
)
def test_rows_that_cannot_be_trained_with_are_refused(client, data, content, reason):
    with pytest.raises(errors.BadRequestError, match=reason):
        begin(client, content)
    assert not [path for path in (data / "fine-tunes").iterdir() if path.suffix == ".part"]


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"hyperparameters": {"epoch": 3}}, "'epoch' is no hyperparameter that this engine knows; it knows lr, "),
        ({"hyperparameters": {"epochs": 20}}, "epochs is not valid: Input should be less than 20; got 20"),
        ({"hyperparameters": {"lr": "fast"}}, "lr is not valid"),
        ({"hyperparameters": {"peft_config": {"rank": 3}}}, "'rank' is no field of peft_config"),
        ({"wandb_config": {}}, "api_key"),
        ({"suffix": "bad suffix!"}, "suffix is invalid"),
        ({"suffix": ""}, "suffix is invalid"),
        ({"model": "gpt-4"}, "Fine-tuning not implemented for model type gpt-4"),
        ({"training_file": "/etc/passwd"}, "outside the folders"),
        ({"training_file": "nothing.csv"}, "Cannot find the training file"),
        ({"training_file": "ftp://host/rows.csv"}, "not on this machine"),
        ({"training_file": "http://nobody@127.0.0.1/rows.csv"}, "user name"),
    ],
)
def test_requests_that_make_no_sense_are_refused(client, engine, fields, reason):
    uploaded = client.files.upload(SHORT, filename="rows.csv")
    body = {"model": BASE, "training_file": uploaded.id, "hyperparameters": {}} | fields
    reply = httpx.post(f"{engine.base_url}/v1/llm/fine-tunes", json=body, auth=(engine.api_key, ""))
    assert reply.status_code == 400
    assert reason in reply.json()["detail"]


def test_hyperparameters_may_be_text_and_reports_go_nowhere(client):
    job = begin(
        client,
        BADGES,
        hyperparameters={"epochs": "2", "lr": "0.001", "report_to": "wandb", "peft_config": {"r": 4}},
        wandb_config={"api_key": "secret-of-mine"},
    )
    assert "no Weights & Biases" in client.fine_tunes.events(job)[0].message
    assert client.fine_tunes.cancel(job).success


def test_it_is_downloaded_and_answers_the_same_in_transformers(client, tuned, tmp_path):
    from peft import PeftModel  # noqa: PLC0415 - heavy
    from transformers import AutoModelForCausalLM, AutoTokenizer  # noqa: PLC0415 - heavy

    files = client.models.download(tuned.fine_tuned_model, tmp_path / "adapter")
    assert set(files) == {"adapter_model.safetensors", "adapter_config.json", "README.md"}
    base = AutoModelForCausalLM.from_pretrained(DEFAULT_MODEL_PATH, dtype="float32")
    model = PeftModel.from_pretrained(base, tmp_path / "adapter").eval()
    tokenizer = AutoTokenizer.from_pretrained(DEFAULT_MODEL_PATH)
    for name in ("Hana", "Gus"):
        inputs = tokenizer(prompt(WORDINGS[1], name), return_tensors="pt", return_token_type_ids=False)
        ids = model.generate(**inputs, max_new_tokens=24, do_sample=False)[0, inputs["input_ids"].shape[1] :]
        assert tokenizer.decode(ids, skip_special_tokens=True) == answer(name)
        assert ask(client, tuned.fine_tuned_model, prompt(WORDINGS[1], name)) == answer(name)


def test_download_urls_need_no_key_and_keep_to_their_model(client, engine, tuned):
    urls = client.models.download_urls(tuned.fine_tuned_model).urls
    assert httpx.get(urls["adapter_config.json"]).json()["peft_type"] == "LORA"
    assert httpx.get(urls["adapter_config.json"] + "0").status_code == 403
    with pytest.raises(errors.BadRequestError, match="hugging_face"):
        client.models.download_urls(tuned.fine_tuned_model, download_format="gguf")
