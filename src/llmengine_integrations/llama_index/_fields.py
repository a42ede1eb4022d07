"""The fields of the language model: its properties, and the options for its answers."""

from __future__ import annotations

from typing import Any, Literal, Self

from llama_index.core.constants import DEFAULT_CONTEXT_WINDOW
from pydantic import Field, PrivateAttr, model_validator

from ..prompting.chat_template import ChatTemplate
from ._connection import Connected
from ._options import check_additional


class Fields(Connected):
    """The fields of `LLMEngine`, where they are documented."""

    model: str = Field(description="The endpoint's name. Alias `model_name`.")
    temperature: float | None = Field(
        default=None,
        description="0 (the likeliest token each time) to 2, over v1 to 1. None: the server's own over v2, 0.2 over v1.",
    )
    max_new_tokens: int = Field(default=256, description="Tokens to generate at most. Alias `max_tokens`.", ge=1)
    stop: list[str] | None = Field(default=None, description="Strings that end the text. Alias `stop_sequences`.")
    logprobs: bool | None = Field(
        default=None, description="Whether to return the tokens' log-probabilities. Alias `return_token_log_probs`."
    )
    top_logprobs: int | None = Field(default=None, description="Alternatives to return for each token. v2 only.")
    top_k: int | None = Field(default=None, description="Sample among the k likeliest tokens.")
    top_p: float | None = Field(default=None, description="Sample among tokens that together are this likely.")
    presence_penalty: float | None = Field(default=None, description="Penalty for tokens that occurred at all.")
    frequency_penalty: float | None = Field(default=None, description="Penalty for each occurrence of a token.")
    include_stop_str_in_output: bool | None = Field(
        default=None, description="Whether the text keeps the stop string that ended it."
    )
    skip_special_tokens: bool | None = Field(
        default=None, description="Whether to leave special tokens out of the text; the server's default is True."
    )
    guided_json: dict[str, Any] | None = Field(default=None, description="A JSON schema that the text must satisfy.")
    guided_regex: str | None = Field(default=None, description="A regular expression that the text must match.")
    guided_choice: list[str] | None = Field(default=None, description="Strings of which the text must be one.")
    guided_grammar: str | None = Field(default=None, description="A grammar that the text must follow.")
    additional_kwargs: dict[str, Any] = Field(
        default_factory=dict[str, Any],
        description="More options of every call over v2, such as `seed`; nothing that is a field.",
    )
    api: Literal["v1", "v2"] = Field(default="v2", description="The route of chats.")
    chat_template: str | None = Field(default=None, description="The model's Jinja template, for chats over v1.")
    bos_token: str = Field(
        default="",
        description="The model's begin token, taken off what the template writes: the server adds it itself.",
    )
    context_window: int = Field(
        default=DEFAULT_CONTEXT_WINDOW, description="Tokens of prompt and answer together that the model takes.", gt=0
    )
    is_chat_model: bool = Field(default=True, description="Whether LlamaIndex's components chat with it.")
    is_function_calling_model: bool | None = Field(
        default=None, description="Whether it is offered tools. None: over v2 only; over v1 they are guided JSON."
    )

    _template: ChatTemplate | None = PrivateAttr(default=None)

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.max_new_tokens >= self.context_window:
            raise ValueError(
                f"max_new_tokens ({self.max_new_tokens}) leaves no room for a prompt in the context window "
                f"({self.context_window})"
            )
        check_additional(self.additional_kwargs, type(self))
        if self.chat_template is not None:
            self._template = ChatTemplate(self.chat_template, bos_token=self.bos_token)
        return self
