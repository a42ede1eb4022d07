"""Scores models: exact match of the whole greedy answer, on items that no training document had.

python evaluate.py MODEL_FOLDER ... [--n 60] [--out scores.json] [--probes] [--lengths] [--speed] [--ask FILE QUESTION ...]

Items have their own seeds, so names, numbers and codes are new.  The columns say which wordings are new as well (`wording.AXES`): none
("known"), one kind at a time, or all at once.  A "-" stands where a task has no wordings of that kind.  All models get the same items.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import torch
from documents import TASKS, Documents, stdlib_prose
from probes import PROBES
from template import BEGIN, END
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaForCausalLM, PreTrainedTokenizerFast
from wording import AXES

SEED = 700_000
COLUMNS: dict[str, tuple[str, ...]] = {"known": (), **{axis: (axis,) for axis in AXES}, "all": AXES}
HAS = {  # the kinds of wordings that a task has
    "context_qa": {"frame", "question", "statement"},
    "context_qa_long": {"frame", "question", "statement"},
    "completion": {"frame", "question", "statement"},
    "refine": {"frame", "question", "statement"},
    "cited": {"frame", "question", "statement"},
    "condense": {"frame", "question"},
    "extract": {"frame", "statement", "name"},
    "extract_tool": {"frame", "statement", "name"},
    "tool_call": {"question", "statement", "name"},
    "tool_answer": {"question", "name"},
    "agent": {"frame", "question", "statement", "name"},
    "react": {"frame", "question", "statement", "name"},
    "repeat": {"frame"},
    "lists": {"frame"},
    "remember": {"question", "statement"},
    "summary": {"frame", "statement"},
    "choice": {"frame", "statement", "name"},
    "chat": {"question"},
}
LENGTHS = (256, 384, 512, 768, 1024, 1536)
Item = tuple[str, str]
"""A prompt and the answer that is wanted."""


def items(task: str, new: tuple[str, ...], n: int, longest: int = 1300) -> list[Item]:
    """Fresh items of a task; `new` are the axes whose wordings are new."""
    draw = Documents(SEED, new, list(stdlib_prose()))
    draw.longest = longest
    draw.r.seed(f"{SEED} {task} {new}")
    out: list[Item] = []
    while len(out) < n:
        pieces = draw.task(task)
        answers = [i for i, (_, is_answer) in enumerate(pieces) if is_answer]
        if task in ("tool_call", "tool_answer"):
            wants_call = task == "tool_call"
            answers = [i for i in answers if pieces[i][0].startswith("<tool_call>") == wants_call]
        if task == "completion":
            answers = answers[:1]
        if answers:
            i = draw.choice(answers)
            out.append(("".join(text for text, _ in pieces[:i]), pieces[i][0].removesuffix(END)))
    return out


class Model:
    """A model folder that answers prompts greedily."""

    def __init__(self, folder: Path) -> None:
        self.tokenizer: PreTrainedTokenizerFast = AutoTokenizer.from_pretrained(folder, padding_side="left")
        self.model: LlamaForCausalLM = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()

    @torch.inference_mode()
    def answers(self, prompts: list[str], longest: int = 120, batch: int = 20) -> list[str]:
        """The answers, without the end mark; an answer that does not end keeps all its tokens."""
        out = [""] * len(prompts)
        order = sorted(range(len(prompts)), key=lambda i: len(prompts[i]))
        for k in range(0, len(order), batch):
            ids = order[k : k + batch]
            x = self.tokenizer([prompts[i] for i in ids], return_tensors="pt", padding=True, add_special_tokens=False)
            y = self.model.generate(**x, max_new_tokens=longest, do_sample=False)
            for i, row in zip(ids, y, strict=True):
                out[i] = self.tokenizer.decode(row[x.input_ids.shape[1] :]).split(END)[0].replace("<|pad|>", "")
        return out

    def score(self, pairs: list[Item]) -> tuple[int, list[tuple[str, str, str]]]:
        """How many are right, and some that are not: the prompt's end, the answer wanted, the answer given."""
        got = self.answers([prompt for prompt, _ in pairs])
        wrong = [(p[-160:], want, g) for g, (p, want) in zip(got, pairs, strict=True) if g.strip() != want.strip()]
        return len(pairs) - len(wrong), wrong[:4]

    def probes(self) -> list[dict[str, Any]]:
        """The answers to the hand-written prompts."""
        found = []
        for probe in PROBES:
            if isinstance(probe.prompt, str):
                prompt = BEGIN + probe.prompt
            else:
                tools = list(probe.tools) or None
                prompt = str(
                    self.tokenizer.apply_chat_template(
                        probe.prompt, tools=tools, tokenize=False, add_generation_prompt=True
                    )
                )
            answer = self.answers([prompt], batch=1)[0]
            found.append(
                {"title": probe.title, "wanted": probe.wanted, "answer": answer, "good": probe.wanted in answer}
            )
        return found

    def by_length(self, n: int = 200) -> dict[str, str]:
        """Context questions in known wordings, by the length of the prompt in tokens."""
        pairs = [item for longest in (600, 1500, 2500, 4000) for item in items("context_qa_long", (), n // 4, longest)]
        buckets: dict[int, list[bool]] = {}
        for (prompt, want), got in zip(pairs, self.answers([p for p, _ in pairs], longest=40, batch=8), strict=True):
            size = len(self.tokenizer(prompt, add_special_tokens=False).input_ids)
            bucket = next((b for b in LENGTHS if size <= b), 10 * LENGTHS[-1])
            buckets.setdefault(bucket, []).append(got.strip() == want.strip())
        return {f"up to {b}": f"{sum(v)}/{len(v)}" for b, v in sorted(buckets.items())}

    def speed(self) -> int:
        """Tokens per second of one greedy answer, with one thread."""
        torch.set_num_threads(1)
        x = self.tokenizer("The", return_tensors="pt")
        took = 0.0
        for _ in range(2):  # the first is a warm-up
            start = time.monotonic()
            self.model.generate(**x, max_new_tokens=200, min_new_tokens=200, do_sample=False)
            took = time.monotonic() - start
        return round(200 / took)


def arguments() -> argparse.Namespace:
    """The command line."""
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("models", type=Path, nargs="+")
    ap.add_argument("--n", type=int, default=60, help="items a cell")
    ap.add_argument("--out", type=Path)
    ap.add_argument("--tasks", nargs="*", default=list(TASKS))
    ap.add_argument("--columns", nargs="*", default=list(COLUMNS))
    ap.add_argument("--probes", action="store_true")
    ap.add_argument("--lengths", action="store_true")
    ap.add_argument("--speed", action="store_true")
    ap.add_argument("--ask", nargs="+", metavar=("FILE", "QUESTION"), help="plain completions about a text file")
    ap.add_argument("--threads", type=int, default=1)
    return ap.parse_args()


def score(models: dict[str, Model], a: argparse.Namespace) -> dict[str, Any]:
    """The tables: right answers of every model in every cell, and some wrong ones."""
    result: dict[str, Any] = {name: {"scores": {}, "wrong": {}} for name in models}
    for task in a.tasks if a.n else []:
        for column in a.columns:
            if column in AXES and column not in HAS[task]:
                continue
            pairs = items(task, COLUMNS[column], a.n)
            for name, model in models.items():
                good, wrong = model.score(pairs)
                result[name]["scores"].setdefault(task, {})[column] = good
                result[name]["wrong"][f"{task}, {column}"] = wrong
        for name in models:
            row = result[name]["scores"][task]
            print(f"{name:12} {task:16}", *(f"{c} {row.get(c, '-')!s:4}" for c in a.columns), flush=True)
    for name in models if a.n else []:
        for column in a.columns:
            cells = [row[column] for row in result[name]["scores"].values() if column in row]
            share = 100 * sum(cells) / max(1, a.n * len(cells))
            print(f"{name:12} {column:10} {sum(cells)} of {a.n * len(cells)} ({share:.0f} %)", flush=True)
    return result


def more(model: Model, a: argparse.Namespace) -> dict[str, Any]:
    """What else was asked for on the command line."""
    found: dict[str, Any] = {}
    if a.probes:
        found["probes"] = model.probes()
        for p in found["probes"]:
            print("ok  " if p["good"] else "FAIL", p["title"], "->", repr(p["answer"]))
        print("probes", sum(p["good"] for p in found["probes"]), "of", len(PROBES), flush=True)
    if a.lengths:
        found["by_length"] = model.by_length()
        print("context questions by tokens:", found["by_length"], flush=True)
    if a.ask:
        text = Path(a.ask[0]).read_text(encoding="utf-8")
        prompts = [f"{BEGIN}Context: {text}\n\nQuestion: {question}\nAnswer:" for question in a.ask[1:]]
        found["asked"] = dict(zip(a.ask[1:], model.answers(prompts, batch=1), strict=True))
        print(found["asked"], flush=True)
    if a.speed:
        found["tokens_per_second"] = model.speed()
        print(found["tokens_per_second"], "tokens/s, batch 1, float32, one thread", flush=True)
    return found


def main() -> None:
    """Score, print and write."""
    a = arguments()
    torch.set_num_threads(a.threads)
    models = {folder.name: Model(folder) for folder in a.models}
    result = score(models, a)
    for name, model in models.items():
        print(f"----- {name}")
        result[name] |= more(model, a)
    if a.out:
        a.out.write_text(json.dumps(result, indent=1, ensure_ascii=False), encoding="utf-8")


if __name__ == "__main__":
    main()
