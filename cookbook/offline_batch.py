"""How do I complete many prompts in one job, overnight, and get a table of the results?

On a cluster, the paths are `s3://...`, as the job's machine sees them. `results` reads those too, with fsspec and s3fs.
"""

from __future__ import annotations

import csv
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

from llmengine_integrations import Client
from llmengine_integrations.engine import EmbeddedEngine
from llmengine_integrations.types import BatchResult

STAFF = list(csv.DictReader((Path(__file__).parent / "data" / "staff.csv").read_text(encoding="utf-8").splitlines()))


def prompt(person: dict[str, str]) -> str:
    """A question about a person, with the text that contains the answer."""
    return "Context: {name} works in {city}.\n\nQuestion: In which city does {name} work?\nAnswer:".format(**person)


def table(results: list[BatchResult], people: list[dict[str, str]]) -> Table:
    """The results next to the right answers."""
    found = Table("person", "answer", "right", "tokens")
    for result, person in zip(results, people, strict=True):
        tokens = str(result.output.num_completion_tokens) if result.output else ""
        found.add_row(person["name"], (result.text or f"failed: {result.error}").strip(), person["city"], tokens)
    return found


def main() -> int:
    """Run the batch. Return 0 if most answers are right."""
    people = STAFF[:12]
    content = {"prompts": [prompt(person) for person in people], "max_new_tokens": 24, "temperature": 0.0}
    with (
        tempfile.TemporaryDirectory() as folder,
        EmbeddedEngine(allow_paths=[folder]) as engine,
        Client(engine.base_url, engine.api_key) as client,
    ):
        source = client.batch_completions.input_file(Path(folder) / "input.json", content)
        output = str(Path(folder) / "output.json")
        job = client.batch_completions.create(engine.models[0], input_data_path=source, output_data_path=output)
        client.batch_completions.wait(job.job_id, on_status=lambda job: print(f"{job.job_id}: {job.status}"))
        results = client.batch_completions.results(output, content=content)
    Console(width=80).print(table(results, people))
    right = sum(person["city"] in (one.text or "") for one, person in zip(results, people, strict=True))
    print(f"{right} of {len(people)} are right. The engine has stopped.")
    return 0 if right > len(people) // 2 else 1


if __name__ == "__main__":
    sys.exit(main())
