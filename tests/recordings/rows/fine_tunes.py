"""`fine_tunes`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llmengine_integrations.core.errors import (
    AuthenticationError,
    BadRequestError,
    InvalidArgumentError,
    JobFailedError,
    NotFoundError,
)
from llmengine_integrations.wire.fine_tunes import FineTune, FineTuneCancelled, FineTuneCreated

from ..row import Row, raises, refuses, returns

_TUNED = "ft-907b988e5a834fc2a580"
_CANCELLED = "ft-89e218afcef3427fb3e1"
_MODEL = "llama-2-7b.my-exp.261121-083913"
_CSV = "file-ff6f658bebfc44a"
_GONE = "The specified fine-tune job could not be found."
_NO_SUFFIX = "The suffix must be 1 to 28 letters, digits and dashes"


def create(model: str = "llama-2-7b", training_file: str = _CSV, **options: Any) -> Callable[[Any], Any]:
    """The call behind a recording."""
    return lambda client: client.fine_tunes.create(model, training_file, **options)


def tuned(status: str) -> FineTune:
    """The job that was watched to its end."""
    return FineTune(id=_TUNED, fine_tuned_model=_MODEL, status=status)


def _refused(recording: str, message: str, **call: Any) -> Row:
    return Row(recording, create(**call), raises(BadRequestError, message))


ROWS = [
    Row("004-auth-bearer-ok", lambda client: client.fine_tunes.list(), returns([], of=list), client={"api_key": "a:b"}),
    Row(
        "006-auth-malformed-basic",
        lambda client: client.fine_tunes.list(),
        raises(AuthenticationError, "Not authenticated"),
        client={"default_headers": {"Authorization": "Basic !!!"}},
    ),
    Row(
        "007-auth-basic-empty-username",
        lambda client: client.fine_tunes.list(),
        raises(AuthenticationError, "Could not authenticate user"),
        client={"default_headers": {"Authorization": "Basic Og=="}},
    ),
    Row("008-auth-basic-password-ignored", lambda client: client.fine_tunes.list(), returns([], of=list)),
    Row(
        "009-auth-unknown-scheme",
        lambda client: client.fine_tunes.list(),
        raises(AuthenticationError, "No authentication was passed in"),
        client={"default_headers": {"Authorization": "Digest x"}},
    ),
    Row(
        "141-ft-create-ok",
        create(
            hyperparameters={"epochs": 1, "lr": 0.0002, "peft_config": {"r": 8}},
            suffix="my-exp",
            wandb_config={"api_key": "k"},
        ),
        returns(FineTuneCreated(id=_TUNED)),
    ),
    Row(
        "142-ft-create-ok-jsonl",
        create(training_file="file-01f8532ef2ae40c", validation_file=_CSV),
        returns(FineTuneCreated(id=_CANCELLED)),
    ),
    Row("145-ft-create-400-suffix", create(suffix="bad suffix!"), refuses(InvalidArgumentError, _NO_SUFFIX)),
    Row("146-ft-create-400-suffix-long", create(suffix="a" * 29), refuses(InvalidArgumentError, _NO_SUFFIX)),
    Row("147-ft-create-400-suffix-empty", create(suffix=""), refuses(InvalidArgumentError, _NO_SUFFIX)),
    _refused(
        "148-ft-create-400-columns",
        "Required column headers (one subset of [['prompt', 'response'], ['input', 'output']]) "
        "not found in training dataset",
        training_file="file-f5d5ee19e097452",
    ),
    _refused(
        "149-ft-create-400-missing-path",
        "Cannot find the training file. Verify the path and file name are correct.",
        training_file="/no/such.csv",
    ),
    Row(
        "150-ft-create-404-file-id",
        create(training_file="file-nope"),
        raises(NotFoundError, "Training file does not exist"),
    ),
    Row(
        "151-ft-create-404-val-file-id",
        create(validation_file="file-nope"),
        raises(NotFoundError, "Validation file does not exist"),
    ),
    _refused("152-ft-create-400-model", "Fine-tuning not implemented for model type gpt-4", model="gpt-4"),
    _refused(
        "153-ft-create-400-required-param",
        "Required param lr is missing from hyperparameters",
        model="needs-lr",
    ),
    Row("155-ft-get-pending", lambda client: client.fine_tunes.get(_TUNED), returns(tuned("PENDING"))),
    Row("156-ft-get-running", lambda client: client.fine_tunes.get(_TUNED), returns(tuned("RUNNING"))),
    Row(
        "157-ft-events",
        lambda client: client.fine_tunes.events(_TUNED),
        returns(
            [
                (1795250353.414954, {"loss": 1.962, "learning_rate": 0.0004, "epoch": 0.2}, "info"),
                (1795250354.914954, {"loss": 1.314, "learning_rate": 0.0015, "epoch": 0.6}, "info"),
            ],
            of=lambda events: [(event.timestamp, event.metrics, event.level) for event in events],
        ),
    ),
    Row(
        "158-ft-list",
        lambda client: client.fine_tunes.list(),
        returns(
            ([_TUNED, _CANCELLED], []),
            of=lambda jobs: ([job.id for job in jobs], jobs.batch_jobs),
        ),
    ),
    Row(
        "159-ft-cancel-ok",
        lambda client: client.fine_tunes.cancel(_CANCELLED),
        returns(FineTuneCancelled(success=True)),
    ),
    Row("160-ft-get-after-cancel", lambda client: client.fine_tunes.get(_CANCELLED), raises(NotFoundError, _GONE)),
    Row(
        "160-ft-get-after-cancel",
        lambda client: client.fine_tunes.wait(_CANCELLED, poll_interval=0),
        raises(
            JobFailedError,
            f"Fine-tune {_CANCELLED} is gone, as a cancelled job is; its last status was RUNNING.",
            job=tuned("RUNNING"),  # the reply that came before is that of the other job
        ),
        first=["156-ft-get-running"],
    ),
    Row("161-ft-get-404", lambda client: client.fine_tunes.get("ft-nope"), raises(NotFoundError, _GONE)),
    Row(
        "162-ft-cancel-unknown",
        lambda client: client.fine_tunes.cancel("ft-nope"),
        raises(
            NotFoundError,
            "There is no fine-tune 'ft-nope' to cancel: its id is wrong, or it has ended, or it is gone.",
            status_code=None,
        ),
    ),
    Row(
        "163-ft-events-404",
        lambda client: client.fine_tunes.events("ft-nope"),
        raises(NotFoundError, "The specified fine-tune job's events could not be found."),
    ),
    Row("164-ft-get-success", lambda client: client.fine_tunes.get(_TUNED), returns(tuned("SUCCESS"))),
    Row(
        "164-ft-get-success",
        lambda client: client.fine_tunes.wait(_TUNED, poll_interval=0),
        returns(tuned("SUCCESS")),
        first=["155-ft-get-pending", "156-ft-get-running"],
    ),
    Row(
        "194-ft-list-includes-batch-jobs",
        lambda client: client.fine_tunes.list(),
        returns(
            ([_TUNED], ["job-7e8c324d60db4fa0935d", "job-ee6b31c6488e4c6596dc", "job-b87ea6d520ce47eb93ee"]),
            of=lambda jobs: ([job.id for job in jobs], [job.id for job in jobs.batch_jobs]),
        ),
    ),
]
