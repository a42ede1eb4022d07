"""What is left of fine-tunes when an engine is killed with SIGKILL, at any moment."""

from __future__ import annotations

import random
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil
import pytest

from llmengine_integrations import Client, errors
from llmengine_integrations.engine.store import adopt, back_up

from .badges import WORDINGS, answer, prompt, table
from .bare_process import bare_engine, log_of
from .fakes import eventually

pytestmark = [pytest.mark.engine, pytest.mark.timeout(300)]

BASE = "llmengine-tiny"
SHORT = table([(prompt(WORDINGS[0], name), answer(name)) for name in ("Rhea", "Tomas")])
LONG = table([(f"Say {number} again and again:", f" {number}" * 300) for number in range(2000)])


@contextmanager
def serving(data: Path, trainer: str | None = "fake_trainer.py") -> Iterator[tuple[Client, psutil.Process]]:
    with (
        bare_engine(data, trainer=trainer) as (process, url),
        Client(base_url=url, api_key="key", max_retries=0) as client,
    ):
        assert eventually(lambda: httpx.get(f"{url}/readyz").status_code == 200, 30), log_of(data).read_text()
        yield client, psutil.Process(process.pid)


def begin(client: Client, content: bytes, **options) -> str:
    return client.fine_tunes.create(BASE, client.files.upload(content, filename="rows.csv").id, **options).id


def test_a_training_ends_with_its_engine_and_begins_anew_with_the_next(tmp_path):
    data = tmp_path / "data"
    with serving(data, trainer=None) as (client, process):
        running, waiting = begin(client, LONG), begin(client, SHORT, hyperparameters={"epochs": 1})
        assert eventually(process.children, 30)
        training = process.children()[0]
        assert client.fine_tunes.get(running).status == "RUNNING"
        process.kill()
        assert eventually(lambda: not training.is_running() or training.status() == psutil.STATUS_ZOMBIE, 30)
    with serving(data, trainer=None) as (client, process):
        assert eventually(lambda: client.fine_tunes.events(running).items, 30)
        assert "restarted" in client.fine_tunes.events(running)[0].message
        assert client.fine_tunes.get(running).status == "RUNNING"
        assert client.fine_tunes.cancel(running).success
        assert client.fine_tunes.wait(waiting, timeout=100).succeeded


def test_a_training_that_takes_the_engine_down_time_and_again_fails(tmp_path):
    data = tmp_path / "data"
    with serving(data) as (client, process):
        job = begin(client, LONG)
        assert eventually(process.children, 30)
    for _ in range(2):
        with serving(data) as (client, process):
            assert eventually(process.children, 30)
    with serving(data) as (client, process):
        assert eventually(lambda: client.fine_tunes.get(job).status == "FAILURE")
        assert client.fine_tunes.events(job)[-1].message == "The engine went down 3 times during this training."


def test_a_model_that_is_newer_than_a_restored_database_is_taken_in(tmp_path):
    data = tmp_path / "data"
    with serving(data) as (client, process):
        job = begin(client, LONG[: LONG.index(b"\n", 10_000) + 1])
        assert eventually(process.children, 30)
        back_up(data, tmp_path / "backup")
        assert client.fine_tunes.get(job).status == "RUNNING"
        assert client.fine_tunes.wait(job, timeout=60).succeeded
        model = client.fine_tunes.get(job).fine_tuned_model
    for path in data.glob("engine.sqlite3*"):
        path.unlink()
    shutil.copy(tmp_path / "backup" / "engine.sqlite3", data)
    with serving(data) as (client, _):
        assert eventually(lambda: client.fine_tunes.get(job).status == "FAILURE")
        assert "are gone from the data folder" in client.fine_tunes.events(job)[-1].message
        assert [found.name for found in client.models.list()] == [BASE]
    assert [path.name for path in adopt(data).taken] == [job]
    with serving(data) as (client, _):
        assert client.fine_tunes.get(job).status == "SUCCESS"
        assert client.models.get(model).ready
    with serving(tmp_path / "backup") as (client, _):  # the backup of a training that ran begins it anew
        assert client.fine_tunes.wait(job, timeout=60).succeeded


