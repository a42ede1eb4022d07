"""How do I keep answers, so that the same question is not paid for twice?

LangChain's caches work with both models: in memory as here, or in SQLite or Redis with LangChain's other packages. The same prompt with
other options counts as a new question.
"""

from __future__ import annotations

import sys

from langchain_core.caches import InMemoryCache

from llmengine_integrations.engine import EmbeddedEngine
from llmengine_integrations.langchain import LLMEngine, get_llmengine_usage_callback

PROMPT = "Maria lives in Valencia.\nQuestion: Where does Maria live?\nAnswer:"


def main() -> int:
    """Ask four times. Return 0 if only new questions cost tokens."""
    costs = list[int]()
    with EmbeddedEngine() as engine:
        llm = LLMEngine(
            model=engine.models[0],
            base_url=engine.base_url,
            api_key=engine.api_key,
            temperature=0,
            max_new_tokens=16,
            cache=InMemoryCache(),  # for all models: langchain_core.globals.set_llm_cache(...)
        )
        for name, options in {
            "first": {},
            "again": {},
            "shorter": {"max_new_tokens": 3},
            "shorter, again": {"max_new_tokens": 3},
        }.items():
            with get_llmengine_usage_callback() as usage:
                answer = llm.invoke(PROMPT, **options)
            costs.append(usage.total["total_tokens"])
            print(f"{name}: {answer!r}, {costs[-1]} tokens")
    print("The engine has stopped.")
    return 0 if costs[0] > costs[2] > 0 == costs[1] == costs[3] else 1


if __name__ == "__main__":
    sys.exit(main())
