"""The fields of the chat model."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import AliasChoices, BeforeValidator, Field, model_validator

from ... import __version__
from .._connection import Connected
from .._options import as_list
from .base import BoundedChatModel
from .options import check_extra
from .template import Formatter, chat_tokenizer


class ChatFields(Connected, BoundedChatModel):
    """The fields of a chat model. None leaves a field to the server, unless its description says otherwise."""

    model: str = Field(validation_alias=AliasChoices("model", "model_name"))
    """The endpoint's name."""
    temperature: float | None = None
    """0 (the likeliest token each time) to 2; to 1 over v1. The server's default is 1; over v1 it is 0.2."""
    max_new_tokens: int | None = Field(
        default=None, validation_alias=AliasChoices("max_new_tokens", "max_tokens", "max_completion_tokens")
    )
    """The maximum number of tokens to generate. The server's default is what fits into the model's context; over v1 it is 256."""
    stop: Annotated[list[str] | None, BeforeValidator(as_list)] = Field(
        default=None, validation_alias=AliasChoices("stop", "stop_sequences")
    )
    """Strings that end the answer, or one string; at most four. The strings of a call replace them."""
    n: int | None = None
    """The number of answers for each prompt; `generate` returns all of them. Not in streams, not over v1."""
    seed: int | None = None
    """Makes sampling repeatable, as far as the server can. Not over v1."""
    logprobs: bool | None = Field(default=None, validation_alias=AliasChoices("logprobs", "return_token_log_probs"))
    """Whether to return each token with its natural log-probability."""
    top_logprobs: int | None = None
    """How many alternatives to return for each token, 0 to 20; needs `logprobs`. Not over v1."""
    top_k: int | None = None
    """Sample among the k likeliest tokens; -1 considers all."""
    top_p: float | None = None
    """Sample among the likeliest tokens that together reach this probability."""
    min_p: float | None = None
    """Sample among tokens at least this likely, as a share of the likeliest one's probability. Not over v1."""
    presence_penalty: float | None = None
    """Penalty for tokens that have occurred at all, -2 to 2; over v1 0 to 2."""
    frequency_penalty: float | None = None
    """Penalty for each occurrence of a token, -2 to 2; over v1 0 to 2."""
    repetition_penalty: float | None = None
    """Divides the scores of tokens that have occurred, the prompt's included; 1 means no penalty. Not over v1."""
    include_stop_str_in_output: bool | None = None
    """Whether the answer keeps the stop string that ended it."""
    skip_special_tokens: bool | None = None
    """Whether to leave special tokens out of the answer; the server's default is True."""
    reasoning_effort: Literal["low", "medium", "high"] | None = None
    """How much a reasoning model thinks before it answers. Not over v1."""
    guided_json: dict[str, Any] | None = None
    """A JSON schema that the answer must satisfy; at most one guided_* field."""
    guided_regex: str | None = None
    """A regular expression that the answer must match."""
    guided_choice: list[str] | None = None
    """The answer must be one of these strings."""
    guided_grammar: str | None = None
    """A context-free grammar that the answer must follow."""
    chat_template: str | None = None
    """A Jinja template that makes the prompt. Over v2 the server renders it instead of the model's own; over v1 it is rendered here."""
    chat_template_kwargs: dict[str, Any] | None = None
    """Variables for the template, such as `{"enable_thinking": False}`, or `{"eos_token": "</s>"}` where it is rendered here."""
    model_kwargs: dict[str, Any] = Field(default_factory=dict[str, Any])
    """Other fields of the chat request, under their own names, such as `{"user": "me", "min_tokens": 5}`."""
    streaming: bool = False
    """Whether `invoke` and similar methods stream too, so that handlers see tokens as they come."""
    stream_usage: bool = True
    """Whether streams end with the usage."""
    api: Literal["v2", "v1"] = "v2"
    """The route: v2 chat (vLLM and SGLang), or v1 completions for endpoints without a chat route. v1 needs a `chat_template`, a
    `formatter`, or a `tokenizer` of transformers, whose template it uses."""
    formatter: Formatter | None = Field(default=None, exclude=True)
    """Over v1: makes the prompt from messages: dicts with `role` ("system", "user" or "assistant") and `content`. Not serialized."""
    role_stops: list[str] | None = None
    """Over v1: the strings that begin another role's turn, and so end the answer. By default they are derived from the template; [] means
    none. Not used if tools, a format or a guided_* field guide the text, because such a text ends by itself."""

    @model_validator(mode="after")
    def _set_llmengine_version(self) -> Self:
        if hasattr(self, "_add_version"):  # since langchain-core 1.5
            self._add_version("llmengine-integrations", __version__)
        return self

    @model_validator(mode="after")
    def _check_route(self) -> Self:
        check_extra(self.model_kwargs, type(self))
        ways = (self.chat_template, self.formatter, chat_tokenizer(self.tokenizer))
        if self.api == "v1" and all(way is None for way in ways):
            raise ValueError('api="v1" needs a chat_template, a formatter or a tokenizer, to make prompts of messages')
        if self.api == "v2" and self.formatter is not None:
            raise ValueError('a formatter is for api="v1": over v2 the server makes the prompt')
        return self
