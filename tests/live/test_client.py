from __future__ import annotations

import pytest

from llmengine_integrations.errors import LLMEngineError, NotFoundError, ServerError

PROMPT = "Hello, my name is"
HELLO = [{"role": "user", "content": "Hello"}]


def test_the_model_is_listed(client, live):
    assert live.model in [model.name for model in client.models.list()]
    assert client.models.get(live.model).name == live.model


def test_an_unknown_model(client):
    with pytest.raises(NotFoundError):
        client.completions.create("no-such-model-anywhere", PROMPT, max_new_tokens=1)


def test_completion(client, live):
    reply = client.completions.create(live.model, PROMPT, max_new_tokens=8, temperature=0, return_token_log_probs=True)
    assert reply.output.text
    assert 0 < reply.output.num_completion_tokens <= 8
    assert len(reply.output.tokens) == reply.output.num_completion_tokens
    assert all(token.log_prob <= 0 for token in reply.output.tokens)


def test_streamed_completion(client, live):
    with client.completions.stream(live.model, PROMPT, max_new_tokens=8, temperature=0) as stream:
        events = list(stream)
    assert events[-1].output.finished
    assert "".join(event.output.text for event in events)
    assert events[-1].output.num_completion_tokens <= 8


def test_leaving_a_stream_early(client, live):
    with client.completions.stream(live.model, PROMPT, max_new_tokens=200) as stream:
        next(iter(stream))
    assert client.completions.create(live.model, PROMPT, max_new_tokens=1).output.num_completion_tokens == 1


def test_stop_sequences(client, live):
    text = client.completions.create(live.model, "1, 2, 3, 4, 5,", max_new_tokens=20, stop_sequences=[","]).output.text
    assert "," not in text


async def test_async_completions(async_client, live):
    import asyncio  # noqa: PLC0415 - for this test

    ask = async_client.completions.create
    replies = await asyncio.gather(*(ask(live.model, PROMPT, max_new_tokens=4, temperature=0) for _ in range(8)))
    assert all(0 < reply.output.num_completion_tokens <= 4 for reply in replies)
    async with async_client.completions.stream(live.model, PROMPT, max_new_tokens=4) as stream:
        assert [event async for event in stream][-1].output.finished


def test_guided_choice(client, live):
    text = client.completions.create(live.model, PROMPT, guided_choice=["red", "blue"], max_new_tokens=20).output.text
    assert text in {"red", "blue"}


def test_chat(client, live):
    reply = client.chat.create(live.model, HELLO, max_tokens=8, temperature=0)
    assert reply.choices[0].message.content
    with client.chat.stream(live.model, HELLO, max_tokens=8, temperature=0) as stream:
        chunks = list(stream)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)


def test_files(client, tmp_path):
    content = "prompt,response\nlive test,delete me\n"
    uploaded = client.files.upload(content.encode(), "llmengine-integrations-live-test.csv")
    try:
        assert uploaded.id in [file.id for file in client.files.list()]
        assert client.files.content(uploaded.id).content == content
        assert client.files.download(uploaded.id, tmp_path / "copy.csv").read_text() == content
    finally:
        assert client.files.delete(uploaded.id).deleted
    with pytest.raises((NotFoundError, ServerError)):
        client.files.get(uploaded.id)


@pytest.mark.usefixtures("training")
def test_fine_tune(client, live):
    rows = "prompt,response\n" + "".join(f"Number {i} is,the number {i}\n" for i in range(200))
    uploaded = client.files.upload(rows.encode(), "llmengine-integrations-live-train.csv")
    job = client.fine_tunes.create(live.model, uploaded.id, hyperparameters={"epochs": 1}, suffix="live-test")
    try:
        done = client.fine_tunes.wait(job.id, timeout=3600)
        assert any(event.metrics for event in client.fine_tunes.events(job.id))
        client.models.wait_until_ready(done.fine_tuned_model, timeout=1800)
        assert client.completions.create(done.fine_tuned_model, "Number 7 is", max_new_tokens=8).output.text
        client.models.delete(done.fine_tuned_model)
    except LLMEngineError:
        client.fine_tunes.cancel(job.id, missing_ok=True)
        raise
    finally:
        client.files.delete(uploaded.id)
