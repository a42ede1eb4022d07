"""LoRA adapters: in a batch with the base and with others, each gives the tokens that peft gives."""

from __future__ import annotations

import json
import shutil
import sys

import pytest

from llmengine_integrations.engine.config import DEFAULT_MODEL_PATH, EngineConfig
from llmengine_integrations.engine.runtime.generation import Generation, GenerationError, GenerationRequest
from llmengine_integrations.engine.runtime.torch_runtime.kv_memory import KVMemory
from llmengine_integrations.engine.runtime.torch_runtime.lane import Lane
from llmengine_integrations.engine.runtime.torch_runtime.rows import Prompt

from .adapter_folders import write_adapter

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
peft = pytest.importorskip("peft")
pytestmark = pytest.mark.engine

from llmengine_integrations.engine.runtime.torch_runtime.loading.loaded_model import LoadedModel, prepare  # noqa: E402
from llmengine_integrations.engine.runtime.torch_runtime.loading.lora import AdapterError  # noqa: E402 - after importorskip
from llmengine_integrations.engine.runtime.torch_runtime.running_batch import RunningBatch  # noqa: E402

# Different layers, ranks, and ways to scale.
KINDS = {
    "plain": {"strength": 0.2},
    "wide": {
        "strength": 0.1,
        "r": 4,
        "target_modules": "all-linear",
        "use_rslora": True,
        "rank_pattern": {"layers.1.mlp.up_proj": 6},
        "alpha_pattern": {"q_proj": 3, "layers.2.self_attn.o_proj": 5},
    },
    "partly": {"strength": 0.3, "r": 2, "target_modules": ["down_proj"], "layers_to_transform": [0, 3]},
}
PROMPTS = ["The sky is", "Maria lives in Valencia.\nQuestion: Where does Maria live?\nAnswer:", "Hello"]


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    root = tmp_path_factory.mktemp("adapters")
    return {name: write_adapter(root / name, seed, **options) for seed, (name, options) in enumerate(KINDS.items())}


@pytest.fixture(scope="module")
def model() -> LoadedModel:
    prepare(EngineConfig(threads=1))
    return LoadedModel.load(DEFAULT_MODEL_PATH, torch.device("cpu"))


@pytest.fixture(scope="module")
def adapters(model, folders):
    return {None: None} | {name: model.causal_lm.read_adapter(folder) for name, folder in folders.items()}


@pytest.fixture(scope="module")
def expected(model, folders) -> dict[tuple[str | None, str], list[int]]:
    """What transformers' generate writes, with each adapter active in peft's own model, and without any."""
    base = transformers.AutoModelForCausalLM.from_pretrained(DEFAULT_MODEL_PATH, dtype=torch.float32).eval()
    found = {(None, prompt): generate(model, base, prompt) for prompt in PROMPTS}
    tuned = None
    for name, folder in folders.items():
        if tuned is None:
            tuned = peft.PeftModel.from_pretrained(base, folder, adapter_name=name)
        else:
            tuned.load_adapter(folder, adapter_name=name)
        tuned.set_adapter(name)
        tuned.eval()
        found |= {(name, prompt): generate(model, tuned, prompt) for prompt in PROMPTS}
    return found


def generate(model, source, prompt: str, count: int = 20) -> list[int]:
    ids = model.tokenizer.encode(prompt)
    output = source.generate(
        input_ids=torch.tensor([ids]),
        attention_mask=torch.ones(1, len(ids), dtype=torch.long),
        min_new_tokens=count,
        max_new_tokens=count,
        do_sample=False,
        eos_token_id=None,
        pad_token_id=0,
    )
    return output[0, len(ids) :].tolist()


def written(model, adapters, rows: list[tuple[str | None, str]], steps: int = 19) -> list[list[int]]:
    """The rows join one after the other, with a step between, and leave when they have all their tokens."""
    batch, tokens, running = RunningBatch(model.causal_lm), [], []
    waiting = list(rows)
    while waiting or running:
        if waiting:
            name, prompt = waiting.pop(0)
            new = batch.prefill([Prompt(ids=model.tokenizer.encode(prompt), adapter=adapters[name])])
            batch.join(new, [0])
            tokens.append([new.choices[0].token])
            running.append(len(tokens) - 1)
        for number, choice in zip(running, batch.step(), strict=True):
            tokens[number].append(choice.token)
        kept = [place for place, number in enumerate(running) if len(tokens[number]) <= steps]
        if len(kept) < len(running):
            batch.keep(kept)
            running = [running[place] for place in kept]
    return tokens


def test_a_mixed_batch_gives_what_peft_gives(model, adapters, expected):
    assert len({tuple(tokens) for tokens in expected.values()}) == len(expected), "the adapters change too little"
    rows = sorted(expected, key=lambda row: (row[1], str(row[0])))
    assert written(model, adapters, rows) == [expected[row] for row in rows]


@pytest.mark.parametrize("name", [None, *KINDS])
def test_alone_too(model, adapters, expected, name):
    for prompt in PROMPTS:
        assert written(model, adapters, [(name, prompt)]) == [expected[name, prompt]]


