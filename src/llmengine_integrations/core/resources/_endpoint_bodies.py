"""The bodies that create and change endpoints, and checks for what the gateway would refuse or misread. No I/O happens here."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import Enum
from typing import Any, Literal

from ...wire.model_args import SGLangArgs, VLLMArgs
from ...wire.models import HardwareOptions, Model
from ..errors import InvalidArgumentError


class Clear(Enum):
    """The type of `CLEAR`."""

    CLEAR = "clear"


CLEAR: Literal[Clear.CLEAR] = Clear.CLEAR
"""In an update, it removes a setting; None leaves the setting unchanged."""

REQUIRED_LABELS = ("team", "product")
FORBIDDEN_LABELS = ("user_id", "endpoint_name")
# https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#syntax-and-character-set
_LABEL_VALUE = re.compile(r"([A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?", re.ASCII)
_HARDWARE = tuple(HardwareOptions.__annotations__)
_ARGS: Mapping[str, Mapping[str, Any]] = {"vllm": VLLMArgs.__annotations__, "sglang": SGLangArgs.__annotations__}
_OTHER_FRAMEWORKS = frozenset({"deepspeed", "text_generation_inference", "lightllm", "tensorrt_llm"})
_TAGGED = frozenset({"sglang", "deepspeed", "text_generation_inference"})
"""The frameworks that an update must name. Without a name the gateway assumes vLLM; it does not support updates for other frameworks."""


def changes(options: Mapping[str, Any], clearable: Mapping[str, object]) -> dict[str, Any]:
    """Return the body of an update: the given values, and null for those to be cleared."""
    cleared = {name: None if value is CLEAR else value for name, value in clearable.items() if value is not None}
    if "labels" in options:
        check_labels(options["labels"])
    return {**options, **cleared}


def addressed(body: dict[str, Any], framework: str | None, *, public: bool) -> dict[str, Any]:
    """Return the body of an update with the fields that it must always have."""
    check_framework(framework or "vllm", body)
    tag = {"inference_framework": framework} if framework in _TAGGED else {}
    return {**body, **tag, "public_inference": public}


def is_public(model: Model) -> bool:
    """Return whether everybody may call an endpoint.

    Raises:
        InvalidArgumentError: The gateway does not say.
    """
    public = model.spec.public_inference if model.spec else None
    if public is None:
        raise InvalidArgumentError(f"The gateway does not say whether {model.name} is public; give public_inference.")
    return public


def check_labels(labels: Mapping[str, str]) -> None:
    """Refuse labels that the gateway would.

    Raises:
        InvalidArgumentError: `team` or `product` is missing, `user_id` or `endpoint_name` is present, or a value is not a Kubernetes label
            value.
    """
    if missing := [name for name in REQUIRED_LABELS if name not in (labels or {})]:
        raise InvalidArgumentError(f"The labels need {' and '.join(missing)}, for example {_example(missing)}.")
    if forbidden := [name for name in FORBIDDEN_LABELS if name in labels]:
        raise InvalidArgumentError(f"The gateway sets the label {forbidden[0]} itself.")
    for name, value in labels.items():
        if not isinstance(value, str) or not _LABEL_VALUE.fullmatch(value):  # pyright: ignore[reportUnnecessaryIsInstance] - users pass numbers
            raise InvalidArgumentError(
                f"The label {name} is {value!r}; it takes up to 63 letters, digits, '-', '_' and '.', "
                "and begins and ends with a letter or digit."
            )


def check_hardware(options: Mapping[str, Any]) -> None:
    """Refuse an incomplete hardware description.

    Raises:
        InvalidArgumentError: Some fields are given and others are missing.
    """
    missing = [name for name in _HARDWARE if name not in options]
    if missing and len(missing) < len(_HARDWARE):
        raise InvalidArgumentError(
            f"The hardware fields go together: {', '.join(missing)} missing. Give all of {', '.join(_HARDWARE)}, "
            "or none of them for the gateway to infer them from the model."
        )


def check_framework(framework: str, options: Mapping[str, Any]) -> None:
    """Refuse arguments of another model server, which the gateway would silently ignore.

    Raises:
        InvalidArgumentError: The framework does not support an option.
    """
    if framework not in _ARGS and framework not in _OTHER_FRAMEWORKS:
        return  # a framework that this version does not know
    takes = _ARGS.get(framework, {})
    for name in options:
        owners = [owner for owner, args in _ARGS.items() if name in args]
        if owners and name not in takes:
            raise InvalidArgumentError(f"{name} is an option of {' and '.join(owners)}; {framework} does not take it.")


def _example(names: list[str]) -> str:
    return "{" + ", ".join(f'"{name}": "my-{name}"' for name in names) + "}"
