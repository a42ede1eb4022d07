"""Information from the server about an endpoint: whether it exists, which routes it has, and its context length in tokens."""

from __future__ import annotations

from typing import Any

from .. import errors
from ..wire.context_overflow import stated_context
from ..wire.models import Model, ModelList

_CHATS = frozenset({"vllm", "sglang"})
"""The inference frameworks with v2 routes."""
_KEYS = ("max_model_len", "context_window", "max_context_length", "context_length")
"""The keys under which an endpoint's metadata may state its context length."""


def found(listed: ModelList, name: str) -> Model:
    """The endpoint with this name.

    Raises:
        NotFoundError: The endpoint does not exist, or the key may not see it.
    """
    for model in listed.items:
        if model.name == name:
            return model
    raise errors.NotFoundError(f"Model Endpoint {name} was not found.", status_code=404)


def fields(model: Model) -> dict[str, Any]:
    """The fields that follow from the endpoint's description."""
    chats = model.inference_framework in _CHATS
    known: dict[str, Any] = {"api": "v2" if chats else "v1"}
    if not chats:
        known["is_chat_model"] = model.chat_template_override is not None
    if model.chat_template_override is not None:
        known["chat_template"] = model.chat_template_override
    window = _stated_window(model)
    return known if window is None else {**known, "context_window": window}


def probe(model: Model) -> dict[str, Any] | None:
    """A completion request that is too large for any context, so that the server refuses it and states its context length.

    If a vLLM server accepts it nevertheless, it generates one guided token. Returns None for servers that are not known to refuse.
    """
    asked = {"model": model.name, "prompt": "a", "max_new_tokens": 2**24, "temperature": 0.0}
    match model.inference_framework:
        case "vllm":
            return {**asked, "guided_choice": ["a"]}
        case "text_generation_inference":
            return asked
        case _:
            return None


def refusal_fields(error: errors.APIStatusError) -> dict[str, Any]:
    """The fields that follow from the refusal of a probe; empty if the server refused it for another reason."""
    window = stated_context(error.message)
    return {} if window is None else {"context_window": window}


def _stated_window(model: Model) -> int | None:
    metadata = (model.spec.metadata if model.spec is not None else None) or {}
    for stated in ({**(model.model_extra or {})}, metadata, metadata.get("_llm") or {}):
        for key in _KEYS:
            if str(stated.get(key) or "").isdigit():
                return int(stated[key])
    return None
