"""What is kept of fine-tunes and their models, and what is left when an engine is killed between two steps."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from llmengine_integrations.engine.store import Job, Store, TunedModel, open_store

pytestmark = pytest.mark.engine


@contextmanager
def opened(folder: Path) -> Iterator[Store]:
    with open_store(folder, max_file_size=1000) as store:
        yield store


def added(store: Store, name: str = "base.261121-083913") -> Job:
    with store.fine_tunes.prepare() as folder:
        (folder / "training.jsonl").write_text('["a", "b"]\n')
        return store.fine_tunes.add(folder, base="base", fine_tuned_model=name)


def taken(store: Store, job: Job) -> TunedModel:
    """The model of a job that has been trained."""
    adapter = store.fine_tunes.folder(job.id) / "adapter"
    adapter.mkdir()
    (adapter / "adapter_config.json").write_text("{}")
    return store.models.take(job.id, adapter, name=job.fine_tuned_model, base=job.base)


def folders(data: Path) -> tuple[int, int]:
    models = list((data / "models").iterdir())
    found = [path for path in models if path.is_dir()]
    assert set(models) == {*found, *(path.with_suffix(".json") for path in found)}  # each has its record
    return len(list((data / "fine-tunes").iterdir())), len(found)


def test_a_job_s_life(tmp_path):
    with opened(tmp_path) as store:
        job = added(store)
        assert store.fine_tunes.begin(job.id)
        store.fine_tunes.note(job.id, "hello", "warning")
        model = taken(store, job)
        assert store.fine_tunes.succeed(job, model)
        store.fine_tunes.tidy(job.id)
    with opened(tmp_path) as store:
        assert store.fine_tunes.get(job.id).status == "SUCCESS"
        assert [(event.message, event.level) for event in store.fine_tunes.events(job.id)] == [("hello", "warning")]
        assert store.fine_tunes.active() == []
        assert store.models.all() == [model]
        assert folders(tmp_path) == (0, 1)
        assert store.models.forget(model.name)
        assert not store.models.forget(model.name)
        assert store.fine_tunes.get(job.id).fine_tuned_model in store.fine_tunes.names()


def test_jobs_that_are_not_over_are_there_after_a_restart(tmp_path):
    with opened(tmp_path) as store:
        first, second = added(store, "a"), added(store, "b")
        assert store.fine_tunes.begin(first.id)
    with opened(tmp_path) as store:
        assert [(job.id, job.attempts) for job in store.fine_tunes.active()] == [(first.id, 1), (second.id, 0)]
        assert [job.status for job in store.fine_tunes.all()] == ["RUNNING", "PENDING"]
        assert (store.fine_tunes.folder(second.id) / "training.jsonl").read_text() == '["a", "b"]\n'


def test_a_model_whose_job_has_not_ended_goes_back_to_the_job(tmp_path):
    with opened(tmp_path) as store:
        job = added(store)
        store.fine_tunes.begin(job.id)
        taken(store, job)
        assert folders(tmp_path) == (1, 1)
    with opened(tmp_path) as store:
        assert folders(tmp_path) == (1, 0)
        assert store.fine_tunes.get(job.id).status == "RUNNING"
        assert (store.fine_tunes.folder(job.id) / "adapter" / "adapter_config.json").read_text() == "{}"


def test_a_model_that_is_forgotten_is_swept(tmp_path):
    with opened(tmp_path) as store:
        job = added(store)
        store.fine_tunes.begin(job.id)
        model = taken(store, job)
        store.fine_tunes.succeed(job, model)
        store.models.forget(model.name)
    with opened(tmp_path):
        assert folders(tmp_path) == (0, 0)


def test_a_cancelled_job_is_forgotten_and_takes_no_more_steps(tmp_path):
    with opened(tmp_path) as store:
        job = added(store)
        assert store.fine_tunes.begin(job.id)
        store.fine_tunes.note(job.id, "hello")
        model = taken(store, job)
        assert store.fine_tunes.cancel(job.id)
        assert not store.fine_tunes.cancel(job.id)
        assert not store.fine_tunes.begin(job.id)
        assert not store.fine_tunes.succeed(job, model)
        store.fine_tunes.note(job.id, "too late")
        store.fine_tunes.fail(job.id, "too late")
        assert store.fine_tunes.events(job.id) is None
        assert store.database.rows("SELECT * FROM fine_tune_events") == []
        assert store.models.all() == []


def test_a_job_that_is_over_is_not_cancelled_and_does_not_fail(tmp_path):
    with opened(tmp_path) as store:
        job, failed = added(store, "a"), added(store, "b")
        store.fine_tunes.begin(job.id)
        store.fine_tunes.succeed(job, taken(store, job))
        store.fine_tunes.fail(failed.id, "why")
        assert not store.fine_tunes.cancel(job.id)
        assert not store.fine_tunes.cancel(failed.id)
        store.fine_tunes.fail(job.id, "too late")
        assert not store.fine_tunes.succeed(failed, TunedModel("b", "base", 1.0, tmp_path))
        assert [job.status for job in store.fine_tunes.all()] == ["SUCCESS", "FAILURE"]
        assert [(event.message, event.level) for event in store.fine_tunes.events(failed.id)] == [("why", "error")]


def test_half_prepared_jobs_leave_nothing(tmp_path):
    with opened(tmp_path) as store:
        with store.fine_tunes.prepare() as folder:
            (folder / "training.jsonl").write_text("")
        assert folders(tmp_path) == (0, 0)
        added(store, "taken")
        with pytest.raises(sqlite3.IntegrityError):
            added(store, "taken")
        assert folders(tmp_path) == (1, 0)
        (store.fine_tunes.folder("ft-" + "0" * 20 + ".part")).mkdir()
    with opened(tmp_path):
        assert folders(tmp_path) == (1, 0)
