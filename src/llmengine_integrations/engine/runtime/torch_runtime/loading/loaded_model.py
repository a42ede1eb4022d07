"""The only module that uses the untyped parts of torch and transformers.

All other modules use token ids, tensors and the three classes here. Only the generation thread imports this module, because importing
transformers takes seconds.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Self, cast

import torch
import transformers
from torch import Tensor

from ....config import EngineConfig, weights_size
from ..kv_cache import KVCache
from .context_length import context_length
from .hugging_face import load_causal_lm, load_tokenizer
from .lora import Adapter, AdapterError, AdapterMix, AdapterSwitch, LowRank
from .lora_folder import linear_weight, read_adapter
from .tokenizer import Tokenizer
from .tunable import TuningCheck

_SMALL_MODEL = 200_000_000  # bytes of weights below which one CPU thread is the fastest choice
_CONTEXT_WITHOUT_LIMIT = 1_000_000  # tokenizers use 1e30 for "no limit"
_CONTEXT_IF_NOBODY_SAYS = 4096

_transformers = cast("Any", transformers)


class CausalLM:
    """A loaded model: token ids in, logits of the last position out."""

    def __init__(self, model: Any, device: torch.device) -> None:
        self._model = model
        self._switch = AdapterSwitch(model)
        self.device = device
        self._takes_bare_masks = self._try_bare_masks()

    @property
    def settings(self) -> Any:
        """The configuration of the model's text part, from transformers."""
        return self._model.config.get_text_config()

    @property
    def dtype(self) -> torch.dtype:
        """The number type that the model computes with."""
        return cast("torch.dtype", self._model.dtype)

    def logits(
        self,
        ids: Tensor,
        cache: KVCache,
        *,
        positions: Tensor | None = None,
        mask: Tensor | None = None,
        lengths: Sequence[int] | None = None,
        adapters: AdapterMix | None = None,
    ) -> Tensor:
        """Run the model over new tokens and add them to the cache.

        Args:
            ids: the new tokens, rows x count.
            cache: the keys and values of the earlier tokens; the new tokens are added to it.
            positions: the position of each new token; None to count from the cache's length.
            mask: rows x whole length, False for padding; None if there is no padding.
            lengths: how many of the new tokens belong to each row; the rest on the right is padding. None if there is no padding.
            adapters: the adapters of the rows; None if all rows use the base model.

        Returns:
            float32 logits after each row's last new token, rows x vocabulary.
        """
        if mask is not None and self._takes_bare_masks:
            mask = mask[:, None, None]
        self._switch.turn(adapters)
        return self._logits(ids, cache, positions, mask, lengths)

    def _logits(
        self,
        ids: Tensor,
        cache: KVCache,
        positions: Tensor | None = None,
        mask: Tensor | None = None,
        lengths: Sequence[int] | None = None,
    ) -> Tensor:
        ends = [] if lengths is None else sorted({length - 1 for length in lengths})
        output = self._model(
            input_ids=ids,
            attention_mask=mask,
            position_ids=positions,
            past_key_values=cache.raw,
            use_cache=True,
            logits_to_keep=torch.tensor(ends, device=self.device) if len(ends) > 1 else 1,
        )
        logits = cast("Tensor", output.logits)
        if lengths is None or len(ends) == 1:
            return logits[:, -1].float()
        return logits[range(len(lengths)), [ends.index(length - 1) for length in lengths]].float()

    @torch.inference_mode()
    def _try_bare_masks(self) -> bool:
        """Whether a step with one new token per row accepts the mask in the form that attention uses: rows x 1 x 1 x whole length.

        At every step, transformers derives that mask from one of rows x whole length, which takes a tenth of the time of a batch. Models
        with sliding windows need that conversion. A model that reads the mask itself fails or gives different answers without it.
        """
        if not _sees_everything(self._model.config):
            return False
        ids = torch.tensor([[0, 1, 2], [2, 1, 0]], device=self.device)
        positions = torch.tensor([[3], [2]], device=self.device)
        mask = positions >= torch.arange(3, -1, -1, device=self.device)
        found: list[Tensor] = []
        try:
            for form in (mask, mask[:, None, None]):
                cache = KVCache()
                self._logits(ids, cache)
                found.append(self._logits(ids[:, :1], cache, positions, form))
        except Exception:  # noqa: BLE001 - a model may raise anything for an unexpected mask
            return False
        return torch.allclose(found[0], found[1])

    @cached_property
    def slot_size(self) -> int:
        """Bytes of key and value memory per slot of a row, measured by running the model on one token."""
        cache = KVCache()
        with torch.inference_mode():
            self.logits(torch.zeros(1, 1, dtype=torch.long, device=self.device), cache)
        return cache.slot_size

    def read_adapter(self, folder: Path) -> Adapter:
        """Load a LoRA adapter for this model, and test it in a batch with a row of the base model.

        Raises:
            AdapterError: it cannot be served. The message is one line that says why.
        """
        adapter = read_adapter(folder, self._model)
        try:
            self._try(adapter)
        except AdapterError as error:
            raise AdapterError(f"{folder}: {error}") from error
        return adapter

    @cached_property
    def tuning_check(self) -> TuningCheck:
        """The check whether adapters that are not trained yet could be served."""
        self._switch.turn(None)
        return TuningCheck(self, self._model)

    def try_layers(self, layers: Sequence[str]) -> None:
        """Run the model with an adapter on these linear layers.

        Raises:
            AdapterError: it does not run, or some layer does not read every token. The message is one line.
        """
        self._try(Adapter({name: _nothing_added(self._model.get_submodule(name)) for name in layers}))

    @torch.inference_mode()
    def _try(self, adapter: Adapter) -> None:
        """Run a batch with one row of the adapter and one of the base model. Each adapted layer must read every token of both, in order."""
        ids = torch.tensor([[0, 1, 2], [2, 1, 0]], device=self.device)
        partial: list[str] = []

        def look(name: str, _: torch.nn.Module, inputs: tuple[Tensor, ...]) -> None:
            if inputs[0].shape[:-1].numel() != ids.numel():
                partial.append(name)

        hooks = [
            self._model.get_submodule(name).register_forward_pre_hook(functools.partial(look, name))
            for name in adapter.layers
        ]
        try:
            self._switch.turn(AdapterMix([adapter, None]))
            self._model(input_ids=ids, use_cache=False)
        except Exception as error:
            if not partial:
                raise AdapterError(f"the adapter does not run on this model: {error}") from error
        finally:
            self._switch.turn(None)
            for hook in hooks:
                hook.remove()
        if partial:
            raise AdapterError(
                f"{partial[0]} reads some tokens only, as experts do, and cannot be served with an adapter"
            )


