"""Enforces constraints by determining which tokens may come next. Only the generation thread uses it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
import torch
from llguidance import LLMatcher, LLTokenizer, TokenizerWrapper
from llguidance.hf import from_tokenizer
from torch import Tensor

from ..constraints import Constraint, ConstraintError
from ..llguidance_grammars import limits, llguidance_grammar, matcher_error

_KEPT = 128  # compiled constraints; a large one takes a few megabytes


class Guide:
    """The state of one generation in its constraint.

    It never raises while a batch runs, because that would end the other rows. `failure` says why it cannot continue.

    Args:
        matcher: a matcher at the start of the constraint, used only by this guide.
        end_tokens: the tokens that end a text.
        ignore_end: whether to continue after a complete text as long as the constraint allows it.
    """

    def __init__(self, matcher: LLMatcher, end_tokens: frozenset[int], *, ignore_end: bool = False) -> None:
        self._matcher = matcher
        self._avoided = end_tokens if ignore_end else frozenset[int]()
        self.end_tokens = end_tokens

    def allowed(self, size: int, banned: Collection[int] = ()) -> Tensor:
        """Which tokens may come next. End tokens are allowed when the text is complete.

        Args:
            size: the model's number of tokens, which may be more or fewer than its tokenizer's.
            banned: tokens to exclude unless no other token is allowed.
        """
        bits = np.frombuffer(self._matcher.compute_bitmask(), dtype=np.uint8)
        found = np.unpackbits(bits, bitorder="little")[:size].astype(np.bool_)
        mask = np.zeros(size, dtype=np.bool_)
        mask[: len(found)] = found
        avoided = [token for token in {*banned, *self._avoided} if token < size]
        if avoided:
            open_mask = mask.copy()
            open_mask[avoided] = False
            mask = open_mask if open_mask.any() else mask
        return torch.as_tensor(mask)

    def consume(self, token: int) -> None:
        """Advance by the chosen token."""
        self._matcher.consume_token(token)

    @property
    def done(self) -> bool:
        """Whether the text is complete and nothing can follow."""
        return self._matcher.is_stopped()

    @property
    def failure(self) -> str | None:
        """Why it cannot continue: the constraint allows nothing, or is too complex. None if it can continue."""
        return matcher_error(self._matcher)


class Guides:
    """Creates the guides for one tokenizer and caches compiled constraints.

    Args:
        tokenizer: a fast tokenizer of transformers.
        end_tokens: the tokens that end a text.

    Raises:
        ConstraintError: it is not a fast tokenizer, so the bytes of its tokens are unknown.
    """

    def __init__(self, tokenizer: Any, end_tokens: frozenset[int]) -> None:
        self._tokenizer = _ll_tokenizer(tokenizer, sorted(end_tokens))
        self._end_tokens = frozenset(self._tokenizer.eos_tokens)
        self._compiled: OrderedDict[Constraint, LLMatcher] = OrderedDict()

    def guide(self, constraint: Constraint, *, ignore_end: bool = False) -> Guide:
        """A guide at the start of a constraint.

        Raises:
            ConstraintError: no text of this model's tokens satisfies the constraint.
        """
        return Guide(self._matcher(constraint).deep_copy(), self._end_tokens, ignore_end=ignore_end)

    def _matcher(self, constraint: Constraint) -> LLMatcher:
        matcher = self._compiled.get(constraint)
        if matcher is None:
            matcher = self._compiled[constraint] = self._compile(llguidance_grammar(constraint))
            if len(self._compiled) > _KEPT:
                self._compiled.popitem(last=False)
        self._compiled.move_to_end(constraint)
        return matcher

    def _compile(self, grammar: str) -> LLMatcher:
        matcher = LLMatcher(self._tokenizer, grammar, log_level=0, limits=limits())
        matcher.compute_bitmask()
        if (reason := matcher_error(matcher)) is not None:
            raise ConstraintError(reason)
        return matcher


class _Vocabulary:
    """Token ids and their bytes, in the form that llguidance's wrapper accepts.

    When llguidance reads a tokenizer itself, no text can use an added token, not even one that decoding shows as ordinary text (the tags
    of tool calls). If a constraint then allows only such a text, no token can be chosen. Here, only tokens that decoding skips are
    excluded.
    """

    def __init__(self, read: LLTokenizer, special: frozenset[int], end_token: int) -> None:
        self.eos_token_id = end_token
        self.bos_token_id = None
        self.tokens = [read.decode_bytes([token]) for token in range(read.vocab_size)]
        self.special_token_ids = [token for token in sorted(special) if token < read.vocab_size]
        self._special = special
        self._read = read

    def __call__(self, text: bytes) -> list[int]:
        """The tokens of a text according to the model's tokenizer, without special tokens."""
        tokens = self._read.tokenize_bytes(text)
        if self._special.isdisjoint(tokens):
            return tokens
        return [token for byte in text for token in self._read.tokenize_bytes(bytes([byte]))]


def _ll_tokenizer(tokenizer: Any, end_tokens: Sequence[int]) -> LLTokenizer:
    try:
        read = from_tokenizer(tokenizer, eos_token=list(end_tokens) or None)
    except ValueError as error:
        raise ConstraintError(f"This model's tokenizer does not tell what its tokens stand for: {error}") from error
    ends = list(end_tokens) or read.eos_tokens
    special = {token for token, added in tokenizer.added_tokens_decoder.items() if added.special}
    vocabulary = _Vocabulary(read, frozenset({*special, *tokenizer.all_special_ids, *ends}), ends[0])
    return LLTokenizer(TokenizerWrapper(vocabulary), eos_token=ends)
