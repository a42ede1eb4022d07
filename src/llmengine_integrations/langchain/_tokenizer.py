"""Counts tokens with a tokenizer on this machine, without any request."""

from __future__ import annotations

import os
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol, cast

from langchain_core.language_models.base import BaseLanguageModel, LanguageModelOutputVar
from pydantic import Field, field_validator
from typing_extensions import override

from .. import errors


class Tokenizer(Protocol):
    """Counts tokens: a tokenizer of tokenizers, transformers or tiktoken, or any object like them."""

    def encode(self, text: str, /) -> Any:
        """Return the tokens' ids, or an object that has them as `ids`."""
        ...


class CountsTokens(BaseLanguageModel[LanguageModelOutputVar]):
    """A model whose `get_num_tokens` counts with the model's own tokenizer. LangChain's would fetch GPT-2's, and count wrongly."""

    tokenizer: Any = Field(default=None, exclude=True, repr=False)
    """Counts tokens for `get_num_tokens`: an object with `encode`, or the path of a `tokenizer.json` or of a model's folder. Never
    fetched. Not serialized."""

    @field_validator("tokenizer")
    @classmethod
    def _is_a_tokenizer(cls, value: Any) -> Any:
        if isinstance(value, os.PathLike):
            return os.fspath(cast("os.PathLike[str]", value))
        if value is None or callable(getattr(value, "encode", None)):  # a str also has `encode`, but it is a path
            return value
        raise ValueError("tokenizer is a path, or an object with a method encode")

    @override
    def get_token_ids(self, text: str) -> list[int]:
        """Return the ids of a text's tokens, including the tokenizer's begin-of-text token, if it adds one.

        Raises:
            ConfigurationError: No tokenizer is set, or its path does not lead to one.
        """
        if self.custom_get_token_ids is not None:
            return self.custom_get_token_ids(text)
        encoded = self._tokenizer().encode(text)
        return list(getattr(encoded, "ids", encoded))

    def _tokenizer(self) -> Tokenizer:
        if self.tokenizer is None:
            raise errors.ConfigurationError(
                f"LLM Engine does not count tokens ahead of a call. Give {type(self).__name__} the model's tokenizer: "
                "tokenizer='path/to/tokenizer.json', tokenizer=an object with encode, or custom_get_token_ids=a function."
            )
        return _load(self.tokenizer) if isinstance(self.tokenizer, str) else self.tokenizer


@lru_cache(maxsize=8)
def _load(path: str) -> Tokenizer:
    found = Path(path)
    if found.is_dir() and (found / "tokenizer.json").exists():
        found /= "tokenizer.json"
    if not found.exists():
        raise errors.ConfigurationError(f"There is no tokenizer at {path}; it is not fetched from elsewhere.")
    try:
        if found.is_dir():
            return import_module("transformers").AutoTokenizer.from_pretrained(path, local_files_only=True)
        return import_module("tokenizers").Tokenizer.from_file(str(found))
    except ImportError as error:
        raise errors.ConfigurationError(f"Reading {path} needs {error.name}: pip install {error.name}") from error
