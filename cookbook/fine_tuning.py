"""How do I teach a model facts of my own, and see that it learns them?

This fine-tunes the embedded engine's model on 200 rows about the colours of badges, each asked in ten wordings. With a file name,
`python fine_tuning.py loss.svg` also plots the loss, which needs matplotlib. For LLM Engine on a cluster, remove `EmbeddedEngine` and pass
one of the cluster's models to `create`.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from llmengine_integrations import Client
from llmengine_integrations.engine import EmbeddedEngine
from llmengine_integrations.training_metrics import TrainingMetrics

ROWS = Path(__file__).parent / "data" / "badges.csv"
QUESTIONS = {
    "What is Yuki's badge colour?": "olive",
    "Could you tell me the colour of Sven's badge?": "crimson",  # no row has this wording
    "Which badge colour belongs to Hana?": "brown",  # no row has this wording
}


def answer(client: Client, model: str, question: str) -> str:
    """The answer of a model to a question."""
    prompt = f"Question: {question}\nAnswer:"
    return client.completions.create(model, prompt, max_new_tokens=24, temperature=0).output.text.strip()


def train(client: Client, base: str) -> tuple[str, TrainingMetrics]:
    """Fine-tune a model. Return the new model's name and the metrics of its training."""
    uploaded = client.files.upload(ROWS)
    begun = time.monotonic()
    job = client.fine_tunes.create(base, uploaded.id, suffix="badges")
    events = []
    for event in client.fine_tunes.follow(job.id, max_poll_interval=1):
        events.append(event)
        print(f"  {event.message}")
    name = client.fine_tunes.wait(job.id).fine_tuned_model or ""
    print(f"\nIt took {time.monotonic() - begun:.0f} seconds. The new model is {name}.\n")
    return name, TrainingMetrics.from_events(events)


def table(metrics: TrainingMetrics) -> str:
    """Training and validation loss after each epoch, as Markdown."""
    losses = dict(metrics.series("loss"))
    rows = [f"| {epoch:g} | {losses[epoch]:.4f} | {loss:.4f} |" for epoch, loss in metrics.series("eval_loss")]
    return "\n".join(["| epoch | loss | eval_loss |", "|--:|--:|--:|", *rows])


def main(plot: Path | None = None) -> int:
    """Train, and ask both models. Return 0 if only the new one knows each answer."""
    wrong = 0
    with (
        EmbeddedEngine(aliases=["llama-2-7b"]) as engine,
        Client(base_url=engine.base_url, api_key=engine.api_key) as client,
    ):
        name, metrics = train(client, "llama-2-7b")
        print(table(metrics), "\n")
        for question, colour in QUESTIONS.items():
            before, after = answer(client, "llama-2-7b", question), answer(client, name, question)
            print(f"Q: {question}\n   before: {before}\n   after:  {after}")
            wrong += colour in before or colour not in after
        if plot is not None:
            metrics.plot_loss(plot, title="200 rows, 5 epochs")
    print("\nThe engine has stopped." + (f" {wrong} answers were wrong." if wrong else ""))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(*map(Path, sys.argv[1:])))
