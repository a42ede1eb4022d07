"""The cassettes on disk, and vcrpy set up to play them and nothing else."""

from __future__ import annotations

import json
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from email import message_from_bytes
from functools import cache
from pathlib import Path
from typing import Any

from vcr import VCR
from vcr.cassette import Cassette
from vcr.request import Request
from vcr.serialize import deserialize

from . import serializer

FOLDER = Path(__file__).parents[1] / "cassettes"
PATHS = {path.stem: path for path in sorted(FOLDER.glob("*/*.yaml"))}
BASE_URL = "http://gateway.test"  # a name that no network resolves (RFC 6761)


@dataclass(frozen=True)
class Exchange:
    """One recorded request and its reply."""

    request: Request
    status: int
    headers: dict[str, list[str]]
    content: bytes

    @property
    def json(self) -> Any:
        """The reply's body, decoded."""
        return json.loads(self.content)


@cache
def exchange(name: str) -> Exchange:
    """The one exchange that a cassette holds."""
    (request,), (response,) = deserialize(PATHS[name].read_text("utf-8"), serializer)
    return Exchange(request, response["status"]["code"], response["headers"], response["body"]["string"])


@contextmanager
def playing(name: str, first: Sequence[str] = ()) -> Generator[Cassette]:
    """Answer the cassette's request with its reply, and before that as often with the replies of the cassettes in `first`."""
    with _vcr.use_cassette(str(PATHS[name])) as cassette:
        [(request, _)] = cassette.data
        for index, earlier in enumerate(first):
            (_, [response]) = _Persister.load_cassette(PATHS[earlier], serializer)
            cassette.data.insert(index, (request, response))
        yield cassette


class _Persister:
    """Reads cassettes, in UTF-8 on every system, and never writes one."""

    @staticmethod
    def load_cassette(path: str | Path, serializer: Any) -> Any:
        return deserialize(Path(path).read_text("utf-8"), serializer)

    @staticmethod
    def save_cassette(path: str | Path, cassette: object, serializer: object) -> None:
        raise AssertionError(f"{path} would be overwritten.")


def same_body(ours: Request, recorded: Request) -> None:
    """The same JSON value (1 and 1.0 are one number), or the same parts of a form, or the same bytes."""
    assert _meaning(ours) == _meaning(recorded)


def same_scheme(ours: Request, recorded: Request) -> None:
    """The same kind of credentials; the keys themselves are not in the cassettes."""
    assert _scheme(ours) == _scheme(recorded)


def _meaning(request: Request) -> object:
    body = request.body_bytes or b""
    kind = str(request.headers.get("content-type", ""))
    if kind.startswith("multipart/"):
        form = message_from_bytes(f"Content-Type: {kind}\r\n\r\n".encode() + body)
        return [
            (part.get_param("name", header="content-disposition"), part.get_filename(), part.get_payload(decode=True))
            for part in form.walk()
            if not part.is_multipart()
        ]
    try:
        return json.dumps(json.loads(body, parse_int=float), sort_keys=True)
    except ValueError:
        return body


def _scheme(request: Request) -> str:
    return str(request.headers.get("authorization", "")).partition(" ")[0]


def _player() -> VCR:
    vcr = VCR(
        record_mode="none",
        serializer="readable",
        match_on=("method", "uri", "same_body", "same_scheme"),
    )
    vcr.register_serializer("readable", serializer)
    vcr.register_matcher("same_body", same_body)
    vcr.register_matcher("same_scheme", same_scheme)
    vcr.register_persister(_Persister)
    return vcr


_vcr = _player()
