"""The request for both OpenAI-style (v2) routes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .._operation import Request, set_options
from ..errors import InvalidArgumentError

if TYPE_CHECKING:
    from .._timeouts import TimeoutLike


def inference(
    path: str, body: Mapping[str, Any], options: Mapping[str, Any], known: type[Any], timeout: TimeoutLike | None
) -> Request:
    """Return the request for an inference: the body with the options that are set.

    Raises:
        InvalidArgumentError: The model's name is empty.
        TypeError: This call does not have such an option.
    """
    if not body["model"]:  # the gateway reads an empty name as "any endpoint"
        raise InvalidArgumentError("The model's name is empty.")
    if "stream" in options:
        raise TypeError("unexpected keyword argument 'stream': stream(...) is a method of its own, next to create(...)")
    return Request(
        method="POST", path=path, json={**body, **set_options(options, known, *body, "timeout")}, timeout=timeout
    )
