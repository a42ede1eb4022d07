"""What a training process says on its standard output: one JSON object a line."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, Field, TypeAdapter, ValidationError


class TrainingError(Exception):
    """A job that cannot be trained; the message says why."""


class Event(BaseModel):
    """Something for the job's list of events."""

    kind: Literal["event"] = "event"
    message: str
    level: Literal["info", "warning", "error"] = "info"


class Saved(BaseModel):
    """The adapter is whole, and on the disk."""

    kind: Literal["saved"] = "saved"


class Failed(BaseModel):
    """It cannot go on."""

    kind: Literal["failed"] = "failed"
    reason: str


Message: TypeAlias = Event | Saved | Failed

_MESSAGE: TypeAdapter[Message] = TypeAdapter(Annotated[Message, Field(discriminator="kind")])


def parse(line: bytes) -> Message | None:
    """A line's message; None for a line that some library printed."""
    try:
        return _MESSAGE.validate_json(line)
    except ValidationError:
        return None
