"""Requests made at random from the gateway's own OpenAPI description, asked of the engine: never a 5xx, never a hang.

FUZZ_EXAMPLES=200 pytest tests/clients/test_gateway_description.py    looks longer
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

schemathesis = pytest.importorskip("schemathesis")

pytestmark = [pytest.mark.engine, pytest.mark.slow]

DESCRIPTION = json.loads((Path(__file__).parent / "gateway_openapi.json").read_text())
MODEL = "llama-2-7b"
EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "12"))

schema = schemathesis.openapi.from_dict(DESCRIPTION)


@schema.hook("map_query")
def name_a_model_in_the_query(_, query):
    """A model that is served: nearly every other name is answered before the body is read."""
    if query and "model_endpoint_name" in query:
        query["model_endpoint_name"] = MODEL
    return query


@schema.hook("map_body")
def name_a_model_in_the_body(_, body):
    if isinstance(body, dict) and isinstance(body.get("model"), str):
        body["model"] = MODEL
    return body


@schema.parametrize()
@settings(max_examples=EXAMPLES, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_no_server_error(case, fuzzed):
    """A route that the engine lacks answers 404 or 405."""
    response = case.call(base_url=fuzzed.base_url, timeout=60, headers={"Authorization": f"Bearer {fuzzed.api_key}"})
    assert response.status_code < 500, response.text


@pytest.fixture(scope="module")
def fuzzed():
    """An engine of its own: what is created here must not be in the way of other tests."""
    from llmengine_integrations.engine import EmbeddedEngine  # noqa: PLC0415 - others need no engine

    with EmbeddedEngine(aliases=[MODEL]) as engine:
        yield engine
