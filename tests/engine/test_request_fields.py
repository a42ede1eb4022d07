"""The engine uses every field of a request that it accepts, refuses it, or says in a list why it changes nothing.

Each field is sent with a telling value through the real routes. What counts is whether anything follows from it: another reply, or another
generation asked of the model. A new field of the wire is tried as soon as it is declared; one for which the value made from its type does
not tell gets a value in `TELLING`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from operator import sub
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import httpx
import pytest
from typing_extensions import is_typeddict

from llmengine_integrations.engine.config import EngineConfig
from llmengine_integrations.engine.dialect.openai_options import IGNORED
from llmengine_integrations.wire.batch_completions import ENDED, BatchRequest, BatchRequestV1
from llmengine_integrations.wire.chat import ChatRequest
from llmengine_integrations.wire.completions import CompletionRequest
from llmengine_integrations.wire.fine_tunes import FineTuneRequest
from llmengine_integrations.wire.text_completions import TextCompletionRequest

from .fakes import FakeBatch, eventually, fake_lane, running

pytestmark = pytest.mark.engine

MODEL = "llmengine-tiny"
TOOLS = [{"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}]
HELLO = {"role": "user", "content": "hello"}


def telling(kind: Any) -> Any:
    """A value of a type that is nobody's default."""
    if get_origin(kind) in {Union, UnionType}:
        return telling(get_args(kind)[0])
    if get_origin(kind) is Literal:
        return get_args(kind)[-1]
    if get_origin(kind) is list:
        return [telling(get_args(kind)[0])]
    if is_typeddict(kind):
        hints = get_type_hints(kind)
        return {name: telling(hints[name]) for name in kind.__required_keys__}
    if get_origin(kind) is dict:
        return {"7": telling(get_args(kind)[1])}
    return {bool: True, int: 2, float: 0.5, str: "x", Any: "x"}[kind]


V2_TELLING = {
    "model": ({}, "unknown"),
    "stream_options": ({"stream": True}, {"include_usage": True}),
    "skip_special_tokens": ({}, False),
    "stop_token_ids": ({}, [98]),
    "add_special_tokens": ({}, False),
    "response_format": ({}, {"type": "json_object"}),
    "guided_json": ({}, {"type": "object"}),
    "guided_grammar": ({}, 'root ::= "a"'),
}
"""What stands in the request anyway, and the value that then tells."""
CHAT_TELLING = V2_TELLING | {
    "tool_choice": ({"tools": TOOLS}, "required"),
    "parallel_tool_calls": ({"tools": TOOLS, "tool_choice": "required"}, False),
    "top_logprobs": ({"logprobs": True}, 3),
    "messages": ({}, [{"role": "user", "content": "other"}]),
    "echo": ({"messages": [HELLO, {"role": "assistant", "content": "I"}]}, True),
    "add_generation_prompt": ({}, False),
    "continue_final_message": (
        {"messages": [HELLO, {"role": "assistant", "content": "I"}], "add_generation_prompt": False},
        True,
    ),
    "modalities": ({}, ["audio"]),
    "functions": ({}, [{"name": "f"}]),
    "documents": ({}, [{"title": "t", "text": "x"}]),
}
V1_TELLING = {
    "top_k": ({"temperature": 0.5}, 2),
    "top_p": ({"temperature": 0.5}, 0.5),
    "skip_special_tokens": ({}, False),
    "guided_json": ({}, {"type": "object"}),
    "guided_grammar": ({}, 'root ::= "a"'),
}


class Engine:
    """An engine whose model notes what it is asked to generate."""

    def __init__(self, url: str, asked: list[str], folder: Path) -> None:
        self.folder = folder
        self._http = httpx.Client(base_url=url, auth=("any", ""), timeout=30)
        self._asked = asked
        self.close = self._http.close

    def outcome(self, path: str, body: object, *, batch: bool = False) -> tuple[object, ...]:
        """All that follows from a request: status, reply without ids and times, what the model was asked, and what became of a batch."""
        self._asked.clear()
        reply = self._http.post(path, json=body)
        ended = self._ended(reply.json()["job_id"]) if batch and reply.status_code == 200 else {}
        return reply.status_code, _plain(reply.text), sorted(self._asked), ended

    def _ended(self, job_id: str) -> dict[str, Any]:
        """A batch job at its end, its times as the minutes that it had."""
        jobs: list[dict[str, Any]] = []

        def over() -> bool:
            jobs.append(self._http.get(f"/v2/batch-completions/{job_id}").json()["job"])
            return jobs[-1]["status"] in ENDED

        assert eventually(over, 20)
        job = jobs[-1]
        times = (datetime.fromisoformat(job.pop(name)) for name in ("completed_at", "expires_at"))
        return job | {"job_id": "id", "created_at": "", "minutes": round(-sub(*times).total_seconds() / 60)}

    def unused(
        self,
        path: str,
        base: Mapping[str, Any],
        fields: Mapping[str, Any],
        values: Mapping[str, Any],
        *,
        batch: bool = False,
    ) -> set[str]:
        """The fields from which nothing follows."""
        found = set()
        for name, kind in fields.items():
            context, value = values.get(name, ({}, None))
            before = {**base, **context}
            value = telling(kind) if name not in values else value
            without = self.outcome(path, before, batch=batch)
            assert without == self.outcome(path, before, batch=batch), "nothing else may differ"
            if without == self.outcome(path, {**before, name: value}, batch=batch):
                found.add(name)
        return found


