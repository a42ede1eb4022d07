"""Folders of tiny random models of several families, with the tokenizer of the default model."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from llmengine_integrations.engine.config import DEFAULT_MODEL_PATH

TOKENS = {"vocab_size": 2048, "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0}
SIZES = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2, **TOKENS}

FAMILIES: dict[str, tuple[str, dict[str, Any]]] = {
    "mpt": ("Mpt", TOKENS | {"d_model": 32, "n_layers": 2, "n_heads": 2, "max_seq_len": 256, "expansion_ratio": 2}),
    "mixtral": ("Mixtral", SIZES | {"num_key_value_heads": 1, "num_local_experts": 4, "max_position_embeddings": 256}),
    "gpt2": ("GPT2", TOKENS | {"n_embd": 32, "n_layer": 2, "n_head": 2, "n_positions": 128}),
    "opt": (
        "OPT",
        TOKENS
        | {"hidden_size": 32, "ffn_dim": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
        | {"word_embed_proj_dim": 32, "max_position_embeddings": 128},
    ),
    "bloom": ("Bloom", TOKENS | {"hidden_size": 32, "n_head": 2, "n_layer": 2, "seq_length": 200}),
    "falcon-alibi": ("Falcon", SIZES | {"alibi": True}),
    "gemma2": ("Gemma2", SIZES | {"num_key_value_heads": 1, "head_dim": 16, "sliding_window": 8}),
    "gemma3": ("Gemma3Text", SIZES | {"num_key_value_heads": 1, "head_dim": 16, "sliding_window": 8}),
    "gptneox": ("GPTNeoX", SIZES),
    "qwen2-moe": (
        "Qwen2Moe",
        SIZES
        | {"num_key_value_heads": 1, "moe_intermediate_size": 16, "shared_expert_intermediate_size": 16}
        | {"num_experts": 4, "num_experts_per_tok": 2},
    ),
    "llama-yarn": (
        "Llama",
        SIZES
        | {"max_position_embeddings": 256}
        | {
            "rope_parameters": {
                "rope_type": "yarn",
                "rope_theta": 1e4,
                "factor": 4.0,
                "original_max_position_embeddings": 64,
            }
        },
    ),
    "llama-dynamic": (
        "Llama",
        SIZES
        | {"max_position_embeddings": 256}
        | {"rope_parameters": {"rope_type": "dynamic", "rope_theta": 1e4, "factor": 4.0}},
    ),
    "phi3-longrope": (
        "Phi3",
        SIZES
        | {"max_position_embeddings": 256, "original_max_position_embeddings": 64}
        | {
            "rope_parameters": {"rope_type": "longrope", "rope_theta": 1e4, "factor": 4.0}
            | {"original_max_position_embeddings": 64, "short_factor": [1.0] * 8, "long_factor": [4.0] * 8}
        },
    ),
    "bart": (
        "Bart",
        TOKENS
        | {"d_model": 32, "decoder_layers": 2, "decoder_attention_heads": 2, "decoder_ffn_dim": 64}
        | {"max_position_embeddings": 128},
    ),
    "mamba": ("Mamba", TOKENS | {"hidden_size": 32, "num_hidden_layers": 2, "state_size": 8}),
}


def tiny_family(name: str, folder: Path, **settings: Any) -> Path:
    """Write the folder of a family of `FAMILIES`, always with the same weights."""
    import torch  # noqa: PLC0415 - importing them takes seconds
    import transformers  # noqa: PLC0415

    kind, known = FAMILIES[name]
    torch.manual_seed(0)
    config = getattr(transformers, f"{kind}Config")(**known | settings)
    model = transformers.AutoModelForCausalLM.from_config(config)
    for parameter in model.parameters():
        parameter.data.mul_(3)  # larger than at the start of training, so that tokens differ
    model.save_pretrained(folder)
    for file in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(DEFAULT_MODEL_PATH / file, folder)
    return folder
