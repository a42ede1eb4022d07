"""The messages of a training process on its standard output: one JSON object per line."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, Field, TypeAdapter, ValidationError


class TrainingError(Exception):
    """A job that cannot be trained. The message says why."""


class Event(BaseModel):
    """An entry for the job's list of events."""

    kind: Literal["event"] = "event"
    message: str
    level: Literal["info", "warning", "error"] = "info"


class Saved(BaseModel):
    """The adapter is complete and on the disk."""

    kind: Literal["saved"] = "saved"


class Failed(BaseModel):
    """The training cannot continue."""

    kind: Literal["failed"] = "failed"
    reason: str


Message: TypeAlias = Event | Saved | Failed

_MESSAGE: TypeAdapter[Message] = TypeAdapter(Annotated[Message, Field(discriminator="kind")])


def parse(line: bytes) -> Message | None:
    """Return the message in a line; None if a library printed the line."""
    try:
        return _MESSAGE.validate_json(line)
    except ValidationError:
        return None
