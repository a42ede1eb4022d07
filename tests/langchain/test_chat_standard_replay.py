"""LangChain's standard integration tests, played from recordings of the embedded engine: no model, no network.

To record them anew: `pytest tests/langchain/test_chat_standard_replay.py --record-mode=rewrite`.
"""

from __future__ import annotations

import re

import pytest

pytest.importorskip("langchain_tests")

from recordings.tape import BASE_URL

from .chat_cassettes import CASSETTES, CONFIG, cassette_of
from .standard_chat_suite import ChatSuite


@pytest.fixture
def vcr_config(request):
    return {**CONFIG, "allow_playback_repeats": request.node.name == "test_stream_time"}  # which is run many times


@pytest.fixture(scope="module")
def vcr_cassette_dir():
    return str(CASSETTES)


@pytest.fixture
def default_cassette_name(request):
    return cassette_of(request.node.name)


@pytest.mark.vcr
class TestReplayed(ChatSuite):
    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def _served(cls, request, record_mode):
        cls.served = {"base_url": BASE_URL, "api_key": "scrubbed"}
        if record_mode != "none":
            engine = request.getfixturevalue("engine")
            cls.served = {"base_url": engine.base_url, "api_key": engine.api_key}

    @pytest.fixture(autouse=True)
    def _whole(self, vcr, record_mode):
        yield
        assert record_mode != "none" or vcr.all_played

    @property
    def enable_vcr_tests(self):
        return True


def test_no_cassette_is_left_over():
    names = {path.stem.partition("-")[0] for path in CASSETTES.glob("*.yaml")}
    assert len(names) > 30
    assert all(hasattr(TestReplayed, name) for name in names)


def test_cassettes_hold_no_key_and_no_address():
    for path in CASSETTES.glob("*.yaml"):
        text = path.read_text("utf-8")
        assert not re.search(r"127\.0\.0\.1|localhost|x-api-key|Basic (?!scrubbed)", text), path
