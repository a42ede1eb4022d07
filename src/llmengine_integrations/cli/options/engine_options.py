"""The options of `llmengine serve`, made from the fields of `EngineConfig`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

import click
from pydantic.fields import FieldInfo

from llmengine_integrations.engine.config import EngineConfig, Flag

from .option_types import Number, size, size_text

CommandT = TypeVar("CommandT", bound=Callable[..., Any])


def engine_options(command: CommandT) -> CommandT:
    """Give a command an option for each setting of an engine, in their order. Each is passed by the setting's name."""
    for name, field in reversed(EngineConfig.model_fields.items()):
        command = engine_option(name, field)(command)
    return command


def engine_option(name: str, field: FieldInfo) -> Callable[[CommandT], CommandT]:
    """The option of one setting."""
    flag = flag_of(field)
    options: dict[str, Any] = {"help": " ".join((field.description or "").replace("`", "").split())}
    annotation = field.annotation
    if annotation is bool:
        options["is_flag"] = True
    elif get_origin(annotation) in {dict, tuple}:
        repeated = annotation if get_origin(annotation) is tuple else tuple[str, ...]
        options |= {"multiple": True, "type": _type(get_args(repeated)[0], field, flag)}
        options["help"] += " Repeatable."
    else:
        default = field.get_default()
        shown = size_text(default) if flag.unit == "bytes" and default else default is not None
        options |= {"type": _type(annotation, field, flag), "default": default, "show_default": shown}
    if flag.variable:
        options |= {"envvar": flag.variable, "show_envvar": True}
    return click.option(flag_name(name, field), name, metavar=flag.metavar or _METAVARS.get(flag.unit or ""), **options)


_METAVARS = {"bytes": "SIZE", "seconds": "SECONDS"}


def _type(annotation: Any, field: FieldInfo, flag: Flag) -> Any:
    if get_origin(annotation) in {Union, UnionType}:
        annotation = get_args(annotation)[0]
    if get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    if get_origin(annotation) is Literal:
        return click.Choice(get_args(annotation))
    if flag.unit == "bytes":
        return size
    if annotation is int:
        return click.IntRange(_limit(field, "ge"), _limit(field, "le"))
    if annotation is float:
        above = _limit(field, "gt")
        return Number(above, min_open=above is not None)
    return click.Path(file_okay=False) if annotation is Path else str


def _limit(field: FieldInfo, kind: str) -> Any:
    """What pydantic compares a setting with: `ge`, `le` or `gt`; None without such a limit."""
    return next((getattr(one, kind) for one in field.metadata if hasattr(one, kind)), None)


def flag_of(field: FieldInfo) -> Flag:
    """How a setting looks as an option."""
    return next((one for one in field.metadata if isinstance(one, Flag)), Flag())


def flag_name(name: str, field: FieldInfo) -> str:
    """The option of a setting, with its dashes."""
    return flag_of(field).name or "--" + name.replace("_", "-")
