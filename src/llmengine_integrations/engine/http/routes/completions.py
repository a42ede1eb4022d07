"""The routes `/v1/llm/completions-sync` and `/v1/llm/completions-stream`."""

from __future__ import annotations

from pydantic import TypeAdapter
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from llmengine_integrations.wire.completions import Completion, CompletionOutput, CompletionRequest, TokenOutput

from ...runtime.constraints import Constraint
from ...runtime.generation import Generation, GenerationError, GenerationRequest, Piece, SamplingParams
from ..completion_events import EventStream
from ..error_replies import new_request_id, upstream_error
from ..request_bodies import missing_query, read_body, read_constraint, until_disconnected, validated
from .inference import InferenceRoutes

_MODEL = "model_endpoint_name"
_REQUEST: TypeAdapter[CompletionRequest] = TypeAdapter(CompletionRequest)
_CLIENT_CLOSED_REQUEST = 499
_MOST_STOPS = 1000  # each is looked for in every piece of the text


class CompletionRoutes(InferenceRoutes):
    """Completions, whole and streamed."""

    @property
    def routes(self) -> list[BaseRoute]:
        """The routes, for the application."""
        return [
            Route("/v1/llm/completions-sync", self._sync, methods=["POST"]),
            Route("/v1/llm/completions-stream", self._stream, methods=["POST"]),
        ]

    async def _sync(self, request: Request) -> Response:
        generation = await self._start(request, incremental=False)
        request_id = new_request_id()
        try:
            pieces = await until_disconnected(request.receive, generation.take())
        except GenerationError as error:
            raise HTTPException(error.status_code, error.message or upstream_error(request_id)) from error
        finally:
            generation.cancel()
        if pieces is None:
            return Response(status_code=_CLIENT_CLOSED_REQUEST)
        reply = Completion(
            request_id=request_id, output=completion_output(pieces, log_probs=generation.request.log_probs)
        )
        return Response(reply.model_dump_json(), media_type="application/json")

    async def _stream(self, request: Request) -> Response:
        generation = await self._start(request, incremental=True)
        return EventStream(generation, new_request_id(), ping_interval=self.ping_interval)

    async def _start(self, request: Request, *, incremental: bool) -> Generation:
        body = await read_body(request, self.authenticator)
        name = request.query_params.get(_MODEL)
        fields = validated(body, _REQUEST, [missing_query(_MODEL)] if name is None else [])
        model = self._model(name or "", streamed=incremental)
        check_fields(fields)
        constraint = await read_constraint(fields)
        generation = Generation(generation_request(fields, constraint, incremental=incremental))
        try:
            self.scheduler.submit(model, generation)
        except GenerationError as error:
            raise HTTPException(error.status_code, error.message) from error
        return generation

    def _model(self, name: str, *, streamed: bool) -> str:
        """The model behind a name. As in the gateway, an empty name means any, which is only clear if there is one."""
        names = self.registry.names
        if not name and len(names) > 1:
            raise HTTPException(400, f"Expected 1 LLM model endpoint for model name , got {len(names)}")
        model = self.registry.model_of(name or names[0])
        if model is None:
            not_found = (
                f"Model endpoint {name} not found." if streamed else "The specified endpoint could not be found."
            )
            raise HTTPException(404, not_found)
        return model


def check_fields(fields: CompletionRequest) -> None:
    """Refuse fields that are valid one by one and not together, in the gateway's order and words.

    Raises:
        HTTPException: 400 with the reason.
    """
    top_k, top_p = fields.get("top_k"), fields.get("top_p")
    if fields["temperature"] == 0 and (top_k not in (None, -1) or top_p not in (None, 1.0)):
        raise HTTPException(400, "top_k and top_p can't be enabled when temperature is 0.")
    if top_k == 0:
        raise HTTPException(400, "top_k needs to be strictly positive, or set it to be -1 / None to disable top_k.")
    stops = fields.get("stop_sequences") or []
    if "" in stops:
        raise HTTPException(400, "stop_sequences can't contain an empty string.")
    if len(stops) > _MOST_STOPS:
        raise HTTPException(400, f"stop_sequences can have up to {_MOST_STOPS} strings in this engine.")
    if not _is_unicode(fields["prompt"]):
        raise HTTPException(400, "prompt holds half of a surrogate pair, which is no text.")


def _is_unicode(text: str) -> bool:
    """Whether the text can be encoded; JSON can spell text that cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def generation_request(
    fields: CompletionRequest, constraint: Constraint | None, *, incremental: bool
) -> GenerationRequest:
    """What to generate for a request that `check_fields` has let pass."""
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
    """What the client gets for the pieces of a finished completion."""
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
