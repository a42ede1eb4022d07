"""The engine process that `EmbeddedEngine` starts: `python -m llmengine_integrations.engine CONFIG ADDRESS_FILE`.

It ends when its standard input is closed. That happens when the parent closes it, or when the parent dies for any reason.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from pathlib import Path

from pydantic import SecretStr

from llmengine_integrations._shared.durable_files import write_file

from .config import (
    API_KEY_VARIABLE,
    DATA_FOLDER_STATUS,
    DataFolderError,
    EngineConfig,
    EngineConfigError,
    check_start,
)
from .http.server import Server, serve
from .process_exit import exit_now, wait_for_parent

_PATIENCE = 8.0  # seconds for an orderly stop once the parent is gone


def main(arguments: list[str]) -> int:
    """Serve until the parent closes the input. Return 0, or another status if the engine could not start; one line on stderr says why."""
    settings, address_file = arguments
    parent = os.getppid()

    def announce(url: str, server: Server) -> None:
        threading.Thread(target=_end_with_parent, args=(parent, server), daemon=True).start()
        write_file(Path(address_file), url.encode(), durable=False)  # atomically: the parent waits for it

    try:
        config = EngineConfig.model_validate_json(settings)
        key = os.environ.pop(API_KEY_VARIABLE, None)
        config = config.model_copy(update={"api_key": None if key is None else SecretStr(key)})
        check_start(config)
        serve(config, on_listening=announce)
    except EngineConfigError as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201 - the parent shows the end of this stream
        return DATA_FOLDER_STATUS if isinstance(error, DataFolderError) else 1
    return 0


def _end_with_parent(parent: int, server: Server) -> None:
    wait_for_parent(parent)
    server.should_exit = True
    time.sleep(_PATIENCE)
    os._exit(1)


if __name__ == "__main__":
    exit_now(main(sys.argv[1:]))
