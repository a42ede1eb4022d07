"""How do I build agents with tools in LlamaIndex: that call functions, that reason in text, and in a workflow?

This starts the embedded engine. To use your own server, remove `EmbeddedEngine` and set LLM_ENGINE_BASE_PATH and SCALE_API_KEY.
"""

from __future__ import annotations

import asyncio
import sys

from llama_index.core.agent.workflow import AgentStream, AgentWorkflow, FunctionAgent, ReActAgent, ToolCallResult

from llmengine_integrations.engine import EmbeddedEngine
from llmengine_integrations.llama_index import LLMEngine


def get_current_weather(location: str) -> str:
    """Get the current weather in a given location."""
    return f"It is 17 degrees and sunny in {location}."


def search(query: str) -> str:
    """Search the web for a query."""
    return "The lighthouse is 42 metres high." if "lighthouse" in query else "Nothing was found."


QUESTIONS = {"What is the weather in Boston?": "17 degrees", "Search for the height of the lighthouse.": "42 metres"}


async def ask(agent: FunctionAgent | ReActAgent | AgentWorkflow, question: str) -> str:
    """Run the agent, and print its tool calls and its text as they arrive."""
    print(f"{type(agent).__name__}: {question}")
    run = agent.run(question)
    async for event in run.stream_events():
        if isinstance(event, ToolCallResult):
            print(f"   {event.tool_name}({event.tool_kwargs}) -> {event.tool_output.content}\n   ", end="")
        elif isinstance(event, AgentStream):
            print(event.delta, end="", flush=True)
    print()
    return str(await run)


async def main() -> int:
    """Ask every agent every question. Return 0 if each answer is right."""
    tools = [get_current_weather, search]
    async with EmbeddedEngine() as engine:
        where = {"base_url": engine.base_url, "api_key": engine.api_key}
        llm = LLMEngine.from_endpoint(engine.models[0], **where, temperature=0)
        agents = [FunctionAgent(tools=tools, llm=llm), AgentWorkflow.from_tools_or_functions(tools, llm=llm)]
        wrong = sum([expected not in await ask(agent, q) for agent in agents for q, expected in QUESTIONS.items()])
        question, expected = list(QUESTIONS.items())[-1]  # reasoning in text is mostly too hard for the tiny model
        wrong += expected not in await ask(ReActAgent(tools=tools, llm=llm), question)
    print("The engine has stopped." + (f" {wrong} answers were wrong." if wrong else ""))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
