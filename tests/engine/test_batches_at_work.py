"""Batch jobs that wait, are cancelled, take too long, or are cut off by the end of the engine."""

from __future__ import annotations

import json
import os
import random
import time
from contextlib import nullcontext

import httpx
import pytest

from llmengine_integrations.engine.batch_jobs import output_file
from llmengine_integrations.engine.store import open_store
from llmengine_integrations.engine.store.batch_jobs import RowOutput

from .bare_process import bare_engine
from .fakes import FakeBatch, eventually
from .test_batches import MODEL, V2, bench, prompts

pytestmark = pytest.mark.engine

ROUNDS = int(os.environ.get("LLM_ENGINE_TEST_KILLS", "4"))
"""How often the engine is killed; 50 in the long form."""


@pytest.fixture
def data(tmp_path):
    return tmp_path / "data"


def slow(data, **settings):
    return bench(data, text="x" * 1000, delay=0.005, **settings)


def endless(number: int = 1) -> dict:
    return prompts(*["a"] * number, max_new_tokens=1000)


def test_the_highest_priority_is_next(data):
    with slow(data) as shop:
        blocker = shop.create(endless(), output="blocker.json")
        assert eventually(lambda: shop.job(blocker)["status"] == "running")
        ids = {
            name: shop.create(prompts("a"), output=f"{name}.json", priority=priority)
            for name, priority in (
                ("low", "low"),
                ("none", None),
                ("word", "whatever"),
                ("high", "high"),
                ("ten", "10"),
                ("risen", "low"),
            )
        }
        reply = shop.http.post(f"{V2}/{ids['risen']}", json={"job_id": ids["risen"], "priority": "11"}).json()
        assert (reply["success"], reply["priority"], reply["status"]) == (True, "11", "queued")
        assert shop.http.post(f"{V2}/{blocker}/actions/cancel").json() == {"success": True}
        ended = {name: shop.ended(job_id)["completed_at"] for name, job_id in ids.items()}
        assert sorted(ended, key=ended.__getitem__) == ["risen", "ten", "high", "none", "word", "low"]
        late = shop.http.post(f"{V2}/{ids['low']}", json={"job_id": ids["low"], "priority": "1"}).json()
        assert (late["success"], late["priority"]) == (False, "low")
        same = shop.http.post(f"{V2}/{ids['low']}", json={"job_id": ids["low"]}).json()
        assert (same["success"], same["priority"]) == (True, "low")


def test_cancelling(data):
    with slow(data) as shop:
        running, waiting = shop.create(endless(40), output="a.json"), shop.create(endless(), output="b.json")
        assert eventually(lambda: bool(shop.batch.rows))
        for job_id in (waiting, running, running):
            assert shop.http.post(f"{V2}/{job_id}/actions/cancel", json={}).json() == {"success": True}
            assert shop.job(job_id)["status"] == "cancelled"
        assert eventually(lambda: not shop.batch.rows)
        done = shop.create(prompts("a"), output="c.json")
        assert shop.ended(done)["status"] == "completed"
        assert shop.http.post(f"{V2}/{done}/actions/cancel").json() == {"success": True}
        assert shop.job(done)["status"] == "completed"
        assert sorted(path.name for path in shop.shared.iterdir()) == ["c.json"]


def test_a_job_that_takes_too_long(data):
    with slow(data) as shop:
        job = shop.ended(shop.create(endless(), max_runtime_sec=1))
        assert job["status"] == "failed"
        assert job["metadata"]["error"] == "It was not done within 1 seconds, its max_runtime_sec."
        assert eventually(lambda: not shop.batch.rows)


def test_half_of_the_places_stay_free(data):
    with slow(data, max_batch_size=6) as shop:
        shop.create(endless(20))
        assert eventually(lambda: len(shop.batch.rows) == 3)
        for _ in range(3):
            body = {"prompt": "b", "max_new_tokens": 2, "temperature": 0.0}
            query = {"model_endpoint_name": MODEL}
            reply = shop.http.post("/v1/llm/completions-sync", params=query, json=body)
            assert reply.json()["output"]["text"] == "xx"
            assert len(shop.batch.rows) <= 4


def test_a_full_queue_only_holds_a_job_up(data):
    with bench(data, max_batch_size=8, max_waiting=1) as shop:
        job = shop.ended(shop.create(prompts(*"abcdef")))
        assert job["metadata"]["requests_failed"] == "0"


def test_an_engine_that_stops_goes_on_later(data):
    with slow(data) as shop:
        first, second = shop.create(endless(3)), shop.create(prompts("b"), output="second.json")
        assert eventually(lambda: bool(shop.batch.rows))
    with bench(data) as shop:
        assert shop.ended(first)["status"] == shop.ended(second)["status"] == "completed"
        assert [item["text"] for item in shop.output()] == ["abc"] * 3