def _plain(text: str) -> str:
    """A reply without what differs each time."""
    text = re.sub(r'"(chatcmpl|cmpl|job|batch|call|ft)-[\w-]+"|"call_\w+"', '"id"', text)
    text = re.sub(r'"request_id": ?"[^"]+"|request_id [\w-]+', '"request_id"', text)
    return re.sub(r'"\d{4}-\d\d-\d\dT[\d:.]+"|"created": ?\d+', "", text)


@contextmanager
def _engine(folder: Path, **settings: Any) -> Iterator[Engine]:
    asked: list[str] = []
    lane = fake_lane(FakeBatch())
    enqueue = lane.enqueue

    def noting(generation: Any, adapter: str | None = None) -> None:
        asked.append(repr(generation.request))
        enqueue(generation, adapter)

    lane.enqueue = noting
    with running(EngineConfig(port=0, data=folder, **settings), lambda: {MODEL: lane}) as (url, server):
        assert server.ready_event.wait(30)
        engine = Engine(url, asked, folder)
        try:
            yield engine
        finally:
            engine.close()


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    with _engine(tmp_path_factory.mktemp("data") / "data") as found:
        yield found


def test_every_field_of_a_completion(engine):
    base = {"prompt": "hello", "max_new_tokens": 3, "temperature": 0.0}
    path = f"/v1/llm/completions-sync?model_endpoint_name={MODEL}"
    assert engine.unused(path, base, get_type_hints(CompletionRequest), V1_TELLING) == set()


def test_every_field_of_a_chat(engine):
    base = {"model": MODEL, "messages": [HELLO], "max_tokens": 3}
    fields = get_type_hints(ChatRequest)
    assert engine.unused("/v2/chat/completions", base, fields, CHAT_TELLING) == set(IGNORED) & set(fields)


def test_every_field_of_a_text_completion(engine):
    base = {"model": MODEL, "prompt": "hello", "max_tokens": 3}
    fields = get_type_hints(TextCompletionRequest)
    assert engine.unused("/v2/completions", base, fields, V2_TELLING) == set(IGNORED) & set(fields)


HARDWARE = {"cpus", "gpus", "memory", "gpu_type", "storage", "nodes_per_worker"}
"""The engine runs a batch in its own process, and on this machine."""
BATCH_TELLING = {
    "model_config": ({}, {"model": "unknown"}),
    "output_data_path": ({}, "other.json"),
    "input_data_path": ({}, "missing.json"),
    "content": ({}, {"prompts": ["other"], "max_new_tokens": 3, "temperature": 0.0}),
    "tool_config": ({}, {"name": "code_evaluator"}),
    "labels": ({}, {"team": "t"}),
}


@pytest.mark.parametrize(("version", "kind"), [("v1/llm", BatchRequestV1), ("v2", BatchRequest)])
def test_every_field_of_a_batch(engine, version, kind):
    content = {"prompts": ["hello"], "max_new_tokens": 3, "temperature": 0.0}
    base = {"model_config": {"model": MODEL}, "content": content, "output_data_path": "out.json"}
    unused = engine.unused(f"/{version}/batch-completions", base, get_type_hints(kind), BATCH_TELLING, batch=True)
    assert unused == HARDWARE | ({"labels"} if kind is BatchRequestV1 else {"data_parallelism"})


def test_every_field_of_a_fine_tune(engine):
    rows = engine.folder / "batches" / "rows.csv"
    rows.write_text("prompt,response\na,b\n")
    values = {
        "model": ({}, "unknown"),
        "training_file": ({}, "file-unknown"),
        "validation_file": ({"training_file": str(rows), "validation_file": "missing.csv"}, "file-unknown"),
        "hyperparameters": ({}, {"unknown": 1}),
        "suffix": ({}, "_"),
        "wandb_config": ({}, {}),
    }
    base = {
        "model": MODEL,
        "training_file": "missing.csv",
        "hyperparameters": {},
    }  # refused, so that nothing is trained
    assert engine.unused("/v1/llm/fine-tunes", base, get_type_hints(FineTuneRequest), values) == set()
