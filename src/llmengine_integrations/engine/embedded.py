"""Starting and stopping an engine from Python. Standard library only; the engine lives in a process of its own."""

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

from .config import (
    API_KEY_VARIABLE,
    DATA_FOLDER_STATUS,
    DEFAULT_MODEL_NAME,
    DEFAULT_MODEL_PATH,
    DataFolderError,
    EngineConfig,
    EngineStartError,
    check_start,
)

_STOP_PATIENCE = 6.0  # seconds before an engine that does not stop is killed
_LOG_TAIL = 2000  # characters of the engine's output in an error


class EmbeddedEngine:
    """An engine in a process of its own, on a free loopback port, for as long as a `with` block lasts.

    It ends with the block, with `stop`, with this interpreter, and when this process is killed.

    Args:
        models: names and Hugging Face folders to serve; the first is the default. None serves the small model in this package.
        aliases: further names of the default model, or a mapping of further names to names in `models`.
        api_key: the key that the engine lets in; None makes a random one, see `api_key`.
        device: `auto` (CUDA where there is one, else the CPU), `cpu`, `cuda`, `cuda:1`, `mps` or `xpu`.
        dtype: the numbers to compute with, `float32`, `bfloat16` or `float16`; `auto` is float32 on a CPU, else what the folder has.
        kv_memory: bytes for the keys and values of all completions in flight; others wait. None: a share of what is free.
        data: the folder for what the engine keeps. None: a temporary one, gone when the engine stops.
        max_upload_size: bytes of the largest file that can be uploaded.
        allow_paths: folders outside the data folder in which batches and fine-tunes may read and write files.
        allow_code_evaluator: whether batches may run the code that the model writes, in a process with limits.
        allow_private_urls: whether fine-tunes may fetch their files from this machine and from private networks.
        download_url_lifetime: seconds for which the URL of a fine-tuned model's file is good.
        max_batch_size: completions that share a forward pass.
        ping_interval: seconds between the keep-alive comments of a stream.
        start_timeout: seconds to wait until the models are loaded.

    Raises:
        EngineConfigError: nothing could be served like that, or the extra `engine` is not installed.
    """

    def __init__(
        self,
        models: Mapping[str, str | os.PathLike[str]] | None = None,
        *,
        aliases: Sequence[str] | Mapping[str, str] = (),
        api_key: str | None = None,
        device: str = "auto",
        dtype: str = "auto",
        kv_memory: int | None = None,
        data: str | os.PathLike[str] | None = None,
        max_upload_size: int = 2**30,
        allow_paths: Sequence[str | os.PathLike[str]] = (),
        allow_code_evaluator: bool = False,
        allow_private_urls: bool = False,
        download_url_lifetime: float = 3600.0,
        max_batch_size: int = 16,
        ping_interval: float = 15.0,
        start_timeout: float = 120.0,
    ) -> None:
        self.api_key = api_key or secrets.token_urlsafe(24)
        self._start_timeout = start_timeout
        self._data = data
        served = {name: Path(path) for name, path in (models or {DEFAULT_MODEL_NAME: DEFAULT_MODEL_PATH}).items()}
        named = dict(aliases) if isinstance(aliases, Mapping) else dict.fromkeys(aliases, next(iter(served)))
        self._config = EngineConfig(
            models=served,
            aliases=named,
            port=0,
            allow_paths=tuple(Path(path).absolute() for path in allow_paths),
            allow_code_evaluator=allow_code_evaluator,
            allow_private_urls=allow_private_urls,
            download_url_lifetime=download_url_lifetime,
            device=device,
            dtype=dtype,
            kv_memory=kv_memory,
            max_upload_size=max_upload_size,
            max_batch_size=max_batch_size,
            ping_interval=ping_interval,
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
        """The names that it serves: models first, the default one ahead, then aliases."""
        return [*self._config.models, *self._config.aliases]

    @property
    def pid(self) -> int | None:
        """The engine's process id; None when it is not running."""
        return None if self._process is None else self._process.pid

    @property
    def log(self) -> str:
        """What the engine has written so far."""
        if self._folder is None:
            return ""
        return (Path(self._folder.name) / "engine.log").read_text(errors="replace")

    def start(self) -> Self:
        """Start the engine and wait until its models are loaded; with the default model some seconds.

        Raises:
            DataFolderError: the data folder cannot be used; an EngineStartError, too.
            EngineStartError: it ended or was not ready within `start_timeout`.
        """
        if self._process is not None:
            raise RuntimeError("the engine is running already")
        deadline = time.monotonic() + self._start_timeout
        self._folder = tempfile.TemporaryDirectory(prefix="llmengine-", ignore_cleanup_errors=True)
        self._process = self._spawn(Path(self._folder.name))
        # Also called at interpreter exit, and when an engine that nobody stopped is collected.
        self._stopper = weakref.finalize(self, _stop, self._process, self._folder)
        try:
            self._base_url = self._wait_until_ready(Path(self._folder.name) / "address", deadline)
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """Stop the engine and delete its temporary folder. Harmless when it is not running."""
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
        config = self._config.model_copy(update={"data": self._data or folder / "data"})
        # -P: a file of the user's in the working directory must not stand in for a library of the engine's.
        command = [sys.executable, "-P", "-m", "llmengine_integrations.engine"]
        with (folder / "engine.log").open("wb") as log:
            return subprocess.Popen(  # noqa: S603 - this interpreter and this package
                [*command, config.model_dump_json(), str(folder / "address")],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                env={**os.environ, API_KEY_VARIABLE: self.api_key},
                # Ctrl-C in a terminal or notebook is for this process, which then decides about the engine.
                start_new_session=True,
            )

    def _wait_until_ready(self, address: Path, deadline: float) -> str:
        while time.monotonic() < deadline:
            if self._process is None or self._process.poll() is not None:
                raise self._early_end()
            url = address.read_text() if address.exists() else ""
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
