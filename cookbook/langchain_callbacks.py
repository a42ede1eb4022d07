"""How do I see what my runs cost, how fast and how sure the model was, and keep them as training data?

This passes three of LangChain's callback handlers once, for a whole chain. They also work with LangChain's other models.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from langchain_core.prompts import PromptTemplate

from llmengine_integrations import Client
from llmengine_integrations.engine import EmbeddedEngine
from llmengine_integrations.langchain import (
    FineTuneDatasetCallbackHandler,
    LLMEngine,
    LLMEngineUsageCallbackHandler,
    TokenStreamCallbackHandler,
)

TEXT = (Path(__file__).parent / "data" / "llm_engine.txt").read_text(encoding="utf-8")
QUESTIONS = ["Who founded Scale AI?", "When was Scale AI founded?", "What is the price of LLM Engine?"]


def main() -> int:
    """Ask every question, and print what the handlers saw. Return 0 if they saw everything."""
    prompt = PromptTemplate.from_template("Context: {text}\n\nQuestion: {question}\nAnswer:")
    with (
        tempfile.TemporaryDirectory() as folder,
        EmbeddedEngine() as engine,
        Client(engine.base_url, engine.api_key) as client,
    ):
        usage = LLMEngineUsageCallbackHandler()
        tokens = TokenStreamCallbackHandler(lambda token: print(token.text, end="|", flush=True))
        dataset = FineTuneDatasetCallbackHandler(Path(folder) / "train.csv")
        llm = LLMEngine(model=engine.models[0], client=client, temperature=0, logprobs=True)
        chain = (prompt.partial(text=TEXT) | llm).with_config(callbacks=[usage, tokens, dataset])
        for question in QUESTIONS:
            print(f"Q: {question}\nA:", end="")
            _ = list(chain.stream({"question": question}))
            run = tokens.last
            print(
                f"\n   first token after {run.time_to_first_token:.3f} s, {run.tokens_per_second:.0f} tokens/s, ",
                end="",
            )
            print(f"perplexity {run.perplexity:.2f}, ended with {run.finish_reason!r}")
        print(f"\nTokens used: {usage.total}")
        checked = client.files.check(dataset.file.path)
        print(f"Training data: {checked.rows} rows of {checked.columns} in {dataset.file.path.name}")
    print("The engine has stopped.")
    complete = usage.runs == {llm.model: 3} and checked.rows == len(tokens.runs) == len(QUESTIONS)
    return 0 if complete else 1


if __name__ == "__main__":
    sys.exit(main())
