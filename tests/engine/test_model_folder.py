"""Folders that are not loaded: their index or their settings name pickles, files outside, code, or what a hub would have to send."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from llmengine_integrations.engine.config import DEFAULT_MODEL_PATH, EngineConfig, EngineConfigError, check_start
from llmengine_integrations.engine.runtime.torch_runtime.loading.model_folder import (
    ModelFolderError,
    check_folder,
    check_weights,
    weight_files,
)

pytest.importorskip("safetensors")
pytestmark = pytest.mark.engine

INDEX = "model.safetensors.index.json"


@pytest.fixture
def folder(tmp_path):
    """A folder that can be served, its weights in one shard."""
    folder = tmp_path / "model"
    shutil.copytree(DEFAULT_MODEL_PATH, folder)
    (folder / "model.safetensors").rename(folder / "part.safetensors")
    index(folder, "part.safetensors")
    return folder


def check_model_folder(name: str, folder: Path) -> None:
    check_start(EngineConfig(models={name: folder}))


def index(folder: Path, *names: object) -> None:
    content = {"metadata": {}, "weight_map": {f"w{number}": name for number, name in enumerate(names)}}
    (folder / INDEX).write_text(json.dumps(content))


def change(folder: Path, file: str, **settings: object) -> None:
    path = folder / file
    known = json.loads(path.read_text()) if path.exists() else {}
    path.write_text(json.dumps(known | settings))


def refusal(folder: Path) -> str:
    with pytest.raises(EngineConfigError) as caught:
        check_model_folder("m", folder)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_folder_that_is_in_order(folder):
    check_model_folder("m", folder)
    check_weights(folder)
    assert [path.name for path in weight_files(folder)] == ["part.safetensors"]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("weights.bin", "not a *.safetensors file"),
        ("part.safetensors.bin", "not a *.safetensors file"),
        ("part.SAFETENSORS", "not a *.safetensors file"),
        ("a\0.safetensors", "not a *.safetensors file"),
        ("", "not a *.safetensors file"),
        (None, "not a *.safetensors file"),
        (7, "not a *.safetensors file"),
        (["part.safetensors"], "not a *.safetensors file"),
        ("../other.safetensors", "not in the folder"),
        ("..\\other.safetensors", "not in the folder"),
        ("sub/../../other.safetensors", "not in the folder"),
        ("C:\\other.safetensors", "missing"),
        ("missing.safetensors", "missing"),
        ("x" * 5000 + ".safetensors", "cannot be read"),
    ],
)
def test_an_index_names_safetensors_files_in_the_folder(folder, name, reason):
    shutil.copy(folder / "part.safetensors", folder.parent / "other.safetensors")
    for spare in ("weights.bin", "part.safetensors.bin", "part.SAFETENSORS"):
        (folder / spare).write_bytes(b"pickle")
    index(folder, "part.safetensors", name)
    assert reason in refusal(folder)


def test_an_absolute_name(folder):
    outside = shutil.copy(folder / "part.safetensors", folder.parent / "other.safetensors")
    index(folder, str(outside))
    assert "not in the folder" in refusal(folder)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "cannot be read"),
        (b"{", "cannot be read"),
        (b"\xff\xfe", "cannot be read"),
        (b"[" * 100_000, "cannot be read"),
        (b"[]", "not a JSON object"),
        (b"{}", "no weight_map"),
        (b'{"weight_map": {}}', "no weight_map"),
        (b'{"weight_map": ["part.safetensors"]}', "no weight_map"),
        (b" " * (64 * 1024 * 1024 + 1), "more than 67108864 bytes"),
    ],
    ids=range(9),
)
def test_an_index_that_is_none(folder, content, reason):
    (folder / INDEX).write_bytes(content)
    assert reason in refusal(folder)


def test_links_stay_in_the_folder(folder):
    outside = folder.parent / "outside.safetensors"
    (folder / "part.safetensors").rename(outside)
    (folder / "part.safetensors").symlink_to(outside)
    assert "link to a file outside" in refusal(folder)
    (folder / "part.safetensors").unlink()
    (folder / "part.safetensors").symlink_to("part.safetensors")
    assert "part.safetensors" in refusal(folder)
    (folder / "part.safetensors").unlink()
    outside.rename(folder / "real")
    (folder / "part.safetensors").symlink_to("real")
    check_model_folder("m", folder)


@pytest.mark.parametrize("whole", [True, False])
def test_chat_templates_in_their_own_folder_stay_there_too(folder, whole):
    outside = folder.parent / "outside"
    outside.mkdir()
    (outside / "x.jinja").write_text("secret")
    templates = folder / "additional_chat_templates"
    if whole:
        templates.symlink_to(outside)
    else:
        templates.mkdir()
        (templates / "x.jinja").symlink_to(outside / "x.jinja")
    assert "x.jinja is a link to a file outside" in refusal(folder)


def test_a_link_to_settings_outside_the_folder(folder):
    (folder / "config.json").rename(folder.parent / "config.json")
    (folder / "config.json").symlink_to("../config.json")
    assert "config.json is a link to a file outside" in refusal(folder)


def test_a_snapshot_in_a_hub_s_cache(folder):
    """Its files are links to the cache's blobs, whose names say nothing."""
    cache = folder.parent / "models--a--b"
    snapshot = cache / "snapshots" / "0123abc"
    snapshot.mkdir(parents=True)
    (cache / "blobs").mkdir()
    for number, path in enumerate(folder.iterdir()):
        path.rename(cache / "blobs" / f"blob{number}")
        (snapshot / path.name).symlink_to(f"../../blobs/blob{number}")
    check_model_folder("m", snapshot)
    check_weights(snapshot)
    (snapshot / "more.json").symlink_to("../../../secret")
    assert "more.json is a link to a file outside" in refusal(snapshot)


