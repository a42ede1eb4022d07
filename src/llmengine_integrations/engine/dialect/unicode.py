"""Text that JSON can spell and UTF-8 cannot."""

from __future__ import annotations

import json
from collections.abc import Mapping

from starlette.exceptions import HTTPException


def check_unicode(fields: Mapping[str, object]) -> None:
    """Refuse half of a surrogate pair anywhere in a request.

    Raises:
        HTTPException: 400 that names the field.
    """
    for name, value in fields.items():
        try:
            json.dumps(value, ensure_ascii=False).encode()
        except UnicodeEncodeError as error:
            raise HTTPException(400, f"{name} holds half of a surrogate pair, which is no text.") from error