def _nothing_added(layer: torch.nn.Module) -> LowRank:
    weight = linear_weight(layer)
    if weight is None:
        raise AdapterError("only linear layers can be served with an adapter")
    return LowRank(weight.new_zeros(1, weight.shape[1]), weight.new_zeros(weight.shape[0], 1), 1.0)


class LoadedModel:
    """A model folder in memory.

    Attributes:
        causal_lm: the model.
        tokenizer: its tokenizer.
        context_length: the maximum number of tokens of prompt and completion together.
    """

    def __init__(self, causal_lm: CausalLM, tokenizer: Tokenizer, context_length: int) -> None:
        self.causal_lm = causal_lm
        self.tokenizer = tokenizer
        self.context_length = context_length

    @classmethod
    def load(cls, path: Path, device: torch.device, dtype: str = "auto") -> Self:
        """Load a folder from the local disk. Reads only safetensors, and never runs code from the folder.

        Raises:
            ModelFolderError: the engine does not load this folder.

        Args:
            path: the folder.
            device: the device to load the model onto.
            dtype: torch's name of the number type to compute with. `auto` is the folder's own type, but float32 on a CPU, where it is
                three times as fast.
        """
        tokenizer = load_tokenizer(path)
        if dtype == "auto" and device.type == "cpu":
            dtype = "float32"
        model = load_causal_lm(path, dtype)
        model.eval().requires_grad_(requires_grad=False).to(device)
        return cls(
            CausalLM(model, device),
            Tokenizer(tokenizer, _end_tokens(model, tokenizer)),
            _context_length(model, tokenizer),
        )


def prepare(config: EngineConfig) -> None:
    """Set up transformers and torch for this process. Call it in the generation thread."""
    _transformers.utils.logging.disable_progress_bar()
    _transformers.utils.logging.set_verbosity_error()
    if config.threads is not None:
        torch.set_num_threads(config.threads)
    elif max(weights_size(source.path) for source in config.models.values()) < _SMALL_MODEL:
        torch.set_num_threads(1)


def _sees_everything(config: Any) -> bool:
    """Whether every layer attends to all previous tokens, with torch's own attention."""
    text = config.get_text_config()
    kinds = set(getattr(text, "layer_types", None) or ["full_attention"])
    windows = [getattr(text, name, None) for name in ("sliding_window", "attention_chunk_size")]
    attention = getattr(config, "_attn_implementation", None)
    return attention == "sdpa" and kinds == {"full_attention"} and not any(windows)


def _end_tokens(model: Any, tokenizer: Any) -> frozenset[int]:
    """Every token that ends a text: those in the folder's generation settings (one or several), and the tokenizer's.

    Tokens that the model cannot generate are omitted: they would never end a text, and could not be masked either.
    """
    found: object = model.generation_config.eos_token_id
    listed = cast("list[object]", found) if isinstance(found, list) else [found]
    size: int = model.config.get_text_config().vocab_size
    tokens = (token for token in [*listed, tokenizer.eos_token_id] if type(token) is int)
    return frozenset(token for token in tokens if 0 <= token < size)


def _context_length(model: Any, tokenizer: Any) -> int:
    """The configuration's limit, or the tokenizer's if there is none. The tokenizer's is often a default or that of another model."""
    settings = model.config.get_text_config()
    limit = context_length(lambda name: getattr(settings, name, None))
    if limit is None and 0 < tokenizer.model_max_length < _CONTEXT_WITHOUT_LIMIT:
        limit = int(tokenizer.model_max_length)
    return limit or _CONTEXT_IF_NOBODY_SAYS
