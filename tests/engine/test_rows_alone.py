"""A row that fails in a batch fails alone, and what would answer otherwise in a batch than alone is not served."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from llmengine_integrations.engine.config import DEFAULT_MODEL_PATH, EngineConfig, EngineConfigError
from llmengine_integrations.engine.runtime.generation import Generation, GenerationRequest, SamplingParams
from llmengine_integrations.engine.runtime.torch_runtime.kv_memory import KVMemory
from llmengine_integrations.engine.runtime.torch_runtime.lane import Lane
from llmengine_integrations.engine.runtime.torch_runtime.rows import Prompt

from .tiny_folders import FAMILIES, tiny_family

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
pytestmark = pytest.mark.engine

from llmengine_integrations.engine.runtime.torch_runtime import kv_cache  # noqa: E402 - after importorskip
from llmengine_integrations.engine.runtime.torch_runtime.loading import lanes as loading  # noqa: E402
from llmengine_integrations.engine.runtime.torch_runtime.loading.lanes import load_lanes  # noqa: E402
from llmengine_integrations.engine.runtime.torch_runtime.loading.loaded_model import LoadedModel, prepare  # noqa: E402
from llmengine_integrations.engine.runtime.torch_runtime.loading.self_check import UnlikeAloneError  # noqa: E402
from llmengine_integrations.engine.runtime.torch_runtime.running_batch import RunningBatch  # noqa: E402

SETTINGS = (SamplingParams(), SamplingParams(temperature=1.0, seed=5), SamplingParams(frequency_penalty=1.5))
PROMPTS = [list(range(20, 20 + length)) for length in (9, 3, 14)]


@pytest.fixture(scope="module")
def model() -> LoadedModel:
    prepare(EngineConfig(threads=1))
    return LoadedModel.load(DEFAULT_MODEL_PATH, torch.device("cpu"))


@contextmanager
def failing(model: LoadedModel, when: Callable[[object], bool], layer: int = 2) -> Iterator[None]:
    """A layer in the middle fails, when those before it have already kept the new tokens' keys and values."""

    def look(_: object, __: object, options: dict) -> None:
        if when(options["position_ids"]):
            raise RuntimeError("this layer fails")

    hook = model.causal_lm._model.model.layers[layer].register_forward_pre_hook(look, with_kwargs=True)
    try:
        yield
    finally:
        hook.remove()


def begun(model: LoadedModel, rows: list[int]) -> tuple[RunningBatch, list[list[int]]]:
    """A batch whose rows joined one after the other, and their first tokens."""
    batch, tokens = RunningBatch(model.causal_lm), []
    for row in rows:
        new = batch.prefill([Prompt(ids=PROMPTS[row], sampling=SETTINGS[row])])
        batch.join(new, [0])
        tokens.append([new.choices[0].token])
    return batch, tokens


def alone(model: LoadedModel, row: int, steps: int) -> list[int]:
    batch, (tokens,) = begun(model, [row])
    return [*tokens, *(batch.step()[0].token for _ in range(steps))]


def test_the_row_that_fails_is_dropped_and_the_others_get_the_same_tokens(model):
    batch, tokens = begun(model, [0, 1, 2])
    with failing(model, lambda positions: bool((positions >= 18).any())):  # the longest row is there after five steps
        for _ in range(4):
            for written, choice in zip(tokens, batch.step(), strict=True):
                written.append(choice.token)
        length = batch._cache.length
        fifth = batch.step()
        assert isinstance(fifth[2], RuntimeError)
        assert batch._cache.length == length + 1
        for written, choice in zip(tokens[:2], fifth, strict=False):
            written.append(choice.token)
        batch.keep([0, 1])
        for _ in range(3):
            for written, choice in zip(tokens[:2], batch.step(), strict=True):
                written.append(choice.token)
    assert tokens == [alone(model, 0, 8), alone(model, 1, 8), alone(model, 2, 4)]


def test_a_failure_in_company_only_costs_nobody_anything(model):
    """As when memory lacks for all at once: each row goes on alone, in the same step."""
    batch, tokens = begun(model, [0, 1, 2])
    with failing(model, lambda positions: len(positions) > 1):
        for _ in range(3):
            for written, choice in zip(tokens, batch.step(), strict=True):
                written.append(choice.token)
    for written, choice in zip(tokens, batch.step(), strict=True):
        written.append(choice.token)
    assert tokens == [alone(model, row, 4) for row in range(3)]


