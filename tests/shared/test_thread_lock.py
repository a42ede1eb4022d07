"""A fork while another thread holds a lock: the child finds it free, and keeps what it holds itself."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from llmengine_integrations._shared.thread_lock import ThreadLock

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")


def in_child(work) -> bool:
    """Whether the work ends, and returns True, in a forked child."""
    pid = os.fork()
    if pid == 0:
        signal.alarm(10)
        os._exit(0 if work() else 1)
    return os.waitpid(pid, 0)[1] == 0


def held_elsewhere(lock, work) -> bool:
    """The same, forked while another thread holds the lock."""
    held, forked = threading.Event(), threading.Event()

    def other():
        with lock:
            held.set()
            forked.wait(10)

    thread = threading.Thread(target=other)
    thread.start()
    try:
        assert held.wait(10)
        return in_child(work)
    finally:
        forked.set()
        thread.join()


def test_the_child_finds_it_free():
    lock = ThreadLock()

    def work():
        with lock:
            return True

    assert held_elsewhere(lock, work)


def test_the_thread_that_forks_keeps_it():
    lock = ThreadLock()
    taken = []

    def child():
        other = threading.Thread(target=lambda: taken.append(lock._lock.acquire(blocking=False)))
        other.start()
        other.join()
        return taken == [False]

    with lock:
        assert in_child(child)


def of_usage():
    usage = pytest.importorskip("llmengine_integrations.langchain").LLMEngineUsageCallbackHandler()
    return usage._lock, lambda: bool(usage.total) or True


def of_answers():
    from llmengine_integrations.datasets import AnswerCheck  # noqa: PLC0415 - one of several

    check = AnswerCheck()
    return check._lock, lambda: check.left_out == {}


def of_a_training_file(folder):
    from llmengine_integrations.datasets import TrainingFile  # noqa: PLC0415 - as above

    file = TrainingFile(folder / "rows.csv")
    return file._lock, lambda: file.append([("a", "b")]) or len(list(file)) == 1


@pytest.mark.parametrize("holder", [of_usage, of_answers, of_a_training_file])
def test_handlers_and_files_work_in_the_child(holder, tmp_path):
    lock, work = holder(tmp_path) if holder is of_a_training_file else holder()
    assert held_elsewhere(lock, work)
