"""How do I see how sure the model is of each token while it streams?

Each token gets a colour: green where the model was sure, yellow or red where it was not. With the name of a .svg file,
`python token_probabilities.py answers.svg` also makes a picture.
"""

from __future__ import annotations

import math
import re
import sys
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from llmengine_integrations import Client
from llmengine_integrations.engine import EmbeddedEngine

TEXT = (Path(__file__).parent / "data" / "llm_engine.txt").read_text(encoding="utf-8")
QUESTIONS = {
    "Who founded Scale AI?": "Lucy Guo",
    "When was Scale AI founded?": "2016",
    "What is the license of LLM Engine?": "",  # any answer is accepted: the small model guesses here
}
NOTEBOOK: dict[str, Any] = {"force_jupyter": False}  # in a notebook, rich would begin a new block for each token
if "ipykernel" in sys.modules:
    NOTEBOOK |= {"force_terminal": True, "color_system": "truecolor"}


def coloured(token: str, log_prob: float) -> Text:
    """A token with its probability as background colour."""
    probability = math.exp(log_prob)
    red, green = min(1.0, 2 - 2 * probability), min(1.0, 2 * probability)
    return Text(token, style=f"black on rgb({int(120 + 120 * red)},{int(120 + 120 * green)},120)")


def main(svg: Path | None = None) -> int:
    """Ask every question, and colour the answers. Return 0 if each is right."""
    console, wrong = Console(record=True, width=92, highlight=False, **NOTEBOOK), 0
    with EmbeddedEngine() as engine, Client(engine.base_url, engine.api_key) as client:
        for question, expected in QUESTIONS.items():
            prompt = f"Context: {TEXT}\n\nQuestion: {question}\nAnswer:"
            options = {"temperature": 0, "max_new_tokens": 32, "return_token_log_probs": True}
            console.print(f"Q: {question}\nA:", end="")
            answer = []
            with client.completions.stream(engine.models[0], prompt, **options) as chunks:
                for chunk in chunks:
                    if chunk.output is not None and chunk.output.token is not None:
                        answer.append(chunk.output.token)
                        console.print(coloured(chunk.output.token.token, chunk.output.token.log_prob), end="")
            unsure = min(answer, key=lambda token: token.log_prob)
            console.print(f"\n   least sure of {unsure.token!r}: {math.exp(unsure.log_prob):.0%}\n")
            wrong += expected not in "".join(token.token for token in answer)
    if svg is not None:
        drawn = console.export_svg(title="Each token in a colour for its probability")
        local = re.sub(r"@font-face {.*?}", "", drawn, flags=re.DOTALL)  # without fonts from other hosts
        svg.write_text(local, encoding="utf-8")
    print("The engine has stopped." + (f" {wrong} answers were wrong." if wrong else ""))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(*map(Path, sys.argv[1:])))
