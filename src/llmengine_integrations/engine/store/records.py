"""Records: what the database says of an upload or a model, as a small file of JSON beside it.

Nothing reads them as long as there is the database. They are for the day when it is lost: with them `adoption` restores names and times.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

from llmengine_integrations._shared.durable_files import flush_to_disk

SUFFIX = ".json"
_END_OF_TIME = 253402300800.0  # the year 10000 in seconds since 1970, which a datetime cannot hold


def record_of(path: Path) -> Path:
    """Where the record of a file or folder is."""
    return path.with_name(path.name + SUFFIX)


def write_record(path: Path, fields: dict[str, Any]) -> None:
    """Write the record of a file or folder, which may not be there yet. It is on the disk when this returns."""
    with record_of(path).open("wb") as file:
        file.write(json.dumps(fields).encode())
        flush_to_disk(file)


def created_at(path: Path) -> float:
    """When an upload, model or fine-tune was made, in seconds since 1970: by its record, else by the file system."""
    found = read_json(record_of(path)).get("created_at")
    return found if isinstance(found, float) and 0 <= found < _END_OF_TIME else path.stat().st_mtime


def read_json(path: Path) -> dict[str, Any]:
    """The object in a file of JSON; empty if there is none that can be read."""
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return cast("dict[str, Any]", found) if isinstance(found, dict) else {}


def is_text(name: str) -> bool:
    """Whether a name can be stored and sent: JSON can spell halves of characters, which are not text."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
