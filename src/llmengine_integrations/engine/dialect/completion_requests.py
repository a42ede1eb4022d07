"""The v1 completions: turns a request's fields into a generation request, and pieces into the reply's output."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from llmengine_integrations.wire.completions import CompletionOutput, CompletionRequest, TokenOutput

from ..runtime.constraints import Constraint, ConstraintError
from ..runtime.generation import GenerationRequest, Piece, SamplingParams
from .errors import RefusedError
from .fields import check_unicode
from .guided_fields import GUIDED_FIELDS, guided_constraint

_MOST_STOPS = 1000  # every piece of the text is searched for each of them


async def read_constraint(fields: Mapping[str, Any]) -> Constraint | None:
    """The constraint of a request's guided_* fields; None if none is set.

    Raises:
        RefusedError: 400; the constraint is invalid, or there is more than one.
    """
    if all(fields.get(name) is None for name in GUIDED_FIELDS):
        return None
    try:
        return await asyncio.to_thread(guided_constraint, fields)
    except ConstraintError as error:
        raise RefusedError(400, str(error)) from error


def check_fields(fields: CompletionRequest) -> None:
    """Refuse fields that are valid individually but not in combination. The checks have the gateway's order and wording.

    Raises:
        RefusedError: 400 with the reason.
    """
    top_k, top_p = fields.get("top_k"), fields.get("top_p")
    if fields["temperature"] == 0 and (top_k not in (None, -1) or top_p not in (None, 1.0)):
        raise RefusedError(400, "top_k and top_p can't be enabled when temperature is 0.")
    if top_k == 0:
        raise RefusedError(400, "top_k needs to be strictly positive, or set it to be -1 / None to disable top_k.")
    stops = fields.get("stop_sequences") or []
    if "" in stops:
        raise RefusedError(400, "stop_sequences can't contain an empty string.")
    if len(stops) > _MOST_STOPS:
        raise RefusedError(400, f"stop_sequences can have up to {_MOST_STOPS} strings in this engine.")
    check_unicode({"prompt": fields["prompt"]})


def generation_request(
    fields: CompletionRequest, constraint: Constraint | None, *, incremental: bool
) -> GenerationRequest:
    """What to generate for a request that `check_fields` has accepted."""
    top_k = fields.get("top_k")
    return GenerationRequest(
        prompt=fields["prompt"],
        max_new_tokens=fields["max_new_tokens"],
        sampling=SamplingParams(
            temperature=fields["temperature"],
            top_k=None if top_k == -1 else top_k,
            top_p=fields.get("top_p"),
            presence_penalty=fields.get("presence_penalty") or 0.0,
            frequency_penalty=fields.get("frequency_penalty") or 0.0,
        ),
        stop_sequences=tuple(fields.get("stop_sequences") or ()),
        include_stop=fields.get("include_stop_str_in_output") or False,
        log_probs=fields.get("return_token_log_probs") or False,
        skip_special_tokens=fields.get("skip_special_tokens") is not False,
        constraint=constraint,
        incremental=incremental,
    )


def completion_output(pieces: list[Piece], *, log_probs: bool) -> CompletionOutput:
    """The output for the pieces of a finished completion."""
    last = pieces[-1]
    tokens = [
        TokenOutput(token=piece.token, log_prob=piece.log_prob)
        for piece in pieces
        if piece.token is not None and piece.log_prob is not None
    ]
    return CompletionOutput(
        text="".join(piece.text for piece in pieces),
        num_prompt_tokens=last.num_prompt_tokens,
        num_completion_tokens=last.num_tokens,
        tokens=tokens if log_probs else None,
    )
