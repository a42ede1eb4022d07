"""The training itself: a LoRA adapter on a frozen model. The epoch with the best validation loss is kept."""

from __future__ import annotations

import logging
import math
import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

import peft
import torch
import transformers
from torch import Tensor

from llmengine_integrations._shared.durable_files import sync_file, sync_folder
from llmengine_integrations.engine.runtime.torch_runtime.loading.hugging_face import load_causal_lm, load_tokenizer

from .examples import Batch, Example, batches, collate, example, split
from .hyperparameters import Hyperparameters
from .model_card import model_card
from .schedule import learning_rate
from .training_folder import ADAPTER, TRAINING, VALIDATION, JobSettings, read_pairs
from .training_protocol import Event, Message, Saved, TrainingError

_SEED = 7
_MAX_NORM = 1.0
_LOGS_PER_EPOCH = 2
_MOST_STEPS_BETWEEN_LOGS = 50

_peft = cast("Any", peft)
_transformers = cast("Any", transformers)


class Trainer:
    """The training of one job.

    Args:
        folder: the job's folder.
        base: the folder of the base model.
        device: any device name that torch knows.
        report: called with each message.
    """

    def __init__(self, folder: Path, base: Path, device: str, report: Callable[[Message], None]) -> None:
        self._folder = folder
        self._report = report
        self._device = torch.device(device)
        self._settings = JobSettings.read(folder)
        self._base = base

    @property
    def _options(self) -> Hyperparameters:
        return self._settings.hyperparameters

    def run(self) -> None:
        """Train, and write the adapter to the folder.

        Raises:
            TrainingError: the rows do not fit the model, or the training diverges.
            OSError: the disk is full, for example.
        """
        cast("Any", torch).manual_seed(_SEED)
        shutil.rmtree(self._folder / ADAPTER, ignore_errors=True)
        training, validation = self._examples()
        model = self._adapted()
        steps = math.ceil(len(training) / self._options.batch_size)
        self._note(
            f"Training on {len(training)} rows and validating on {len(validation)}: "
            f"{self._options.epochs} epochs of {steps} steps."
        )
        best, chosen = math.inf, 0
        history: list[tuple[int, float, float]] = []
        optimizer = self._optimizer(model)
        for epoch in range(self._options.epochs):
            loss = self._epoch(model, optimizer, batches(training, self._options.batch_size, epoch=epoch), epoch)
            eval_loss = self._evaluate(model, validation, epoch + 1)
            history.append((epoch + 1, loss, eval_loss))
            if eval_loss < best:
                best, chosen = eval_loss, epoch + 1
                _save(model, self._folder / "best")
            if not math.isfinite(loss):
                self._note("The loss is no number any more: the training diverged and ends here.", "warning")
                break
        if not chosen:
            raise TrainingError("No epoch has a loss that is a number: the training diverged; try a lower lr.")
        self._note(f"The checkpoint of epoch {chosen} has the lowest eval_loss, {best:.4f}, and becomes the model.")
        self._keep(history, chosen)

    def _examples(self) -> tuple[list[Example], list[Example]]:
        tokenizer = load_tokenizer(self._base)
        end: int | None = tokenizer.eos_token_id
        training = [example(tokenizer, pair, end) for pair in read_pairs(self._folder / TRAINING)]
        path = self._folder / VALIDATION
        if path.exists():
            return training, [example(tokenizer, pair, end) for pair in read_pairs(path)]
        if len(training) == 1:
            self._note("One row is too few to set some aside: it is validated on the row it is trained on.", "warning")
        return split(training)

    def _adapted(self) -> Any:
        dtype = torch.float32 if self._device.type == "cpu" else "auto"
        base = load_causal_lm(self._base, dtype)
        config = _peft.LoraConfig(**self._options.peft_config.model_dump())
        return _peft.get_peft_model(base.to(self._device), config)

    def _optimizer(self, model: Any) -> torch.optim.Optimizer:
        trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
        return torch.optim.AdamW(trained, lr=self._options.lr, weight_decay=self._options.weight_decay)

    def _epoch(
        self, model: Any, optimizer: torch.optim.Optimizer, groups: Sequence[Sequence[Example]], epoch: int
    ) -> float:
        """Train one epoch and return the mean loss of its steps."""
        model.train()
        interval = min(_MOST_STEPS_BETWEEN_LOGS, math.ceil(len(groups) / _LOGS_PER_EPOCH))
        losses: list[float] = []
        unreported: list[float] = []
        for index, rows in enumerate(groups):
            rate = self._rate(epoch * len(groups) + index, len(groups) * self._options.epochs)
            for group in optimizer.param_groups:
                group["lr"] = rate
            loss = self._step(model, optimizer, collate(rows, self._device))
            losses.append(loss)
            unreported.append(loss)
            if len(unreported) == interval or index + 1 == len(groups):
                mean, done = _mean(unreported), epoch + (index + 1) / len(groups)
                self._metrics({"loss": round(mean, 4), "learning_rate": rate, "epoch": round(done, 2)})
                unreported.clear()
        return _mean(losses)

    def _rate(self, step: int, steps: int) -> float:
        return learning_rate(step, steps=steps, peak=self._options.lr, warmup_ratio=self._options.warmup_ratio)

    def _step(self, model: Any, optimizer: torch.optim.Optimizer, batch: Batch) -> float:
        optimizer.zero_grad()
        loss = _loss(model, batch)
        cast("Any", loss).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), _MAX_NORM)
        optimizer.step()
        return loss.item()

    def _evaluate(self, model: Any, validation: Sequence[Example], epoch: int) -> float:
        """Return the mean loss of the validation rows' tokens."""
        model.eval()
        begun = time.perf_counter()
        total = count = 0.0
        groups = batches(validation, self._options.batch_size)
        with torch.inference_mode():
            for rows in groups:
                tokens = sum(len(row.ids) - row.prompt_length for row in rows)
                total += _loss(model, collate(rows, self._device)).item() * tokens
                count += tokens
        seconds = time.perf_counter() - begun
        self._metrics(
            {
                "eval_loss": total / count,
                "eval_runtime": round(seconds, 4),
                "eval_samples_per_second": round(len(validation) / seconds, 3),
                "eval_steps_per_second": round(len(groups) / seconds, 3),
                "epoch": float(epoch),
            }
        )
        return total / count

    def _keep(self, history: Sequence[tuple[int, float, float]], chosen: int) -> None:
        """Make the best checkpoint the result, and sync it to the disk."""
        best = self._folder / "best"
        (best / "README.md").write_text(model_card(self._settings, history, chosen), encoding="utf-8")
        for path in best.iterdir():
            sync_file(path)
        sync_folder(best)
        best.replace(self._folder / ADAPTER)
        self._report(Saved())

    def _metrics(self, metrics: dict[str, float]) -> None:
        self._report(Event(message=repr(metrics)))

    def _note(self, message: str, level: Any = "info") -> None:
        self._report(Event(message=message, level=level))


def silence_libraries() -> None:
    """Keep the libraries from drawing progress bars."""
    _transformers.utils.logging.disable_progress_bar()
    _transformers.utils.logging.set_verbosity_error()
    logging.getLogger("peft").setLevel(logging.ERROR)


def _loss(model: Any, batch: Batch) -> Tensor:
    return cast("Tensor", model(input_ids=batch.ids, attention_mask=batch.mask, labels=batch.labels).loss)


def _save(model: Any, folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    # Not "auto", which would ask the model hub whether the vocabulary has grown.
    model.save_pretrained(str(folder), save_embedding_layers=False)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
