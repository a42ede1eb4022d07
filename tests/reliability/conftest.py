"""The fault server, one for all tests of a process."""

from __future__ import annotations

import os

import pytest

from core.conftest import api, connect, kind, naps, no_settings, refusing_url, server
from reliability._fault_server import Running

__all__ = ["api", "connect", "kind", "naps", "no_settings", "refusing_url", "server"]


@pytest.fixture(scope="session")
def fault_server():
    for name in list(os.environ):
        if name.lower().endswith("_proxy"):
            del os.environ[name]
    with Running() as running:
        yield running
