"""The options of a call: the model's fields, overridden by the call's own keyword arguments. Pure functions over plain dicts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any, Literal

from pydantic import BaseModel

from .._shared.did_you_mean import unexpected
from ..wire.chat import ChatStreamOptions
from ..wire.completions import CompletionOptions

Route = Literal["chat", "completions"]
"""The client's resource for the request: v2 chats, or v1 completions."""

ALIASES = {
    "model_name": "model",
    "max_tokens": "max_new_tokens",
    "max_completion_tokens": "max_new_tokens",
    "stop_sequences": "stop",
    "return_token_log_probs": "logprobs",
}
"""Alternative names of fields: OpenAI's, LlamaIndex's, or those of the wire format."""

OF_COMPLETIONS = frozenset(CompletionOptions.__annotations__) - ALIASES.keys()
OF_CHATS = frozenset(ChatStreamOptions.__annotations__) - ALIASES.keys()
_KEPT_AS_NONE = frozenset({"model", "max_new_tokens", "stop", "timeout"})
_COMMON = frozenset({"model", "temperature", "max_new_tokens", "stop", "logprobs", "timeout"})
_GUIDED = frozenset(name for name in OF_COMPLETIONS if name.startswith("guided_"))
_TOOLS = frozenset({"tools", "tool_choice", "parallel_tool_calls"})
_ON_V1 = _COMMON | OF_COMPLETIONS | _TOOLS | {"response_format", "top_logprobs"}
_ON_V2 = _COMMON | OF_CHATS
_NOT_SENT = frozenset({"timeout", "chat_template"})
"""Fields that are not options of a call, although they have the same name as one. Over v2, the server uses its own template."""


@cache
def sent_fields(model: type[BaseModel]) -> tuple[str, ...]:
    """The fields of a model class that affect an answer: all fields that are options of a call, including those of a subclass."""
    sent = (_ON_V1 | _ON_V2) - _NOT_SENT
    return tuple(name for name in model.model_fields if name in sent)


def check_known(name: str, known: Iterable[str]) -> None:
    """Refuse a misspelt name, as Python refuses a misspelt keyword argument.

    Raises:
        TypeError: The name is unknown. The message suggests the closest known name.
    """
    names = list(known)
    if name not in names:
        raise unexpected(name, [*names, *ALIASES])


def merged(route: Route, fields: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """The model's fields, overridden by the call's own options, under the names of the fields. None values are omitted.

    If a call passes None for the model, `max_new_tokens`, `stop` or `timeout`, the field's value stays. For any other option, None means
    the server's default.

    Raises:
        TypeError: An option is unknown on this route, or was given under two names.
    """
    if not given:
        return {name: value for name, value in fields.items() if value is not None}
    known = _ON_V2 if route == "chat" else _ON_V1
    own: dict[str, Any] = {}
    for key, value in given.items():
        name = ALIASES.get(key, key)
        check_known(name if name in known else key, known)
        if name in own:
            raise TypeError(f"{name!r} is given twice, once as {key!r}")
        if value is not None or name not in _KEPT_AS_NONE:
            own[name] = value
    shaped = {name for name in own if name in _GUIDED or name == "response_format"}
    kept = {name: value for name, value in fields.items() if not (shaped and name in {*_GUIDED, "response_format"})}
    return {name: value for name, value in {**kept, **own}.items() if value is not None}


def check_additional(names: Iterable[str], model: type[BaseModel]) -> None:
    """Refuse additional keyword arguments that would have no effect: misspelt names, and names of fields.

    Raises:
        TypeError: An argument is unknown over v2, or is a field of the model.
    """
    for key in names:
        if (name := ALIASES.get(key, key)) in sent_fields(model):
            raise TypeError(f"{key!r} is a field of the model: give it as {name}=..., not in additional_kwargs")
        check_known(key, _ON_V2)


def chat_arguments(options: Mapping[str, Any], *, stream: bool) -> dict[str, Any]:
    """The options in the form that `client.chat.create` and `client.chat.stream` accept."""
    found = {name: value for name, value in options.items() if name not in {"max_new_tokens", "stop", "stream_options"}}
    found["max_tokens"] = options["max_new_tokens"]
    if options.get("stop"):
        found["stop"] = options["stop"]
    if options.get("top_logprobs"):
        found["logprobs"] = True
    if stream:
        found["stream_options"] = {"include_usage": True, **options.get("stream_options", {})}
    return found


def completion_arguments(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options for `client.completions.create` and `client.completions.stream`, without stop strings and response format."""
    found = {name: value for name, value in options.items() if name in OF_COMPLETIONS}
    found |= {name: options[name] for name in ("model", "max_new_tokens", "temperature", "timeout") if name in options}
    if options.get("logprobs") or options.get("top_logprobs"):
        found["return_token_log_probs"] = True  # sent only if needed: TensorRT-LLM endpoints refuse it
    return found
