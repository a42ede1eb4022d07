"""The small parts of fine-tuning: names, the learning rate, and how rows become tokens."""

from __future__ import annotations

import errno
from datetime import datetime

import pytest

from llmengine_integrations.engine.config import DEFAULT_MODEL_PATH
from llmengine_integrations.engine.http.routes.fine_tunes import model_name
from llmengine_integrations.engine.tuning.__main__ import reason
from llmengine_integrations.engine.tuning.schedule import learning_rate
from llmengine_integrations.engine.tuning.training_protocol import TrainingError

pytestmark = pytest.mark.engine

NOW = datetime(2026, 11, 21, 8, 39, 59)  # noqa: DTZ001 - UTC, without a zone as the engine has it


@pytest.mark.parametrize(
    ("model", "suffix", "name"),
    [
        ("llama-2-7b", None, "llama-2-7b.261121-083959"),
        ("llama-2-7b", "my-exp", "llama-2-7b.my-exp.261121-083959"),
        ("org/Llama 2", None, "org-Llama-2.261121-083959"),
        ("a" * 80, "b" * 28, "a" * 19 + "." + "b" * 28 + ".261121-083959"),
    ],
)
def test_names(model, suffix, name):
    assert model_name(model, suffix, NOW, set()) == name
    assert len(name) <= 62


def test_two_names_in_a_second_differ():
    taken = {"m.261121-083959", "m.261121-084000"}
    assert model_name("m", None, NOW, taken) == "m.261121-084001"


def test_the_learning_rate_rises_and_falls_like_a_cosine():
    rates = [learning_rate(step, steps=100, peak=1.0, warmup_ratio=0.1) for step in range(100)]
    assert rates[:10] == pytest.approx([step / 10 for step in range(1, 11)])
    assert rates[10] == 1
    assert rates[55] == pytest.approx(0.5)
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert 0 < rates[99] < 0.001


@pytest.mark.parametrize("warmup_ratio", [0, 1])
def test_a_schedule_of_one_step(warmup_ratio):
    assert learning_rate(0, steps=1, peak=0.5, warmup_ratio=warmup_ratio) == 0.5


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "The disk is full."),
        (MemoryError(), "There is not enough memory for this training: MemoryError"),
        (RuntimeError("DefaultCPUAllocator: not enough memory: you tried"), "There is not enough memory"),
        (RuntimeError("CUDA out of memory. Tried"), "There is not enough memory"),
        (TrainingError("The training diverged."), "The training diverged."),
        (KeyError("a"), "KeyError: 'a'"),
    ],
)
def test_how_a_failure_is_told(error, told):
    assert reason(error).startswith(told)


@pytest.fixture(scope="module")
def tokenizer():
    transformers = pytest.importorskip("transformers")
    return transformers.AutoTokenizer.from_pretrained(DEFAULT_MODEL_PATH)


def test_only_response_and_end_are_learned(tokenizer):
    import torch  # noqa: PLC0415 - heavy

    from llmengine_integrations.engine.tuning.examples import collate, example  # noqa: PLC0415 - imports torch

    end = tokenizer.eos_token_id
    rows = [example(tokenizer, pair, end) for pair in (("Question: a\nAnswer:", " yes"), ("Q", " no, never"))]
    batch = collate(rows, torch.device("cpu"))
    for place, (prompt, response) in enumerate((("Question: a\nAnswer:", " yes"), ("Q", " no, never"))):
        length = int(batch.mask[place].sum())
        ids, labels = batch.ids[place, :length].tolist(), batch.labels[place].tolist()
        assert ids == tokenizer.encode(prompt) + tokenizer.encode(response, add_special_tokens=False) + [end]
        start = len(tokenizer.encode(prompt))
        assert set(labels[:start]) == {-100}
        assert labels[start:length] == ids[start:]
        assert set(labels[length:]) <= {-100}


def test_a_tenth_is_set_aside(tokenizer):
    from llmengine_integrations.engine.tuning.examples import Example, split  # noqa: PLC0415 - imports torch

    rows = [Example([number], 0) for number in range(57)]
    training, validation = split(rows)
    assert len(validation) == 5
    assert sorted(training + validation) == rows
    assert split(rows) == (training, validation)
    assert split(rows[:2]) == ([rows[0]], [rows[1]]) or split(rows[:2]) == ([rows[1]], [rows[0]])
    assert split(rows[:1]) == (rows[:1], rows[:1])