KERNEL = "kernels-community/flash-attn"


@pytest.mark.parametrize(
    ("file", "settings"),
    [
        ("config.json", {"attn_implementation": KERNEL}),
        ("config.json", {"_attn_implementation": KERNEL}),
        ("config.json", {"_attn_implementation": f"paged|{KERNEL}"}),
        ("config.json", {"_attn_implementation": "flash_attention_2"}),
        ("config.json", {"attn_implementation": {"": "sdpa", "text_config": KERNEL}}),
        ("config.json", {"attn_implementation": [KERNEL]}),
        ("config.json", {"text_config": {"_attn_implementation": KERNEL}}),
        ("config.json", {"per_layer_config": {"0": {"_attn_implementation": KERNEL}}}),
        ("config.json", {"experts_implementation": "sonicmoe"}),
        ("config.json", {"quantization_config": {"quant_method": "mxfp4"}}),
        ("config.json", {"text_config": {"quantization_config": {"quant_method": "fp8"}}}),
        ("config.json", {"transformers_weights": "adapter_model.bin"}),
        ("config.json", {"configuration_files": ["config.5.0.0.json"]}),
        ("config.json", {"custom_pipelines": {"p": {"impl": "p.P"}}}),
        ("config.json", {"kernel_config": {"kernel_mapping": {"RMSNorm": "a/b:RMSNorm"}}}),
        ("config.json", {"use_kernels": True}),
        ("config.json", {"vision_config": {"use_pretrained_backbone": True}}),
        ("config.json", {"tokenizer_class": "LlamaForCausalLM"}),
        ("config.json", {"tokenizer_class": ["LlamaTokenizer"]}),
        ("generation_config.json", {"custom_generate": "a/b"}),
        ("generation_config.json", {"compile_config": {"backend": "x"}}),
        ("tokenizer_config.json", {"tokenizer_class": "AutoModel"}),
        ("tokenizer_config.json", {"tokenizer_class": "pipeline"}),
        ("tokenizer_config.json", {"fast_tokenizer_files": ["../tokenizer.5.0.0.json"]}),
        ("tokenizer_config.json", {"trust_remote_code": True}),
    ],
)
def test_settings_that_would_load_something_else(folder, file, settings):
    change(folder, file, **settings)
    found = refusal(folder)
    assert file in found
    with pytest.raises(ModelFolderError):
        check_folder(folder)