def test_a_job_that_ends_the_engine_each_time_is_given_up(data):
    with slow(data) as shop:
        job_id = shop.create(endless())
        assert eventually(lambda: bool(shop.batch.rows))
    for _ in range(4):
        with slow(data) as shop:
            assert eventually(lambda: bool(shop.batch.rows))
    with bench(data) as shop:
        job = shop.ended(job_id)
        assert job["metadata"]["error"] == ("The engine ended 5 times during this job, without a result in between.")


def test_results_so_far_are_kept_and_the_input_file_may_change(data, monkeypatch):
    with bench(data, text="x" * 1000, delay=0.002, max_batch_size=2) as shop:
        rows = [{"prompt": "a", "max_tokens": 1 if place < 5 else 900} for place in range(8)]
        (shop.shared / "in.json").write_text(json.dumps(rows))
        job_id = shop.create(input_data_path="in.json")
        assert eventually(lambda: shop.job(job_id)["metadata"].get("requests_done") == "5")
        (shop.shared / "in.json").unlink()
    begun = counted(monkeypatch)
    with bench(data, text="y") as shop:
        assert shop.ended(job_id)["metadata"]["requests_done"] == "8"
        assert [item["choices"][0]["text"] for item in shop.output()] == ["x"] * 5 + ["y"] * 3
        assert len(begun) == 3


def counted(monkeypatch) -> list[object]:
    """A list that grows with every completion that begins."""
    begun, prefill = [], FakeBatch.prefill

    def counting(batch, prompts):
        begun.extend(prompts)
        return prefill(batch, prompts)

    monkeypatch.setattr(FakeBatch, "prefill", counting)
    return begun


def test_a_result_counts_once(tmp_path):
    with open_store(tmp_path, max_file_size=1) as store:
        batch = store.batches.create("job", {"max_runtime_sec": 1}, "[]")
        assert store.batches.begin(batch, "[]", 3) == 1
        store.batches.add(batch, [RowOutput(2, "1"), RowOutput(0, "2", failed=True)])
        store.batches.add(batch, [RowOutput(0, "3"), RowOutput(2, "4", failed=True), RowOutput(1, "5")])
        assert list(store.batches.outputs(batch)) == ["2", "5", "1"]
        found = store.batches.get(batch.id)
        assert (found.done, found.failed, found.total) == (3, 1, 3)
        assert store.batches.cancel(batch.id)
        store.batches.add(batch, [RowOutput(3, "6")])
        assert list(store.batches.outputs(batch)) == []
        assert not store.batches.complete(batch)
        assert not store.batches.fail(batch, "late")
        assert store.batches.begin(batch, "[]", 3) is None


def test_an_output_file_is_there_when_it_is_whole(tmp_path):
    def items():
        yield "1"
        assert path.read_text() == "before"
        yield "2"
        if broken:
            raise OSError(28, "No space left on device")

    path = tmp_path / "out.json"
    path.write_text("before")
    for broken in (True, False):
        with pytest.raises(OSError, match="No space") if broken else nullcontext():
            output_file.write(path, items(), "job-1")
        assert [entry.name for entry in tmp_path.iterdir()] == ["out.json"]
        assert path.read_text() == ("before" if broken else "[\n1,\n2\n]\n")


@pytest.mark.timeout(60 + 10 * ROUNDS)
def test_killed_at_any_moment_it_loses_no_job(data):
    """Whatever was acknowledged is completed in the end, once each and whole; and no half-written file is ever seen."""
    chance = random.Random(3)  # noqa: S311 - a test's choices
    jobs, auth = {}, ("key", "")
    for number in range(ROUNDS + 1):
        last = number == ROUNDS
        with bare_engine(data) as (process, url), httpx.Client(base_url=url, auth=auth, timeout=20) as http:
            for place in range(0 if last else 2):
                name, rows = f"{number}-{place}.json", chance.randint(1, 400)
                body = {"output_data_path": name, "model_config": {"model": MODEL}}
                body["content"] = [{"prompt": f"{row}", "echo": True, "max_tokens": 3} for row in range(rows)]
                jobs[http.post(V2, json=body).json()["job_id"]] = (name, rows)
            if last:
                assert eventually(lambda: all(status(http, job_id) == "completed" for job_id in jobs), 60)
            else:
                time.sleep(chance.uniform(0, 0.5))
            process.kill()
            process.wait()
        seen = {path.name for path in (data / "batches").glob("*.json")}
        for name, rows in jobs.values():
            if name in seen:
                texts = [item["choices"][0]["text"] for item in json.loads((data / "batches" / name).read_text())]
                assert texts == [f"{row}abc" for row in range(rows)]
    assert len(seen) == len(jobs)
    assert {path.name for path in (data / "batches").iterdir()} == seen


def status(http: httpx.Client, job_id: str) -> str:
    return http.get(f"{V2}/{job_id}").json()["job"]["status"]
