"""How do I make sure that an answer has the form I need: JSON, a pattern, one of some words, a grammar?

The engine lets the model choose only tokens that fit the form, so even a model that guesses cannot break it. The content is still the
model's, and an answer that `max_new_tokens` cuts off is incomplete.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable

from llmengine_integrations import Client
from llmengine_integrations.engine import EmbeddedEngine

PROMPT = (
    "Context: Maria Lopez is 34 years old. Maria Lopez lives in Valencia.\n\nQuestion: How old is Maria Lopez?\nAnswer:"
)
PERSON = {
    "type": "object",
    "properties": {"name": {"type": "string", "maxLength": 30}, "age": {"type": "integer", "minimum": 0}},
    "required": ["name", "age"],
    "additionalProperties": False,
}
SENTENCE = 'root ::= " She is " [0-9]+ " years old."'  # GBNF, as in llama.cpp and XGrammar; Lark's notation works too

CASES: list[tuple[str, object, Callable[[str], object]]] = [
    ("guided_json", PERSON, lambda text: set(json.loads(text)) == {"name", "age"}),
    ("guided_regex", r" \d{2}", lambda text: re.fullmatch(r" \d{2}", text)),
    ("guided_choice", [" thirty-four", " forty"], lambda text: text in {" thirty-four", " forty"}),
    ("guided_grammar", SENTENCE, lambda text: re.fullmatch(r" She is \d+ years old\.", text)),
]


def main() -> int:
    """Ask for every form. Return 0 if each answer has its form."""
    wrong = 0
    with EmbeddedEngine() as engine, Client(engine.base_url, engine.api_key) as client:
        for field, form, fits in CASES:
            reply = client.completions.create(
                engine.models[0], PROMPT, temperature=0, max_new_tokens=64, **{field: form}
            )
            print(f"{field}: {reply.output.text!r}")
            wrong += not fits(reply.output.text)
    print("The engine has stopped." + (f" {wrong} answers have another form." if wrong else ""))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
