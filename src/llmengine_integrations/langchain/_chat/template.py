"""Makes prompts from messages, for endpoints that only complete text: with a Jinja chat template, a tokenizer or the user's function."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeAlias

from ...prompting.chat_template import ChatTemplate, ChatTemplateError
from ...prompting.completions_chat import probe, probe_chat
from .._errors import InvalidArgumentError

PlainMessage: TypeAlias = dict[str, str]
"""A message that every template understands: `role` is "system", "user" or "assistant", `content` is text."""
Formatter: TypeAlias = Callable[[list[PlainMessage]], str]


class ChatTokenizer(Protocol):
    """The part of a tokenizer that is used here; transformers' tokenizers have it."""

    def apply_chat_template(self, conversation: Any, /, **options: Any) -> Any:
        """Make a prompt from messages."""
        ...


def chat_tokenizer(tokenizer: object) -> ChatTokenizer | None:
    """Return a tokenizer that makes prompts from messages; None if it only counts tokens."""
    found: Any = tokenizer
    return found if callable(getattr(tokenizer, "apply_chat_template", None)) else None


def formatter_of(
    template: str | None, tokenizer: ChatTokenizer | None, variables: Mapping[str, Any] | None
) -> Formatter:
    """Return the formatter that uses a template or a tokenizer.

    Args:
        template: A Jinja chat template; with a tokenizer, it replaces the tokenizer's own.
        tokenizer: Renders the template, and knows its special tokens.
        variables: Variables for the template, such as `bos_token`.

    Raises:
        InvalidArgumentError: The template is not a valid Jinja template.
    """
    if tokenizer is not None:
        return _by_tokenizer(tokenizer, {} if template is None else {"chat_template": template}, variables or {})
    given = dict(variables or {})
    try:
        return ChatTemplate(template or "", bos_token=given.pop("bos_token", ""), variables=given)
    except ChatTemplateError as error:
        raise InvalidArgumentError(str(error)) from error


def _by_tokenizer(tokenizer: ChatTokenizer, template: Mapping[str, str], variables: Mapping[str, Any]) -> Formatter:
    def formatted(messages: list[PlainMessage]) -> str:
        options = {**variables, **template, "tokenize": False, "add_generation_prompt": True}
        text = str(tokenizer.apply_chat_template(messages, **options))
        return text.removeprefix(getattr(tokenizer, "bos_token", None) or "")  # the server's tokenizer adds it

    return formatted


def fingerprint(formatter: Formatter) -> list[str]:
    """Return what identifies a formatter: its prompts for a short chat, and for a chat with a system message."""
    try:
        short = probe(formatter)
    except ChatTemplateError as error:
        short = str(error)
    try:
        system = formatter([{"role": "system", "content": "probe-of-the-system"}, *probe_chat()])
    except Exception as error:  # noqa: BLE001 - the user's formatter may raise anything
        system = type(error).__name__
    return [short, system]
