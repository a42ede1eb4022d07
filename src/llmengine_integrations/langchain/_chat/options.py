"""The options of a chat call: the model's fields, overridden by the call's keyword arguments. Pure functions over plain dicts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from pydantic import BaseModel

from ...wire.chat import ChatOptions
from ...wire.completions import CompletionOptions
from .._options import Names, canonical
from .tools import openai_tool_choice, openai_tools

ALIASES = {
    "model_name": "model",
    "max_tokens": "max_new_tokens",
    "max_completion_tokens": "max_new_tokens",
    "stop_sequences": "stop",
    "return_token_log_probs": "logprobs",
}
"""Other names of fields: LangChain's, or those on the wire."""
_KEPT_BY_NONE = frozenset({"model", "stop", "timeout", "stream", "stream_usage", "chat_template"})
_OF_THE_WIRE = frozenset(ALIASES.get(name, name) for name in ChatOptions.__annotations__)
_OF_THE_CALL = frozenset({"model", "timeout", "stream", "stream_usage"})
_NAMES = Names(_OF_THE_WIRE | _OF_THE_CALL, ALIASES, _OF_THE_WIRE - _KEPT_BY_NONE)
_OF_TRACES = frozenset({"metadata"})
"""LangChain's field `metadata` labels traces. It is not sent, although a chat request has an option of this name."""
_NO_PART_OF_THE_QUESTION = frozenset({"timeout", "stream", "stream_usage"})
_ONE_OF = frozenset({"guided_json", "guided_regex", "guided_choice", "guided_grammar", "response_format"})
_OF_COMPLETIONS = frozenset(ALIASES.get(name, name) for name in CompletionOptions.__annotations__)
_TRANSLATED = frozenset({"tools", "tool_choice", "parallel_tool_calls", "response_format"})
_OF_THE_FORMAT = frozenset({"chat_template", "chat_template_kwargs"})
V1_OPTIONS = frozenset({"temperature", "max_new_tokens", "n"}).union(
    _OF_COMPLETIONS, _TRANSLATED, _OF_THE_FORMAT, _OF_THE_CALL
)
"""The options that have a meaning over v1 completions."""


@cache
def sent_fields(model: type[BaseModel]) -> tuple[str, ...]:
    """Return the fields of a model class that shape an answer: all that are options of a chat request, including a subclass's.

    They are sent with each call, and they are part of the key of a cached answer.
    """
    sent = (_OF_THE_WIRE | {"model"}) - _OF_TRACES
    return tuple(name for name in model.model_fields if name in sent)


def check_extra(options: Mapping[str, Any], model: type[BaseModel]) -> None:
    """Check `model_kwargs`.

    Raises:
        TypeError: One of them is not an option of a chat request, or the model has a field for it.
    """
    canonical(None, options, Names(_OF_THE_WIRE.difference(sent_fields(model)), {}))


def chat_fields(model: BaseModel) -> dict[str, Any]:
    """Return the options that the model itself sets."""
    return {name: getattr(model, name) for name in sent_fields(type(model))}


def chat_params(
    fields: Mapping[str, Any], extra: Mapping[str, Any], stop: Sequence[str] | None, options: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the options of a call, under the names of the fields.

    Raises:
        TypeError: An option is unknown, or given under two names.
    """
    given = {name: value for name, value in options.items() if name != "ls_structured_output_format"}
    return {**_cleared({**fields, **extra}, given), **canonical(stop, given, _NAMES)}


def with_openai_tools(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters with their tools in OpenAI's form. Without tools, the tool choice is dropped too.

    Raises:
        ValueError: The tool choice names none of the tools.
    """
    params = dict(params)
    tools = openai_tools(params.pop("tools", None) or ())
    choice = openai_tool_choice(params.pop("tool_choice", None), tools)
    if tools:
        params["tools"] = tools
        if choice is not None:
            params["tool_choice"] = choice
    else:
        params.pop("parallel_tool_calls", None)
    return params


def question(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters without those that do not change the answer."""
    return {name: value for name, value in params.items() if name not in _NO_PART_OF_THE_QUESTION}


def v2_request(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters as `chat.create` and `chat.stream` accept them."""
    renamed = {"stop", "max_new_tokens", "stream", "stream_usage"}
    return {
        **{name: value for name, value in params.items() if name not in renamed},
        "stop": params["stop"] or None,
        "max_tokens": params["max_new_tokens"],
    }


def _cleared(fields: Mapping[str, Any], given: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the fields, without the constraint on the text if the call has its own, because the server accepts only one."""
    if not given:
        return fields
    forces = given.get("tool_choice") not in (None, False, "auto", "none")
    if forces or any(given.get(name) is not None for name in _ONE_OF):
        return {name: None if name in _ONE_OF else value for name, value in fields.items()}
    return fields
