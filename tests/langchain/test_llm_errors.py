"""Errors are core's own and LangChain's at once, with everything that core knows."""

from __future__ import annotations

import copy
import pickle

import httpx
import pytest
from langchain_core import exceptions

from llmengine_integrations import errors
from llmengine_integrations.langchain import LLMEngine, _errors

from . import calls
from .gateway import error_event, output_event, stream

model_errors = pytest.mark.skipif(
    not hasattr(exceptions, "ModelError"), reason="langchain-core has these classes since 1.6"
)

STATUSES = {
    400: (errors.BadRequestError, "ModelInvalidRequestError", False),
    401: (errors.AuthenticationError, "ModelAuthenticationError", False),
    403: (errors.PermissionDeniedError, "ModelPermissionDeniedError", False),
    404: (errors.NotFoundError, "ModelNotFoundError", False),
    409: (errors.ConflictError, "ModelError", False),
    410: (errors.GoneError, "ModelNotFoundError", False),
    418: (errors.APIStatusError, "ModelError", False),
    422: (errors.ValidationError, "ModelInvalidRequestError", False),
    429: (errors.RateLimitError, "ModelRateLimitError", True),
    500: (errors.ServerError, "ModelAPIError", True),
    503: (errors.ServerError, "ModelAPIError", True),
}


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("call", calls.ALL)
async def test_statuses(llm, gateway, call, status):
    kind, _, retryable = STATUSES[status]
    body = {"detail": "why not", "request_id": "req-9"}
    gateway.answers["x"] = lambda _: httpx.Response(status, json=body, headers={"x-served-by": "a"})
    with pytest.raises(kind) as caught:
        await call(llm, "x")
    error = caught.value
    assert (error.status_code, error.message, error.body, error.request_id) == (status, "why not", body, "req-9")
    assert error.headers["x-served-by"] == "a"
    assert error.is_retryable is retryable
    assert type(error.__cause__) is kind
    assert str(error) == str(error.__cause__)


@model_errors
@pytest.mark.parametrize("status", STATUSES)
def test_statuses_as_langchain_knows_them(llm, gateway, status):
    gateway.answers["x"] = lambda _: httpx.Response(status, json={"detail": "why not"})
    with pytest.raises(getattr(exceptions, STATUSES[status][1])):
        llm.invoke("x")


def test_no_error_of_core_is_left_out():
    """A call can raise all but the base, what constructing a client raises, and what jobs and training files raise."""
    elsewhere = {"LLMEngineError", "ConfigurationError", "JobFailedError", "JobTimeoutError", "TrainingDataError"}
    kinds = {name: kind for name, kind in vars(errors).items() if isinstance(kind, type) and name in errors.__all__}
    names = {name for name, kind in kinds.items() if issubclass(kind, Exception)} - elsewhere
    assert len(names) > 10
    for name in names:
        both = _errors._BOTH[kinds[name]]
        assert both.__name__ == name
        assert issubclass(both, getattr(errors, name))
        assert issubclass(both, _errors.ModelError)


@pytest.mark.parametrize("call", calls.ALL)
async def test_validation_errors_name_the_field(llm, gateway, call):
    detail = [{"type": "less_than_equal", "loc": ["body", "temperature"], "msg": "too hot", "input": 1.5}]
    gateway.answers["x"] = lambda _: httpx.Response(422, json={"detail": detail})
    with pytest.raises(errors.ValidationError, match="temperature: too hot") as caught:
        await call(llm, "x", temperature=1.5)
    assert caught.value.fields == ["temperature"]


@pytest.mark.parametrize(
    "detail",
    [
        "This model's maximum context length is 4096 tokens. However, you requested 5000 tokens.",
        "Input validation error: `inputs` must have less than 4096 tokens.",
    ],
)
@pytest.mark.parametrize("call", calls.WHOLE)
async def test_prompt_too_long(llm, gateway, call, detail):
    gateway.answers["x"] = lambda _: httpx.Response(400, json={"detail": detail})
    with pytest.raises(exceptions.ContextOverflowError) as caught:
        await call(llm, "x")
    assert isinstance(caught.value, errors.BadRequestError)


@pytest.mark.parametrize("call", calls.ALL)
async def test_empty_model_name(llm, call):
    with pytest.raises(errors.InvalidArgumentError) as caught:
        await call(llm, "x", model="")
    assert not caught.value.is_retryable
    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize("call", calls.ALL)
async def test_no_server(call):
    llm = LLMEngine(model="m", base_url="http://127.0.0.1:9", max_retries=0)
    with pytest.raises(errors.APIConnectionError, match="llmengine serve") as caught:
        await call(llm, "x")
    assert isinstance(caught.value, ConnectionError)
    assert caught.value.is_retryable
    assert caught.value.sent is False


@pytest.mark.parametrize("call", calls.ALL)
async def test_no_reply_in_time(gateway, call):
    gateway.delay = 0.3
    with gateway.served() as base_url:
        llm = LLMEngine(model="m", base_url=base_url, max_retries=0, timeout=0.05)
        with pytest.raises(errors.APITimeoutError) as caught:
            await call(llm, "x")
    assert isinstance(caught.value, TimeoutError)
    assert caught.value.is_retryable


