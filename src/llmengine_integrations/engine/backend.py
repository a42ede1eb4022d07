"""torch and transformers: the only module that touches their untyped parts.

Everything beyond speaks of token ids, tensors and the three classes here. Imported by the generation thread alone, since importing
transformers takes seconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self, cast

import torch
import transformers
from torch import Tensor
from transformers import cache_utils

from .chat_prompt import ChatPrompt
from .config import EngineConfig, weights_size
from .generation import GenerationError
from .guides import Guides

_SMALL_MODEL = 200_000_000  # bytes of weights below which one CPU thread is the fastest choice
_CONTEXT_WITHOUT_LIMIT = 1_000_000  # tokenizers write 1e30 for "no limit"

_BLOCK = 64  # tokens by which the buffers of keys and values grow

_transformers = cast("Any", transformers)
_DynamicLayer = cast("Any", cache_utils.DynamicLayer)


class _GrowingLayer(_DynamicLayer):
    """One layer's keys and values in buffers with room to spare.

    transformers' own layer concatenates, which copies the whole history for every token: a third of the time of a long batch.
    """

    def update(self, key_states: Tensor, value_states: Tensor, *_: Any, **__: Any) -> tuple[Tensor, Tensor]:
        used = 0
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
            self._buffers = _room(key_states, 0), _room(value_states, 0)
        else:
            used = self.keys.shape[-2]
        total = used + key_states.shape[-2]
        if total > self._buffers[0].shape[-2]:
            self._buffers = _room(self.keys, total - used), _room(self.values, total - used)
        for buffer, states in zip(self._buffers, (key_states, value_states), strict=True):
            buffer[:, :, used:total] = states
        self.keys, self.values = (buffer[:, :, :total] for buffer in self._buffers)
        return self.keys, self.values


def _room(states: Tensor, more: int) -> Tensor:
    """A copy of the states with room behind them for more, rounded up to whole blocks."""
    rows, heads, used, size = states.shape
    buffer = states.new_empty(rows, heads, (used + more + _BLOCK) // _BLOCK * _BLOCK, size)
    buffer[:, :, :used] = states
    return buffer


class KVCache:
    """The keys and values of a batch: one tensor pair per layer, rows x heads x length x size, padded on the left."""

    def __init__(self, layers: Sequence[tuple[Tensor, Tensor]] = ()) -> None:
        # Whole layers also for models with sliding windows, whose masks still apply.
        self.raw: Any = _transformers.Cache(layer_class_to_replicate=_GrowingLayer)
        for index, (keys, values) in enumerate(layers):
            self.raw.update(keys, values, index)

    @property
    def length(self) -> int:
        """Tokens per row, padding included."""
        return int(self.raw.get_seq_length())

    @property
    def layers(self) -> list[tuple[Tensor, Tensor]]:
        """Keys and values of each layer."""
        return [(layer.keys, layer.values) for layer in self.raw.layers]

    def joined(self, other: KVCache) -> KVCache:
        """Both batches as one, the shorter padded on the left."""
        length = max(self.length, other.length)
        pairs = zip(self.layers, other.layers, strict=True)
        return KVCache(
            [
                (_stacked(keys, more_keys, length), _stacked(values, more_values, length))
                for (keys, values), (more_keys, more_values) in pairs
            ]
        )

    def selected(self, rows: Sequence[int], start: int) -> KVCache:
        """The given rows, without the first `start` positions."""
        index = torch.tensor(rows, device=self.layers[0][0].device)
        return KVCache([(keys[index, :, start:], values[index, :, start:]) for keys, values in self.layers])


def _stacked(upper: Tensor, lower: Tensor, length: int) -> Tensor:
    return torch.cat([_padded(upper, length), _padded(lower, length)])


def _padded(states: Tensor, length: int) -> Tensor:
    return torch.nn.functional.pad(states, (0, 0, length - states.shape[-2], 0))


class CausalLM:
    """A loaded model: token ids in, logits of the last position out."""

    def __init__(self, model: Any, device: torch.device) -> None:
        self._model = model
        self.device = device

    def logits(
        self, ids: Tensor, cache: KVCache, *, positions: Tensor | None = None, mask: Tensor | None = None
    ) -> Tensor:
        """Run the model over new tokens and add them to the cache.

        Args:
            ids: the new tokens, rows x count.
            cache: what came before; grows by the new tokens.
            positions: the position of each new token; None counts from the cache's length.
            mask: rows x whole length, False where a row is padding; None when nothing is.

        Returns:
            float32 logits after the last new token, rows x vocabulary.
        """
        output = self._model(
            input_ids=ids,
            attention_mask=mask,
            position_ids=positions,
            past_key_values=cache.raw,
            use_cache=True,
            logits_to_keep=1,
        )
        return cast("Tensor", output.logits)[:, -1].float()


class Tokenizer:
    """Text to token ids and back. Used by one thread only."""

    def __init__(self, tokenizer: Any, end_tokens: frozenset[int]) -> None:
        self._tokenizer = tokenizer
        self.end_tokens = end_tokens
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


class LoadedModel:
    """A model folder in memory.

    Attributes:
        causal_lm: the model.
        tokenizer: its tokenizer.
        context_length: tokens of prompt and completion together that the model can take.
    """

    def __init__(self, causal_lm: CausalLM, tokenizer: Tokenizer, context_length: int) -> None:
        self.causal_lm = causal_lm
        self.tokenizer = tokenizer
        self.context_length = context_length

    @classmethod
    def load(cls, path: Path, device: torch.device) -> Self:
        """Load a folder: from this disk only, safetensors only, never running code from it.

        fp16 and bf16 weights become float32 on a CPU, which computes three times as fast with them.
        """
        folder: Any = {"pretrained_model_name_or_path": str(path), "local_files_only": True, "trust_remote_code": False}
        tokenizer = _transformers.AutoTokenizer.from_pretrained(**folder)
        dtype = torch.float32 if device.type == "cpu" else "auto"
        model = _transformers.AutoModelForCausalLM.from_pretrained(**folder, dtype=dtype, use_safetensors=True)
        model = model.eval().requires_grad_(requires_grad=False).to(device)
        return cls(
            CausalLM(model, device),
            Tokenizer(tokenizer, _end_tokens(model, tokenizer)),
            _context_length(model, tokenizer),
        )


def prepare(config: EngineConfig) -> torch.device:
    """Set up torch for this process, in the thread that generates, and say which device to use."""
    _transformers.utils.logging.disable_progress_bar()
    _transformers.utils.logging.set_verbosity_error()
    if config.threads is not None:
        torch.set_num_threads(config.threads)
    elif max(map(weights_size, config.models.values())) < _SMALL_MODEL:
        torch.set_num_threads(1)
    automatic = "cuda" if torch.cuda.is_available() else "cpu"
    device = torch.device(automatic if config.device == "auto" else config.device)
    torch.empty(1, device=device)  # fails now, under the device's name, if there is none
    return device


def _end_tokens(model: Any, tokenizer: Any) -> frozenset[int]:
    """Every token that ends a text: what the folder's generation settings say (one or several), and the tokenizer's."""
    found: int | list[int] | None = model.generation_config.eos_token_id
    listed = found if isinstance(found, list) else [found]
    return frozenset(token for token in [*listed, tokenizer.eos_token_id] if token is not None)


def _context_length(model: Any, tokenizer: Any) -> int:
    settings = model.config.get_text_config()
    limits = [getattr(settings, "max_position_embeddings", None), tokenizer.model_max_length]
    return min((int(limit) for limit in limits if limit and limit < _CONTEXT_WITHOUT_LIMIT), default=4096)
