"""Bodies of `POST /v2/completions`."""

from __future__ import annotations

from typing import Annotated, Literal, Required, TypeAlias

from pydantic import Field

from ._base import Reply
from ._openai import SamplingOptions, StreamOptionsParam, Usage
from .chat_messages import NonEmpty

TextFinishReason = Literal["stop", "length", "content_filter"] | str
"""Why a choice ended. Any other string is a reason that this version does not know."""

TextPrompt: TypeAlias = str | list[str] | NonEmpty[int] | NonEmpty[NonEmpty[int]]
"""A string, several strings, or the same as token ids."""


class TextCompletionOptions(SamplingOptions, total=False):
    """The optional fields of a completion request. A field that is absent or None is left to the server."""

    max_tokens: Annotated[int, Field(ge=0)] | None
    """Tokens to generate at most; 16 by default."""
    suffix: str | None
    """What follows after the text, for models that can fill a gap."""
    echo: bool | None
    """Whether the text begins with the prompt."""
    best_of: Annotated[int, Field(ge=0, le=20)] | None
    """How many choices to generate, to return the `n` best; 0 to 20, 1 by default."""
    logprobs: Annotated[int, Field(ge=0, le=5)] | None
    """How many alternatives to return with each token and its natural log-probability, 0 to 5."""
    seed: int | None
    """Makes sampling repeatable, as far as the server can."""


class TextCompletionStreamOptions(TextCompletionOptions, total=False):
    """The optional fields of a streamed completion request."""

    stream_options: StreamOptionsParam | None
    """`{"include_usage": True}` asks for a last chunk with the usage."""


class TextCompletionRequest(TextCompletionStreamOptions, total=False):
    """The whole body of a completion request."""

    model: Required[str]
    prompt: Required[TextPrompt]
    stream: bool | None


class TextLogprobs(Reply):
    """The generated tokens, when `logprobs` asked for them: lists of equal length."""

    tokens: list[str] | None = None
    token_logprobs: list[float | None] | None = None
    """Natural log-probabilities, 0 or less; None for an echoed prompt's first token."""
    top_logprobs: list[dict[str, float] | None] | None = None
    """The likeliest tokens in each place."""
    text_offset: list[int] | None = None
    """Where each token begins in the text, in characters."""


class TextChoice(Reply):
    """One of the `n` texts for one of the prompts; or, in a stream, what a chunk adds to it."""

    index: int = 0
    text: str
    finish_reason: TextFinishReason | None = None
    """None in a stream until the choice's last chunk."""
    logprobs: TextLogprobs | None = None


class TextCompletion(Reply):
    """The reply of `text_completions.create`, and one event of `text_completions.stream`."""

    id: str
    choices: list[TextChoice]
    created: int | None = None
    """Seconds since 1970."""
    model: str
    object: Literal["text_completion"] | str = "text_completion"
    usage: Usage | None = None
    system_fingerprint: str | None = None

    @property
    def text(self) -> str:
        """The first choice's text; in a stream, what the chunk adds to it."""
        return "".join(choice.text for choice in self.choices if choice.index == 0)
