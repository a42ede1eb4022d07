"""`completions.stream`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llmengine_integrations.core.errors import BadRequestError, NotFoundError, StreamError, ValidationError
from llmengine_integrations.wire.completions import CompletionChunk, CompletionStreamOutput

from ..row import Row, raises, streams
from .story import SKY, story

_FIRST_FAILS = "056-stream-first-chunk-upstream-error"
_UPSTREAM_ID = "c05d1a47-ef02-482d-98b6-038350b66df7"


def stream(model: str = "llama-2-7b", prompt: str = SKY, **options: Any) -> Callable[[Any], Any]:
    """The call behind a recording; most of them ask the same."""
    options = {"max_new_tokens": 6, "temperature": 0.2} | options
    return lambda client: client.completions.stream(model, prompt, **options)


def _tensorrt(request_id: str, count: int) -> list[CompletionChunk]:
    """TensorRT-LLM counts the prompt on every event and finishes on none."""
    return [
        event.model_copy(update={"output": event.output.model_copy(update={"finished": False, "num_prompt_tokens": 5})})
        for event in story(request_id, count)
    ]


def _deepspeed(request_id: str, count: int) -> list[CompletionChunk]:
    """DeepSpeed counts nothing until its last event, of which the client takes off the text that has been before."""
    unfinished = [
        event.model_copy(update={"output": event.output.model_copy(update={"num_completion_tokens": None})})
        for event in story(request_id, count, prompt=None)
    ]
    last = CompletionStreamOutput(text="", finished=True, num_prompt_tokens=5, num_completion_tokens=count, token=None)
    return [*unfinished, CompletionChunk(request_id=request_id, output=last)]


_FAILED_AT_ONCE = raises(
    StreamError,
    f"Upstream service error for request_id {_UPSTREAM_ID}",
    status_code=500,
    request_id=_UPSTREAM_ID,
    text="",
)
_OK = story("f8d3e6c6-f771-40ec-827c-6b42bc0c6d15", 6)

_STREAMS = [
    Row("046-stream-ok", stream(), streams(_OK)),
    Row(
        "047-stream-ok-logprobs-unicode",
        stream(max_new_tokens=20, temperature=0, return_token_log_probs=True),
        streams(story("62d0b347-c79f-48b3-aa28-78ca4f9c07ec", 20, log_probs=True)),
    ),
    Row(
        "048-stream-ok-mpt-7b",
        stream("mpt-7b", max_new_tokens=4, return_token_log_probs=True),
        streams(story("8f71739c-97ec-4504-b1e8-be38dcd4ac72", 4, log_probs=True)),
    ),
    Row(
        "049-stream-ok-falcon-7b",
        stream("falcon-7b", max_new_tokens=4, return_token_log_probs=True),
        streams(story("2d36244e-a9d6-4c71-bf43-c3ef44e3c520", 4, log_probs=True)),
    ),
    Row(
        "050-stream-ok-trt-7b",
        stream("trt-7b", max_new_tokens=4, return_token_log_probs=False),
        streams(_tensorrt("c6fbf0fa-dc4f-45ae-a051-93bdc5ea15c2", 4)),
    ),
    Row(
        "051-stream-ok-ds-13b",
        stream("ds-13b", max_new_tokens=4, return_token_log_probs=True),
        streams(_deepspeed("755f4e39-9a50-4d4b-bb48-a31cac62b151", 4)),
    ),
    Row(
        "052-stream-empty-chunk",
        stream(prompt="[[empty-chunk]]", max_new_tokens=3),
        streams(story("0fb38b6b-0551-471a-9e55-f4241aedc89c", 3, prompt=1)),
    ),
    Row(
        "058-stream-ping-comment",
        stream(prompt="[[sleep:16.5]]", max_new_tokens=4),
        streams(story("3bd11a23-7e41-44a4-944b-29e7573995ea", 4, start=4, prompt=1)),
    ),
]

_BREAKS = [
    Row(
        "053-stream-midstream-upstream-error",
        stream(prompt="[[mid-stream-error]]"),
        raises(
            StreamError,
            "Upstream service error for request_id 99726da7-7fc2-4474-bd02-c99932e4ce60",
            status_code=500,
            request_id="99726da7-7fc2-4474-bd02-c99932e4ce60",
            text=" Once upon a",
            after=story("99726da7-7fc2-4474-bd02-c99932e4ce60", 3, prompt=None),
        ),
    ),
    Row(
        "054-stream-midstream-crash",
        stream(prompt="[[mid-stream-crash]]"),
        raises(
            StreamError,
            "Internal error occurred. Our team has been notified.",
            status_code=500,
            request_id="67191bf3-e805-4ab7-90e6-6e796dfde7e1",
            text=" Once upon a",
            after=story("67191bf3-e805-4ab7-90e6-6e796dfde7e1", 3, prompt=None),
        ),
    ),
    Row(
        "055-stream-midstream-400",
        stream(prompt="[[mid-stream-400]]"),
        raises(
            StreamError,
            "prompt too long for model context",
            status_code=400,
            request_id="8dc5ecf5-7aff-4168-9e6e-bb294b3393af",
            text=" time, there",
            after=story("8dc5ecf5-7aff-4168-9e6e-bb294b3393af", 3, start=3, prompt=None),
        ),
    ),
    Row(
        "057-stream-first-chunk-400",
        stream(prompt="[[bad-request]]"),
        raises(
            StreamError,
            "Input validation error: prompt was rejected by the model server",
            status_code=400,
            request_id="a5db383e-e370-492a-b93a-6d7681da9011",
            text="",
        ),
    ),
    # Until its first event a stream is tried again, unless the client is not to: in vain, or with success.
    Row(_FIRST_FAILS, stream(prompt="[[upstream-error]]"), _FAILED_AT_ONCE, client={"max_retries": 0}),
    Row(_FIRST_FAILS, stream(prompt="[[upstream-error]]"), _FAILED_AT_ONCE, first=(_FIRST_FAILS, _FIRST_FAILS)),
    Row("046-stream-ok", stream(), streams(_OK), first=(_FIRST_FAILS,)),
]

_REFUSALS = [
    Row(
        "059-stream-404-model",
        stream("no-such-model"),
        raises(NotFoundError, "Model endpoint no-such-model not found."),
    ),
    Row(
        "060-stream-422",
        stream(temperature=2),
        raises(
            ValidationError,
            "temperature: Input should be less than or equal to 1 (got 2)",
            fields=["temperature"],
        ),
    ),
    Row(
        "061-stream-400-topk",
        stream(top_k=0),
        raises(BadRequestError, "top_k needs to be strictly positive, or set it to be -1 / None to disable top_k."),
    ),
    Row(
        "062-stream-400-sync-endpoint",
        stream("sync-only"),
        raises(BadRequestError, "Endpoint sync-only is not a streaming endpoint."),
    ),
    Row(
        "063-stream-400-sglang-v1",
        stream("sg-8b"),
        raises(BadRequestError, "Unsupported inference framework LLMInferenceFramework.SGLANG"),
    ),
]

ROWS = [*_STREAMS, *_BREAKS, *_REFUSALS]
