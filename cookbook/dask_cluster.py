"""How do I work through more documents than one machine holds, on a Dask cluster?

Each worker gets a copy of the model, which opens its own connections. The key is not sent with it; workers read it from their
environment. Here, the cluster is two processes on this machine. For a cluster of many machines, use `Cluster("tcp://scheduler:8786")`.
"""

from __future__ import annotations

import csv
import logging
import os
import sys
from collections.abc import Iterable
from pathlib import Path

import dask.bag
from distributed import Client as Cluster
from distributed import LocalCluster

from llmengine_integrations.engine import EmbeddedEngine
from llmengine_integrations.langchain import LLMEngine

STAFF = Path(__file__).parent / "data" / "staff.csv"
PROMPT = "Context: {name} works in {city}.\n\nQuestion: In which city does {name} work?\nAnswer:"


def answered(people: Iterable[dict[str, str]], llm: LLMEngine) -> list[dict[str, str]]:
    """Answer a part of the documents on a worker: several at a time, with failures in their places."""
    rows = list(people)
    answers = llm.batch([PROMPT.format(**one) for one in rows], return_exceptions=True)
    return [one | {"answer": str(answer).strip()} for one, answer in zip(rows, answers, strict=True)]


def main() -> int:
    """Ask about everyone. Return 0 if everyone has an answer and most answers are right."""
    people = list(csv.DictReader(STAFF.read_text(encoding="utf-8").splitlines()))
    with EmbeddedEngine() as engine:
        os.environ["SCALE_API_KEY"] = engine.api_key
        llm = LLMEngine(model=engine.models[0], base_url=engine.base_url, temperature=0, max_new_tokens=16)
        with (
            LocalCluster(
                n_workers=2, threads_per_worker=2, dashboard_address=None, silence_logs=logging.ERROR
            ) as machines,
            Cluster(machines) as cluster,
        ):
            documents = dask.bag.from_sequence(people, npartitions=4)  # or read_text("s3://.../*.jsonl")
            found = cluster.compute(documents.map_partitions(answered, llm)).result()
    for one in found[:5]:
        print(f"{one['name']}: {one['answer']}")
    right = sum(one["city"] in one["answer"] for one in found)
    print(f"... {right} of {len(found)} are right. The engine has stopped.")
    return 0 if len(found) == len(people) and right > len(people) // 2 else 1


if __name__ == "__main__":
    sys.exit(main())
