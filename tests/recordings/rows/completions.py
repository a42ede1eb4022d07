"""`completions.create`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llmengine_integrations.core.errors import BadRequestError, NotFoundError, ServerError, ValidationError

from ..row import Row, raises, refuses, returns
from .story import SKY, completion, tokens


def create(model: str = "llama-2-7b", prompt: str = SKY, **options: Any) -> Callable[[Any], Any]:
    """The call behind a recording; most of them ask the same."""
    options = {"max_new_tokens": 6, "temperature": 0.2} | options
    return lambda client: client.completions.create(model, prompt, **options)


_SIX = " Once upon a time, there"
_TWENTY = ' Once upon a time, there was a small café ☕ in 东京.\n It sold data: "tea"'
_TEAM_MISSES = "The specified endpoint could not be found."
_INTERNAL = "Internal error occurred. Our team has been notified."
_UPSTREAM = "040-sync-500-upstream"
_EVERY_OPTION = {
    "stop_sequences": ["x"],
    "return_token_log_probs": True,
    "presence_penalty": 0.5,
    "frequency_penalty": 0.5,
    "top_k": 5,
    "top_p": 0.9,
    "include_stop_str_in_output": True,
    "skip_special_tokens": True,
}
# DeepSpeed's log-probabilities carry the error of a subtraction.
_ROUGH = [-0.12000000000000004, -0.030000000000000023, -0.43999999999999995, -0.007999999999999972, -0.61, -1.27]

_UPSTREAM_ID = "4f3a11b9-76a1-4d1e-b28c-d79dedfccc1f"
_UPSTREAM_FAILED = raises(ServerError, f"Upstream service error for request_id {_UPSTREAM_ID}", request_id=_UPSTREAM_ID)
_OK = completion("3e0bb5df-6fb9-44a0-9ba5-d84b517ebf9e", _SIX, count=6)

_REPLIES = [
    Row("010-sync-ok", create(), returns(_OK)),
    Row(
        "011-sync-ok-logprobs",
        create(return_token_log_probs=True),
        returns(completion("2b4a9ea6-a891-4de6-9e05-dd61107e6f7d", _SIX, count=6, tokens=tokens(6))),
    ),
    Row(
        "012-sync-ok-unicode",
        create(max_new_tokens=20, temperature=0),
        returns(completion("3ed7b485-582d-42ba-8421-bd6b422408e6", _TWENTY, count=20)),
    ),
    Row(
        "013-sync-ok-stop",
        create(max_new_tokens=20, stop_sequences=["small"]),
        returns(completion("b4273c08-ecf3-4b70-bcfb-0e7165c5aa1a", " Once upon a time, there was a", count=8)),
    ),
    Row(
        "014-sync-ok-all-params",
        create(**_EVERY_OPTION),
        returns(completion("12ee2318-e5a5-4d61-a5ec-5b26b30c8e47", _SIX, count=6, tokens=tokens(6))),
    ),
    Row(
        "015-sync-ok-guided-choice",
        create(guided_choice=["yes", "no"]),
        returns(completion("1ac932d6-2639-40db-9206-f2eb6003c7e3", "yes", count=1)),
    ),
    Row(
        "016-sync-ok-guided-json",
        create(guided_json={"type": "object"}),
        returns(completion("eca37806-c2df-40c6-9431-f6d5953d6d39", '{"answer": 42}', count=5)),
    ),
    Row(
        "017-sync-ok-unknown-field-ignored", create(bogus=1), refuses(TypeError, "unexpected keyword argument 'bogus'")
    ),
    Row(
        "018-sync-ok-mpt-7b",
        create("mpt-7b", return_token_log_probs=True),
        returns(completion("4acbd380-26cd-4e59-9875-82de9b20a130", _SIX, count=6, tokens=tokens(6))),
    ),
    Row(
        "019-sync-ok-falcon-7b",
        create("falcon-7b", return_token_log_probs=True),
        returns(completion("d9669ad5-41d5-4ad9-9238-75125006a079", _SIX, count=6, tokens=tokens(6))),
    ),
    Row(
        "020-sync-ok-trt-7b",
        create("trt-7b", return_token_log_probs=False),
        returns(completion("696fb7b2-7aa3-41a8-a141-bfb71b149eae", _SIX, count=6)),
    ),
    Row(
        "021-sync-ok-ds-13b",
        create("ds-13b", return_token_log_probs=True),
        returns(_ROUGH, of=lambda reply: [token.log_prob for token in reply.output.tokens]),
    ),
    Row(
        "042-sync-slash-in-name",
        create("org/llama-3 8b"),
        returns(completion("ebd79a0e-d7bd-4467-ab06-f84ee9520a33", _SIX, count=6)),
    ),
    Row(
        "165-ft-completion-on-tuned-model",
        create("llama-2-7b.my-exp.261121-083913"),
        returns(completion("e65e106d-c50a-4044-a2d7-e157f302900e", _SIX, count=6)),
    ),
]

_REFUSALS = [
    Row("022-sync-404-model", create("no-such-model"), raises(NotFoundError, _TEAM_MISSES)),
    Row(
        "024-sync-422-temperature",
        create(temperature=1.5),
        raises(
            ValidationError,
            "temperature: Input should be less than or equal to 1 (got 1.5)",
            fields=["temperature"],
        ),
    ),
    Row(
        "026-sync-422-wrong-type",
        create(max_new_tokens="many"),
        raises(
            ValidationError,
            "max_new_tokens: Input should be a valid integer, unable to parse string as an integer",
            fields=["max_new_tokens"],
        ),
    ),
    Row(
        "029-sync-422-top_p-zero",
        create(top_p=0),
        raises(ValidationError, "top_p: Input should be greater than 0 (got 0)", fields=["top_p"]),
    ),
    Row(
        "030-sync-400-topk-zero",
        create(top_k=0),
        raises(BadRequestError, "top_k needs to be strictly positive, or set it to be -1 / None to disable top_k."),
    ),
    Row(
        "031-sync-400-topk-with-temp0",
        create(temperature=0, top_k=5),
        raises(BadRequestError, "top_k and top_p can't be enabled when temperature is 0."),
    ),
    Row(
        "032-sync-400-two-guided",
        create(guided_choice=["a"], guided_regex="a"),
        raises(BadRequestError, "Only one of guided_json, guided_choice, guided_regex, guided_grammar can be enabled."),
    ),
    Row(
        "033-sync-400-guided-not-vllm",
        create("mpt-7b", guided_choice=["a"]),
        raises(BadRequestError, "Guided decoding is only supported in vllm."),
    ),
    Row(
        "034-sync-400-penalty-not-vllm",
        create("mpt-7b", presence_penalty=0.5),
        raises(BadRequestError, "presence_penalty and frequency_penalty are only supported in vllm, lightllm."),
    ),
    Row(
        "035-sync-400-tgi-validation",
        create("mpt-7b", "[[tgi-validation]]"),
        raises(BadRequestError, "Input validation error: `inputs` must have less than 4096 tokens."),
    ),
    Row(
        "036-sync-400-async-endpoint",
        create("async-only"),
        raises(
            BadRequestError,
            "Unsupported inference type: Endpoint async-only does not serve sync requests.",
        ),
    ),
    Row(
        "037-sync-400-sglang-v1",
        create("sg-8b"),
        raises(
            BadRequestError,
            "Unsupported inference type: Unsupported inference framework LLMInferenceFramework.SGLANG",
        ),
    ),
    Row(
        "038-sync-400-upstream-invalid",
        create(prompt="[[bad-request]]"),
        raises(BadRequestError, "Input validation error: prompt was rejected by the model server"),
    ),
    Row("039-sync-404-private-other-team", create("sg-8b"), raises(NotFoundError, _TEAM_MISSES)),
]

_FAILURES = [
    Row(
        "041-sync-500-unhandled",
        create(prompt="[[unhandled]]"),
        raises(ServerError, _INTERNAL, request_id="bdc84795-9c48-41fb-b82e-acfefa343e3e"),
    ),
    # The failure of the model server is tried again, unless the client is not to: in vain, or with success.
    Row(_UPSTREAM, create(prompt="[[upstream-error]]"), _UPSTREAM_FAILED, client={"max_retries": 0}),
    Row(_UPSTREAM, create(prompt="[[upstream-error]]"), _UPSTREAM_FAILED, first=(_UPSTREAM, _UPSTREAM)),
    Row("010-sync-ok", create(), returns(_OK), first=(_UPSTREAM,)),
]

ROWS = [*_REPLIES, *_REFUSALS, *_FAILURES]
