"""Starts and stops an engine from Python. The engine runs in its own process; this module loads nothing heavy."""

from __future__ import annotations

import asyncio
import http.client
import os
import secrets
import subprocess
import sys
import tempfile
import time
import weakref
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from typing_extensions import Unpack

from llmengine_integrations._shared.did_you_mean import did_you_mean

from .config import (
    API_KEY_VARIABLE,
    DATA_FOLDER_STATUS,
    DataFolderError,
    EngineConfig,
    EngineSettings,
    EngineStartError,
    check_start,
    named_models,
)

_STOP_PATIENCE = 6.0  # seconds before an engine that does not stop is killed
_LOG_TAIL = 2000  # characters of the engine's output in an error


class EmbeddedEngine:
    """An engine in its own process, on a free loopback port, for the duration of a `with` block.

    It ends with the block, with `stop`, with this interpreter, and when this process is killed.

    Args:
        models: names and sources of the models to serve. Each source is a Hugging Face folder; the first is the default model. None serves
            the small model in this package.
        aliases: other names for the default model, or a mapping of other names to names in `models`.
        api_key: the key that the engine accepts. None generates a random one, see `api_key`.
        start_timeout: seconds to wait until the models are loaded.
        **settings: all other settings of an engine, see `EngineSettings`. docs/embedded-engine.md describes each and its default. The only
            difference is that the default port is any free one.

    Raises:
        EngineConfigError: a setting is not valid, a model cannot be served, or the extra `engine` is not installed.
        TypeError: a setting does not exist.
    """

    def __init__(
        self,
        models: Mapping[str, str | os.PathLike[str]] | None = None,
        *,
        aliases: Sequence[str] | Mapping[str, str] = (),
        api_key: str | None = None,
        start_timeout: float = 120.0,
        **settings: Unpack[EngineSettings],
    ) -> None:
        _refuse_unknown(settings)
        self.api_key = api_key or secrets.token_urlsafe(24)
        self._start_timeout = start_timeout
        self._config = EngineConfig.model_validate(
            {"port": 0} | settings | named_models(models, aliases) | {"api_key": self.api_key}
        )
        check_start(self._config)
        self._process: subprocess.Popen[bytes] | None = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._base_url = ""
        self._stopper: weakref.finalize[..., EmbeddedEngine] | None = None

    @property
    def base_url(self) -> str:
        """The engine's address, `http://127.0.0.1:PORT`.

        Raises:
            RuntimeError: the engine is not running.
        """
        if not self._base_url:
            raise RuntimeError("the engine is not running: use it in a with block, or call start()")
        return self._base_url

    @property
    def models(self) -> list[str]:
        """The names that the engine serves: the default model, the other models, then the aliases."""
        return [*self._config.models, *self._config.aliases]

    @property
    def pid(self) -> int | None:
        """The engine's process id; None if it is not running."""
        return None if self._process is None else self._process.pid

    @property
    def log(self) -> str:
        """The engine's output so far."""
        if self._folder is None:
            return ""
        return (Path(self._folder.name) / "engine.log").read_text(errors="replace")

    def start(self) -> Self:
        """Start the engine and wait until its models are loaded. With the default model, that takes some seconds.

        Raises:
            DataFolderError: the data folder cannot be used. This is also an EngineStartError.
            EngineStartError: the engine ended, or was not ready within `start_timeout`.
        """
        if self._process is not None:
            raise RuntimeError("the engine is running already")
        deadline = time.monotonic() + self._start_timeout
        self._folder = tempfile.TemporaryDirectory(prefix="llmengine-", ignore_cleanup_errors=True)
        self._process = self._spawn(Path(self._folder.name))
        # Also called at interpreter exit, and when an engine that was never stopped is garbage-collected.
        self._stopper = weakref.finalize(self, _stop, self._process, self._folder)
        try:
            self._base_url = self._wait_until_ready(Path(self._folder.name) / "address", deadline)
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """Stop the engine and delete its temporary folder. Does nothing if it is not running."""
        if self._stopper is not None:
            self._stopper()
        self._stopper = self._process = self._folder = None
        self._base_url = ""

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    async def __aenter__(self) -> Self:
        return await asyncio.to_thread(self.start)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await asyncio.to_thread(self.stop)

    def _spawn(self, folder: Path) -> subprocess.Popen[bytes]:
        config = self._config.model_copy(update={"data": self._config.data or folder / "data"})
        # -P: a file in the user's working directory must not replace a library that the engine imports.
        command = [sys.executable, "-P", "-m", "llmengine_integrations.engine"]
        with (folder / "engine.log").open("wb") as log:
            return subprocess.Popen(  # noqa: S603 - this interpreter and this package
                [*command, config.model_dump_json(), str(folder / "address")],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                env={**os.environ, API_KEY_VARIABLE: self.api_key},
                # Ctrl-C in a terminal or notebook goes to this process, which then decides about the engine.
                start_new_session=True,
            )

    def _wait_until_ready(self, address: Path, deadline: float) -> str:
        while time.monotonic() < deadline:
            if self._process is None or self._process.poll() is not None:
                raise self._early_end()
            url = _address(address.read_text()) if address.exists() else ""
            if url and _is_ready(url):
                return url
            time.sleep(0.05)
        raise EngineStartError(f"the engine was not ready within {self._start_timeout:g} seconds. {self._log_tail()}")

    def _early_end(self) -> EngineStartError:
        if self._process is not None and self._process.returncode == DATA_FOLDER_STATUS:
            return DataFolderError(self.log.strip().splitlines()[-1].removeprefix("error: "))
        return EngineStartError(f"the engine ended before it was ready. {self._log_tail()}")

    def _log_tail(self) -> str:
        tail = self.log.strip()[-_LOG_TAIL:]
        return f"It wrote:\n{tail}" if tail else "It wrote nothing."


def _refuse_unknown(settings: Mapping[str, object]) -> None:
    for name in settings:
        if name not in EngineSettings.__annotations__:
            hint = did_you_mean(name, EngineSettings.__annotations__)
            raise TypeError(f"EmbeddedEngine has no setting {name!r}{hint}")


def _address(url: str) -> str:
    """Return the address at which this machine reaches an engine that listens on every address."""
    return url.replace("//0.0.0.0:", "//127.0.0.1:").replace("//[::]:", "//[::1]:")


def _is_ready(url: str) -> bool:
    address = urlsplit(url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=5)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == http.client.OK
    except OSError:
        return False
    finally:
        connection.close()


def _stop(process: subprocess.Popen[bytes], folder: tempfile.TemporaryDirectory[str]) -> None:
    if process.stdin is not None:
        process.stdin.close()
    if process.poll() is None:
        process.terminate()
    try:
        process.wait(_STOP_PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    folder.cleanup()
