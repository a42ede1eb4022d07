"""The key and the prompt: in the request, and nowhere else."""

from __future__ import annotations

import base64
import logging
import pickle
import re
import traceback

import pytest

from core._api import EVERY
from core._server import CLOSE, COMPLETION, RESET, STREAM, WHOLE_STREAM, chunk, event, failure, output, reply, stream
from llmengine_integrations.core._foreign_errors import safe
from llmengine_integrations.core._timeouts import Timeout
from llmengine_integrations.core.transport.backend import Outgoing
from llmengine_integrations.errors import LLMEngineError

KEY = "sk-very-secret"
PROMPT = "the patient's own words"
SECRETS = (KEY, base64.b64encode(f"{KEY}:".encode()).decode(), PROMPT, "hunter2")

pytestmark = pytest.mark.parametrize("kind", EVERY)


def holds_secrets(text: str) -> bool:
    return any(secret in text for secret in SECRETS)


@pytest.fixture
def api(connect):
    return connect(api_key=KEY, default_headers={"X-Token": "hunter2"}, max_retries=1)


async def test_reprs(api, server):
    client = api.client
    server.then(COMPLETION)
    await api.create(prompt=PROMPT)
    for shown in (client, client._transport, client._transport.settings, client.completions, client.completions.create):
        assert not holds_secrets(repr(shown) + str(shown))
    assert repr(client) == f"{type(client).__name__}(base_url={server.url!r})"


FAILURES = {
    "refused": (reply(400, {"detail": "no"}),),
    "key": (reply(401, {"detail": "Could not authenticate user"}),),
    "validation": (reply(422, {"detail": [{"loc": ["body", "prompt"], "msg": "bad", "input": PROMPT}]}),),
    "upstream": (reply(503, {"detail": "no"}),),
    "reset": (RESET,),
    "closed": (CLOSE,),
    "no http": (b"SSH-2.0\r\n", CLOSE),
    "garbage": (reply(200, b"<html>"),),
    "stream error": (stream(output("a"), failure("no")),),
    "truncated": (stream(output("a")),),
    "cut": (STREAM, chunk(event(output("a"))), CLOSE),
}


@pytest.mark.parametrize("steps", FAILURES.values(), ids=FAILURES)
@pytest.mark.parametrize("call", ["create", "read"])
async def test_errors_their_tracebacks_and_the_logs(call, steps, api, server, naps, caplog):
    caplog.set_level(logging.DEBUG)
    server.always(*steps)
    with pytest.raises(LLMEngineError) as caught:
        await getattr(api, call)("a-model", PROMPT)
    error = caught.value
    shown = "".join(traceback.format_exception(error))
    assert not holds_secrets(shown + str(error) + repr(error))
    assert not holds_secrets(caplog.text)
    assert KEY.encode() not in pickle.dumps(error)


def test_what_a_server_says_in_quotes_with_a_url_at_the_end(kind):
    assert (
        safe("illegal status line: bytearray(b'SSH hunter2 http://h?sig=hunter2')")
        == "illegal status line: bytearray(b'...')"
    )
    assert safe("no route to http://h/?sig=hunter2 today") == "no route to <URL> today"


def test_a_request_in_a_traceback_with_local_variables(kind):
    outgoing = Outgoing("POST", "http://h/", {"authorization": KEY}, PROMPT.encode(), Timeout())
    assert not holds_secrets(repr(outgoing))


class TestLogging:
    """Lines that help to find out what happened, from the logger `llmengine_integrations` at DEBUG."""

    @pytest.fixture
    def lines(self, caplog):
        caplog.set_level(logging.DEBUG)
        return lambda: [r.getMessage() for r in caplog.records if r.name.startswith("llmengine_integrations")]

    async def test_a_line_for_each_reply(self, api, server, lines):
        server.then(COMPLETION).then(WHOLE_STREAM).then(reply(404, {"detail": "no"}))
        await api.create("secret-model", PROMPT)
        await api.read("secret-model", PROMPT)
        with pytest.raises(LLMEngineError):
            await api.call("models.get", "m")
        sync, stream_, get = lines()
        assert re.fullmatch(r"POST /v1/llm/completions-sync -> 200 in \d+\.\d{3} s", sync)
        assert re.fullmatch(r"POST /v1/llm/completions-stream -> 200 in \d+\.\d{3} s", stream_)
        assert re.fullmatch(r"GET /v1/llm/model-endpoints/m -> 404 in \d+\.\d{3} s", get)

    async def test_a_line_for_each_try(self, connect, server, lines, naps):
        server.then(RESET).then(reply(503, retry_after="7")).then(COMPLETION)
        await connect(max_retries=2).create()
        route = "POST /v1/llm/completions-sync"
        reset, refused, again, done = lines()
        assert re.fullmatch(rf"{route} failed with APIConnectionError; again in 0\.\d s", reset)
        assert refused.startswith(f"{route} -> 503 in ")
        assert again == f"{route} failed with ServerError; again in 7.0 s"
        assert done.startswith(f"{route} -> 200 in ")

    async def test_every_line_is_debug(self, api, server, caplog, naps):
        caplog.set_level(logging.INFO, "llmengine_integrations")
        server.then(reply(503)).then(COMPLETION)
        await api.create()
        assert not [record for record in caplog.records if record.name.startswith("llmengine_integrations")]

    async def test_nothing_about_the_query(self, api, server, caplog, kind):
        caplog.set_level(logging.DEBUG, "llmengine_integrations")
        server.then(COMPLETION)
        await api.create("secret-model")
        own = [record.getMessage() for record in caplog.records if record.name.startswith("llmengine_integrations")]
        assert own
        assert not [line for line in own if "secret-model" in line or "?" in line]
