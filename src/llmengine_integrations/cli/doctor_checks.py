"""What `llmengine doctor` looks at: settings, connection, routes, models, packages."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Literal

from llmengine_integrations import API_KEY_VARIABLE, BASE_URL_VARIABLES, Client, errors
from llmengine_integrations._version import __version__

from .options.session import Session, listed
from .terminal.error_messages import in_options, one_line

_EXTRAS = {
    "langchain": ("langchain-core", "the LangChain adapter"),
    "llama-index": ("llama-index-core", "the LlamaIndex adapter"),
    "engine": ("torch", "the embedded engine (`llmengine serve`)"),
    "plots": ("matplotlib", "pictures of a fine-tune's loss"),
    "cli": ("rich", "progress bars and wide tables in this command"),
}
_ADVICE = "Is the address right, the server running, and the network (VPN, proxy) up?"
_NO_TLS = "What answers there speaks no TLS: is it http:// instead of https://?"
_WAIT = 10.0
"""Seconds that a check waits for the server, unless --timeout says otherwise."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found."""

    check: str
    status: Literal["ok", "warning", "failed"]
    found: str
    advice: str = ""


def look(session: Session) -> Iterator[Finding]:
    """Look at everything, one finding after the other; what cannot be looked at is left out."""
    yield Finding("version", "ok", f"llmengine-integrations {__version__}, Python {platform.python_version()}")
    yield from _packages()
    try:
        client = Client(session.base_url, session.api_key, timeout=session.timeout or _WAIT, max_retries=0)
    except errors.ConfigurationError as error:
        yield Finding("settings", "failed", one_line(error))
        return
    with client:
        yield from _settings(session, client)
        yield from _server(client)


def _packages() -> Iterator[Finding]:
    for extra, (package, purpose) in _EXTRAS.items():
        try:
            yield Finding(extra, "ok", f"{package} {version(package)}")
        except PackageNotFoundError:
            command = f"pip install 'llmengine-integrations[{extra}]'"
            yield Finding(extra, "warning", f"{package} is not installed", f"{command} adds {purpose}.")


def _settings(session: Session, client: Client) -> Iterator[Finding]:
    source = next((name for name in BASE_URL_VARIABLES if os.environ.get(name)), None)
    where = "--base-url" if session.base_url else source or "the default"
    yield Finding("base URL", "ok", f"{client.base_url} (from {where})")
    if client.api_key is None:
        advice = f"Only a server on this machine that lets every key in needs none: else set {API_KEY_VARIABLE}."
        yield Finding("API key", "warning", "none", advice)
    else:
        where = "--api-key" if session.api_key else API_KEY_VARIABLE
        yield Finding("API key", "ok", f"{len(client.api_key)} characters (from {where})")


def _server(client: Client) -> Iterator[Finding]:
    try:
        models = list(client.models.list())
    except errors.APIConnectionError as error:
        yield Finding("connection", "failed", _line(error), _why(error))
        return
    except errors.AuthenticationError as error:
        yield Finding("connection", "ok", "the server answers")
        yield Finding("authentication", "failed", error.message, f"Set {API_KEY_VARIABLE} to a key that it knows.")
        return
    except errors.LLMEngineError as error:
        yield Finding(
            "connection", "failed", _line(error), "Is that the gateway's address, with the path that it is under?"
        )
        return
    key = "takes the key" if client.api_key else "asks for no key"
    yield Finding("connection", "ok", f"the server answers and {key}")
    ready = [model.name for model in models if model.ready]
    if ready:
        yield Finding("models", "ok", f"{len(ready)} of {len(models)} ready: {listed(ready)}")
    else:
        advice = "Create an endpoint, or see with `llmengine models list` what holds the others up."
        yield Finding("models", "warning", f"none of {len(models)} ready", advice)
    for name, ask in (("files", client.files.list), ("fine-tunes", client.fine_tunes.list)):
        yield _route(name, ask)


def _why(error: errors.APIConnectionError) -> str:
    return _NO_TLS if "WRONG_VERSION_NUMBER" in str(error) else _ADVICE


def _route(name: str, ask: Callable[[], object]) -> Finding:
    try:
        ask()
    except errors.LLMEngineError as error:
        return Finding(name, "warning", _line(error), f"`llmengine {name}` does not work there; some gateways lack it.")
    return Finding(name, "ok", "the route answers")


def _line(error: errors.LLMEngineError) -> str:
    return in_options(" ".join(str(error).split()))
