"""Every name, parameter, field and default of upstream's released client (scale-llm-engine 0.0.0b45), compared with this package's.

What differs on purpose is in DIFFERENCES; docs/migration.md says it to users. Nothing else may differ.
"""

from __future__ import annotations

import json
import os
import subprocess
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from compat.signatures import described
from llmengine_integrations.compat import data_types

HERE = Path(__file__).parent
PYTHON = Path(os.environ.get("UPSTREAM_PYTHON", HERE.parents[1] / ".venv-upstream" / "bin" / "python"))
UPSTREAM = json.loads((HERE / "upstream_signatures.json").read_text())
OURS = described("llmengine_integrations.compat")

DIFFERENCES = {
    # What is found (a pattern): why it differs.
    "calls Completion.*create(**kwargs): not here": "a misspelt argument is refused, not swallowed",
    "fields *: required there, * here": "a reply without a field that upstream insists on is read",
    "fields *.model_config: not here": "pydantic keeps the name for itself: it is model_cfg",
    "fields GetLLMEndpointResponse.inference_framework_tag: not here": "a property, read from the field that the server sends",
    "fields *: * there, left out here": "a typed dict: only upstream's own code builds these; the server has the defaults",
    "fields CallbackAuth: not here": "a union: upstream has a model around one",
    "fields *V2Request.*: * there, an option here": "given by name all the same; what is not given is left to the server",
    "fields *V2Request.stream_options: not here": "these are requests of batches, which have no streams",
    "fields VLLM*Params: not here": "a base class: its fields are those of the requests",
    "fields VLLMEngineAdditionalArgs: not here": "a base class: its fields are those of VLLMEndpointAdditionalArgs",
    "fields BatchCompletionsRequestBase: not here": "a base class",
}
NOT_USED = """CancelBatchCompletionsV2Request ListBatchCompletionV2Response CreateChatCompletionRequest CreateChatCompletionResponse
CreateChatCompletionStreamResponse CreateCompletionRequest CreateCompletionResponse ChatCompletionV2StreamErrorChunk
CompletionV2StreamErrorChunk ResponseFormatJsonObject ResponseFormatJsonSchema ResponseFormatText TokenUsage"""
DIFFERENCES |= {f"fields {name}: not here": "no call of upstream's takes or returns it" for name in NOT_USED.split()}


def test_nothing_differs_from_upstreams_client_but_what_is_listed():
    found = list(_differences())
    unlisted = [one for one in found if not any(fnmatchcase(one, pattern) for pattern in DIFFERENCES)]
    assert unlisted == []
    assert [pattern for pattern in DIFFERENCES if not any(fnmatchcase(one, pattern) for one in found)] == []


def test_the_record_is_that_of_the_released_client():
    if not PYTHON.exists():
        pytest.skip("upstream's client is not installed; `make upstream` does it")
    done = subprocess.run(  # noqa: S603 - the interpreter that make upstream made
        [PYTHON, HERE / "signatures.py"],
        env={"LLM_ENGINE_DISABLE_VERSION_CHECK": "1"},  # or importing it asks a package index
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert json.loads(done.stdout) == UPSTREAM


def _differences():
    for section in ("exports", "errors"):
        yield from (f"{section} {name}: not here" for name in UPSTREAM[section] if name not in OURS[section])
    for section in ("calls", "settings"):
        for name, theirs in UPSTREAM[section].items():
            yield from (f"{section} {name}{one}" for one in _of_a_call(theirs, OURS[section].get(name)))
    for name, theirs in UPSTREAM["enums"].items():
        ours = OURS["enums"].get(name, {})
        yield from (f"enums {name}.{one}" for one, value in theirs.items() if ours.get(one) != value)
    for name, theirs in UPSTREAM["fields"].items():
        yield from (f"fields {name}{one}" for one in _of_a_type(name, theirs, OURS["fields"].get(name)))


def _of_a_call(theirs, ours):
    if ours is None:
        yield ": not here"
        return
    named = [one for one in theirs if one[1] != "VAR_KEYWORD"]
    for place, one in enumerate(named):
        mine = ours[place] if place < len(ours) else None
        if mine != one:
            yield f"({one[0]}): {one} there, {mine} here"
    further = [one for one in ours[len(named) :] if one[1] not in {"VAR_KEYWORD", "VAR_POSITIONAL"}]
    yield from (f"({name}): required here only" for name, _, default in further if default == "required")
    if named != theirs and not any(one[1] == "VAR_KEYWORD" for one in ours):
        yield "(**kwargs): not here"


def _of_a_type(name, theirs, ours):
    kind = getattr(data_types, name, None)
    if ours is None:
        yield ": not here"
        return
    options = getattr(getattr(kind, "options", None), "__annotations__", {})  # of requests that take them by name
    for field, default in theirs.items():
        mine = ours.get(field, "an option" if field in options else None)
        if mine is None:
            yield f".{field}: not here"
        elif mine != default and (default != "required" or mine not in {"left out", "an option"}):
            yield f".{field}: {default} there, {mine} here"
