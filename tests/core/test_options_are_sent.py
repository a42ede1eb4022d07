"""Every option that a call of the client accepts is sent, by its own name."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

import pytest

from llmengine_integrations import Client
from llmengine_integrations.core._resource import Resource, _Endpoint, _unpacked, flow_endpoint
from llmengine_integrations.core.errors import InvalidArgumentError
from llmengine_integrations.wire.models import HardwareOptions

VALUES = {
    "messages": [{"role": "user", "content": "hello"}],
    "content": {"prompts": ["hello"]},
    "hyperparameters": {},
    "labels": {"team": "t", "product": "p"},
    "data_parallelism": 2,
    "version": "v2",
    "public_inference": True,  # without it, an update reads the endpoint first
}
"""Arguments and options for which not any text will do."""


COMPANY = ({}, {"inference_framework": "sglang"}, dict.fromkeys(HardwareOptions.__annotations__, "telling"))
"""What some options need to be there with them."""


def calls_with_options() -> dict[str, _Endpoint[Any]]:
    """The calls that take the fields of a request by keyword, by name."""
    with Client("http://127.0.0.1:1") as client:
        resources = {name: type(found) for name in dir(client) if isinstance(found := getattr(client, name), Resource)}
    return {
        f"{name}.{method}": found
        for name, resource in resources.items()
        for method, found in inspect.getmembers(resource, lambda member: isinstance(member, _Endpoint))
        if any(one.kind is one.VAR_KEYWORD for one in inspect.signature(found.build).parameters.values())
    }


CALLS = calls_with_options()


def sent(call: _Endpoint[Any], **options: object) -> object:
    """The body that a call sends."""
    given = {}
    for name, parameter in list(inspect.signature(call.build).parameters.items())[1:]:
        if parameter.kind is parameter.VAR_KEYWORD or (parameter.default is not parameter.empty and name not in VALUES):
            continue
        given[name] = VALUES.get(name, "x")
    made = call.build(None, **given | options)
    return (next(made) if isinstance(call, flow_endpoint) else made).request.json


def pairs(body: object) -> Iterator[tuple[str, object]]:
    """The names and values of an object and of those inside it."""
    if isinstance(body, dict):
        for name, value in body.items():
            yield name, value
            yield from pairs(value)


def options_of(call: _Endpoint[Any]) -> list[str]:
    parameters = inspect.signature(call.build).parameters.values()
    annotation = next(one.annotation for one in parameters if one.kind is one.VAR_KEYWORD)
    return list(_unpacked(call.build, annotation).__annotations__)


@pytest.mark.parametrize("name", CALLS)
def test_every_option_is_sent(name):
    call = CALLS[name]
    values = {option: VALUES.get(option, "telling") for option in options_of(call)}
    assert [option for option, value in values.items() if not sends(call, option, value)] == []


def sends(call: _Endpoint[Any], option: str, value: object) -> bool:
    """Whether an option is sent, alone or with those that it needs."""
    for others in COMPANY:
        try:
            body = sent(call, **others, **{option: value}) if option not in others else sent(call, **others)
        except (InvalidArgumentError, TypeError):
            continue  # refused without its company, or the call has no such options
        return (option, value) in pairs(body)
    return False


def test_which_calls_take_options():
    assert {
        "completions.create",
        "chat.stream",
        "text_completions.create",
        "models.create",
        "batch_completions.create",
    } < set(CALLS)
