"""Batching gives every row the tokens that it would get alone."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest

from llmengine_integrations.engine.config import DEFAULT_MODEL_PATH, EngineConfig, check_start
from llmengine_integrations.engine.runtime.generation import Generation, GenerationRequest, SamplingParams
from llmengine_integrations.engine.runtime.torch_runtime.kv_memory import KVMemory
from llmengine_integrations.engine.runtime.torch_runtime.lane import Lane
from llmengine_integrations.engine.runtime.torch_runtime.rows import Prompt

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
pytestmark = pytest.mark.engine

from llmengine_integrations.engine.runtime.torch_runtime.loading.loaded_model import LoadedModel, prepare  # noqa: E402 - after importorskip
from llmengine_integrations.engine.runtime.torch_runtime.running_batch import RunningBatch  # noqa: E402

GREEDY = SamplingParams()


@pytest.fixture(scope="module")
def model() -> LoadedModel:
    prepare(EngineConfig(threads=1))
    return LoadedModel.load(DEFAULT_MODEL_PATH, torch.device("cpu"))


@pytest.fixture(scope="module")
def expected(model) -> list[tuple[list[int], list[int]]]:
    """Random prompts of several lengths and what transformers' own generate makes of them."""
    draw = random.Random(0)  # noqa: S311 - test data
    prompts = [[draw.randrange(7, 2048) for _ in range(draw.randint(3, 60))] for _ in range(20)]
    return [(prompt, generate(model, prompt, draw.randint(1, 50))) for prompt in prompts]


def generate(model: LoadedModel, prompt: list[int], count: int) -> list[int]:
    output = model.causal_lm._model.generate(
        torch.tensor([prompt]),
        attention_mask=torch.ones(1, len(prompt), dtype=torch.long),
        min_new_tokens=count,
        max_new_tokens=count,
        do_sample=False,
        eos_token_id=None,
        pad_token_id=0,
    )
    return output[0, len(prompt) :].tolist()


@pytest.mark.parametrize("cap", [1, 3, 8, 16])
def test_batched_tokens_are_those_of_generate(model, expected, cap):
    batch = RunningBatch(model.causal_lm)
    waiting = list(enumerate(expected))
    running: list[tuple[int, list[int]]] = []
    results: dict[int, list[int]] = {}
    while waiting or running:
        if waiting and len(running) < cap:  # one at a time, so that rows join at different places
            number, (prompt, wanted) = waiting.pop(0)
            results[number] = [begin(batch, Prompt(ids=prompt), joins=len(wanted) > 1)]
            if len(wanted) > 1:
                running.append((number, wanted))
        if running:
            for (number, _), choice in zip(running, batch.step(), strict=True):
                results[number].append(choice.token)
        kept = [place for place, (number, wanted) in enumerate(running) if len(results[number]) < len(wanted)]
        if len(kept) < len(running):
            batch.keep(kept)
            running = [running[place] for place in kept]
    assert [results[number] for number in range(len(expected))] == [wanted for _, wanted in expected]
    assert len(batch) == 0


def test_prompts_that_are_read_together_get_the_tokens_of_generate(model, expected):
    batch = RunningBatch(model.causal_lm)
    new = batch.prefill([Prompt(ids=prompt) for prompt, _ in expected])
    assert [choice.token for choice in new.choices] == [wanted[0] for _, wanted in expected]
    rows = list(range(3, len(expected), 2))  # the others leave with their first token
    batch.join(new, rows)
    longest = max(len(expected[row][0]) for row in rows)
    assert batch._cache.length == longest
    assert batch._padding == [longest - len(expected[row][0]) for row in rows]
    steps = [batch.step() for _ in range(min(len(expected[row][1]) for row in rows) - 1)]
    for place, row in enumerate(rows):
        assert [choices[place].token for choices in steps] == expected[row][1][1 : len(steps) + 1]


