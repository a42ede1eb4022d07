"""Bodies of the routes under `/v1/llm/fine-tunes`."""

from __future__ import annotations

import ast
from typing import Annotated, Any, Literal, Required, TypeAlias

from pydantic import Field
from typing_extensions import TypedDict

from ._base import ListReply, Reply

FineTuneStatus = Literal["PENDING", "RUNNING", "SUCCESS", "FAILURE", "CANCELLED", "UNDEFINED", "TIMEOUT"] | str
"""The state of a job. Any other string is a status that this version does not know."""

ENDED = frozenset({"SUCCESS", "FAILURE", "CANCELLED", "TIMEOUT"})
"""The final statuses."""

SUFFIX = r"[A-Za-z0-9-]{1,28}"
"""The pattern of a valid suffix."""

HyperparameterValue: TypeAlias = str | int | float | dict[str, Any]

_LONGEST_METRICS = 10_000  # characters; metrics are short, and parsing takes memory


class FineTuneRequest(TypedDict, total=False):
    """The whole body of a request for a fine-tune."""

    model: Required[str]
    training_file: Required[str]
    validation_file: str | None
    hyperparameters: Required[dict[str, HyperparameterValue]]
    """Never null: an empty object leaves all of them to the server."""
    suffix: Annotated[str, Field(pattern=f"^{SUFFIX}$")] | None
    wandb_config: dict[str, Any] | None


class FineTuneCreated(Reply):
    """The reply of `fine_tunes.create`."""

    id: str


class FineTune(Reply):
    """A fine-tuning job."""

    id: str
    fine_tuned_model: str | None = None
    """The name of the model that the job makes, set from the start: the model exists once the status is SUCCESS."""
    status: FineTuneStatus

    @property
    def done(self) -> bool:
        """Whether the job has ended, successfully or not."""
        return self.status in ENDED

    @property
    def succeeded(self) -> bool:
        """Whether the job has ended successfully."""
        return self.status == "SUCCESS"


class FineTuneList(ListReply[FineTune]):
    """The reply of `fine_tunes.list`: a list of the fine-tunes in it. The gateway lists batch jobs with them."""

    jobs: list[FineTune]
    """All jobs, as the gateway lists them."""

    @property
    def items(self) -> list[FineTune]:
        """The fine-tunes: the jobs that make a model."""
        return [job for job in self.jobs if job.fine_tuned_model is not None]

    @property
    def batch_jobs(self) -> list[FineTune]:
        """The jobs of `batch_completions.create`."""
        return [job for job in self.jobs if job.fine_tuned_model is None]


class FineTuneCancelled(Reply):
    """The reply of `fine_tunes.cancel`."""

    success: bool


class FineTuneEvent(Reply):
    """Something that happened in a job."""

    timestamp: float | None = None
    """Seconds since 1970."""
    message: str
    level: Literal["info", "warning", "error"] | str = "info"

    @property
    def metrics(self) -> dict[str, float] | None:
        """The numbers in a message such as `{'loss': 2.108, 'epoch': 0.7}`; None for any other message."""
        return _metrics(self.message)


class FineTuneEventList(ListReply[FineTuneEvent]):
    """The reply of `fine_tunes.events`."""

    events: list[FineTuneEvent]

    @property
    def items(self) -> list[FineTuneEvent]:
        """The events, oldest first."""
        return self.events


def _metrics(message: str) -> dict[str, float] | None:
    text = message.strip()
    if not text.startswith("{") or len(text) > _LONGEST_METRICS:
        return None
    try:
        parsed = ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return None
    if not isinstance(parsed, ast.Dict):
        return None
    pairs = ((_name(key), _number(value)) for key, value in zip(parsed.keys, parsed.values, strict=True))
    return {name: number for name, number in pairs if name is not None and number is not None} or None


def _name(node: ast.expr | None) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def _number(node: ast.expr) -> float | None:
    """Return the number that an expression denotes, without evaluating it. A training that diverges reports `nan`."""
    match node:
        case ast.Constant(value=bool()):
            return None
        case ast.Constant(value=int() | float() | str() as value):
            return _float(value)
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant() | ast.Name() as operand):
            number = _number(operand)
            return None if number is None else -number
        case ast.Name(id="nan" | "inf" | "NaN" | "Infinity" as name):
            return float(name)
        case _:
            return None


def _float(value: float | str) -> float | None:
    try:
        return float(value)
    except (ValueError, OverflowError):
        return None
