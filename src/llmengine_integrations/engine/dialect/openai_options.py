"""The fields that both OpenAI-style routes share: which of them are supported, and how they affect the generation.

`UNSUPPORTED` fields get a 400, because without them the answer would not be what the client asked for. `IGNORED` fields have no effect
here: they name the user or the order, they choose between implementations, or they belong to an unsupported field.
"""

from __future__ import annotations

from dataclasses import replace

from llmengine_integrations.wire.chat import ChatRequest
from llmengine_integrations.wire.text_completions import TextCompletionRequest

from ..runtime.constraints import Constraint
from ..runtime.generation import ChatPrompt, GenerationRequest, SamplingParams
from .errors import RefusedError

UNSUPPORTED = {
    "audio": "The model writes text only.",
    "chat_template": "The model's own template is used.",
    "functions": "Give them as tools.",
    "guided_whitespace_pattern": "Guided JSON has one space behind commas and colons, as the model was trained.",
    "suffix": "The model cannot fill gaps.",
    "use_beam_search": "The engine samples or takes the likeliest token.",
    "web_search_options": "The engine does not search the web.",
}
"""Fields that are refused, each with the reason for the client."""

IGNORED = (
    "early_stopping",  # of beam search
    "function_call",  # of functions
    "guided_decoding_backend",  # there is only one
    "length_penalty",  # of beam search
    "metadata",
    "prediction",  # makes generation faster, not different
    "priority",
    "reasoning_effort",  # no model here has effort levels
    "service_tier",
    "spaces_between_special_tokens",  # tokenizers here never add any
    "store",
    "user",
)
"""Fields that are accepted and have no effect."""

_SEEDS = 2**63  # on either side of 0: the 64-bit integers, which torch accepts
_LOWEST_TOP_P = 1e-9  # 0 means "only the most likely token"


def check_options(fields: ChatRequest | TextCompletionRequest) -> None:
    """Refuse unsupported fields, and the out-of-range values that the gateway leaves for the model server to check.

    Raises:
        RefusedError: 400 that names the field.
    """
    for name, reason in UNSUPPORTED.items():
        if fields.get(name) not in (None, False, "", []):
            raise RefusedError(400, f"{name} is not supported by this engine. {reason}")
    if not 0 <= (fields.get("min_p") or 0) <= 1:
        raise RefusedError(400, "min_p must be between 0 and 1.")
    if (penalty := fields.get("repetition_penalty")) is not None and not penalty > 0:
        raise RefusedError(400, "repetition_penalty must be greater than 0.")
    if (fields.get("min_tokens") or 0) < 0:
        raise RefusedError(400, "min_tokens must not be negative.")
    if not -_SEEDS <= (fields.get("seed") or 0) < _SEEDS:
        raise RefusedError(400, "seed must be an integer of 64 bits.")
    if "" in _stops(fields):
        raise RefusedError(400, "stop can't contain an empty string.")
    if (best_of := fields.get("best_of")) is not None and best_of < (fields.get("n") or 1):
        raise RefusedError(400, "best_of must be at least n.")
    if candidates(fields) > (fields.get("n") or 1) and fields.get("stream"):
        raise RefusedError(400, "best_of greater than n cannot be streamed: the best are known when all are finished.")


def candidates(fields: ChatRequest | TextCompletionRequest) -> int:
    """How many choices to generate for a prompt; the best `n` of them are returned."""
    return fields.get("best_of") or fields.get("n") or 1


def generation_request(
    fields: ChatRequest | TextCompletionRequest,
    prompt: str | tuple[int, ...] | ChatPrompt,
    *,
    max_new_tokens: int | None,
    top_log_probs: int | None,
    constraint: Constraint | None,
) -> GenerationRequest:
    """What to generate.

    Args:
        fields: the request, checked.
        prompt: one of its prompts.
        max_new_tokens: the token limit; None for as many as fit in the context.
        top_log_probs: how many alternatives to return with each token; None for no log-probs.
        constraint: the constraint on the text.
    """
    ranked = candidates(fields) > (fields.get("n") or 1)
    return GenerationRequest(
        prompt=prompt,
        max_new_tokens=max_new_tokens,
        constraint=constraint,
        sampling=_sampling(fields, top_log_probs or 0),
        stop_sequences=_stops(fields),
        include_stop=fields.get("include_stop_str_in_output") or False,
        log_probs=ranked or top_log_probs is not None,
        skip_special_tokens=fields.get("skip_special_tokens") is not False,
        add_special_tokens=fields.get("add_special_tokens"),
        stop_tokens=frozenset(fields.get("stop_token_ids") or ()),
        ignore_end=fields.get("ignore_eos") or False,
        min_tokens=fields.get("min_tokens") or 0,
        incremental=fields.get("stream") or False,
    )


def repeated(request: GenerationRequest, times: int) -> list[GenerationRequest]:
    """Copies of a request, each with the next seed if the request has a seed."""
    sampling = request.sampling
    if sampling.seed is None:
        return [request] * times
    seeds = (sampling.seed + place for place in range(times))
    return [replace(request, sampling=replace(sampling, seed=seed)) for seed in seeds]


def _sampling(fields: ChatRequest | TextCompletionRequest, top_log_probs: int) -> SamplingParams:
    temperature, top_k, top_p = fields.get("temperature"), fields.get("top_k"), fields.get("top_p")
    return SamplingParams(
        temperature=1.0 if temperature is None else temperature,
        top_k=None if top_k in (None, 0, -1) else top_k,
        top_p=None if top_p is None else max(top_p, _LOWEST_TOP_P),
        min_p=fields.get("min_p") or 0.0,
        presence_penalty=fields.get("presence_penalty") or 0.0,
        frequency_penalty=fields.get("frequency_penalty") or 0.0,
        repetition_penalty=fields.get("repetition_penalty") or 1.0,
        logit_bias=_logit_bias(fields.get("logit_bias")),
        seed=fields.get("seed"),
        top_log_probs=top_log_probs,
    )


def _logit_bias(given: dict[str, int] | None) -> dict[int, float] | None:
    try:
        return {_token(key): max(-100.0, min(100.0, bias)) for key, bias in (given or {}).items()} or None
    except ValueError as error:
        raise RefusedError(400, f"logit_bias: {error}") from error


def _token(key: str) -> int:
    if not key.isdecimal():
        raise ValueError(f"{key!r} is not a token id")
    return int(key)


def _stops(fields: ChatRequest | TextCompletionRequest) -> tuple[str, ...]:
    stop = fields.get("stop")
    return (stop,) if isinstance(stop, str) else tuple(stop or ())
