"""Every row of the table on both clients: the recorded replies of the real gateway through the public interface."""

from __future__ import annotations

from unittest.mock import Mock

import pytest
from tenacity import wait_none

from llmengine_integrations.core.transport import retry as _retry
from recordings.row import Row, play, play_async
from recordings.rows import ROWS


@pytest.fixture(autouse=True)
def _neither_network_nor_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.socket.connect", Mock(side_effect=AssertionError("A request left the tape.")))
    monkeypatch.setattr("socket.getaddrinfo", Mock(side_effect=AssertionError("A name was looked up.")))
    monkeypatch.setattr(_retry, "_BACKOFF", wait_none())


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_blocking(row: Row) -> None:
    play(row)


@pytest.mark.parametrize("row", ROWS, ids=str)
async def test_awaited(row: Row) -> None:
    await play_async(row)
