"""Prompts out of messages, for endpoints that complete text: a Jinja chat template, a tokenizer's own, or a function of the user's."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypeAlias

from ...prompting.chat_template import ChatTemplate, ChatTemplateError
from .._errors import InvalidArgumentError

PlainMessage: TypeAlias = dict[str, str]
"""A message that every template understands: `role` is "system", "user" or "assistant", `content` is text."""
Formatter: TypeAlias = Callable[[list[PlainMessage]], str]

_PROBES = ("first-probe-message", "second-probe-message", "third-probe-message")
_ROLES = ("user", "assistant", "user")
_SPECIAL = re.compile(r"<[^<>\s]{1,40}>|\[/?[A-Z_]+\]")  # <|im_end|>, </s>, <end_of_turn>, [INST]


class ChatTokenizer(Protocol):
    """What is used of a tokenizer: transformers' have it."""

    def apply_chat_template(self, conversation: Any, /, **options: Any) -> Any:
        """Make a prompt of messages."""
        ...


def chat_tokenizer(tokenizer: object) -> ChatTokenizer | None:
    """A tokenizer that makes prompts of messages; None if it only counts."""
    found: Any = tokenizer
    return found if callable(getattr(tokenizer, "apply_chat_template", None)) else None


def formatter_of(
    template: str | None, tokenizer: ChatTokenizer | None, variables: Mapping[str, Any] | None
) -> Formatter:
    """The formatter that a template or a tokenizer is.

    Args:
        template: a Jinja chat template; with a tokenizer it replaces its own.
        tokenizer: renders the template, and knows its special tokens.
        variables: for the template, such as `bos_token`.
    """

    def by_template(messages: list[PlainMessage]) -> str:
        return _rendered(template or "", messages, variables or {})

    def by_tokenizer(messages: list[PlainMessage]) -> str:
        given = {} if template is None else {"chat_template": template}
        options = {**(variables or {}), **given, "tokenize": False, "add_generation_prompt": True}
        text = str(tokenizer.apply_chat_template(messages, **options)) if tokenizer is not None else ""
        return text.removeprefix(getattr(tokenizer, "bos_token", None) or "")  # the server's tokenizer adds it

    return by_template if tokenizer is None else by_tokenizer


def probe(formatter: Formatter) -> str:
    """What a formatter makes of a short chat: it shows how the formatter marks roles."""
    return formatter(_chat())


def fingerprint(formatter: Formatter) -> list[str]:
    """What identifies a formatter: the prompts that it makes, of a chat with a system message too, unless it refuses those."""
    try:
        system = formatter([{"role": "system", "content": "probe-of-the-system"}, *_chat()])
    except Exception as error:  # noqa: BLE001 - a formatter of the user's may raise anything
        system = type(error).__name__
    return [probe(formatter), system]


def _chat() -> list[PlainMessage]:
    return [{"role": role, "content": text} for role, text in zip(_ROLES, _PROBES, strict=True)]


def role_stops(probed: str) -> list[str]:
    """The strings with which another's turn begins: where the model writes one of them, its own turn is over.

    Args:
        probed: what `probe` returned.
    """
    between = probed.partition(_PROBES[1])[2].partition(_PROBES[2])[0]
    special = list(dict.fromkeys(_SPECIAL.findall(between)))
    if special:
        return special
    line = between.strip().partition("\n")[0].rstrip()
    return [f"\n{line}"] if line else []


def _rendered(template: str, messages: Sequence[PlainMessage], variables: Mapping[str, Any]) -> str:
    given = dict(variables)
    try:
        return ChatTemplate(template, bos_token=given.pop("bos_token", ""), variables=given).render(messages)
    except ChatTemplateError as error:
        raise InvalidArgumentError(str(error)) from error
