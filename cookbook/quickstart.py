"""How do I get answers about a text from LLM Engine in a LangChain chain, streamed token by token?

This starts the embedded engine, so it needs no server. To use your own, remove `EmbeddedEngine`, pass your endpoint's name to `LLMEngine`,
and set LLM_ENGINE_BASE_PATH and SCALE_API_KEY.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.outputs import GenerationChunk
from langchain_core.prompts import PromptTemplate

from llmengine_integrations.engine import EmbeddedEngine
from llmengine_integrations.langchain import LLMEngine

TEXT = (Path(__file__).parent / "data" / "llm_engine.txt").read_text(encoding="utf-8")
QUESTIONS = {
    "Who founded Scale AI?": "Alexandr Wang and Lucy Guo",
    "When was Scale AI founded?": "2016",
    "On which port does the embedded engine listen?": "5005",
    "What is the price of LLM Engine?": "I don't know",
}


class PrintTokens(BaseCallbackHandler):
    """Print each token as it arrives, and keep its log-probability."""

    def __init__(self) -> None:
        self.log_probs: list[tuple[str, float]] = []

    def on_llm_new_token(self, token: str, *, chunk: Any = None, **_: Any) -> None:
        """LangChain calls this for every token of a stream."""
        print(token, end="", flush=True)
        info = chunk.generation_info if isinstance(chunk, GenerationChunk) else None
        found = (info or {}).get("logprobs", {"tokens": [], "token_logprobs": []})
        self.log_probs += zip(found["tokens"], found["token_logprobs"], strict=True)


def main() -> int:
    """Ask every question. Return 0 if each answer is right."""
    prompt = PromptTemplate.from_template("Context: {text}\n\nQuestion: {question}\nAnswer:")
    wrong = 0
    with EmbeddedEngine() as engine:
        print(f"The embedded engine serves {', '.join(engine.models)} at {engine.base_url}\n")
        llm = LLMEngine(
            model=engine.models[0], base_url=engine.base_url, api_key=engine.api_key, temperature=0, logprobs=True
        )
        chain = prompt.partial(text=TEXT) | llm
        for question, expected in QUESTIONS.items():
            print(f"Q: {question}\nA:", end="", flush=True)
            tokens = PrintTokens()
            answer = "".join(chain.stream({"question": question}, config={"callbacks": [tokens]}))
            wrong += expected not in answer
            print("\n  ", "  ".join(f"{token!r} {log_prob:.2f}" for token, log_prob in tokens.log_probs), "\n")
    print("The engine has stopped." + (f" {wrong} answers were wrong." if wrong else ""))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
