"""Records: what the database says about an upload or a model, in a small JSON file next to it.

Nothing reads them while the database exists. If it is lost, `adoption` restores names and times from them.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

from llmengine_integrations._shared.durable_files import flush_to_disk

SUFFIX = ".json"
_END_OF_TIME = 253402300800.0  # the year 10000 in seconds since 1970, which a datetime cannot hold


def record_of(path: Path) -> Path:
    """Return the path of the record of a file or folder."""
    return path.with_name(path.name + SUFFIX)


def write_record(path: Path, fields: dict[str, Any]) -> None:
    """Write the record of a file or folder, which need not exist yet. The record is on the disk when this returns."""
    with record_of(path).open("wb") as file:
        file.write(json.dumps(fields).encode())
        flush_to_disk(file)


def created_at(path: Path) -> float:
    """Return when an upload, model or fine-tune was made, in seconds since 1970: from its record, else from the file system."""
    found = read_json(record_of(path)).get("created_at")
    return found if isinstance(found, float) and 0 <= found < _END_OF_TIME else path.stat().st_mtime


def read_json(path: Path) -> dict[str, Any]:
    """Return the object in a JSON file; empty if there is no readable one."""
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return cast("dict[str, Any]", found) if isinstance(found, dict) else {}


def is_text(name: str) -> bool:
    """Return whether a name can be stored and sent. JSON can contain unpaired surrogates, which cannot."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
