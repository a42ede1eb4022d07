"""How do I make the model stop where I want: at a string, at several, or after so many tokens?"""

from __future__ import annotations

import sys
from pathlib import Path

from llmengine_integrations import Client
from llmengine_integrations.engine import EmbeddedEngine

TEXT = (Path(__file__).parent / "data" / "llm_engine.txt").read_text(encoding="utf-8")
PROMPT = f"Context: {TEXT}\n\nQuestion: Who founded Scale AI?\nAnswer:"  # " Alexandr Wang and Lucy Guo."
CASES = [
    ("at a string", {"stop_sequences": [" and"]}, "Alexandr Wang"),
    ("at the first of several", {"stop_sequences": ["\n", " Guo", " and Lucy"]}, "Alexandr Wang"),
    ("keeping the string", {"stop_sequences": [" and"], "include_stop_str_in_output": True}, "Alexandr Wang and"),
]


def streamed(client: Client, model: str, options: dict[str, object]) -> str:
    """Stream a completion. A stop string is never shown, not even part of it."""
    with client.completions.stream(model, PROMPT, temperature=0, **options) as chunks:
        pieces = [chunk.output.text for chunk in chunks if chunk.output is not None]
    print(f"   streamed: {pieces}")
    return "".join(pieces)


def main() -> int:
    """Complete the prompt in every way. Return 0 if each text ends where it should."""
    wrong = 0
    with EmbeddedEngine() as engine, Client(engine.base_url, engine.api_key) as client:
        model = engine.models[0]
        for name, options, expected in CASES:
            text = client.completions.create(model, PROMPT, temperature=0, **options).output.text
            print(f"{name}, {options}\n   {text!r}")
            wrong += text.strip() != expected or streamed(client, model, options) != text
        reply = client.completions.create(model, PROMPT, temperature=0, max_new_tokens=3)
        print(f"after three tokens\n   {reply.output.text!r}")
        wrong += reply.output.num_completion_tokens != len("abc")
    print("The engine has stopped." + (f" {wrong} texts were wrong." if wrong else ""))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
