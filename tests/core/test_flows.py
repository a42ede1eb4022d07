"""Flows: what the drivers do with their steps, and how a wait goes about it."""

from __future__ import annotations

import asyncio
import threading
import time
from dataclasses import dataclass
from itertools import accumulate, repeat

import pytest

from core._api import maybe
from core._player import Player
from core._server import HANG, MODEL, reply
from llmengine_integrations import AsyncClient
from llmengine_integrations.core._operation import Operation, Request
from llmengine_integrations.core._polling import JobWatch
from llmengine_integrations.core._steps import Done, Emit, Local, Now, Sleep, advance
from llmengine_integrations.core._timeouts import Timeout
from llmengine_integrations.core.errors import (
    APIConnectionError,
    APITimeoutError,
    InvalidArgumentError,
    JobFailedError,
    JobTimeoutError,
    NotFoundError,
    RateLimitError,
    ServerError,
)
from llmengine_integrations.wire.models import Model

GET = Operation(Request(method="GET", path="/v1/llm/model-endpoints/m"), Model)


class Recorder:
    """A flow's surroundings: what it was answered, and whether it was closed."""

    def __init__(self, *steps) -> None:
        self.steps = steps
        self.answers: list = []
        self.closed = False

    def flow(self):
        try:
            for step in self.steps:
                try:
                    self.answers.append((yield step))
                except Exception as error:  # noqa: BLE001 - what comes is what is tested
                    self.answers.append(error)
            return "result"
        finally:
            self.closed = True


async def follow(api, feed):
    """Everything a feed emits, from either driver."""
    items = api.client._transport.follow(feed)
    return [item async for item in items] if isinstance(api.client, AsyncClient) else list(items)


async def drive(api, flow):
    return await maybe(api.client._transport.drive(flow))


async def test_steps_are_answered_in_their_order(api, server, naps):
    server.then(reply(200, MODEL))
    recorder = Recorder(Now(), Sleep(3), GET, Local(lambda: "work"), Now())
    before = time.monotonic()

    assert await drive(api, recorder.flow()) == "result"

    start, nothing, model, work, end = recorder.answers
    assert before <= start <= end <= time.monotonic()
    assert (nothing, model.name, work) == (None, "m", "work")
    assert naps == [3]
    assert recorder.closed


