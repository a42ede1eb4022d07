"""Checks that apply to the fields of every kind of request."""

from __future__ import annotations

import json
from collections.abc import Mapping

from .errors import RefusedError


def check_unicode(fields: Mapping[str, object]) -> None:
    r"""Refuse unpaired surrogates anywhere in a request. JSON can express them (`\ud800`), but UTF-8 cannot.

    Raises:
        RefusedError: 400 that names the field.
    """
    for name, value in fields.items():
        try:
            json.dumps(value, ensure_ascii=False).encode()
        except UnicodeEncodeError as error:
            raise RefusedError(400, f"{name} contains an unpaired surrogate, which is not valid text.") from error
