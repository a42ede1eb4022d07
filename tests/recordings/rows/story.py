"""What the stand-in model behind the recordings always says, as the client's types."""

from __future__ import annotations

from llmengine_integrations.wire.completions import (
    Completion,
    CompletionChunk,
    CompletionOutput,
    CompletionStreamOutput,
    TokenOutput,
)

SKY = "why is the sky blue?"

# Its tokens with their log-probabilities; an answer to SKY starts with the first.
TOKENS = [
    (" Once", -0.12),
    (" upon", -0.03),
    (" a", -0.44),
    (" time", -0.008),
    (",", -0.61),
    (" there", -1.27),
    (" was", -0.35),
    (" a", -0.5),
    (" small", -2.01),
    (" café", -3.3),
    (" ☕", -1.9),
    (" in", -0.7),
    (" 东京", -4.2),
    (".", -0.2),
    ("\n", -0.9),
    (" It", -1.1),
    (" sold", -2.6),
    (" data", -1.4),
    (":", -0.3),
    (' "tea"', -2.2),
]


def tokens(count: int) -> list[TokenOutput]:
    """The first tokens with their log-probabilities."""
    return [TokenOutput(token=token, log_prob=log_prob) for token, log_prob in TOKENS[:count]]


def completion(request_id: str, text: str, *, count: int, tokens: list[TokenOutput] | None = None) -> Completion:
    """The whole reply to SKY, which has five tokens."""
    output = CompletionOutput(text=text, num_prompt_tokens=5, num_completion_tokens=count, tokens=tokens)
    return Completion(request_id=request_id, output=output)


def story(
    request_id: str, count: int, *, start: int = 0, prompt: int | None = 5, log_probs: bool = False
) -> list[CompletionChunk]:
    """The events of a stream as most frameworks send them; with `prompt` None one that breaks off before it is finished."""
    told = TOKENS[start : start + count]
    return [
        CompletionChunk(
            request_id=request_id,
            output=CompletionStreamOutput(
                text=token,
                finished=(finished := prompt is not None and number == count),
                num_prompt_tokens=prompt if finished else None,
                num_completion_tokens=number,
                token=TokenOutput(token=token, log_prob=log_prob) if log_probs else None,
            ),
        )
        for number, (token, log_prob) in enumerate(told, start=1)
    ]