def test_a_batch_without_adapters_runs_the_bare_model(model, adapters):
    written(model, adapters, [("wide", "Hello"), (None, "Hello")])
    written(model, adapters, [(None, "Hello")])
    assert not any(module._forward_hooks for module in model.causal_lm._model.modules())


def test_what_an_adapter_has_of_infinity_stays_its_own(model, adapters, expected):
    """As in half precision, where products overflow."""
    large = type(adapters["plain"])(
        {name: type(layer)(layer.down * 1e38, layer.up, 1e38) for name, layer in adapters["plain"].layers.items()}
    )
    rows = [("large", "Hello"), (None, "Hello"), ("wide", "Hello")]
    found = written(model, adapters | {"large": large}, rows)
    assert found[1:] == [expected[None, "Hello"], expected["wide", "Hello"]]


def settings(folder, **changes):
    path = folder / "adapter_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def emptied(folder):
    (folder / "adapter_model.safetensors").write_bytes(b"nothing")


def not_finite(folder):
    from safetensors.torch import load_file, save_file  # noqa: PLC0415

    path = folder / "adapter_model.safetensors"
    weights = load_file(path)
    next(iter(weights.values())).fill_(float("nan"))
    save_file(weights, path)


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda folder: settings(folder, peft_type="IA3"), "of the type IA3, and only LORA"),
        (lambda folder: settings(folder, use_dora=True), "made with use_dora"),
        (lambda folder: settings(folder, init_lora_weights="pissa"), "made with init_lora_weights"),
        (lambda folder: (folder / "adapter_config.json").unlink(), "no adapter_config.json"),
        (lambda folder: (folder / "adapter_config.json").write_text("[]"), "is not a JSON object"),
        (emptied, "no adapter_model.safetensors that can be read"),
        (not_finite, "not finite"),
    ],
)
def test_folders_that_cannot_be_served(model, folders, tmp_path, spoil, reason):
    folder = tmp_path / "spoiled"
    shutil.copytree(folders["plain"], folder)
    spoil(folder)
    with pytest.raises(AdapterError, match=reason) as caught:
        model.causal_lm.read_adapter(folder)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"modules_to_save": ["lm_head"]}, "only LoRA on linear layers"),
        ({"target_modules": ["embed_tokens"]}, "only LoRA on linear layers"),
        ({"bias": "lora_only"}, None),  # this model's layers have no bias
    ],
)
def test_adapters_that_are_more_than_lora_on_linear_layers(model, tmp_path, options, reason):
    folder = write_adapter(tmp_path, 1, **options)
    if reason is None:
        assert model.causal_lm.read_adapter(folder).layers
        return
    with pytest.raises(AdapterError, match=reason):
        model.causal_lm.read_adapter(folder)


def test_an_adapter_of_another_model(model, tmp_path):
    config = transformers.LlamaConfig(
        vocab_size=64, hidden_size=32, intermediate_size=64, num_hidden_layers=6, num_attention_heads=2
    )
    transformers.LlamaForCausalLM(config).save_pretrained(tmp_path / "other")
    for options, reason in (({}, "does not have this model's size"), ({"layers_to_transform": [5]}, "has no layer")):
        folder = write_adapter(tmp_path / "adapter", 1, base=tmp_path / "other", **options)
        with pytest.raises(AdapterError, match=f"is for another model.*{reason}"):
            model.causal_lm.read_adapter(folder)


def test_an_adapter_is_unloaded_while_it_writes(model, folders):
    """Its completions, running and waiting, end with an error; the others never notice."""
    lane = Lane(model, RunningBatch(model.causal_lm), max_batch_size=3, memory=KVMemory(10**9))
    for name in ("plain", "wide"):
        lane.load_adapter(name, folders[name])
    names = [None, "plain", "wide", "plain", None]
    generations = [Generation(GenerationRequest(prompt="Hello", max_new_tokens=20, ignore_end=True)) for _ in names]
    for name, generation in zip(names, generations, strict=True):
        lane.enqueue(generation, name)
    lane.turn()
    gone = GenerationError(404, "gone")
    ended = lane.unload_adapter("plain", gone)
    assert [(generations.index(each.generation), each.error) for each in ended] == [(1, gone), (3, gone)]
    texts = {}
    while lane.busy:
        for generation, pieces, error in lane.turn():
            assert error is None
            texts[generations.index(generation)] = "".join(piece.text for piece in pieces)
    assert texts.keys() == {0, 2, 4}
    assert texts[0] == texts[4] != texts[2]


def test_serving_adapters_does_not_import_peft():
    import subprocess  # noqa: PLC0415

    code = (
        "import sys; from llmengine_integrations.engine.runtime.torch_runtime import running_batch;"
        "from llmengine_integrations.engine.runtime.torch_runtime.loading import loaded_model;"
        "print('peft' in sys.modules)"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603
    assert found.stdout.strip() == "False"
