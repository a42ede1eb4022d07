"""One row of the table: a recording, the call that causes it, and what the caller gets."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol

from llmengine_integrations import AsyncClient, Client
from llmengine_integrations.core.errors import APIStatusError, LLMEngineError

from .tape import BASE_URL, Exchange, exchange, playing

KEY = "a-key-of-nobody"


@dataclass
class Outcome:
    """What a call came to: a reply, or the events of a stream, or an error (after events, perhaps)."""

    reply: Any = None
    events: list[Any] = field(default_factory=list)
    error: Exception | None = None


class Expectation(Protocol):
    """Asserts what a row says of its outcome."""

    sends: bool

    def check(self, outcome: Outcome, recorded: Exchange) -> None: ...


@dataclass(frozen=True)
class Row:
    """A recording that the public client can cause.

    `call` is written once for both clients. `first` names recordings whose replies come before, so that the client tries again. Every
    row runs with the client's own two retries: what must not be sent twice would find the cassette played.
    """

    recording: str
    call: Callable[[Any], Any]
    expect: Expectation
    first: Sequence[str] = ()
    client: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return "-".join((self.recording, *(f"after-{name[:3]}" for name in self.first), *self.client))

    @property
    def settings(self) -> dict[str, Any]:
        return {"base_url": BASE_URL, "api_key": KEY, **self.client}


def play(row: Row) -> None:
    """Play a row on the blocking client."""
    outcome = Outcome()
    with playing(row.recording, row.first) as cassette:
        try:
            with Client(**row.settings) as client:
                reply = row.call(client)
                if isinstance(reply, AbstractContextManager):
                    with reply as events:
                        for event in events:
                            outcome.events.append(event)
                else:
                    outcome.reply = reply
        except (LLMEngineError, TypeError) as error:
            outcome.error = error
    row.expect.check(outcome, exchange(row.recording))
    assert cassette.play_count == (len(cassette) if row.expect.sends else 0)


async def play_async(row: Row) -> None:
    """Play a row on the client for asyncio."""
    outcome = Outcome()
    with playing(row.recording, row.first) as cassette:
        try:
            async with AsyncClient(**row.settings) as client:
                reply = row.call(client)
                if isinstance(reply, AbstractAsyncContextManager):
                    async with reply as events:
                        async for event in events:
                            outcome.events.append(event)
                else:
                    outcome.reply = await reply
        except (LLMEngineError, TypeError) as error:
            outcome.error = error
    row.expect.check(outcome, exchange(row.recording))
    assert cassette.play_count == (len(cassette) if row.expect.sends else 0)


@dataclass(frozen=True)
class returns:  # noqa: N801 - reads as a verb in the table
    """The call returns `value`, or a reply whose `of` is `value`; and no field of the recorded body is lost."""

    value: object
    of: Callable[[Any], object] = lambda reply: reply
    sends = True

    def check(self, outcome: Outcome, recorded: Exchange) -> None:
        if outcome.error is not None:
            raise outcome.error
        assert self.of(outcome.reply) == self.value
        assert outcome.reply.model_dump(mode="json", exclude_unset=True) == recorded.json


@dataclass(frozen=True)
class streams:  # noqa: N801 - as above
    """The stream yields `events`, or events whose `of` they are, and ends in order."""

    events: Sequence[object]
    of: Callable[[Any], object] = lambda event: event
    sends = True

    def check(self, outcome: Outcome, recorded: Exchange) -> None:
        if outcome.error is not None:
            raise outcome.error
        assert [self.of(event) for event in outcome.events] == list(self.events)


class raises:  # noqa: N801 - as above
    """The call raises exactly `kind` with exactly `message` and these attributes, after these events of a stream.

    An error status comes with what was recorded: the status, the whole body, and no request id unless one is named here.
    """

    sends = True

    def __init__(
        self,
        kind: type[LLMEngineError],
        message: str,
        *,
        after: Sequence[object] = (),
        of: Callable[[Any], object] = lambda event: event,
        **attributes: object,
    ) -> None:
        self.kind, self.message, self.after, self.of, self.attributes = kind, message, list(after), of, attributes

    def check(self, outcome: Outcome, recorded: Exchange) -> None:
        error = outcome.error
        assert type(error) is self.kind, f"{error!r} {outcome}"
        assert error.message == self.message
        expected = self.attributes
        if isinstance(error, APIStatusError):
            expected = {"status_code": recorded.status, "body": recorded.json, "request_id": None} | expected
        assert {name: getattr(error, name) for name in expected} == expected
        assert [self.of(event) for event in outcome.events] == self.after
        assert self.message in str(error)
        assert KEY not in f"{error} {error!r} {vars(error)}"


class refuses:  # noqa: N801 - as above
    """The client refuses the call before anything is sent."""

    sends = False

    def __init__(self, kind: type[Exception], message: str) -> None:
        self.kind, self.message = kind, message

    def check(self, outcome: Outcome, recorded: Exchange) -> None:
        assert type(outcome.error) is self.kind, repr(outcome)
        assert self.message in str(outcome.error)
