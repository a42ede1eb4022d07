"""The files of batch jobs, on a local disk or wherever fsspec reaches. Everything here blocks; flows call it as a `Local` step."""

from __future__ import annotations

import os
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import urlsplit
from urllib.request import url2pathname

from pydantic_core import from_json, to_json

from ..._shared.durable_files import write_file
from .._foreign_errors import fail, reason
from ..errors import ConfigurationError, InvalidArgumentError, InvalidResponseError, LLMEngineError, bare

PathLike: TypeAlias = str | os.PathLike[str]
Storage: TypeAlias = Mapping[str, Any]
"""Passed through fsspec to the storage: credentials, an endpoint's URL, ..."""

_PACKAGES = {
    "s3": "s3fs",
    "s3a": "s3fs",
    "gs": "gcsfs",
    "gcs": "gcsfs",
    "az": "adlfs",
    "abfs": "adlfs",
    "abfss": "adlfs",
}


def read_json(path: PathLike, storage: Storage | None) -> Any:
    """Read a JSON file.

    Raises:
        OSError: It cannot be read; FileNotFoundError if it does not exist (yet).
        InvalidResponseError: It is not JSON.
        ConfigurationError: A package is missing.
    """
    local = _local(path)
    data = _read(os.fspath(path), storage) if local is None else local.read_bytes()
    try:
        return from_json(data)
    except ValueError as error:
        fail(InvalidResponseError(f"{shown(path)} is not valid JSON: {error}"), error)


def shown(path: PathLike) -> str:
    """Return a path for a message: a URL without its query and password, which may be secrets."""
    text = os.fspath(path)
    return bare(text) if "://" in text else text


def write_json(path: PathLike, content: object, storage: Storage | None) -> None:
    """Write a JSON file. A local file never appears half written.

    Raises:
        OSError: It cannot be written.
        ConfigurationError: A package is missing.
    """
    local = _local(path)
    if local is not None:
        write_file(local, to_json(content))
        return
    with _hiding(os.fspath(path)), _open(os.fspath(path), "wb", storage) as file:
        file.write(to_json(content))


def _local(path: PathLike) -> Path | None:
    """Return the path of a local file; None for a URL."""
    if not isinstance(path, str) or "://" not in path:
        return Path(path)
    parts = urlsplit(path)
    if parts.scheme != "file":
        return None
    if parts.netloc not in {"", "localhost"}:
        raise InvalidArgumentError(f"{path} names another machine; a local file's URL has three slashes: file:///...")
    return Path(url2pathname(parts.path))


def _read(url: str, storage: Storage | None) -> bytes:
    with _hiding(url), _open(url, "rb", storage) as file:
        data: bytes = file.read()
        return data


@contextmanager
def _hiding(url: str) -> Generator[None]:
    """Raise errors about a file on the web without the URL, which may be presigned."""
    try:
        yield
    except LLMEngineError:
        raise
    except Exception as error:
        if not url.startswith(("http://", "https://")):
            raise
        kind = FileNotFoundError if isinstance(error, FileNotFoundError) else OSError
        status = getattr(error, "status", None)  # of aiohttp's errors, whose text is the URL
        fail(kind(f"{shown(url)}: {f'status {status}' if status else reason(error)}"), error)


def _open(url: str, mode: str, storage: Storage | None) -> Any:
    scheme, _, rest = url.partition("://")
    scheme = "az" if scheme == "azure" else scheme  # the gateway calls it azure, and fsspec az
    try:
        return import_module("fsspec").open(f"{scheme}://{rest}", mode, **(storage or {}))
    except ImportError as error:
        packages = " ".join(filter(None, ("fsspec", _PACKAGES.get(scheme))))
        raise ConfigurationError(f"Files on {scheme}:// need more packages: pip install {packages}") from error
    except ValueError as error:
        raise InvalidArgumentError(f"{url} is not a path that fsspec understands: {error}") from error
