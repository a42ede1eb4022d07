"""Text completion requests: what to generate for a request, and the writer of its reply."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

from llmengine_integrations.wire.text_completions import TextCompletionRequest

from ..runtime.constraints import Constraint
from ..runtime.generation import GenerationRequest
from .choices import check_number
from .errors import RefusedError
from .fields import check_unicode
from .openai_constraint import read_constraint
from .openai_options import candidates, check_options, generation_request, repeated
from .text_replies import TextForm, TextWriter

_MAX_TOKENS = 16  # vLLM's default


async def text_work(fields: TextCompletionRequest) -> tuple[list[GenerationRequest], TextWriter]:
    """What to generate for a request, and the writer of its reply.

    Raises:
        RefusedError: 400 that names the invalid field.
    """
    _check(fields)
    return _requests(fields, await read_constraint(fields)), TextWriter(_form(fields))


def _check(fields: TextCompletionRequest) -> None:
    """Refuse invalid combinations of fields.

    Raises:
        RefusedError: 400 that names the invalid field.
    """
    check_unicode(fields)
    check_options(fields)
    if not fields["prompt"] and not isinstance(fields["prompt"], str):
        raise RefusedError(400, "prompt must not be an empty list.")
    check_number(_number_of_prompts(fields) * candidates(fields))
    if fields.get("echo") and fields.get("logprobs") is not None:
        raise RefusedError(400, "echo with logprobs is not supported by this engine: it scores generated tokens only.")
    if not fields.get("echo") and fields.get("max_tokens") == 0:
        raise RefusedError(400, "max_tokens of 0 needs echo, for there would be no text at all.")


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
    """The individual prompts, each as a text or as its tokens."""
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
