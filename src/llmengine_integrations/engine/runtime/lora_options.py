"""The shape of a LoRA adapter to be trained. A runtime checks it before the training."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class LoraOptions(BaseModel):
    """The `peft_config`: the shape of the adapter, with the field names of peft's LoraConfig."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    r: int = Field(default=16, ge=1, le=256)
    """The rank, which determines how much an adapter can learn."""
    lora_alpha: float = Field(default=32, gt=0, le=4096)
    """The adapter's output is multiplied by `lora_alpha / r`."""
    lora_dropout: float = Field(default=0.0, ge=0, lt=1)
    target_modules: list[str] | str = "all-linear"
    """The layers to adapt: their names, or all linear layers."""
    peft_type: str = Field(default="LORA", pattern="^LORA$")
    task_type: str = Field(default="CAUSAL_LM", pattern="^CAUSAL_LM$")
