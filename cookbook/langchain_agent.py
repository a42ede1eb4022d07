"""How do I run a LangGraph agent with tools on LLM Engine, and see each step as it comes?

The engine's own model is tiny: it chooses between two simple tools and reports their results, with one call per question.
"""

from __future__ import annotations

import sys

from langchain.agents import create_agent
from langchain_core.messages import AIMessageChunk, ToolMessage
from langchain_core.tools import tool

from llmengine_integrations.engine import EmbeddedEngine
from llmengine_integrations.langchain import ChatLLMEngine, LLMEngineUsageCallbackHandler

QUESTIONS = {"Multiply 12 by 3.": ("multiply", "36"), "Add 17 and 25.": ("add", "42")}


@tool
def multiply(a: int, b: int) -> int:
    """Multiply two numbers."""
    return a * b


@tool
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


def main() -> int:
    """Ask every question. Return 0 if each was answered with the right tool."""
    usage = LLMEngineUsageCallbackHandler()
    wrong = 0
    with EmbeddedEngine() as engine:
        llm = ChatLLMEngine(
            model=engine.models[0], base_url=engine.base_url, api_key=engine.api_key, temperature=0, max_tokens=64
        )
        agent = create_agent(llm, [multiply, add])
        for question, (name, expected) in QUESTIONS.items():
            print(f"Q: {question}")
            answer, called, asked = "", list[str](), {"messages": [("user", question)]}
            for piece, _ in agent.stream(asked, {"callbacks": [usage]}, stream_mode="messages"):
                match piece:
                    case AIMessageChunk():
                        called += [call["name"] for call in piece.tool_call_chunks if call["name"]]
                        print("".join(call["args"] or "" for call in piece.tool_call_chunks) + piece.text, end="")
                        answer += piece.text
                    case ToolMessage():
                        print(f"\n   {piece.name} -> {piece.text}")
            print()
            wrong += called != [name] or expected not in answer
    print(f"Tokens used: {usage.total}")
    print("The engine has stopped." + (f" {wrong} answers were wrong." if wrong else ""))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
