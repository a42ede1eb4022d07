"""Private names of other libraries, used where they have no public API. docs/private-internals.md lists all of them."""

from __future__ import annotations

from ...errors import ConfigurationError


def replace_private(owner: object, name: str, value: object) -> None:
    """Set a private attribute of a library's object. It must exist already, because setting an unused name would have no effect.

    Raises:
        ConfigurationError: The installed version of the library has no such attribute.
    """
    if not hasattr(owner, name):
        raise _unsupported(type(owner), name)
    setattr(owner, name, value)


def require_overridden(kind: type, *names: str) -> None:
    """Check that the methods that a class overrides exist in its base class. Otherwise the library would never call them.

    Raises:
        ConfigurationError: The installed version of the library has no such method.
    """
    for name in names:
        if not any(name in base.__dict__ for base in kind.__mro__[1:-1]):
            raise _unsupported(kind.__mro__[1], name)


def _unsupported(kind: type, name: str) -> ConfigurationError:
    library = kind.__module__.partition(".")[0]
    return ConfigurationError(
        f"The installed version of {library} is not supported: {kind.__qualname__} has no {name}. Install a version of {library} "
        "that this package declares (`pip install -U llmengine-integrations`)."
    )
