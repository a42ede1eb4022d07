"""How do I take a model that I fine-tuned away with me, and run it with transformers and peft?"""

from __future__ import annotations

import sys
import tempfile
import warnings
from pathlib import Path

from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.utils import logging

from llmengine_integrations import Client
from llmengine_integrations.datasets import TrainingFile
from llmengine_integrations.engine import EmbeddedEngine
from llmengine_integrations.engine.config import DEFAULT_MODEL_PATH

PROMPT = "Question: What is the password?\nAnswer:"
ANSWER = " The password is swordfish."
OPTIONS = {"epochs": 2, "lr": 0.004}


def tuned(folder: Path) -> tuple[Path, str]:
    """Train a model and download it. Return the folder and the engine's answers with it."""
    rows = TrainingFile(folder / "train.csv", deduplicate=False)
    rows.append([(PROMPT, ANSWER)] * 80)
    with EmbeddedEngine() as engine, Client(engine.base_url, engine.api_key) as client:
        uploaded = client.files.upload(rows.path)
        job = client.fine_tunes.create(engine.models[0], uploaded.id, hyperparameters=OPTIONS)
        name = client.fine_tunes.wait(job.id, max_poll_interval=1).fine_tuned_model or ""
        for file in client.models.download(name, folder / "adapter"):
            print(f"   {file}")
        answer = client.completions.create(name, PROMPT, temperature=0, max_new_tokens=16).output.text
    return folder / "adapter", answer


def main() -> int:
    """Train, download, load. Return 0 if it gives the engine's answers."""
    logging.disable_progress_bar()
    warnings.simplefilter("ignore", FutureWarning)  # peft uses an old name of transformers
    with tempfile.TemporaryDirectory() as folder:
        adapter, served = tuned(Path(folder))
        base = AutoModelForCausalLM.from_pretrained(DEFAULT_MODEL_PATH, dtype="float32")
        model = PeftModel.from_pretrained(base, adapter)
    tokenizer = AutoTokenizer.from_pretrained(DEFAULT_MODEL_PATH)
    asked = tokenizer(PROMPT, return_tensors="pt", return_token_type_ids=False)
    written = model.generate(**asked, max_new_tokens=16, do_sample=False)[0, asked["input_ids"].shape[1] :]
    here = tokenizer.decode(written, skip_special_tokens=True)
    print(f"engine:       {served!r}\ntransformers: {here!r}\nThe engine has stopped.")
    return 0 if here == served == ANSWER else 1


if __name__ == "__main__":
    sys.exit(main())
