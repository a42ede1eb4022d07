"""Waiting for a fine-tune, and following it."""

from __future__ import annotations

import inspect

import pytest

from core._player import Player
from core._server import reply
from llmengine_integrations.core.errors import (
    APIConnectionError,
    JobFailedError,
    JobTimeoutError,
    NotFoundError,
    ServerError,
)
from llmengine_integrations.core.resources.fine_tunes import FineTunes
from llmengine_integrations.wire.fine_tunes import FineTune, FineTuneEvent, FineTuneEventList

GONE = NotFoundError("The specified fine-tune job could not be found.", status_code=404)
BROKEN = APIConnectionError("broken")


def job(status: str) -> FineTune:
    return FineTune(id="ft-1", fine_tuned_model="m.261121", status=status)


def events(*messages: str) -> FineTuneEventList:
    return FineTuneEventList(events=[FineTuneEvent(message=message) for message in messages])


RUNNING, SUCCESS, FAILURE = job("RUNNING"), job("SUCCESS"), job("FAILURE")


def wait(*answers, **options):
    player = Player(*answers)
    return player, player.run(FineTunes.wait.build(None, "ft-1", **options))


def test_waiting_for_success():
    seen = []
    player, tuned = wait(job("PENDING"), RUNNING, RUNNING, SUCCESS, on_status=seen.append)
    assert tuned is SUCCESS
    assert set(player.paths) == {"/v1/llm/fine-tunes/ft-1"}
    assert player.slept == [1, 1.5, 2.25]
    assert seen == [job("PENDING"), RUNNING, SUCCESS]


@pytest.mark.parametrize("status", ["FAILURE", "CANCELLED", "TIMEOUT"])
def test_a_failed_job_comes_with_its_last_events(status):
    log = events(*(f"line {n}" for n in range(12)), "Out of memory")
    with pytest.raises(JobFailedError) as caught:
        wait(RUNNING, job(status), log)
    assert caught.value.message == f"Fine-tune ft-1 ended with status {status}: Out of memory"
    assert caught.value.job == job(status)
    assert caught.value.events == log.events[-10:]


@pytest.mark.parametrize("error", [BROKEN, GONE, ServerError("500")], ids=repr)
def test_a_failed_job_whose_events_cannot_be_had(error):
    with pytest.raises(JobFailedError, match=r"^Fine-tune ft-1 ended with status FAILURE\.$") as caught:
        wait(FAILURE, error)
    assert caught.value.events == []


def test_waiting_for_a_cancelled_job_that_the_gateway_forgets():
    with pytest.raises(JobFailedError, match="is gone, as a cancelled job is; its last status was RUNNING"):
        wait(RUNNING, GONE)


def test_waiting_for_a_job_that_never_was():
    with pytest.raises(NotFoundError):
        wait(GONE)


def test_waiting_has_an_end():
    with pytest.raises(JobTimeoutError) as caught:
        wait(RUNNING, RUNNING, timeout=0.5)
    assert caught.value.job is RUNNING


def follow(*answers, **options):
    player = Player(*answers)
    try:
        player.run(FineTunes.follow.build(None, "ft-1", **options))
    except JobFailedError as error:
        return player, error
    return player, None


def messages(player: Player) -> list[str]:
    return [event.message for event in player.emitted]


def test_following_shows_each_event_once():
    player, error = follow(
        *(job("PENDING"), GONE),  # no events yet
        *(RUNNING, events("a")),
        *(RUNNING, events("a", "a")),  # the same again is another event
        *(RUNNING, events("a", "a")),
        *(SUCCESS, events("a", "a", "b", "c")),
    )
    assert error is None
    assert messages(player) == ["a", "a", "b", "c"]
    assert player.paths == ["/v1/llm/fine-tunes/ft-1", "/v1/llm/fine-tunes/ft-1/events"] * 5


def test_following_looks_at_the_job_before_its_events():
    """Else what happens between the two requests of the last look would be lost."""
    player, _ = follow(SUCCESS, events("last words"))
    assert messages(player) == ["last words"]


def test_following_hurries_when_something_happens():
    quiet = (RUNNING, events("a"))
    player, _ = follow(*quiet, *quiet, *quiet, RUNNING, events("a", "b"), *quiet, SUCCESS, events("a", "b"))
    assert player.slept == [1, 1.5, 2.25, 1, 1.5]


def test_following_a_job_that_fails():
    player, error = follow(RUNNING, events("a"), FAILURE, events("a", "Out of memory"))
    assert messages(player) == ["a", "Out of memory"]
    assert error.message == "Fine-tune ft-1 ended with status FAILURE: Out of memory"
    assert [event.message for event in error.events] == ["a", "Out of memory"]


def test_following_a_job_that_is_cancelled():
    player, error = follow(RUNNING, events("a"), RUNNING, GONE, GONE)
    assert messages(player) == ["a"]
    assert "is gone" in error.message
    assert [event.message for event in error.events] == ["a"]


def test_following_survives_passing_failures():
    player, error = follow(RUNNING, BROKEN, events("a"), BROKEN, SUCCESS, BROKEN, events("a", "b"))
    assert error is None
    assert messages(player) == ["a", "b"]


def test_following_forgets_nothing_when_a_list_gets_shorter():
    player, _ = follow(RUNNING, events("a", "b"), RUNNING, events(), SUCCESS, events("a", "b", "c"))
    assert messages(player) == ["a", "b", "c"]


def test_following_has_an_end():
    player = Player(RUNNING, events("a"), RUNNING, events("a"))
    with pytest.raises(JobTimeoutError):
        player.run(FineTunes.follow.build(None, "ft-1", timeout=1))
    assert messages(player) == ["a"]


async def test_waiting_over_the_wire(api, server, naps):
    for status in ("PENDING", "RUNNING", "SUCCESS"):
        server.then(reply(200, {"id": "ft-1", "fine_tuned_model": "m.1", "status": status}))
    assert (await api.call("fine_tunes.wait", "ft-1")).succeeded
    assert naps == [1, 1.5]


async def test_following_over_the_wire(api, server, naps):
    lines = [{"timestamp": 1.0, "message": "{'loss': 1.5}", "level": "info"}, {"message": "done", "level": "info"}]
    for status, count in (("RUNNING", 1), ("RUNNING", 1), ("SUCCESS", 2)):
        server.then(reply(200, {"id": "ft-1", "fine_tuned_model": "m.1", "status": status}))
        server.then(reply(200, {"events": lines[:count]}))
    feed = api.client.fine_tunes.follow("ft-1")
    found = [event async for event in feed] if inspect.isasyncgen(feed) else list(feed)
    assert [(event.message, event.metrics) for event in found] == [("{'loss': 1.5}", {"loss": 1.5}), ("done", None)]
    assert naps == [1, 1.5]


async def test_leaving_early_asks_for_nothing_more(api, server):
    server.then(reply(200, {"id": "ft-1", "status": "RUNNING"})).then(
        reply(200, {"events": [{"message": "a", "level": "info"}]})
    )
    feed = api.client.fine_tunes.follow("ft-1")
    if inspect.isasyncgen(feed):
        assert (await anext(feed)).message == "a"
        await feed.aclose()
    else:
        assert next(feed).message == "a"
        feed.close()
    assert len(server.received) == 2
