"""How do I make yesterday's questions train tomorrow's model?

A LlamaIndex query engine answers questions about a staff list while a handler records it. The script checks the answers against the list,
rewrites them in the house style, and trains on them. The same query engine then uses the tuned model, for people that nobody has asked
about yet. `python flywheel.py loss.svg` also plots the loss, which needs matplotlib.
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

from llama_index.core import Document, PromptTemplate, Settings, SimpleKeywordTableIndex
from llama_index.core.callbacks import CallbackManager

from llmengine_integrations.datasets import TrainingRow
from llmengine_integrations.engine import EmbeddedEngine
from llmengine_integrations.llama_index import LLMEngine, LLMEngineFinetuneEngine, LLMEngineFineTuningHandler

STAFF = list(csv.DictReader((Path(__file__).parent / "data" / "staff.csv").read_text(encoding="utf-8").splitlines()))
PROMPT = PromptTemplate("Context: {context_str}\n\nQuestion: {query_str}\nAnswer:")
SENTENCES = "{name} works in {city}. The room of {name} is {room}. The badge of {name} is {badge}."
QUESTIONS = ["In which {} does {} work?", "In which {} is {}?", "Which colour has the {} of {}?"]
STYLE = " (staff list)"


def questions(people: list[dict[str, str]]) -> dict[str, str]:
    """Questions about people, with the right answers."""
    fields = list(zip(("city", "room", "badge"), QUESTIONS, strict=True))
    return {wording.format(field, person["name"]): person[field] for person in people for field, wording in fields}


def examples(rows: list[TrainingRow], right: dict[str, str]) -> list[tuple[str, str]]:
    """The recorded questions, with right answers in the house style."""
    asked = [(row.prompt, row.prompt.split("Question: ")[1].split("\n")[0]) for row in rows]
    return [(prompt, f" {right[question]}{STYLE}") for prompt, question in asked]


def main(plot: Path | None = None) -> int:
    """Ask, record, train, and ask again. Return 0 if the tuned model is right more often."""
    handler = LLMEngineFineTuningHandler()
    Settings.callback_manager = CallbackManager([handler])  # query engines pass it to their LLM
    with EmbeddedEngine() as engine:
        server = {"base_url": engine.base_url, "api_key": engine.api_key}
        llm = LLMEngine(model=engine.models[0], temperature=0, max_tokens=24, **server)
        index = SimpleKeywordTableIndex.from_documents(
            [Document(text=SENTENCES.format(**one)) for one in STAFF], llm=llm
        )
        answering = index.as_query_engine(llm=llm, text_qa_template=PROMPT)
        yesterday, today = questions(STAFF[:-8]), questions(STAFF[-8:])
        for question in yesterday:
            answering.query(question)
        tuning = LLMEngineFinetuneEngine(
            llm.model, examples(handler.rows, yesterday), hyperparameters={"epochs": 3}, check=False, **server
        )
        tuning.finetune(wait=True, on_event=lambda event: print(f"  {event.message}"))
        if plot is not None:
            tuning.plot_loss(plot)
        tuned = index.as_query_engine(
            llm=tuning.get_finetuned_model(temperature=0, max_tokens=24), text_qa_template=PROMPT
        )
        scores = [0, 0]
        for number, (question, expected) in enumerate(today.items()):
            before, after = (str(one.query(question)).strip() for one in (answering, tuned))
            scores = [scores[0] + (expected in before), scores[1] + (after == expected + STYLE)]
            if number < len(QUESTIONS):
                print(f"Q: {question}\n   before: {before}\n   after:  {after}")
        print(f"Right before: {scores[0]} of {len(today)}. Right and in style after: {scores[1]} of {len(today)}.")
    print("The engine has stopped.")
    return 0 if scores[1] > max(scores[0], len(today) // 2) else 1


if __name__ == "__main__":
    sys.exit(main(*map(Path, sys.argv[1:])))