@pytest.mark.parametrize(
    ("kind", "settings", "takes"),
    [
        ("Mistral", {"num_key_value_heads": 2, "sliding_window": None}, True),
        ("Mistral", {"num_key_value_heads": 2, "sliding_window": 8}, False),
        ("Gemma3", {"num_key_value_heads": 1, "head_dim": 16, "sliding_window": 8}, False),
        ("Falcon", {"alibi": False, "multi_query": False}, True),
        ("Falcon", {"alibi": True}, False),
        ("Bloom", {"n_head": 2, "n_layer": 2}, False),
    ],
)
def test_who_takes_the_mask_that_attention_uses(kind, settings, takes, tmp_path):
    """Not a model with windows, nor one that reads positions off the mask; and either way rows get the tokens of generate."""
    model = LoadedModel.load(tiny_folder(kind, settings, tmp_path), torch.device("cpu"))
    prompts = [list(range(20, 20 + length)) for length in (9, 3)]
    batch = RunningBatch(model.causal_lm)
    tokens = [[begin(batch, Prompt(ids=prompt))] for prompt in prompts]
    for _ in range(10):
        for written, choice in zip(tokens, batch.step(), strict=True):
            written.append(choice.token)
    assert model.causal_lm._takes_bare_masks is takes
    assert tokens == [generate(model, prompt, 11) for prompt in prompts]


def test_padding_that_nobody_needs_is_dropped(model):
    batch = RunningBatch(model.causal_lm)
    for length in (40, 3, 5):
        begin(batch, Prompt(ids=range(10, 10 + length)))
    batch.step()
    assert batch._cache.length == 41
    batch.keep([2, 1])
    assert batch._cache.length == 6
    assert len(batch) == 2


def test_log_probs_are_those_of_a_forward_pass(model):
    prompt = model.tokenizer.encode("The sky is")
    batch = RunningBatch(model.causal_lm)
    begin(batch, Prompt(ids=range(10, 40)))  # a longer row, so that ours is padded
    sampling = SamplingParams(temperature=1.0, top_k=50, frequency_penalty=1.0, seed=3)
    row = batch.prefill([Prompt(ids=prompt, sampling=sampling, log_probs=True)])
    batch.join(row, [0])
    choices = [*row.choices, *(batch.step()[1] for _ in range(9))]
    ids = torch.tensor([prompt + [choice.token for choice in choices]])
    with torch.inference_mode():
        whole = model.causal_lm._model(ids).logits[0].float().log_softmax(-1)
    wanted = [whole[len(prompt) - 1 + place, choice.token].item() for place, choice in enumerate(choices)]
    assert [choice.log_prob for choice in choices] == pytest.approx(wanted, abs=1e-3)


def test_a_seed_gives_the_same_tokens_in_any_company(model):
    prompt = model.tokenizer.encode("The sky is")

    def tokens(company: list[SamplingParams]) -> list[int]:
        batch = RunningBatch(model.causal_lm)
        for params in company:
            begin(batch, Prompt(ids=prompt, sampling=params))
        first = begin(batch, Prompt(ids=prompt, sampling=SamplingParams(temperature=0.9, seed=11)))
        return [first, *(batch.step()[-1].token for _ in range(8))]

    alone = tokens([])
    assert tokens([SamplingParams(temperature=1.0, top_p=0.5, seed=1), GREEDY]) == alone
    assert tokens([SamplingParams(temperature=0.1, top_k=3, presence_penalty=2.0)]) == alone


async def test_a_batch_gives_more_tokens_per_step_and_honours_its_size(model):
    lane = Lane(model, RunningBatch(model.causal_lm), max_batch_size=3, memory=KVMemory(10**9))
    generations = [Generation(GenerationRequest(prompt=f"a{n}", max_new_tokens=6, incremental=True)) for n in range(7)]
    for generation in generations:
        lane.enqueue(generation)
    widest = 0
    while lane.busy:
        lane.turn()
        widest = max(widest, len(lane._active))
    assert widest == 3


