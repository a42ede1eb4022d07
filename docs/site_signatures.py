"""The reference shows a resource's methods as they are called on a client. An extension of Griffe, which reads the source.

A method builds an `Operation[Completion]` from `**options: Unpack[...]`; what is called returns a `Completion` and takes each option by
its name. That is the signature that the decorator makes for `help()`, so it is taken from there.
"""

from __future__ import annotations

import inspect
import re
from importlib import import_module
from typing import Any

import griffe

KINDS = {kind: griffe.ParameterKind[kind.name.lower()] for kind in inspect._ParameterKind}  # noqa: SLF001 - it has no public name
ARGUMENTS = re.compile(r"^Key init args.*:\n(?: .*\n)+", re.MULTILINE)
"""The section of LangChain's docstrings that is a list, a name a line."""
ARGUMENT = re.compile(r"^( +)(\w+(?:, \w+)*): ", re.MULTILINE)


class Signatures(griffe.Extension):
    """Puts the signature of the call in the place of the method's."""

    def on_class(self, *, cls: griffe.Class, **_: Any) -> None:
        """Called by Griffe for each class: Markdown would make a paragraph of its list of arguments."""
        if cls.docstring is not None:
            text = cls.docstring.value
            cls.docstring.value = ARGUMENTS.sub(lambda found: ARGUMENT.sub(r"\1- `\2`: ", found[0]), text)

    def on_function(self, *, func: griffe.Function, **_: Any) -> None:
        """Called by Griffe for each function that it has read."""
        if not any(decorator.callable_path.endswith("endpoint") for decorator in func.decorators):
            return
        module, _, owner = func.path.rpartition(".")[0].rpartition(".")
        signature: inspect.Signature = getattr(import_module(module), owner).__dict__[func.name].__signature__
        func.parameters = griffe.Parameters(*map(_parameter, signature.parameters.values()))
        func.returns = str(signature.return_annotation)


def _parameter(one: inspect.Parameter) -> griffe.Parameter:
    annotation = None if one.annotation is one.empty else getattr(one.annotation, "__forward_arg__", one.annotation)
    return griffe.Parameter(
        one.name,
        annotation=annotation if isinstance(annotation, str | None) else inspect.formatannotation(annotation),
        kind=KINDS[one.kind],
        default=None if one.default is one.empty else repr(one.default),
    )
