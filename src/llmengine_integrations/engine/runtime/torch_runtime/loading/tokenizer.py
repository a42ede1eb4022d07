"""A model's tokenizer, behind a typed face."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from ....dialect.chat_prompt import ChatPrompt
from ...generation import GenerationError
from ..token_masks import Guides


class Tokenizer:
    """Text to token ids and back. Used by one thread only."""

    def __init__(self, tokenizer: Any, end_tokens: frozenset[int]) -> None:
        self._tokenizer = tokenizer
        self.end_tokens = end_tokens
        # Behind transformers' method, which takes ten times as long; slow tokenizers have that one only.
        self._backend: Any = getattr(tokenizer, "backend_tokenizer", None)
        self._texts: dict[int, str] = {}
        self._guides: Guides | None = None
        self._anchor: list[int] = self._tokenizer.encode("a", add_special_tokens=False)[-1:]
        self._anchor_text = self.decode(self._anchor)

    @property
    def guides(self) -> Guides:
        """Keeps generations to constraints. Making it takes a second for a large vocabulary.

        Raises:
            ConstraintError: this tokenizer cannot.
        """
        if self._guides is None:
            self._guides = Guides(self._tokenizer, self.end_tokens)
        return self._guides

    def encode(self, text: str, *, add_special_tokens: bool = True) -> list[int]:
        """The prompt's tokens, with the special tokens that the tokenizer itself adds."""
        ids: list[int] = self._tokenizer.encode(text, add_special_tokens=add_special_tokens)
        if ids:
            return ids
        # A tokenizer that adds nothing makes nothing of an empty prompt, and a model must start from something.
        start = self._tokenizer.bos_token_id
        return [min(self.end_tokens, default=0) if start is None else int(start)]

    def checked(self, ids: Sequence[int]) -> list[int]:
        """Tokens that a client sent, if this tokenizer has them all.

        Raises:
            GenerationError: 400; it has not.
        """
        size = len(self._tokenizer)
        unknown = next((token for token in ids if not 0 <= token < size), None)
        if unknown is not None:
            raise GenerationError(
                400, f"prompt: {unknown} is no token of this model, whose tokens are 0 to {size - 1}."
            )
        return list(ids)

    def chat_text(self, prompt: ChatPrompt) -> str:
        """The prompt that the model's own chat template makes of messages.

        Raises:
            GenerationError: 400; the model has no template, or its template refuses these messages.
        """
        if not self._tokenizer.chat_template:
            raise GenerationError(400, "This model has no chat template. Ask it through completions.")
        try:
            text = self._tokenizer.apply_chat_template(**prompt.arguments, tokenize=False)
        except Exception as error:  # a template may raise anything, and does so about the messages
            raise GenerationError(400, f"The model's chat template refuses these messages: {error}") from error
        return cast("str", text)

    def decode(self, ids: Sequence[int], *, skip_special_tokens: bool = True) -> str:
        """The text of tokens, exactly as they spell it."""
        if self._backend is not None:
            return cast("str", self._backend.decode(ids, skip_special_tokens=skip_special_tokens))
        text = self._tokenizer.decode(ids, skip_special_tokens=skip_special_tokens, clean_up_tokenization_spaces=False)
        return cast("str", text)

    def token_text(self, token: int) -> str:
        """One token's own text, leading space included, special tokens by name."""
        text = self._texts.get(token)
        if text is None:
            # Behind another token, because some decoders drop the space that begins a text.
            text = self.decode([*self._anchor, token], skip_special_tokens=False)[len(self._anchor_text) :]
            self._texts[token] = text
        return text