def test_sharded_weights(model, expected, tmp_path):
    """A folder with its weights in several files answers as the one with one."""
    source = transformers.AutoModelForCausalLM.from_pretrained(DEFAULT_MODEL_PATH, dtype="auto")
    source.save_pretrained(tmp_path, max_shard_size="1MB")
    for file in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(DEFAULT_MODEL_PATH / file, tmp_path)
    assert len(list(tmp_path.glob("model-*-of-*.safetensors"))) > 2
    assert (tmp_path / "model.safetensors.index.json").exists()
    check_start(EngineConfig(models={"sharded": tmp_path}))
    sharded = LoadedModel.load(tmp_path, torch.device("cpu"))
    for prompt, wanted in expected[:5]:
        assert tokens_alone(sharded, prompt, len(wanted)) == wanted


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_other_numbers_give_what_generate_gives_with_them(dtype):
    half = LoadedModel.load(DEFAULT_MODEL_PATH, torch.device("cpu"), dtype)
    assert str(half.causal_lm._model.dtype) == f"torch.{dtype}"
    assert (
        half.causal_lm.slot_size == 3200
    )  # 2 bytes a number, keys and values, 5 heads of 32, 4 layers and a spare one
    prompt = half.tokenizer.encode("Maria lives in Valencia.\nQuestion: Where does Maria live?\nAnswer:")
    assert tokens_alone(half, prompt, 4) == generate(half, prompt, 4)


def tokens_alone(model: LoadedModel, prompt: list[int], count: int) -> list[int]:
    batch = RunningBatch(model.causal_lm)
    return [begin(batch, Prompt(ids=prompt)), *(batch.step()[0].token for _ in range(count - 1))]


def begin(batch: RunningBatch, prompt: Prompt, *, joins: bool = True) -> int:
    """A new row's first token."""
    new = batch.prefill([prompt])
    batch.join(new, [0] if joins else [])
    return new.choices[0].token


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        ("GPT2", {"n_embd": 32, "n_layer": 2, "n_head": 2, "n_positions": 128}),
        ("Qwen2", {"num_key_value_heads": 1}),
        ("Mistral", {"num_key_value_heads": 2, "sliding_window": 8}),
        ("Gemma3", {"num_key_value_heads": 1, "head_dim": 16, "sliding_window": 8}),
        ("GPTNeoX", {}),
    ],
)
def test_other_architectures(kind, settings, tmp_path):
    """Folders of other families load, and batch as generate does: grouped heads, sliding windows, learned positions."""
    folder = tiny_folder(kind, settings, tmp_path)
    model = LoadedModel.load(folder, torch.device("cpu"))
    prompts = [list(range(20, 20 + length)) for length in (30, 3, 12, 9, 21)]
    batch = RunningBatch(model.causal_lm)
    tokens: list[list[int]] = []
    for together in (prompts[:1], prompts[1:2], prompts[2:]):  # the last ones padded to one length
        new = batch.prefill([Prompt(ids=prompt) for prompt in together])
        tokens += [[choice.token] for choice in new.choices]
        batch.join(new, range(len(together)))
        for written, choice in zip(tokens, batch.step(), strict=True):
            written.append(choice.token)
    for _ in range(10):
        for written, choice in zip(tokens, batch.step(), strict=True):
            written.append(choice.token)
    assert tokens == [generate(model, prompt, len(written)) for prompt, written in zip(prompts, tokens, strict=True)]


def tiny_folder(kind: str, settings: dict, folder: Path) -> Path:
    torch.manual_seed(0)
    common = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 3, "num_attention_heads": 2}
    tokens = {"vocab_size": 2048, "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0}
    config = getattr(transformers, f"{kind}{'Text' if kind == 'Gemma3' else ''}Config")(
        **(common | tokens | settings if kind != "GPT2" else tokens | settings)
    )
    model = getattr(transformers, f"{kind}{'LMHeadModel' if kind == 'GPT2' else 'ForCausalLM'}")(config)
    # larger than at the start of training, so that tokens differ
    for parameter in model.parameters():
        parameter.data.mul_(3)
    model.save_pretrained(folder)
    for file in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(DEFAULT_MODEL_PATH / file, folder)
    return folder
