"""The maximum number of tokens of a model, according to its configuration."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

_NAMES = (
    "max_position_embeddings",  # most models
    "n_positions",  # GPT-2
    "n_ctx",  # GPT-1, CodeGen
    "max_seq_len",  # MPT
    "max_seq_length",
    "max_sequence_length",
    "max_target_positions",  # decoders of fairseq
    "seq_length",  # Bloom, ChatGLM
    "seq_len",
)
_NO_LIMIT = 10_000_000  # some configurations use a huge number for "no limit"


def context_length(get: Callable[[str], object]) -> int | None:
    """The smallest limit that a configuration sets, under any of its names; None if it sets no limit.

    Args:
        get: returns the configuration's value for a name, or None.
    """
    found = [value for value in map(get, _NAMES) if type(value) is int and 0 < value < _NO_LIMIT]
    return min(found, default=None)


def context_length_of(settings: Mapping[str, Any]) -> int | None:
    """The smallest limit in a `config.json`, which may be in its text part."""
    text = settings.get("text_config")
    nested = cast("dict[str, Any]", text) if isinstance(text, dict) else dict[str, Any]()
    return context_length((nested | dict(settings)).get)
