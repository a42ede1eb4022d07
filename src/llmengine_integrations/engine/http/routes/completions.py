"""The routes `/v1/llm/completions-sync` and `/v1/llm/completions-stream`."""

from __future__ import annotations

from pydantic import TypeAdapter
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from llmengine_integrations.wire.completions import Completion, CompletionRequest

from ...dialect.completion_requests import check_fields, completion_output, generation_request, read_constraint
from ...dialect.errors import RefusedError
from ...runtime.generation import Generation, GenerationError
from ...runtime.statuses import CLIENT_CLOSED_REQUEST
from ..completion_events import EventStream
from ..error_replies import new_request_id, upstream_error
from ..request_bodies import missing_query, read_body, until_disconnected, validated
from .inference import InferenceRoutes

_MODEL = "model_endpoint_name"
_REQUEST: TypeAdapter[CompletionRequest] = TypeAdapter(CompletionRequest)


class CompletionRoutes(InferenceRoutes):
    """Completions, complete and streamed."""

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
            raise RefusedError(error.status_code, error.message or upstream_error(request_id)) from error
        finally:
            generation.cancel()
        if pieces is None:
            return Response(status_code=CLIENT_CLOSED_REQUEST)
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
            self.runtimes.submit(model, generation)
        except GenerationError as error:
            raise RefusedError(error.status_code, error.message) from error
        return generation

    def _model(self, name: str, *, streamed: bool) -> str:
        """The model with a name. As in the gateway, an empty name means any model, so it is allowed only if there is a single one."""
        names = self.registry.names
        if not name and len(names) > 1:
            raise RefusedError(400, f"Expected 1 LLM model endpoint for model name , got {len(names)}")
        model = self.registry.model_of(name or names[0])
        if model is None:
            not_found = (
                f"Model endpoint {name} not found." if streamed else "The specified endpoint could not be found."
            )
            raise RefusedError(404, not_found)
        return model
