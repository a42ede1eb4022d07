"""Running an engine: bind the port, answer requests while the models load, and stop without leftover threads."""

from __future__ import annotations

import errno
import os
import signal
import socket
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import FrameType

import uvicorn

from ..config import EngineConfig, EngineConfigError
from ..runtime.dispatcher import Runtimes
from ..runtimes import make_runtimes
from ..store import open_store
from .app import Engine, build_engine
from .connection_limits import BoundedProtocol
from .event_streams import expect_broken_streams

_GRACE = 2  # seconds for replies in progress when the engine is stopped
_KEEP_ALIVE = (
    75  # seconds an idle connection is kept open: clients pool connections, and a short limit closes them in use
)


class Server(uvicorn.Server):
    """A uvicorn server that ends its completions first when it is asked to stop, so that open streams end at once."""

    def __init__(self, config: uvicorn.Config, engine: Engine, on_ready: Callable[[], object]) -> None:
        super().__init__(config)
        self._engine = engine
        self._on_ready = on_ready
        self.failure: Exception | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start to answer requests and to load the models."""
        await super().startup(sockets)
        self._engine.runtimes.start(self._on_ready, self._fail)
        self._engine.tuner.start()
        self._engine.batches.start(lambda: self._engine.runtimes.ready and self._engine.tuner.ready)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End every completion and training, then stop answering requests."""
        await self._engine.tuner.stop()
        self._engine.batches.stop()
        self._engine.runtimes.stop()
        await super().shutdown(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002 - uvicorn's signature
        """Stop on a signal, immediately on the second. The signal is not raised again, because stopping on request is not a failure."""
        self.force_exit = self.should_exit
        self.should_exit = True

    def _fail(self, error: Exception) -> None:
        self.failure = error
        self.should_exit = True


def serve(
    config: EngineConfig,
    *,
    on_listening: Callable[[str, Server], object],
    on_ready: Callable[[str], object] = lambda _: None,
    runtimes: Runtimes | None = None,
) -> None:
    """Serve until a signal or `should_exit` stops it.

    Args:
        config: the configuration, already checked.
        on_listening: called with the base URL and the server once the port is bound. The models are not loaded yet.
        on_ready: called with the base URL once the models are loaded.
        runtimes: the runtimes of the models; None for those of the configuration.

    Raises:
        EngineConfigError: the port is in use, another engine uses the data folder, or a model cannot be loaded.
    """
    with (
        bind(config.host, config.port) as listener,
        open_store(config.data, max_file_size=config.max_upload_size) as store,
    ):
        _serve(build_engine(config, store, runtimes or make_runtimes(config)), listener, on_listening, on_ready)


def _serve(
    engine: Engine,
    listener: socket.socket,
    on_listening: Callable[[str, Server], object],
    on_ready: Callable[[str], object],
) -> None:
    options = uvicorn.Config(
        engine.app,
        http=BoundedProtocol,
        lifespan="off",
        log_level="warning",
        access_log=False,
        timeout_keep_alive=_KEEP_ALIVE,
        timeout_graceful_shutdown=_GRACE,
    )
    expect_broken_streams()
    url = base_url(listener)
    server = Server(options, engine, lambda: on_ready(url))
    with _minding_signals(server):
        on_listening(url, server)
        server.run(sockets=[listener])
    engine.runtimes.stop()
    if server.failure is not None:
        raise EngineConfigError(str(server.failure)) from server.failure
    engine.runtimes.join(timeout=_GRACE)


@contextmanager
def _minding_signals(server: Server) -> Generator[None]:
    """Let signals stop the server from now on. uvicorn handles them only later, and one that arrives before could be lost."""
    if threading.current_thread() is not threading.main_thread():
        yield  # Python allows signal handlers only in the main thread
        return
    before = {number: signal.signal(number, server.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def bind(host: str, port: int) -> socket.socket:
    """A socket bound to the address and listening.

    Raises:
        EngineConfigError: the address cannot be bound; the message says why, and what to do.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise EngineConfigError(f"{host} is not an address of this machine ({error.strerror})") from error
    try:
        if os.name == "posix":  # elsewhere the option would let two engines share a port
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(2048)
    except OSError as error:
        listener.close()
        raise EngineConfigError(_why_not(host, port, error)) from error
    return listener


def base_url(listener: socket.socket) -> str:
    """The URL of a bound socket."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _why_not(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"port {port} on {host} is already in use: stop what runs there, choose another with --port, "
            "or take any free one with --port 0"
        )
    if error.errno == errno.EACCES:
        return f"port {port} on {host} needs more rights: choose one above 1023 with --port"
    return f"cannot listen on {host} port {port} ({error.strerror})"
