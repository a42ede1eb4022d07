"""LoRA adapter folders, written by peft: random ones, strong enough to change what a model says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from llmengine_integrations.engine.config import DEFAULT_MODEL_PATH

ATTENTION = ["q_proj", "v_proj"]


def write_adapter(
    folder: Path, seed: int, *, base: Path = DEFAULT_MODEL_PATH, strength: float = 0.05, **options: Any
) -> Path:
    """An adapter of a model, whose weights the seed decides."""
    import peft  # noqa: PLC0415 - importing it takes seconds
    import torch  # noqa: PLC0415
    import transformers  # noqa: PLC0415

    torch.manual_seed(seed)
    model = transformers.AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    config = peft.LoraConfig(
        **{"r": 8, "lora_alpha": 16, "target_modules": ATTENTION, "task_type": "CAUSAL_LM"} | options
    )
    tuned = peft.get_peft_model(model, config)
    for name, parameter in tuned.named_parameters():
        if "lora_" in name:
            parameter.data.normal_(std=strength)
    tuned.save_pretrained(folder)
    return folder