class Ledger:
    """What an engine has acknowledged of uploads, fine-tunes and deletions."""

    def __init__(self, seed: int) -> None:
        self.jobs: dict[str, str] = {}
        """Jobs that were acknowledged, and their last known status; those that were cancelled are taken out."""
        self.unsure: set[str] = set()
        """Jobs whose cancellation, and models whose deletion, was asked for and not acknowledged."""
        self.gone: set[str] = set()
        """Jobs and models that were."""
        self.published = 0
        self.random = random.Random(seed)  # noqa: S311 - a test's choices

    def work(self, client: Client) -> None:
        """Begin, watch, cancel and delete until the engine is gone."""
        while True:
            try:
                self.random.choice([self._begin, self._watch, self._watch, self._cancel, self._delete])(client)
            except errors.APIConnectionError:
                return
            time.sleep(0.01)

    def check(self, client: Client, data: Path) -> None:
        """See that a new engine has all that was acknowledged, nothing that was taken away, and no half of anything."""
        jobs = {job.id: job for job in client.fine_tunes.list()}  # the engine goes on with them from here on
        models = {model.name: model for model in client.models.list() if model.name != BASE}
        assert set(self.jobs) - self.unsure <= set(jobs)
        assert not self.gone & (set(jobs) | set(models))
        for job_id, status in self.jobs.items():
            if job_id not in jobs:
                continue
            job = jobs[job_id]
            if job.status == "FAILURE":
                assert "The engine went down 3 times" in client.fine_tunes.events(job_id)[-1].message
            if status == "SUCCESS":
                assert job.status == "SUCCESS"
            if job.status == "SUCCESS":
                assert job.fine_tuned_model in models or job.fine_tuned_model in self.gone | self.unsure
        made = {job.fine_tuned_model: job.id for job in jobs.values() if job.status != "FAILURE"}
        assert set(models) <= set(made)
        for name, model in models.items():
            assert model.ready
            assert set(client.models.download_urls(name).urls) == {
                "README.md",
                "adapter_config.json",
                "adapter_model.safetensors",
            }
        active = {job.id for job in jobs.values() if not job.done}
        kept, folders = {made[name] for name in models}, {path.stem for path in (data / "models").iterdir()}
        assert kept <= folders <= kept | active
        assert eventually(lambda: {path.name for path in (data / "fine-tunes").iterdir()} <= active)
        with sqlite3.connect(data / "engine.sqlite3") as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            orphans = "SELECT count(*) FROM fine_tune_events WHERE fine_tune NOT IN (SELECT id FROM fine_tunes)"
            assert connection.execute(orphans).fetchone() == (0,)
        connection.close()
        self.jobs = {job.id: job.status for job in jobs.values()}
        self.gone |= self.unsure - set(jobs) - set(models)
        self.unsure = set()
        assert log_of(data).read_text().count("that its database does not list") == 0
        assert log_of(data).read_text().count("does not have") == 0

    def _begin(self, client: Client) -> None:
        if sum(status in {"PENDING", "RUNNING"} for status in self.jobs.values()) < 4:
            uploaded = client.files.upload(SHORT, filename="rows.csv").id
            self.jobs[client.fine_tunes.create(BASE, uploaded, hyperparameters={"epochs": 1}).id] = "PENDING"
            client.files.delete(uploaded)

    def _watch(self, client: Client) -> None:
        for job in client.fine_tunes.list():
            if job.id in self.jobs:
                self.published += job.status == "SUCCESS" and self.jobs[job.id] != "SUCCESS"
                self.jobs[job.id] = job.status

    def _cancel(self, client: Client) -> None:
        waiting = [job_id for job_id, status in self.jobs.items() if status == "PENDING"]
        if len(waiting) > 2:
            self._take_away(waiting[-1], lambda: client.fine_tunes.cancel(waiting[-1], missing_ok=True).success)

    def _delete(self, client: Client) -> None:
        models = [model.name for model in client.models.list() if model.name != BASE]
        if len(models) > 1:
            self._take_away(models[0], lambda: client.models.delete(models[0]).deleted)

    def _take_away(self, name: str, call: Callable[[], bool]) -> None:
        self.unsure.add(name)
        if call():
            self.gone.add(name)
            self.jobs.pop(name, None)
        self.unsure.discard(name)


def await_moment(wait: random.Random, data: Path) -> None:
    """Any moment, or one at which a model is being published."""
    if wait.random() < 0.6:
        time.sleep(wait.uniform(0.1, 2))
    else:
        eventually(lambda: list((data / "fine-tunes").glob("*/adapter")), 3)
        time.sleep(wait.uniform(0, 0.03))


@pytest.mark.parametrize("kills", [8, pytest.param(50, marks=[pytest.mark.soak, pytest.mark.timeout(600)])])
def test_a_killed_engine_loses_no_job_and_no_model_that_it_acknowledged(tmp_path, kills):
    data, ledger, wait = tmp_path / "data", Ledger(kills), random.Random(kills)  # noqa: S311 - as above
    for _ in range(kills):
        with serving(data) as (client, process), ThreadPoolExecutor(1) as pool:
            ledger.check(client, data)
            working = pool.submit(ledger.work, client)
            await_moment(wait, data)
            process.kill()
            working.result()
    with serving(data) as (client, _):
        ledger.check(client, data)
        assert eventually(lambda: all(job.done for job in client.fine_tunes.list()), 200)
        ledger.check(client, data)
    assert ledger.published
    assert ledger.gone
