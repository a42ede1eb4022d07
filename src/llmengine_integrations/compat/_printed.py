"""The two methods of pydantic's first version that upstream's users call on every object."""

from __future__ import annotations

import json
from typing import Any

from pydantic import BaseModel

_OF_THE_DUMP = frozenset({"include", "exclude", "by_alias", "exclude_unset", "exclude_defaults", "exclude_none"})


class Printed(BaseModel):
    """A model with `json()` and `dict()`, without the warnings that pydantic gives for them."""

    def json(self, **options: Any) -> str:
        """Return the object as JSON, `{"key": "value", ...}`.

        Args:
            **options: `include`, `exclude`, `exclude_none` and similar ones as for `model_dump`; all others, such as `indent`, as for
                `json.dumps`.
        """
        of_the_dump = {name: options.pop(name) for name in list(options) if name in _OF_THE_DUMP}
        options.setdefault("ensure_ascii", False)
        return json.dumps(self.model_dump(mode="json", **of_the_dump), **options)

    def dict(self, **options: Any) -> dict[str, Any]:
        """Return the object as a dict. The options are those of `model_dump`."""
        return self.model_dump(**options)
