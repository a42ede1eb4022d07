"""Trains the default model on a CPU within a fixed wall time.

torchrun --nproc-per-node 2 train.py OUT_FOLDER --minutes 45 [--init MODEL_FOLDER]

One process with one thread for every core: on a machine that has other work, two threads in one process wait for each other in
every small operation, two processes only once a step.

Rows get longer in stages (`--stages 768:0.6,1536:0.4` is length:share of the time).  Documents are made while training, so none is
seen twice.  The learning rate falls to zero at the end of the time, whatever the speed; a usable model is saved every few minutes.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
import torch.distributed as dist
import torch.nn.functional as F  # noqa: N812 - as everywhere
from model import Muon, make_model, make_tokenizer, save, save_tokenizer
from packing import ANSWER, PAD, PROMPT, PROSE, Row, Rows
from tokenizers import Tokenizer
from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

PROMPT_SAMPLE = 4  # the loss looks at one prompt token in so many
LOSS_WEIGHT = {PROMPT: 0.1 * PROMPT_SAMPLE, ANSWER: 1.0, PROSE: 0.15, PAD: 0.0}
WARM_UP = 60  # steps
LOG_EVERY, SAVE_EVERY = 30, 240  # seconds


def arguments() -> argparse.Namespace:
    """The command line."""
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("out", type=Path)
    ap.add_argument("--minutes", type=float, default=45)
    ap.add_argument("--hidden", type=int, default=160)
    ap.add_argument("--layers", type=int, default=4)
    ap.add_argument("--mlp", type=int, default=448)
    ap.add_argument("--vocabulary", type=int, default=2048)
    ap.add_argument("--stages", default="768:0.6,1536:0.4", help="row length:share of the time, in order")
    ap.add_argument("--tokens-per-step", type=int, default=3072, help="of every process")
    ap.add_argument("--lr", type=float, default=2e-3, help="AdamW's (embeddings, norms); Muon's is 6 times this")
    ap.add_argument("--prose", type=float, default=0.03, help="share of the documents that are prose")
    ap.add_argument("--decay", type=float, default=0.7, help="share of the time over which the rate falls to zero")
    ap.add_argument("--threads", type=int, default=1, help="of every process")
    ap.add_argument("--compile", action=argparse.BooleanOptionalAction, default=True)
    ap.add_argument("--bf16", action=argparse.BooleanOptionalAction, default=False, help="for CPUs with AVX512-BF16")
    ap.add_argument("--init", type=Path, help="go on from this model folder; its tokenizer is kept")
    ap.add_argument("--seed", type=int, default=1)
    return ap.parse_args()


def batches(rows: Rows, stages: str, tokens: int, progress: list[float]) -> Iterator[np.ndarray]:
    """Blocks of rows, shaped (rows, ids or kinds, length), longer ones as `progress` grows to 1."""
    until = 0.0
    for part in stages.split(","):
        length, share = int(part.split(":")[0]), float(part.split(":")[1])
        until += share
        rows.documents.longest = (length - 200) * 3
        source: Iterator[Row] = rows.rows(length)
        while progress[0] < until or until > 0.999:
            yield np.array([next(source) for _ in range(tokens // length)], dtype=np.int64)


class Trainer:
    """A model in training; with torchrun one of several processes that share every step.

    Args:
        a: The command line.
    """

    def __init__(self, a: argparse.Namespace) -> None:
        self.a = a
        self.world, self.rank = int(os.environ.get("WORLD_SIZE", "1")), int(os.environ.get("RANK", "0"))
        if self.world > 1:
            dist.init_process_group("gloo")
        torch.set_num_threads(a.threads)
        torch.manual_seed(a.seed)
        a.out.mkdir(parents=True, exist_ok=True)
        tok = PreTrainedTokenizerFast.from_pretrained(a.init) if a.init else make_tokenizer(a.vocabulary, a.seed + 1000)
        if self.rank == 0:
            save_tokenizer(tok, a.out)
        self.rows = Rows(Tokenizer.from_str(tok.backend_tokenizer.to_str()), a.seed + 1 + self.rank, a.prose)
        fresh = None if a.init else make_model(len(tok), a.hidden, a.layers, a.mlp)
        self.model = fresh or LlamaForCausalLM.from_pretrained(a.init, dtype=torch.float32)
        self.body = torch.compile(self.model.model, dynamic=False) if a.compile else self.model.model
        named = list(self.model.named_parameters())
        matrices = [p for n, p in named if p.ndim == 2 and "embed" not in n]
        others = [p for n, p in named if p.ndim != 2 or "embed" in n]
        self.optimizers = [
            Muon(matrices, a.lr * 6, weight_decay=0.01),
            torch.optim.AdamW(others, a.lr, betas=(0.9, 0.95), weight_decay=0.0),
        ]
        self.rates = [o.param_groups[0]["lr"] for o in self.optimizers]
        self.weights = torch.tensor([LOSS_WEIGHT[k] for k in (PROMPT, ANSWER, PROSE, PAD)])
        self.steps, self.tokens, self.answers = 0, 0, 0
        self.sums = torch.zeros(2, 3)

    def clock(self, start: float) -> float:
        """Seconds since the start; the same in all processes, so that they stop together."""
        seconds = torch.tensor([time.monotonic() - start], dtype=torch.float64)
        if self.world > 1:
            dist.broadcast(seconds, 0)
        return seconds.item()

    def share_gradients(self) -> None:
        """The mean of the gradients of all processes."""
        grads = [p.grad for p in self.model.parameters() if p.grad is not None]
        flat = torch.cat([g.flatten() for g in grads])
        dist.all_reduce(flat)
        for g, part in zip(grads, flat.div_(self.world).split([g.numel() for g in grads]), strict=True):
            g.copy_(part.view_as(g))

    def step(self, block: np.ndarray, rate: float) -> None:
        """One step of the optimizers."""
        x, kinds = torch.from_numpy(block[:, 0]), torch.from_numpy(block[:, 1])[:, 1:].flatten()
        sampled = (kinds != PROMPT) | (torch.rand(kinds.shape) < 1 / PROMPT_SAMPLE)
        looked = (sampled & (kinds != PAD)).nonzero()[:, 0]
        kinds = kinds[looked]
        with torch.autocast("cpu", torch.bfloat16, enabled=self.a.bf16):
            hidden = self.body(input_ids=x, use_cache=False).last_hidden_state[:, :-1].flatten(0, 1)
            logits = self.model.lm_head(hidden[looked]).float()
        losses = F.cross_entropy(logits, x[:, 1:].flatten()[looked], reduction="none")
        weight = self.weights[kinds]
        ((losses * weight).sum() / weight.sum()).backward()
        if self.world > 1:
            self.share_gradients()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        for o, full in zip(self.optimizers, self.rates, strict=True):
            o.param_groups[0]["lr"] = full * rate
            o.step()
            o.zero_grad(set_to_none=True)
        for k in range(3):
            self.sums[0, k] += losses.detach()[kinds == k].sum()
            self.sums[1, k] += (kinds == k).sum()
        self.steps += 1
        self.tokens += x.numel() * self.world
        self.answers += int((kinds == ANSWER).sum()) * self.world

    def entry(self, elapsed: float, length: int) -> dict[str, float]:
        """A line of the log; the losses are means since the last one."""
        means = [round(v, 4) for v in (self.sums[0] / self.sums[1].clamp(min=1)).tolist()]
        self.sums.zero_()
        counts = {"s": round(elapsed), "step": self.steps, "tokens": self.tokens, "answer_tokens": self.answers}
        losses = {"prompt": means[PROMPT], "answer": means[ANSWER], "prose": means[PROSE]}
        return counts | {"tokens_per_s": round(self.tokens / max(elapsed, 1)), "length": length} | losses

    def run(self) -> None:
        """Train until the time is over."""
        a, progress, next_log, next_save = self.a, [0.0], 0, SAVE_EVERY
        blocks, start = batches(self.rows, a.stages, a.tokens_per_step, progress), time.monotonic()
        log = a.out.with_name(f"{a.out.name}_log{self.rank or ''}.jsonl")
        log.unlink(missing_ok=True)
        while (elapsed := self.clock(start)) < a.minutes * 60:
            progress[0] = elapsed / (a.minutes * 60)
            rate = min(1.0, (self.steps + 1) / WARM_UP) * min(1.0, (1 - progress[0]) / a.decay)
            block = next(blocks)
            self.step(block, max(1e-3, rate))
            if elapsed >= next_log:
                next_log += LOG_EVERY
                with log.open("a", encoding="utf-8") as file:
                    print(json.dumps(self.entry(elapsed, block.shape[2])), file=file)
            if elapsed >= next_save and self.rank == 0:
                next_save += SAVE_EVERY
                save(self.model, a.out)
        if self.rank == 0:
            save(self.model, a.out)
            print(
                "saved after", round(elapsed), "s,", self.tokens, "tokens,", self.answers, "of them answers", flush=True
            )


if __name__ == "__main__":
    Trainer(arguments()).run()
