"""A fork while another thread makes a model's client: the child makes its own."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from llmengine_integrations.core import clients
from llmengine_integrations.langchain import LLMEngine


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_the_child_makes_its_own_client():
    llm = LLMEngine(model="m", base_url="http://127.0.0.1:1")
    making, forked = threading.Event(), threading.Event()

    def other():
        with clients._making:
            making.set()
            forked.wait(10)

    thread = threading.Thread(target=other)
    thread.start()
    making.wait()
    pid = os.fork()
    if pid == 0:
        signal.alarm(10)
        os._exit(0 if llm._connected().async_client.base_url == "http://127.0.0.1:1" else 1)
    forked.set()
    thread.join()
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
