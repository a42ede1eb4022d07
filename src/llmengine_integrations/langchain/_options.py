"""What a call asks for: the model's fields with the call's own keyword arguments over them. Pure functions over plain dicts."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any

from .._shared.did_you_mean import unexpected
from ..wire.completions import CompletionOptions

ALIASES = {
    "model_name": "model",
    "max_tokens": "max_new_tokens",
    "stop_sequences": "stop",
    "return_token_log_probs": "logprobs",
}
"""Other names of fields: LangChain's, or those on the wire."""
REQUIRED = ("model", "temperature", "max_new_tokens")
FIELDS = (*REQUIRED, *(ALIASES.get(name, name) for name in CompletionOptions.__annotations__))
"""The fields that shape an answer; all of them identify a cached one."""

_READ = attrgetter(*FIELDS)
_UNSET_BY_NONE = frozenset(FIELDS) - {*REQUIRED, "stop"}
_GUIDED = frozenset(name for name in FIELDS if name.startswith("guided_"))


@dataclass(frozen=True)
class Names:
    """What the keyword arguments of a call may be called.

    Attributes:
        own: the names of the options.
        aliases: other names of some of them.
        unset_by_none: those that None leaves to the server, instead of leaving them as the model has them.
    """

    own: frozenset[str]
    aliases: Mapping[str, str]
    unset_by_none: frozenset[str] = field(default_factory=frozenset[str])


_OF_COMPLETIONS = Names(frozenset({*FIELDS, "timeout"}), ALIASES, _UNSET_BY_NONE)


def canonical(stop: Sequence[str] | None, options: Mapping[str, Any], names: Names = _OF_COMPLETIONS) -> dict[str, Any]:
    """A call's keyword arguments under the names of the fields.

    None leaves `model`, `temperature`, `max_new_tokens`, `stop` and `timeout` as the model has them, and any other option to the server.

    Raises:
        TypeError: One of them is unknown, or given under two names.
    """
    given: dict[str, Any] = {} if stop is None else {"stop": as_list(stop)}
    keys = {name: name for name in given}
    for key, value in options.items():
        name = names.aliases.get(key, key)
        if name not in names.own:
            check_known(key, (*names.own, *names.aliases))
        check_once(name, key, keys)
        if value is not None or name in names.unset_by_none:
            given[name] = as_list(value) if name == "stop" else value
    return given


def as_list(stop: object) -> object:
    """One stop string is a list of one, not of its letters."""
    return [stop] if isinstance(stop, str) else stop


def check_once(name: str, key: str, keys: dict[str, str]) -> None:
    """Refuse an option that comes under two of its names; `keys` remembers under which one it came.

    Raises:
        TypeError: It does.
    """
    if (other := keys.setdefault(name, key)) != key:
        raise TypeError(f"{name!r} is given twice, as {other!r} and as {key!r}")


def check_known(name: str, known: Collection[str]) -> None:
    """Refuse a misspelt name, as Python does a misspelt keyword argument.

    Raises:
        TypeError: It is not one of the known names; the message suggests the closest.
    """
    if name not in known:
        raise unexpected(name, known)


def fields(model: object) -> dict[str, Any]:
    """What the model itself asks for."""
    return dict(zip(FIELDS, _READ(model), strict=True))


def merged(fields: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """The fields with what a call gives over them. A guided option replaces whichever the fields have: the server takes one."""
    if not _GUIDED.isdisjoint(given):
        fields = {name: None if name in _GUIDED else value for name, value in fields.items()}
    return {**fields, **given}


def request(params: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters as `completions.create` and `completions.stream` take them."""
    sent = dict(params)
    sent["stop_sequences"] = sent.pop("stop") or None
    sent["return_token_log_probs"] = sent.pop("logprobs") or None  # TensorRT-LLM endpoints refuse the field
    return sent