@pytest.mark.parametrize("call", calls.WHOLE)
async def test_a_page_instead_of_a_reply(llm, gateway, call):
    gateway.answers["x"] = lambda _: httpx.Response(200, text="<html>Sign in</html>")
    with pytest.raises(errors.InvalidResponseError) as caught:
        await call(llm, "x")
    assert isinstance(caught.value, _errors.ModelError)


@pytest.mark.parametrize(("status", "retryable"), [(400, False), (500, True)])
@pytest.mark.parametrize("call", calls.STREAMED)
async def test_error_inside_a_stream(llm, gateway, call, status, retryable):
    gateway.answers["x"] = lambda _: stream(output_event(" Once", count=1), error_event(status, "broken"))
    with pytest.raises(errors.StreamError, match="broken") as caught:
        await call(llm, "x")
    error = caught.value
    assert (error.status_code, error.request_id, error.text) == (status, "req-1", " Once")
    assert isinstance(error, _errors.ModelError)
    assert error.is_retryable is retryable
    assert gateway.streams[-1].closed


@pytest.mark.parametrize("call", calls.STREAMED)
async def test_prompt_too_long_for_a_stream(llm, gateway, call):
    """The route of streams says so inside the stream."""
    detail = "This model's maximum context length is 4096 tokens. However, you requested 5000 tokens."
    gateway.answers["x"] = lambda _: stream(error_event(400, detail))
    with pytest.raises(exceptions.ContextOverflowError) as caught:
        await call(llm, "x")
    assert isinstance(caught.value, errors.StreamError)
    assert not caught.value.is_retryable


@pytest.mark.parametrize("call", calls.STREAMED)
async def test_a_stream_that_just_ends_is_no_short_text(llm, gateway, call):
    gateway.answers["x"] = lambda _: stream(output_event(" Once", count=1), output_event(" upon", count=2))
    ended = calls.Ended()
    with pytest.raises(errors.StreamTruncatedError) as caught:
        await call(llm, "x", config={"callbacks": [ended]})
    assert caught.value.text == " Once upon"
    assert caught.value.is_retryable
    assert ended.errors == [caught.value]


@pytest.mark.parametrize("call", calls.STREAMED)
async def test_a_stream_that_breaks_is_no_short_text(llm, gateway, call):
    broken = httpx.RemoteProtocolError("peer closed connection")
    gateway.answers["x"] = lambda _: stream(output_event(" Once", count=1), breaks=broken)
    with pytest.raises(errors.APIConnectionError) as caught:
        await call(llm, "x")
    assert caught.value.is_retryable


@pytest.mark.parametrize("call", calls.STREAMED)
async def test_a_server_that_dies_in_a_stream_is_no_short_text(gateway, call):
    gateway.answers["x"] = lambda _: stream(output_event(" Once", count=1), breaks=RuntimeError("killed"))
    with gateway.served() as base_url:
        llm = LLMEngine(model="m", base_url=base_url)
        with pytest.raises((errors.APIConnectionError, errors.StreamTruncatedError)) as caught:
            await call(llm, "x")
    assert caught.value.is_retryable
    assert len(gateway.requests) == 1


def test_errors_of_the_caller_pass_through_a_stream(llm):
    def consume():
        for _ in llm.stream("x"):
            raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        consume()


@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy, lambda error: pickle.loads(pickle.dumps(error))])  # noqa: S301
def test_errors_can_be_copied_and_pickled(llm, gateway, again):
    gateway.answers["x"] = lambda _: httpx.Response(404, json={"detail": "none", "request_id": "r"})
    with pytest.raises(errors.NotFoundError) as caught:
        llm.invoke("x")
    error = again(caught.value)
    assert type(error) is type(caught.value)
    assert (error.status_code, error.request_id, str(error)) == (404, "r", str(caught.value))
    with pytest.raises(errors.APIConnectionError) as caught:
        LLMEngine(model="m", base_url="http://127.0.0.1:9", max_retries=0).invoke("x")
    error = again(caught.value)
    assert type(error) is type(caught.value)
    assert (error.sent, str(error)) == (False, str(caught.value))


def test_retries_are_the_clients(make_llm, gateway):
    replies = iter([httpx.Response(503), httpx.Response(429, headers={"retry-after": "0"})])
    gateway.answers["x"] = lambda body: next(replies, None) or gateway._completion(body)
    assert make_llm(max_retries=2).invoke("x") == " You said: x"
    assert len(gateway.requests) == 3


def test_missing_key_is_said_at_once(monkeypatch):
    with pytest.raises(errors.ConfigurationError, match="SCALE_API_KEY"):
        LLMEngine(model="m", base_url="https://llm-engine.example.com")
    with pytest.raises(errors.ConfigurationError, match="http"):
        LLMEngine(model="m", base_url="llm-engine.example.com")
    monkeypatch.setenv("SCALE_API_KEY", "k")
    LLMEngine(model="m", base_url="https://llm-engine.example.com")
