"""Keeping a generation to a constraint: which tokens may come next. Used by the generation thread only."""

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
    """One generation's way through its constraint.

    It never raises while a batch runs, since that would end its neighbours: `failure` tells when it cannot go on.

    Args:
        matcher: at the constraint's beginning; this guide's own.
        end_tokens: the tokens that end a text.
        ignore_end: whether to go on after complete texts for as long as the constraint allows it.
    """

    def __init__(self, matcher: LLMatcher, end_tokens: frozenset[int], *, ignore_end: bool = False) -> None:
        self._matcher = matcher
        self._avoided = end_tokens if ignore_end else frozenset[int]()
        self.end_tokens = end_tokens

    def allowed(self, size: int, banned: Collection[int] = ()) -> Tensor:
        """Which tokens may come next; the text's end may when it is complete.

        Args:
            size: tokens that the model knows, which may be more or fewer than its tokenizer's.
            banned: tokens to leave out unless nothing else may come.
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
        """Take the token that was chosen."""
        self._matcher.consume_token(token)

    @property
    def done(self) -> bool:
        """Whether the text is complete and nothing can follow."""
        return self._matcher.is_stopped()

    @property
    def failure(self) -> str | None:
        """Why it cannot go on: the constraint allows nothing, or is too complex; None if it can."""
        return matcher_error(self._matcher)


class Guides:
    """Makes the guides of one tokenizer and keeps what it compiled.

    Args:
        tokenizer: a fast tokenizer of transformers.
        end_tokens: the tokens that end a text.

    Raises:
        ConstraintError: it is not a fast one, and the tokens' bytes are unknown.
    """

    def __init__(self, tokenizer: Any, end_tokens: frozenset[int]) -> None:
        self._tokenizer = _ll_tokenizer(tokenizer, sorted(end_tokens))
        self._end_tokens = frozenset(self._tokenizer.eos_tokens)
        self._compiled: OrderedDict[Constraint, LLMatcher] = OrderedDict()

    def guide(self, constraint: Constraint, *, ignore_end: bool = False) -> Guide:
        """A guide at the beginning of a constraint.

        Raises:
            ConstraintError: the constraint allows no text of this model's tokens.
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
    """Token ids and their bytes, in the form that llguidance's wrapper takes.

    With llguidance's own reading of a tokenizer, every added token is out of a text's reach, also one that decoding shows like any
    text (the tags of tool calls), and where a constraint leaves only such a text, nothing can be chosen. Here only tokens that decoding
    skips are out of reach.
    """

    def __init__(self, read: LLTokenizer, special: frozenset[int], end_token: int) -> None:
        self.eos_token_id = end_token
        self.bos_token_id = None
        self.tokens = [read.decode_bytes([token]) for token in range(read.vocab_size)]
        self.special_token_ids = [token for token in sorted(special) if token < read.vocab_size]
        self._special = special
        self._read = read

    def __call__(self, text: bytes) -> list[int]:
        """How the model's tokenizer writes a text, without special tokens."""
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
