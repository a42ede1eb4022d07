"""A model's tokenizer, with types."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from ...generation import ChatPrompt, GenerationError
from ...runtime import NO_CHAT_TEMPLATE
from ..token_masks import Guides

_FIXED = frozenset({"conversation", "messages", "tokenize", "chat_template", "return_dict", "return_tensors"})
"""Arguments of `apply_chat_template` that clients cannot set, because they are not variables of the template."""


class Tokenizer:
    """Converts text to token ids and back. Only one thread may use it."""

    def __init__(self, tokenizer: Any, end_tokens: frozenset[int]) -> None:
        self._tokenizer = tokenizer
        self.end_tokens = end_tokens
        # The backend is called directly, because transformers' method takes ten times as long. Slow tokenizers have no backend.
        self._backend: Any = getattr(tokenizer, "backend_tokenizer", None)
        self._texts: dict[int, str] = {}
        self._guides: Guides | None = None
        self._anchor: list[int] = self._tokenizer.encode("a", add_special_tokens=False)[-1:]
        self._anchor_text = self.decode(self._anchor)

    @property
    def can_chat(self) -> bool:
        """Whether the model has a chat template."""
        return bool(self._tokenizer.chat_template)

    @property
    def can_guide(self) -> bool:
        """Whether the bytes of its tokens are known. Constraints need them."""
        return bool(self._tokenizer.is_fast)

    @property
    def guides(self) -> Guides:
        """The object that enforces constraints. Creating it takes a second for a large vocabulary.

        Raises:
            ConstraintError: this tokenizer does not support constraints.
        """
        if self._guides is None:
            self._guides = Guides(self._tokenizer, self.end_tokens)
        return self._guides

    def encode(self, text: str, *, add_special_tokens: bool = True) -> list[int]:
        """The prompt's tokens, with the special tokens that the tokenizer itself adds."""
        ids: list[int] = self._tokenizer.encode(text, add_special_tokens=add_special_tokens)
        if ids:
            return ids
        # A tokenizer without special tokens returns no tokens for an empty prompt, but a model needs at least one.
        start = self._tokenizer.bos_token_id
        return [min(self.end_tokens, default=0) if start is None else int(start)]

    def checked(self, ids: Sequence[int]) -> list[int]:
        """The tokens that a client sent, after checking that this tokenizer has them all.

        Raises:
            GenerationError: 400; a token is unknown.
        """
        size = len(self._tokenizer)
        unknown = next((token for token in ids if not 0 <= token < size), None)
        if unknown is not None:
            raise GenerationError(
                400, f"prompt: {unknown} is not a token of this model, whose tokens are 0 to {size - 1}."
            )
        return list(ids)

    def chat_text(self, prompt: ChatPrompt) -> str:
        """The prompt that the model's chat template creates from messages.

        Raises:
            GenerationError: 400; the model has no template, or its template refuses these messages.
        """
        if not self.can_chat:
            raise GenerationError(400, NO_CHAT_TEMPLATE)
        try:
            text = self._tokenizer.apply_chat_template(**_template_arguments(prompt), tokenize=False)
        except Exception as error:  # a template may raise anything to refuse the messages
            raise GenerationError(400, f"The model's chat template refuses these messages: {error}") from error
        return cast("str", text)

    def decode(self, ids: Sequence[int], *, skip_special_tokens: bool = True) -> str:
        """The exact text of the tokens."""
        if self._backend is not None:
            return cast("str", self._backend.decode(ids, skip_special_tokens=skip_special_tokens))
        text = self._tokenizer.decode(ids, skip_special_tokens=skip_special_tokens, clean_up_tokenization_spaces=False)
        return cast("str", text)

    def token_text(self, token: int) -> str:
        """One token's own text, including a leading space; for a special token, its name."""
        text = self._texts.get(token)
        if text is None:
            # Decoded after another token, because some decoders drop the leading space of a text.
            text = self.decode([*self._anchor, token], skip_special_tokens=False)[len(self._anchor_text) :]
            self._texts[token] = text
        return text


def _template_arguments(prompt: ChatPrompt) -> dict[str, Any]:
    """The arguments of transformers' `apply_chat_template`."""
    variables = {key: value for key, value in prompt.template_variables.items() if key not in _FIXED}
    return variables | {
        "conversation": list(prompt.messages),
        "tools": list(prompt.tools) or None,
        "documents": prompt.documents,
        "add_generation_prompt": prompt.add_generation_prompt,
        "continue_final_message": prompt.continue_final_message,
    }
