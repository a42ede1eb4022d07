"""Hand-written prompts that no generator made: never train on them, nor on wordings near them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from template import call_text, said


@dataclass(frozen=True)
class Probe:
    """A chat or a raw prompt, and what a good answer has in it."""

    title: str
    prompt: list[dict[str, Any]] | str
    wanted: str
    tools: tuple[dict[str, Any], ...] = ()


def tool(name: str, description: str, required: list[str] | None = None, **params: Any) -> dict[str, Any]:
    """A tool in OpenAI's form."""
    parameters = {"type": "object", "properties": params, "required": required or list(params)}
    return {"type": "function", "function": {"name": name, "description": description, "parameters": parameters}}


def user(text: str) -> list[dict[str, Any]]:
    """A chat of one turn."""
    return [said("user", text)]


def after_call(question: str, name: str, arguments: dict[str, Any], result: str) -> list[dict[str, Any]]:
    """A chat in which a tool has just answered."""
    call = {"type": "function", "function": {"name": name, "arguments": json.dumps(arguments)}}
    called = {"role": "assistant", "content": None, "tool_calls": [call]}
    return [said("user", question), called, said("tool", result)]


WEATHER = tool(
    "get_current_weather",
    "Get the current weather in a given location",
    ["location"],
    location={"type": "string", "description": "The city and state, e.g. San Francisco, CA"},
    unit={"type": "string", "enum": ["celsius", "fahrenheit"]},
)
TICKET = tool(
    "create_ticket",
    "Create a support ticket",
    customer={"type": "string", "description": "Customer name"},
    severity={"type": "integer"},
)
STOCK = tool("get_stock_price", "Get the price of a stock", symbol={"type": "string", "description": "Ticker symbol"})
ACME = (
    "Acme Robotics was founded in 1998 by Jane Porter. The company builds warehouse robots and is based in Rotterdam. Its best known "
    "product, the Picker 9, costs 4200 dollars.\n\nThe support desk is open from 8:30 until 17:00 on weekdays. You can reach it at "
    "help@acme-robotics.com. Returns are accepted within 45 days."
)
LANGCHAIN = (
    "Use the following pieces of context to answer the question at the end. If you don't know the answer, just say that you don't "
    "know, don't try to make up an answer.\n\n{c}\n\nQuestion: {q}\nHelpful Answer:"
)
LLAMA_INDEX = (
    "Context information is below.\n---------------------\n{c}\n---------------------\nGiven the context information and not prior "
    "knowledge, answer the query.\nQuery: {q}\nAnswer: "
)
EXPERT = said("system", "You are an expert Q&A system that is trusted around the world.")
ROUTER = (
    "Context: The password for the guest network is tulip-4471. The router is in the hall.\n\nQuestion: {}\nAnswer:"
)
GREENHOUSE = (
    "Context: Anna Lindqvist started Fernwood in 2009. Brightlake was started by Tomas Eller in 2014. Fernwood sells greenhouse lamps "
    "and sits in Uppsala. Brightlake has 62 employees.\n\nQuestion: {}\nAnswer:"
)
BOSTON = "What's the weather like in Boston?"

PROBES = [
    Probe("LangChain default, founder", user(LANGCHAIN.format(c=ACME, q="Who founded Acme Robotics?")), "Jane Porter"),
    Probe(
        "LangChain default, email",
        user(LANGCHAIN.format(c=ACME, q="How can I reach the support desk?")),
        "help@acme-robotics.com",
    ),
    Probe("LlamaIndex default, price", user(LLAMA_INDEX.format(c=ACME, q="How much does the Picker 9 cost?")), "4200"),
    Probe(
        "LlamaIndex default, place",
        [EXPERT, *user(LLAMA_INDEX.format(c=ACME, q="Where is Acme Robotics based?"))],
        "Rotterdam",
    ),
    Probe(
        "LlamaIndex default, return policy",
        user(LLAMA_INDEX.format(c=ACME, q="Within how many days are returns accepted?")),
        "45",
    ),
    Probe("absent fact", user(LANGCHAIN.format(c=ACME, q="What is the capital of Peru?")), "I don't know"),
    Probe("raw completion", ROUTER.format("What is the password for the guest network?"), "tulip-4471"),
    Probe("raw completion, absent", ROUTER.format("Who repaired the router?"), "I don't know"),
    Probe("raw completion, two of a kind", GREENHOUSE.format("Who started Brightlake?"), "Tomas Eller"),
    Probe("raw completion, year of the other", GREENHOUSE.format("When was Fernwood started?"), "2009"),
    Probe("raw completion, count", GREENHOUSE.format("How many employees does Brightlake have?"), "62"),
    Probe(
        "JSON",
        user("Extract name, age and city as JSON: Maria Lopez is 34 years old and lives in Valencia."),
        '{"name": "Maria Lopez", "age": 34, "city": "Valencia"}',
    ),
    Probe(
        "JSON, unseen keys",
        user("Extract title, author and pages as JSON: The book Deep Rivers by Tom Hale has 312 pages."),
        '"pages": 312',
    ),
    Probe("OpenAI's weather tool", user(BOSTON), '"location": "Boston"', (WEATHER,)),
    Probe(
        "unseen tools, choose one",
        [
            said("system", "You are a helpful assistant."),
            *user("Please create a ticket for the customer Dana Fox with severity 3."),
        ],
        call_text("create_ticket", {"customer": "Dana Fox", "severity": 3}),
        (STOCK, TICKET),
    ),
    Probe(
        "unseen tool", user("Get the stock price for ACME."), call_text("get_stock_price", {"symbol": "ACME"}), (STOCK,)
    ),
    Probe(
        "tool result, JSON",
        after_call(BOSTON, "get_current_weather", {"location": "Boston"}, '{"temperature": 17, "condition": "cloudy"}'),
        "The temperature is 17 and the condition is cloudy.",
        (WEATHER,),
    ),
    Probe(
        "tool result, sentence",
        after_call(BOSTON, "get_current_weather", {"location": "Boston"}, "It is 17 degrees and cloudy in Boston."),
        "It is 17 degrees and cloudy in Boston.",
        (WEATHER,),
    ),
    Probe(
        "two calls",
        user("What is the weather in Paris? Also get the stock price for ZYX."),
        call_text("get_current_weather", {"location": "Paris"})
        + "\n"
        + call_text("get_stock_price", {"symbol": "ZYX"}),
        (WEATHER, STOCK),
    ),
    Probe(
        "remember",
        [
            *user("Hi, my name is Priscilla and I live in Ghent."),
            said("assistant", "Nice to meet you, Priscilla."),
            *user("What is my name?"),
        ],
        "Priscilla",
    ),
    Probe("sentiment", user("Classify the sentiment as positive or negative: The hotel was wonderful."), "positive"),
    Probe("label choice", user("Answer with one of: billing, shipping, returns.\nThis is about shipping."), "shipping"),
    Probe("echo", user("Repeat after me: the quick Brown fox 42"), "the quick Brown fox 42"),
    Probe("list", user("List these as bullet points: milk, eggs and bread"), "- milk\n- eggs\n- bread"),
    Probe(
        "summary",
        user("Summarize in one sentence: The library opens a new branch in May. It has 40 desks. Entry is free."),
        "The library opens a new branch in May.",
    ),
    Probe("greeting", user("Hello!"), "Hello! How can I help you?"),
    Probe("general knowledge (not trained)", user("What is the capital of France?"), "Paris"),
]
