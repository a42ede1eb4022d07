"""The waits between tries, computed without sleeping, and what Retry-After may say."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tenacity import Retrying

from llmengine_integrations.core._operation import Request
from llmengine_integrations.core.transport.retry import MAX_RETRY_AFTER, policy, retry_after
from llmengine_integrations.errors import APIConnectionError, RateLimitError

NOW = datetime(2025, 1, 1, tzinfo=UTC)


def waits(error, tries=9):
    """The waits that a call takes which fails the same way each time."""
    slept = []
    chosen = policy(Request(method="GET", path="/"), max_retries=tries)

    def fail():
        raise error

    with pytest.raises(type(error)):
        Retrying(**chosen, sleep=slept.append)(fail)
    return slept


def test_backoff_doubles_its_bound_up_to_a_limit():
    bounds = [0.5, 1, 2, 4, 8, 8, 8, 8, 8]
    for _ in range(20):
        slept = waits(APIConnectionError("no"))
        assert all(0 <= wait <= bound for wait, bound in zip(slept, bounds, strict=True))


def test_backoff_is_jittered():
    assert len({round(wait, 6) for wait in waits(APIConnectionError("no"))}) == 9


def test_backoff_makes_use_of_its_range():
    longest = [max(column) for column in zip(*(waits(APIConnectionError("no")) for _ in range(200)), strict=True)]
    assert all(seen > bound / 2 for seen, bound in zip(longest, [0.5, 1, 2, 4, 8, 8, 8, 8, 8], strict=True))


def test_every_wait_obeys_retry_after():
    assert waits(RateLimitError("no", status_code=429, headers={"Retry-After": "3"}), 3) == [3, 3, 3]
    assert waits(RateLimitError("no", status_code=429, headers={"Retry-After": "999"}), 2) == [MAX_RETRY_AFTER] * 2


@given(st.integers(min_value=0, max_value=10**9))
def test_retry_after_in_seconds(seconds):
    assert retry_after(f" {seconds} ") == seconds


@given(st.integers(min_value=-(10**6), max_value=10**6))
def test_retry_after_as_a_date(seconds):
    date = format_datetime(NOW + timedelta(seconds=seconds), usegmt=True)
    assert retry_after(date, NOW) == max(0, seconds)


def test_retry_after_as_a_date_of_another_zone():
    assert retry_after("Wed, 01 Jan 2025 01:00:05 +0100", NOW) == 5
    assert retry_after("Wed, 01 Jan 2025 00:00:05 -0000", NOW) == 5


@given(
    st.one_of(
        st.none(),
        st.text(),
        st.text(alphabet="0123456789 ,:+-GMTJanWedFri"),
        st.from_regex(r"Wed, \d+ (Jan|Feb) \d+ \d+:\d+:\d+ ([+-]\d+|GMT)", fullmatch=True),
    )
)
def test_retry_after_of_any_kind_never_breaks_a_call(value):
    seconds = retry_after(value, NOW)
    assert seconds is None or seconds >= 0