@pytest.mark.parametrize(
    ("file", "settings"),
    [
        ("config.json", {"_attn_implementation": "eager", "attn_implementation": None}),
        ("config.json", {"attn_implementation": {"": "sdpa"}}),
        (
            "config.json",
            {"auto_map": {"AutoModelForCausalLM": "modeling.Model"}},
        ),  # transformers has a Llama of its own
        ("config.json", {"_name_or_path": "/nowhere/else", "quantization_config": None, "use_kernels": False}),
        ("config.json", {"tokenizer_class": None}),
        ("tokenizer_config.json", {"tokenizer_class": "LlamaTokenizerFast", "trust_remote_code": False}),
        ("tokenizer_config.json", {"tokenizer_file": "/nowhere/tokenizer.json", "name_or_path": "a/b"}),
    ],
)
def test_settings_of_published_models_that_do_no_harm(folder, file, settings):
    change(folder, file, **settings)
    check_model_folder("m", folder)


def test_adapters_and_checkpoints_in_pieces(folder):
    (folder / "adapter_config.json").write_text('{"peft_type": "LORA", "base_model_name_or_path": "a/b"}')
    assert "holds an adapter" in refusal(folder)
    (folder / "adapter_config.json").unlink()
    shutil.copy(folder / "part.safetensors", folder / "shard-00001-model-00001-of-00001.safetensors")
    assert "distributed checkpoint" in refusal(folder)


def test_weights_under_another_name(folder):
    (folder / INDEX).unlink()
    assert "neither model.safetensors nor model.safetensors.index.json" in refusal(folder)


class TestLoading:
    """With transformers, and no pickle is ever opened."""

    @pytest.fixture(autouse=True)
    def _no_pickle(self, monkeypatch):
        torch = pytest.importorskip("torch")

        def load(*arguments: object, **_: object) -> None:
            raise AssertionError(f"torch.load{arguments}")

        monkeypatch.setattr(torch, "load", load)

    def load(self, folder: Path) -> object:
        import torch  # noqa: PLC0415

        from llmengine_integrations.engine.runtime.torch_runtime.loading.loaded_model import LoadedModel  # noqa: PLC0415

        return LoadedModel.load(folder, torch.device("cpu"))

    @pytest.mark.parametrize("spare", [b"", b"PK\x03\x04pickle", b"\xff" * 8 + b"{}"])
    def test_a_shard_that_is_safetensors_by_name_only(self, folder, spare):
        (folder / "more.safetensors").write_bytes(spare)
        index(folder, "part.safetensors", "more.safetensors")
        check_model_folder("m", folder)  # reads no weights
        with pytest.raises(ModelFolderError, match=r"more\.safetensors is not a safetensors file"):
            self.load(folder)

    def test_weights_that_are_missing(self, folder):
        from safetensors.torch import load_file, save_file  # noqa: PLC0415

        weights = load_file(folder / "part.safetensors")
        weights.pop("model.layers.1.mlp.up_proj.weight")
        save_file(weights, folder / "part.safetensors", metadata={"format": "pt"})
        with pytest.raises(ModelFolderError, match=r"lacks weights .*: model\.layers\.1\.mlp\.up_proj\.weight"):
            self.load(folder)

    def test_a_tokenizer_that_is_none(self, folder):
        """The name is one of a tokenizer's; the class is transformers' and loads other things."""
        change(folder, "tokenizer_config.json", tokenizer_class="RagTokenizer")
        check_model_folder("m", folder)
        with pytest.raises(ModelFolderError, match="names RagTokenizer as its tokenizer"):
            self.load(folder)

    def test_a_model_that_is_code(self, folder):
        change(folder, "config.json", model_type="mine", auto_map={"AutoConfig": "mine.Config"})
        (folder / "mine.py").write_text("raise SystemExit('run')")
        with pytest.raises(ModelFolderError, match="code that a folder brings is never run"):
            self.load(folder)

    def test_code_beside_a_model_that_transformers_knows_is_not_run(self, folder):
        change(folder, "config.json", auto_map={"AutoConfig": "mine.C", "AutoModelForCausalLM": "mine.M"})
        (folder / "mine.py").write_text("raise SystemExit('run')")
        (folder / "custom_generate").mkdir()
        (folder / "custom_generate" / "generate.py").write_text("raise SystemExit('run')")
        assert self.load(folder)

    def test_pickles_beside_the_weights_are_left_alone(self, folder):
        for name in ("pytorch_model.bin", "adapter_model.bin", "spk_dict.pt"):
            (folder / name).write_bytes(b"pickle")
        assert self.load(folder)
