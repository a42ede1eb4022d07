"""What an error reply becomes: its type, its words, and what it must not carry."""

from __future__ import annotations

import inspect
import json
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

import llmengine_integrations.errors as public
from core._server import reply
from llmengine_integrations.core import errors
from llmengine_integrations.core.errors import LLMEngineError, from_reply

TREE = [
    kind for kind in map(errors.__dict__.get, errors.__all__) if inspect.isclass(kind) and issubclass(kind, Exception)
]
BY_STATUS = {
    400: errors.BadRequestError,
    401: errors.AuthenticationError,
    402: errors.APIStatusError,
    403: errors.PermissionDeniedError,
    404: errors.NotFoundError,
    405: errors.APIStatusError,
    409: errors.ConflictError,
    410: errors.GoneError,
    418: errors.APIStatusError,
    422: errors.ValidationError,
    429: errors.RateLimitError,
    500: errors.ServerError,
    502: errors.ServerError,
    503: errors.ServerError,
    504: errors.ServerError,
    599: errors.ServerError,
}
VALIDATION = {
    "detail": [
        {"type": "less_than_equal", "loc": ["body", "temperature"], "msg": "Input should be at most 1", "input": 1.5},
        {"type": "missing", "loc": ["query", "model_endpoint_name"], "msg": "Field required", "input": None},
        {
            "type": "missing",
            "loc": ["body", "vllm", "labels", 0],
            "msg": "Field required",
            "input": {"prompt": "secret"},
        },
        {"type": "json_invalid", "loc": ["body"], "msg": "JSON decode error", "input": "secret"},
    ]
}


def test_the_public_module_names_the_whole_tree():
    defined = {
        name
        for name, kind in vars(errors).items()
        if inspect.isclass(kind) and issubclass(kind, Exception) and kind.__module__ == errors.__name__
    }
    assert {kind.__name__ for kind in TREE} == defined
    assert all(getattr(public, name) is getattr(errors, name) for name in defined)
    assert all(name in (errors.__doc__ or "") for name in defined)
    assert all(issubclass(kind, LLMEngineError) for kind in TREE)


@pytest.mark.parametrize(("status", "expected"), BY_STATUS.items())
async def test_status(status, expected, connect, server):
    server.then(reply(status, {"detail": "Words of the server."}))
    with pytest.raises(errors.APIStatusError) as caught:
        await connect(max_retries=0).create()
    assert type(caught.value) is expected
    assert caught.value.status_code == status
    assert caught.value.message == "Words of the server."
    assert caught.value.body == {"detail": "Words of the server."}
    assert str(caught.value).startswith(f"{status}: Words of the server.")


def message(body: object, status: int = 500, **headers: str) -> str:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return from_reply(status, headers, content).message


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"detail": "No such model."}, "No such model."),
        ({"error": "Internal error occurred.", "timestamp": "2025", "request_id": "r-1"}, "Internal error occurred."),
        ({"error": "Too many requests", "timestamp": "2025"}, "Too many requests"),
        ({"detail": {"object": "error", "message": "Too long.", "code": 400}}, "Too long."),
        ({"error": {"message": "From a proxy.", "type": "x"}}, "From a proxy."),
        ({"detail": {"code": 7}}, '{"code": 7}'),
        ({"message": "Forbidden"}, "Forbidden"),
        (["a", 1], '["a", 1]'),
        ("Just text", "Just text"),
        (b"<html>\n <h1>Bad\n  gateway</h1>", "<html> <h1>Bad gateway</h1>"),
        (b"\xff\xfe no UTF-8", "\ufffd\ufffd no UTF-8"),
    ],
)
def test_message(body, expected):
    assert message(body) == expected


@pytest.mark.parametrize(
    "body", [b"", b"  ", {}, [], None, {"detail": None}, {"detail": ""}, {"detail": []}, {"error": {}}]
)
def test_message_of_a_body_that_says_nothing(body):
    assert message(body, 503) == "The server replied with status 503 and no explanation."


def test_long_text_is_cut_but_kept_in_the_body():
    error = from_reply(502, {}, b"x" * 5000)
    assert len(error.message) < 500
    assert error.body == "x" * 5000


def test_a_redirect_says_where_to():
    assert message(b"", 307, Location="http://elsewhere/v1") == "The server redirects to http://elsewhere/v1."


