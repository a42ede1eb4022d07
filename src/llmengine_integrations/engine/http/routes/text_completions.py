"""The route `/v2/completions`.

Streaming works here; the gateway's own answers a streamed request with a 500, because it takes no chunk without a finish reason.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

from pydantic import TypeAdapter
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from llmengine_integrations.wire.text_completions import TextCompletionRequest

from ...dialect.choices import Arrival, check_number
from ...dialect.openai_constraint import read_constraint
from ...dialect.openai_options import candidates, check_options, generation_request, repeated
from ...dialect.openai_replies import Envelope, Tally, best, text_logprobs
from ...dialect.unicode import check_unicode
from ...runtime.constraints import Constraint
from ...runtime.generation import GenerationRequest, Piece
from .openai import OpenAIRoutes

_REQUEST: TypeAdapter[TextCompletionRequest] = TypeAdapter(TextCompletionRequest)
_MAX_TOKENS = 16


class TextCompletionRoutes(OpenAIRoutes):
    """Texts that go on from prompts, whole and streamed."""

    @property
    def routes(self) -> list[BaseRoute]:
        """The route, for the application."""
        return [Route("/v2/completions", self._complete, methods=["POST"])]

    async def _complete(self, request: Request) -> Response:
        fields = await self.read(request, _REQUEST)
        streamed = fields.get("stream") or False
        model = self.model(fields["model"], streamed=streamed)
        requests, writer = await text_work(fields)
        return await self.reply(request, model, requests, writer, streamed=streamed)


@dataclass(frozen=True, slots=True, kw_only=True)
class TextForm:
    """How the reply shall look."""

    model: str
    prompts: int = 1
    n: int = 1
    candidates: int = 1
    logprobs: bool = False
    include_usage: bool = False


class TextWriter:
    """Writes the reply of one request. Choices are numbered prompt by prompt."""

    def __init__(self, form: TextForm) -> None:
        self._form = form
        self._tally = Tally(form.candidates)
        self._envelope = Envelope("cmpl", form.model, "text_completion")
        self._offsets = [0] * (form.prompts * form.n)

    def whole(self, choices: Sequence[list[Piece]]) -> object:
        """The body of a reply that is not streamed."""
        for index, pieces in enumerate(choices):
            self._tally.count(index, pieces[-1])
        chosen = best(choices, self._form.candidates, self._form.n)
        found = [self._choice(index, pieces) for index, pieces in enumerate(chosen)]
        return self._envelope.body(found, self._tally.whole_usage(), "system_fingerprint")

    def first(self) -> list[object]:
        """Nothing: the first chunk is the first text."""
        return []

    def chunks(self, arrival: Arrival) -> list[object]:
        """The chunks of some pieces of a choice."""
        return [
            self._envelope.chunk(self._chunk(arrival.choice, piece))
            for piece in arrival.pieces
            if piece.text or piece.finished or self._form.logprobs
        ]

    def last(self) -> list[object]:
        """The chunk with the usage, if it was asked for."""
        return [self._envelope.usage_chunk(self._tally.usage())] if self._form.include_usage else []

    def _choice(self, index: int, pieces: Sequence[Piece]) -> dict[str, Any]:
        return {
            "finish_reason": pieces[-1].finish_reason,
            "index": index,
            "logprobs": text_logprobs(pieces, 0) if self._form.logprobs else None,
            "text": "".join(piece.text for piece in pieces),
        }

    def _chunk(self, index: int, piece: Piece) -> dict[str, Any]:
        choice: dict[str, Any] = {"index": index}
        if piece.finished:
            self._tally.count(index, piece)
            choice = {"finish_reason": piece.finish_reason, "index": index}
        if self._form.logprobs:
            choice["logprobs"] = text_logprobs([piece], self._offsets[index])
            self._offsets[index] += len(piece.token or "")
        return {**choice, "text": piece.text}


async def text_work(fields: TextCompletionRequest) -> tuple[list[GenerationRequest], TextWriter]:
    """What to generate for a request, and who writes the reply.

    Raises:
        HTTPException: 400 that names the field that is wrong.
    """
    _check(fields)
    return _requests(fields, await read_constraint(fields)), TextWriter(_form(fields))


def _check(fields: TextCompletionRequest) -> None:
    """Refuse what does not go together.

    Raises:
        HTTPException: 400 that names the field.
    """
    check_unicode(fields)
    check_options(fields)
    if not fields["prompt"] and not isinstance(fields["prompt"], str):
        raise HTTPException(400, "prompt must not be an empty list.")
    check_number(_number_of_prompts(fields) * candidates(fields))
    if fields.get("echo") and fields.get("logprobs") is not None:
        raise HTTPException(400, "echo with logprobs is not supported by this engine: it scores generated tokens only.")
    if not fields.get("echo") and fields.get("max_tokens") == 0:
        raise HTTPException(400, "max_tokens of 0 needs echo, for there would be no text at all.")


def _number_of_prompts(fields: TextCompletionRequest) -> int:
    prompt = fields["prompt"]
    return 1 if isinstance(prompt, str) or isinstance(prompt[0], int) else len(prompt)


def _requests(fields: TextCompletionRequest, constraint: Constraint | None) -> list[GenerationRequest]:
    count = fields.get("max_tokens")
    found: list[GenerationRequest] = []
    for prompt in _prompts(fields):
        request = generation_request(
            fields,
            prompt,
            max_new_tokens=_MAX_TOKENS if count is None else count,
            top_log_probs=fields.get("logprobs"),
            constraint=constraint,
        )
        found += repeated(replace(request, echo=fields.get("echo") or False), candidates(fields))
    return found


def _prompts(fields: TextCompletionRequest) -> list[str | tuple[int, ...]]:
    """Every prompt by itself: a text, or its tokens."""
    prompt = fields["prompt"]
    if isinstance(prompt, str):
        return [prompt]
    if isinstance(prompt[0], int):
        return [tuple(cast("list[int]", prompt))]
    return [item if isinstance(item, str) else tuple(item) for item in cast("list[str | list[int]]", prompt)]


def _form(fields: TextCompletionRequest) -> TextForm:
    return TextForm(
        model=fields["model"],
        prompts=_number_of_prompts(fields),
        n=fields.get("n") or 1,
        candidates=candidates(fields),
        logprobs=fields.get("logprobs") is not None,
        include_usage=(fields.get("stream_options") or {}).get("include_usage") or False,
    )
