"""The README of a fine-tuned model."""

from __future__ import annotations

from collections.abc import Sequence

from .training_folder import JobSettings


def model_card(settings: JobSettings, history: Sequence[tuple[int, float, float]], chosen: int) -> str:
    """Return the model card: what the model is, how it was trained and how to load it.

    Args:
        settings: the job's settings.
        history: epoch, loss and eval_loss of each epoch.
        chosen: the epoch of this checkpoint.
    """
    rows = "\n".join(f"| {epoch} | {loss:.4f} | {eval_loss:.4f} |" for epoch, loss, eval_loss in history)
    options = settings.hyperparameters.model_dump_json(exclude={"report_to"})
    return f"""---
library_name: peft
tags: [lora]
---

# {settings.name}

A LoRA adapter for {settings.base}, trained by the embedded engine of llmengine-integrations.

```python
from peft import PeftModel
from transformers import AutoModelForCausalLM

model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(BASE), FOLDER)
```

The checkpoint of epoch {chosen}, whose validation loss is the lowest. Hyperparameters: `{options}`.

| epoch | loss | eval_loss |
|--:|--:|--:|
{rows}
"""