KEY = st.sampled_from(["detail", "error", "message", "request_id", "loc", "msg", "input"])
JSON = st.recursive(st.none() | st.text() | st.floats(), lambda inner: st.lists(inner) | st.dictionaries(KEY, inner))


@given(st.binary() | JSON)
def test_no_body_breaks_the_error(body):
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    for status in (307, 400, 422, 500):
        error = from_reply(status, {}, content)
        assert error.message
        assert isinstance(str(error), str)
        assert isinstance(getattr(error, "fields", []), list)


def test_brackets_nested_by_the_thousand_are_text():
    assert from_reply(500, {}, b"[" * 200_000).body == "[" * 200_000


class TestValidationError:
    def test_message_names_every_field_and_number(self):
        assert message(VALIDATION, 422) == (
            "temperature: Input should be at most 1 (got 1.5); model_endpoint_name: Field required; "
            "vllm.labels.0: Field required; body: JSON decode error"
        )

    def test_fields(self):
        error = from_reply(422, {}, json.dumps(VALIDATION).encode())
        assert error.fields == ["temperature", "model_endpoint_name", "vllm.labels.0", "body"]

    def test_text_that_was_sent_is_not_repeated(self):
        assert "secret" not in str(from_reply(422, {}, json.dumps(VALIDATION).encode()))

    def test_with_a_string_detail(self):
        error = from_reply(422, {}, b'{"detail": "no"}')
        assert (error.message, error.fields) == ("no", [])


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"error": "x", "request_id": "6d0b-1"}, "6d0b-1"),
        ({"detail": "Upstream service error for request_id 6d0b-1"}, "6d0b-1"),
        ({"detail": "Internal server error. request_id: 6d0b-1."}, "6d0b-1"),
        ({"detail": "The request_id"}, None),
        ({"detail": "x"}, None),
        ({"request_id": None}, None),
        ([], None),
        (b"request_id 1", None),
    ],
)
def test_request_id(body, expected):
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    error = from_reply(500, {}, content)
    assert error.request_id == expected
    assert str(error).count("6d0b-1") == (1 if expected else 0)


async def test_headers_are_kept_but_not_their_secrets(api, server):
    server.then(
        reply(400, {"detail": "no"}, **{"Set-Cookie": "session=1", "X-Trace": "t-1", "WWW-Authenticate": "Basic"})
    )
    with pytest.raises(errors.BadRequestError) as caught:
        await api.create()
    assert caught.value.headers["x-trace"] == "t-1"
    assert caught.value.headers["www-authenticate"] == "Basic"
    assert "set-cookie" not in caught.value.headers


def test_a_refused_key_says_what_to_set():
    assert "SCALE_API_KEY" in str(from_reply(401, {}, b'{"detail": "Could not authenticate user"}'))


@pytest.mark.parametrize(
    ("kind", "builtin"),
    [
        (errors.APIConnectionError, ConnectionError),
        (errors.APITimeoutError, ConnectionError),
        (errors.APITimeoutError, TimeoutError),
        (errors.JobTimeoutError, TimeoutError),
        (errors.ConfigurationError, ValueError),
        (errors.InvalidArgumentError, ValueError),
    ],
)
def test_builtin_bases(kind, builtin):
    assert issubclass(kind, builtin)


def full(kind: type[LLMEngineError]) -> LLMEngineError:
    """An error with every argument that its class takes."""
    values = {
        "status_code": 418, "request_id": "r-1", "body": {"detail": "x"}, "headers": {"X-Trace": "t"}, "text": "Hel",
        "sent": False, "job": {"id": "j"}, "events": ["e"], "problems": [errors.TrainingDataProblem("no", 2)],
    }  # fmt: skip
    names = list(inspect.signature(kind).parameters)[1:]
    return kind("Words", **{name: values[name] for name in names})


@pytest.mark.parametrize("kind", TREE)
def test_errors_survive_pickling(kind):
    error = full(kind)
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
    assert type(copy) is kind
    assert str(copy) == str(error)
    assert vars(copy) == vars(error)
    assert copy.args == error.args


async def test_an_explained_error_survives_pickling(connect, refusing_url):
    with pytest.raises(errors.APIConnectionError) as caught:
        await connect(refusing_url, max_retries=0).create()
    copy = pickle.loads(pickle.dumps(caught.value))  # noqa: S301 - our own bytes
    assert str(copy) == str(caught.value)
    assert refusing_url in str(copy)
    assert copy.sent is False
