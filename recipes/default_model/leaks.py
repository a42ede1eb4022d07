"""Looks for evaluation prompts in training documents.

python leaks.py --documents 100000

Replays the documents of a training run (same seeds; approximate once rows grow, because that goes by time) and counts the prompts of
`evaluate.py` and `probes.py` among them.  Fails if a wording is both known and new, or if a probe's text turns up.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterator

import agentwords
import chats
import prompts
import sourcewords
import statements
import toolwords
import words
from documents import TASKS
from evaluate import COLUMNS, HAS, items
from packing import Rows
from probes import PROBES
from tokenizers import Tokenizer, models
from wording import AXES, Split


def splits(value: object) -> Iterator[Split]:
    """All lists of wordings in a value."""
    if isinstance(value, Split):
        yield value
    elif isinstance(value, dict):
        for part in value.values():
            yield from splits(part)
    elif isinstance(value, (list, tuple)):
        for part in value:
            yield from splits(part)
    elif hasattr(value, "__dataclass_fields__") and not isinstance(value, type):
        for name in value.__dataclass_fields__:
            yield from splits(getattr(value, name))


def replay(seed: int, n: int, length: int) -> Iterator[list[tuple[str, bool]]]:
    """Documents as training drew them."""
    rows = Rows(Tokenizer(models.BPE()), seed, prose_share=0.03)
    rows.documents.longest = (length - 200) * 3
    for _ in range(n):
        if rows.rng.random() < rows.prose_share:
            rows.rng.integers(len(rows.prose))
        else:
            yield rows.documents.document()


def main() -> int:
    """Count."""
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--documents", type=int, default=100_000, help="of every process")
    ap.add_argument("--processes", type=int, default=2)
    ap.add_argument("--seed", type=int, default=1, help="the training run's")
    ap.add_argument("--length", type=int, default=768, help="of the training run's first rows, in tokens")
    ap.add_argument("--n", type=int, default=60, help="items a cell")
    a = ap.parse_args()
    parts = [
        s
        for m in (agentwords, chats, prompts, sourcewords, statements, toolwords, words)
        for s in splits(list(vars(m).values()))
    ]
    both = [sorted(set(s.known) & set(s.new)) for s in parts]
    known, new = sum(len(s.known) for s in parts), sum(len(s.new) for s in parts)
    print("wordings:", known, "known,", new, "new; in both:", [b for b in both if b])
    wanted: dict[str, list[str]] = {}
    for task in TASKS:
        for column, axes in COLUMNS.items():
            if column not in AXES or column in HAS[task]:
                for prompt, _ in items(task, axes, a.n):
                    wanted.setdefault(prompt, []).append(f"{task}, {column}")
    said = [p.prompt if isinstance(p.prompt, str) else p.prompt[-1]["content"] for p in PROBES]
    probes = {text for text in said if len(text) > len("What is my name?")}
    found: Counter[str] = Counter()
    for process in range(a.processes):
        for pieces in replay(a.seed + 1 + process, a.documents, a.length):
            text = ""
            for piece, is_answer in pieces:
                if is_answer:
                    found.update(wanted.pop(text, []))
                text += piece
            found.update(f"probe: {probe}" for probe in probes if probe in text)
    print("found in training documents:", dict(found.most_common()))
    return 1 if any(both) or any(name.startswith("probe") for name in found) else 0


if __name__ == "__main__":
    sys.exit(main())
