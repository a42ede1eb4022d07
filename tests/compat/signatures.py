"""What a client offers: the parameters of its calls, the fields of its data types, its enums and errors, as JSON.

    LLM_ENGINE_DISABLE_VERSION_CHECK=1 .venv-upstream/bin/python tests/compat/signatures.py > tests/compat/upstream_signatures.json

writes the record of upstream's released client. The test describes this package's names with the same functions and compares.
"""

import importlib
import inspect
import json
import sys
from enum import Enum

CLASSES = ("Completion", "FineTune", "Model", "File")


def described(package):
    """Everything public of a package that has upstream's layout."""
    root, data_types, errors, api_engine = (
        importlib.import_module(package + name) for name in ("", ".data_types", ".errors", ".api_engine")
    )
    types = {name: kind for name, kind in vars(data_types).items() if inspect.isclass(kind)}
    enums = {name: kind for name, kind in types.items() if issubclass(kind, Enum) and len(kind)}
    settings = {name: call for name, call in vars(api_engine).items() if name.startswith(("get_", "set_"))}
    return {
        "calls": {f"{owner}.{name}": _parameters(call) for owner, name, call in _calls(root)},
        "settings": {name: _parameters(call) for name, call in settings.items()},
        "fields": {name: fields for name, kind in types.items() if (fields := _fields(kind))},
        "enums": {name: {one.name: one.value for one in kind} for name, kind in enums.items()},
        "exports": dict.fromkeys(getattr(root, "__all__", ()), True),
        "errors": {name: True for name, kind in vars(errors).items() if _is_error(kind)},
    }


def _calls(root):
    """Each class's own calls; those that it inherits are upstream's plumbing."""
    for owner in CLASSES:
        for name in vars(getattr(root, owner)):
            call = getattr(getattr(root, owner), name)
            if not name.startswith("_") and callable(call):
                yield owner, name, call


def _parameters(call):
    return [[one.name, one.kind.name, _plain(one.default)] for one in inspect.signature(call).parameters.values()]


def _fields(kind):
    """The fields of a model, of either version of pydantic, with their defaults; a typed dict has none."""
    if fields := getattr(kind, "model_fields", None):
        return {
            name: "required" if one.is_required() else _plain(one.get_default(call_default_factory=True))
            for name, one in fields.items()
        }
    if fields := getattr(kind, "__fields__", None):
        return {name: "required" if one.required else _plain(one.get_default()) for name, one in fields.items()}
    if hasattr(kind, "__required_keys__"):
        return dict.fromkeys(kind.__annotations__, "left out")
    return None


def _is_error(kind):
    return inspect.isclass(kind) and issubclass(kind, Exception)


def _plain(value):
    if value is inspect.Parameter.empty:
        return "required"
    return repr(value.value if isinstance(value, Enum) else value)


if __name__ == "__main__":
    json.dump(described("llmengine"), sys.stdout, indent=1, sort_keys=True)
    sys.stdout.write("\n")