async def test_a_step_that_fails_raises_inside_the_flow(api, server):
    server.then(reply(404, {"detail": "no"}))
    recorder = Recorder(GET, Local(lambda: 1 // 0), Local(lambda: "went on"))

    assert await drive(api, recorder.flow()) == "result"

    missing, division, last = recorder.answers
    assert type(missing) is NotFoundError
    assert type(division) is ZeroDivisionError
    assert last == "went on"


async def test_what_a_flow_does_not_catch_comes_out(api):
    def flow():
        yield Local(lambda: 1 // 0)

    with pytest.raises(ZeroDivisionError):
        await drive(api, flow())


async def test_a_feed_emits_one_by_one(api):
    recorder = Recorder(Emit("a"), Local(lambda: "between"), Emit("b"))

    assert await follow(api, recorder.flow()) == ["a", "b"]
    assert recorder.answers == [None, "between", None]


async def test_nothing_is_done_before_the_first_item_is_asked_for(api):
    recorder = Recorder(Local(lambda: "work"), Emit("a"))
    items = api.client._transport.follow(recorder.flow())
    assert not recorder.answers
    await maybe(items.aclose() if hasattr(items, "aclose") else items.close())


async def test_a_feed_that_nobody_reads_on_is_closed(api):
    recorder = Recorder(Emit("a"), Emit("b"))
    items = api.client._transport.follow(recorder.flow())
    if isinstance(api.client, AsyncClient):
        assert await anext(items) == "a"
        await items.aclose()
    else:
        assert next(items) == "a"
        items.close()
    assert recorder.closed
    assert recorder.answers == []


async def test_a_feed_fails_after_its_items(api):
    def feed():
        yield Emit("a")
        raise JobFailedError("failed")

    items = api.client._transport.follow(feed())

    async def item():
        return await anext(items) if isinstance(api.client, AsyncClient) else next(items)

    assert await item() == "a"
    with pytest.raises(JobFailedError):
        await item()


@pytest.mark.parametrize("kind", ["sync"])
async def test_ctrl_c_ends_a_wait_at_once(api, monkeypatch):
    recorder = Recorder(Sleep(1000), Local(lambda: "never"))

    def interrupted(seconds):
        raise KeyboardInterrupt

    monkeypatch.setattr(time, "sleep", interrupted)
    with pytest.raises(KeyboardInterrupt):
        api.client._transport.drive(recorder.flow())
    assert recorder.closed
    assert recorder.answers == []  # it could not hold it up


@pytest.mark.parametrize("kind", ["async"])
@pytest.mark.parametrize("run", ["drive", "follow"])
async def test_a_cancelled_task_ends_a_wait_at_once(api, run):
    recorder = Recorder(Sleep(1000), Local(lambda: "never"))
    started = getattr(api.client._transport, run)(recorder.flow())
    task = asyncio.ensure_future(started if run == "drive" else anext(started))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert recorder.closed
    assert recorder.answers == []


@pytest.mark.parametrize("kind", ["async"])
async def test_work_that_blocks_leaves_the_event_loop_free(api):
    gate = threading.Event()
    recorder = Recorder(Local(lambda: gate.wait(5)))
    waiting = asyncio.ensure_future(drive(api, recorder.flow()))
    await asyncio.sleep(0)
    gate.set()  # comes too late if the work stands in the loop's way
    await waiting
    assert recorder.answers == [True]


def test_advance_tells_a_result_from_a_step():
    flow = Recorder(Sleep(1)).flow()
    assert advance(flow) == Sleep(1)
    assert advance(flow) == Done("result")


@dataclass
class Job:
    status: str = "RUNNING"

    @property
    def done(self) -> bool:
        return self.status == "DONE"


RUNNING, DONE = Job(), Job("DONE")
BROKEN = APIConnectionError("broken")


def watch(**settings) -> JobWatch[Job]:
    settings = {"poll_interval": 1.0, "max_poll_interval": 30.0, "timeout": None} | settings
    made = JobWatch("Job j", lambda: made.send(GET), **settings)
    return made


def wait(*answers, **settings) -> tuple[Player, Job]:
    player = Player(*answers)
    return player, player.run(watch(**settings).done())


def test_pauses_grow_by_half_up_to_a_limit():
    player, job = wait(*repeat(RUNNING, 12), DONE)
    assert job is DONE
    assert player.slept == pytest.approx([min(30.0, 1.5**n) for n in range(12)])


def test_pauses_can_be_chosen():
    assert wait(*repeat(RUNNING, 4), DONE, poll_interval=2, max_poll_interval=5)[0].slept == [2, 3, 4.5, 5]
    assert wait(*repeat(RUNNING, 3), DONE, poll_interval=60)[0].slept == [60, 60, 60]
    assert wait(*repeat(RUNNING, 3), DONE, poll_interval=0)[0].slept == [0, 0, 0]


@pytest.mark.parametrize("name", ["poll_interval", "max_poll_interval", "timeout"])
def test_negative_seconds_are_refused(name):
    with pytest.raises(InvalidArgumentError):
        watch(**{name: -1})


def test_a_job_that_is_done_is_not_waited_for():
    player, _ = wait(DONE, timeout=0)
    assert player.slept == []


def test_time_is_up_after_a_last_look():
    made = watch(timeout=10.0)
    player = Player(*repeat(RUNNING, 6))
    with pytest.raises(JobTimeoutError, match=r"Job j still has status RUNNING after 10 s; it goes on") as caught:
        player.run(made.done())
    assert caught.value.job is RUNNING
    assert isinstance(caught.value, TimeoutError)
    assert player.clock == 1010.0
    assert list(accumulate(player.slept)) == pytest.approx([1, 2.5, 4.75, 8.125, 10])


def test_no_request_outlasts_the_deadline():
    player = Player(*repeat(RUNNING, 6))
    with pytest.raises(JobTimeoutError):
        player.run(watch(timeout=10.0).done())
    # A second is granted in any case: what is left may be too short for any reply.
    assert [operation.request.at_most for operation in player.asked] == pytest.approx([10, 9, 7.5, 5.25, 1.875, 1])


def test_without_a_deadline_the_clients_timeout_holds():
    player, _ = wait(DONE)
    assert player.asked == [GET]


def test_at_most_caps_every_part_of_the_timeout():
    assert Timeout().capped(3) == Timeout(connect=3, read=3, write=3, pool=3, total=3)
    capped = Timeout(connect=1, read=None, write=2, pool=9, total=1).capped(3)
    assert capped == Timeout(connect=1, read=3, write=2, pool=3, total=1)
    assert Timeout().capped(None) == Timeout()


async def test_a_server_that_hangs_does_not_hold_up_a_deadline(connect, server):
    server.then(HANG)
    api = connect(max_retries=0)
    began = time.monotonic()
    with pytest.raises(APITimeoutError):
        await api.run(Operation(Request(method="GET", path="/x", at_most=0.05), Model))
    assert time.monotonic() - began < 5  # not the client's ten minutes


@pytest.mark.parametrize("failure", [BROKEN, RateLimitError("429"), ServerError("500")], ids=repr)
def test_passing_failures_are_slept_over(failure):
    player, job = wait(RUNNING, *repeat(failure, 5), RUNNING, *repeat(failure, 5), DONE)
    assert job is DONE
    assert len(player.slept) == 12


def test_failures_that_do_not_pass_come_out():
    with pytest.raises(APIConnectionError):
        wait(RUNNING, *repeat(BROKEN, 6))


def test_a_failure_at_first_sight_comes_out_at_once():
    with pytest.raises(APIConnectionError):
        wait(BROKEN)


def test_time_is_up_among_failures_too():
    with pytest.raises(JobTimeoutError):
        wait(RUNNING, BROKEN, BROKEN, timeout=2)


def test_a_job_that_was_never_there_is_not_found():
    with pytest.raises(NotFoundError):
        wait(NotFoundError("no"))


def test_a_job_that_was_there_is_gone():
    with pytest.raises(
        JobFailedError, match=r"Job j is gone, as a cancelled job is; its last status was RUNNING."
    ) as caught:
        wait(RUNNING, NotFoundError("no"))
    assert caught.value.job is RUNNING
    assert type(caught.value.__cause__) is NotFoundError


def test_each_new_status_is_reported_once():
    seen = []
    wait(Job("PENDING"), Job("PENDING"), RUNNING, RUNNING, DONE, on_status=lambda job: seen.append(job.status))
    assert seen == ["PENDING", "RUNNING", "DONE"]


def test_an_error_of_the_callback_comes_out():
    with pytest.raises(ZeroDivisionError):
        wait(RUNNING, on_status=lambda job: 1 // 0)
