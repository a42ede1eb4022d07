"""The options of a call: the model's fields, overridden by the call's keyword arguments. Pure functions over plain dicts."""

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
"""The fields that shape an answer. All of them identify a cached one."""

_READ = attrgetter(*FIELDS)
_UNSET_BY_NONE = frozenset(FIELDS) - {*REQUIRED, "stop"}
_GUIDED = frozenset(name for name in FIELDS if name.startswith("guided_"))


@dataclass(frozen=True)
class Names:
    """The names that the keyword arguments of a call may have.

    Attributes:
        own: the names of the options.
        aliases: other names of some of them.
        unset_by_none: the options for which None means the server's default, not the model's own value.
    """

    own: frozenset[str]
    aliases: Mapping[str, str]
    unset_by_none: frozenset[str] = field(default_factory=frozenset[str])


_OF_COMPLETIONS = Names(frozenset({*FIELDS, "timeout"}), ALIASES, _UNSET_BY_NONE)


def canonical(stop: Sequence[str] | None, options: Mapping[str, Any], names: Names = _OF_COMPLETIONS) -> dict[str, Any]:
    """Return a call's keyword arguments under the names of the fields.

    For `model`, `temperature`, `max_new_tokens`, `stop` and `timeout`, None means the model's own value; for any other option, it means the
    server's default.

    Raises:
        TypeError: A name is unknown, or an option is given under two names.
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
    """Return one stop string as a list with that string, not with its letters."""
    return [stop] if isinstance(stop, str) else stop


def check_once(name: str, key: str, keys: dict[str, str]) -> None:
    """Refuse an option that is given under two of its names. `keys` remembers under which name each was given.

    Raises:
        TypeError: The option was already given under another name.
    """
    if (other := keys.setdefault(name, key)) != key:
        raise TypeError(f"{name!r} is given twice, as {other!r} and as {key!r}")


def check_known(name: str, known: Collection[str]) -> None:
    """Refuse a misspelt name, as Python refuses a misspelt keyword argument.

    Raises:
        TypeError: The name is unknown. The message suggests the closest known one.
    """
    if name not in known:
        raise unexpected(name, known)


def fields(model: object) -> dict[str, Any]:
    """Return the options that the model itself sets."""
    return dict(zip(FIELDS, _READ(model), strict=True))


def merged(fields: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields, overridden by the call's options. A guided option replaces any in the fields, because the server accepts one."""
    if not _GUIDED.isdisjoint(given):
        fields = {name: None if name in _GUIDED else value for name, value in fields.items()}
    return {**fields, **given}


def request(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters as `completions.create` and `completions.stream` accept them."""
    sent = dict(params)
    sent["stop_sequences"] = sent.pop("stop") or None
    sent["return_token_log_probs"] = sent.pop("logprobs") or None  # TensorRT-LLM endpoints refuse the field
    return sent