def test_a_batch_whose_rows_all_fail_is_as_it_was(model):
    batch, tokens = begun(model, [0, 1])
    with failing(model, lambda _: True):
        assert all(isinstance(choice, RuntimeError) for choice in batch.step())
    batch._last = [written[-1] for written in tokens]
    assert [choice.token for choice in batch.step()] == [alone(model, row, 1)[1] for row in range(2)]


def test_rows_that_cannot_join_leave_the_batch_as_it_was(model, monkeypatch):
    """As when memory ends in the middle of it."""
    batch, tokens = begun(model, [0, 1])
    new = batch.prefill([Prompt(ids=PROMPTS[2])])
    stacked, calls = kv_cache._stacked, []

    def stack(*arguments: object) -> object:
        calls.append(1)
        if len(calls) > 4:
            raise MemoryError
        return stacked(*arguments)

    monkeypatch.setattr(kv_cache, "_stacked", stack)
    with pytest.raises(MemoryError):
        batch.join(new, [0])
    monkeypatch.undo()
    for _ in range(3):
        for written, choice in zip(tokens, batch.step(), strict=True):
            written.append(choice.token)
    assert tokens == [alone(model, row, 3) for row in range(2)]


def run(lane: Lane, **requests: dict) -> dict[str, str | int]:
    """What each completion is answered: its text, or the status of its error."""
    names = {}
    for name, fields in requests.items():
        generation = Generation(GenerationRequest(**{"max_new_tokens": 12, "ignore_end": True} | fields))
        names[id(generation)] = (name, generation)
        lane.enqueue(generation)
    found: dict[str, str | int] = {}
    while lane.busy:
        for generation, pieces, error in lane.turn():
            text = "".join(piece.text for piece in pieces)
            found[names[id(generation)][0]] = text if error is None else error.status_code
    return found


def lane_of(model: LoadedModel) -> Lane:
    return Lane(model, RunningBatch(model.causal_lm), max_batch_size=4, memory=KVMemory(10**9))


def test_only_the_completion_that_fails_gets_a_500(model, caplog):
    requests = {name: {"prompt": text} for name, text in (("a", "The sky"), ("b", "Hello, my name is"), ("c", "a"))}
    right = run(lane_of(model), **requests)
    with failing(model, lambda positions: bool((positions == 40).any())), caplog.at_level(logging.ERROR):
        found = run(lane_of(model), long={"prompt": "a b " * 15, "max_new_tokens": 40}, **requests)
    assert found == {"long": 500, **right}
    assert "this layer fails" in caplog.text


@pytest.mark.parametrize("broken", ["accept", "record", "penalise"])
def test_what_fails_about_one_row_after_the_model_has_run(model, monkeypatch, broken):
    from llmengine_integrations.engine.runtime.torch_runtime.sampling import Sampler  # noqa: PLC0415
    from llmengine_integrations.engine.runtime.torch_runtime.sequence import Sequence  # noqa: PLC0415

    owner = Sequence if broken == "accept" else Sampler
    working, calls = getattr(owner, broken), []

    def once_broken(self: object, *arguments: object) -> object:
        params = self.generation.request.sampling if owner is Sequence else self.params
        if params.presence_penalty:
            calls.append(1)
            if len(calls) > 3:
                raise IndexError("broken")
        return working(self, *arguments)

    requests = {"a": {"prompt": "The sky"}, "b": {"prompt": "Hello, my name is", "sampling": SETTINGS[1]}}
    right = run(lane_of(model), **requests)
    monkeypatch.setattr(owner, broken, once_broken)
    odd = {"prompt": "Hello", "sampling": SamplingParams(presence_penalty=0.5)}
    assert run(lane_of(model), odd=odd, **requests) == {"odd": 500, **right}


@pytest.mark.parametrize("family", sorted(set(FAMILIES) - {"phi3-longrope", "bart", "mamba"}))
def test_families_that_answer_alike(family, tmp_path):
    config = EngineConfig(models={"m": tiny_family(family, tmp_path)})
    assert load_lanes(config)


@pytest.mark.parametrize("dtype", ["auto", "bfloat16"])
@pytest.mark.parametrize(
    ("family", "reason"),
    [
        ("phi3-longrope", "in a batch it answers otherwise than alone"),
        ("bart", "in a batch it answers otherwise than alone"),
        ("mamba", "it does not run in batches with a cache of keys and values"),
    ],
)
def test_families_that_are_refused(family, reason, dtype, tmp_path):
    config = EngineConfig(models={"m": tiny_family(family, tmp_path)}, dtype=dtype)
    with pytest.raises(EngineConfigError, match=f"^model m: .* cannot be served: {reason}"):
        load_lanes(config)


