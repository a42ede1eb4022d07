"""How do I get objects instead of text, and calls of my functions, from a chat model in LangChain?"""

from __future__ import annotations

import sys

from langchain_core.messages import HumanMessage
from langchain_core.tools import tool
from pydantic import BaseModel, Field

from llmengine_integrations.engine import EmbeddedEngine
from llmengine_integrations.langchain import ChatLLMEngine

TEXT = "Maria Lopez is 34 years old and lives in Valencia. Give name, age and city as JSON."


class Person(BaseModel):
    """Who a text is about."""

    name: str
    age: int = Field(ge=0)
    city: str


@tool
def get_current_weather(location: str) -> str:
    """Get the current weather in a given location."""
    return f"It is 17 degrees and sunny in {location}."


def weather(llm: ChatLLMEngine, question: str) -> str:
    """An answer for which the model first calls a function."""
    messages = [HumanMessage(question)]
    call = llm.bind_tools([get_current_weather]).invoke(messages)
    results = [get_current_weather.invoke(one) for one in call.tool_calls]
    print(f"   calls {[(one['name'], one['args']) for one in call.tool_calls]}")
    return llm.invoke([*messages, call, *results]).text


def main() -> int:
    """Fill an object in three ways, and answer with a tool. Return 0 if all answers are right."""
    wrong = 0
    with EmbeddedEngine() as engine:
        llm = ChatLLMEngine(
            model=engine.models[0], base_url=engine.base_url, api_key=engine.api_key, temperature=0, max_tokens=64
        )
        for method in ("json_schema", "function_calling", "json_mode"):
            found = llm.with_structured_output(Person, method=method, include_raw=True).invoke(TEXT)
            print(f"{method}: {found['parsed']!r}   {found['parsing_error'] or ''}")
            wrong += found["parsed"] != Person(name="Maria Lopez", age=34, city="Valencia")
        answer = weather(llm, "What is the weather in Boston?")
        print(f"   {answer}")
        wrong += "17 degrees" not in answer
    print("The engine has stopped." + (f" {wrong} answers were wrong." if wrong else ""))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
