"""Checks that rows fit into a model's context. It counts with the model's tokenizer alone, without torch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from llmengine_integrations.engine.config import read_model_settings
from llmengine_integrations.engine.runtime.torch_runtime.loading.context_length import context_length, context_length_of

from .dataset import DatasetError, Row

_GROUP = 512
_END = 1


def short_enough(rows: Iterable[Row], model: Path) -> Iterator[Row]:
    """Yield the rows, as long as each row's prompt, response and end token fit into the model's context.

    If the model's folder has no `tokenizer.json`, or does not say how long its context is, all rows are accepted.

    Raises:
        DatasetError: a row is too long.
    """
    path = model / "tokenizer.json"
    limit = (context_length_of(read_model_settings(model)) or _default_limit(model)) if path.is_file() else None
    if limit is None:
        yield from rows
        return
    from tokenizers import Tokenizer  # noqa: PLC0415 - only fine-tunes need it

    tokenizer: Any = Tokenizer.from_file(str(path))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    for group in _groups(iter(rows)):
        prompts = tokenizer.encode_batch_fast([row.prompt for row in group])
        responses = tokenizer.encode_batch_fast([row.response for row in group], add_special_tokens=False)
        for row, prompt, response in zip(group, prompts, responses, strict=True):
            length = len(prompt.ids) + len(response.ids) + _END
            if length > limit:
                raise DatasetError(f"row {row.number}: it has {length} tokens, and the model's context {limit}.")
            yield row


def _default_limit(model: Path) -> int | None:
    """Return the limit that transformers assumes if `config.json` has none."""
    from llmengine_integrations.engine.runtime.torch_runtime.loading.hugging_face import load_settings  # noqa: PLC0415 - takes seconds

    settings = load_settings(model)
    return context_length(lambda name: getattr(settings, name, None))


def _groups(rows: Iterator[Row]) -> Iterator[list[Row]]:
    while group := list(islice(rows, _GROUP)):
        yield group