def test_a_model_that_remembers_more_than_keys_and_values(model):
    """Token by token it would answer otherwise than when it reads a text at once."""
    embed = model.causal_lm._model.get_input_embeddings()
    hook = embed.register_forward_hook(lambda _, inputs, output: output * (1 + 3 * (inputs[0].shape[1] == 1)))
    try:
        with pytest.raises(UnlikeAloneError, match="token by token it answers otherwise"):
            loading._try_out(model)
    finally:
        hook.remove()


@pytest.mark.parametrize(
    ("family", "settings", "length"),
    [
        ("mpt", {}, 256),
        ("gpt2", {}, 128),
        ("bloom", {}, 200),
        ("gptneox", {"max_position_embeddings": 4096}, 4096),
        ("gptneox", {"max_position_embeddings": 4096, "max_sequence_length": 300}, 300),
        ("gptneox", {"max_position_embeddings": 300, "max_seq_len": True}, 300),
    ],
)
def test_contexts_under_other_names(family, settings, length, tmp_path):
    """The tokenizer's limit, 2048 here, is that of another model."""
    folder = tiny_family(family, tmp_path, **settings)
    assert LoadedModel.load(folder, torch.device("cpu")).context_length == length


def test_rows_that_end_when_there_is_no_memory_left_cost_the_others_nothing(model, monkeypatch):
    """Taking a row out copies the others, layer by layer; what is done already stays, and the rest needs no copy."""
    requests = {"a": {"prompt": "Hello, my name is"}, "b": {"prompt": "The sky"}, "c": {"prompt": "a"}}
    right = run(lane_of(model), **requests)
    selected, calls = kv_cache._selected, []

    def select(*arguments: object) -> object:
        calls.append(1)
        if len(calls) > 4:
            raise RuntimeError("out of memory")
        return selected(*arguments)

    monkeypatch.setattr(kv_cache, "_selected", select)
    first = {"prompt": "Hello, my name is Maria, and I live in Valencia", "max_new_tokens": 3}
    assert run(lane_of(model), first=first, **requests).items() >= right.items()
    assert len(calls) > 4


@pytest.mark.parametrize("ends", ["x", [10**30, 2**20, -1], True])
def test_end_tokens_that_the_model_cannot_write_fail_no_row(ends, tmp_path):
    folder = tiny_family("gpt2", tmp_path)
    settings = folder / "generation_config.json"
    settings.write_text(json.dumps(json.loads(settings.read_text()) | {"eos_token_id": ends}))
    (lane,) = load_lanes(EngineConfig(models={"m": folder}, threads=1)).values()
    assert isinstance(run(lane, a={"prompt": "Hello", "min_tokens": 6})["a"], str)


@pytest.mark.parametrize(("factor", "served"), [(1.0, True), (1.02, False)])
def test_longrope_is_refused_however_little_it_changes(factor, served, tmp_path):
    """With 16 bits, rounding would hide it; with equal factors it changes nothing."""
    rope = {"rope_type": "longrope", "rope_theta": 1e4, "factor": 1.0, "original_max_position_embeddings": 64}
    rope |= {"short_factor": [1.0] * 8, "long_factor": [factor] * 8}
    folder = tiny_family("phi3-longrope", tmp_path, rope_parameters=rope)
    config = EngineConfig(models={"m": folder}, dtype="bfloat16")
    if served:
        assert load_lanes(config)
        return
    with pytest.raises(EngineConfigError, match=r"otherwise than alone, .*longrope scales"):
        load_lanes(config)


def test_rows_are_held_to_a_limit_that_the_settings_leave_to_transformers(tmp_path):
    from llmengine_integrations.engine.tuning.context_check import short_enough  # noqa: PLC0415
    from llmengine_integrations.engine.tuning.dataset import DatasetError, Row  # noqa: PLC0415

    folder = tiny_family("gpt2", tmp_path, n_positions=1024)
    settings = json.loads((folder / "config.json").read_text())
    del settings["n_positions"]
    (folder / "config.json").write_text(json.dumps(settings))
    fits, too_long = Row(1, "a", "b"), Row(2, "a " * 1100, "b")
    assert LoadedModel.load(folder, torch.device("cpu")).context_length == 1024
    assert list(short_enough([fits], folder)) == [fits]
    with pytest.raises(DatasetError, match=r"row 2: .* the model's context 1024"):
        list(short_enough([fits, too_long], folder))
