"""Every exception that this package raises on purpose; see `core.errors` for the tree."""

from .core.errors import *  # noqa: F403 - the public name of core's module, whole
from .core.errors import __all__  # noqa: F401 - what the star takes
