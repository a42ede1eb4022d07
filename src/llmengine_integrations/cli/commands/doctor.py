"""`llmengine doctor`: check the connection, and say what to do."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Literal

import click

from llmengine_integrations import API_KEY_VARIABLE, BASE_URL_VARIABLES, Client, __version__, errors

from ..options.session import Command, Session, listed
from ..terminal import output
from ..terminal.error_messages import one_line, with_option_names

_MARKS = {"ok": ("ok", "green"), "warning": ("--", "yellow"), "failed": ("!!", "red")}
_LEFT = 20
_EXTRAS = {
    "langchain": ("langchain-core", "the LangChain adapter"),
    "llama-index": ("llama-index-core", "the LlamaIndex adapter"),
    "engine": ("torch", "the embedded engine (`llmengine serve`)"),
    "plots": ("matplotlib", "pictures of a fine-tune's loss"),
    "cli": ("rich", "progress bars and wide tables in this command"),
}
_ADVICE = "Is the address right, the server running, and the network (VPN, proxy) up?"
_NO_TLS = "The server does not use TLS. Should the address begin with http:// instead of https://?"
_WAIT = 10.0
"""Seconds that a check waits for the server, unless --timeout says otherwise."""


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of a check."""

    check: str
    status: Literal["ok", "warning", "failed"]
    found: str
    advice: str = ""


@click.command(cls=Command, short_help="Check the connection, and say what to do.")
@click.pass_obj
@click.pass_context
def doctor(ctx: click.Context, session: Session) -> None:
    """Check settings, connection, routes, models and packages, and say what to do.

    The exit status is 1 if the server cannot be used.
    """
    findings: list[Finding] = []
    for finding in _checks(session):
        findings.append(finding)
        if not session.json:
            mark, colour = _MARKS[finding.status]
            found = output.hanging(output.visible(finding.found), _LEFT)
            click.echo(f"{click.style(mark, fg=colour, bold=True)}  {finding.check:<14}  {found}")
            if finding.advice:
                click.echo(f"    {output.hanging(finding.advice, 4)}")
    failed = any(finding.status == "failed" for finding in findings)
    if session.json:
        output.print_json({"ok": not failed, "findings": findings})
    if failed:
        ctx.exit(1)


def _checks(session: Session) -> Iterator[Finding]:
    """Run all checks, one after the other. A check that needs an earlier one to succeed is left out."""
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
        advice = f"Set {API_KEY_VARIABLE}, unless the server is on this machine and accepts every key."
        yield Finding("API key", "warning", "not set", advice)
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
        advice = f"Set {API_KEY_VARIABLE} to a key that the server accepts."
        yield Finding("authentication", "failed", error.message, advice)
        return
    except errors.LLMEngineError as error:
        advice = "Is this the gateway's address, including its path?"
        yield Finding("connection", "failed", _line(error), advice)
        return
    key = "accepts the key" if client.api_key else "asks for no key"
    yield Finding("connection", "ok", f"the server answers and {key}")
    ready = [model.name for model in models if model.ready]
    if ready:
        yield Finding("models", "ok", f"{len(ready)} of {len(models)} ready: {listed(ready)}")
    else:
        advice = "Create an endpoint, or run `llmengine models list` to see the status of the others."
        yield Finding("models", "warning", f"none of {len(models)} ready", advice)
    for name, ask in (("files", client.files.list), ("fine-tunes", client.fine_tunes.list)):
        yield _route(name, ask)


def _why(error: errors.APIConnectionError) -> str:
    return _NO_TLS if "WRONG_VERSION_NUMBER" in str(error) else _ADVICE


def _route(name: str, ask: Callable[[], object]) -> Finding:
    try:
        ask()
    except errors.LLMEngineError as error:
        advice = f"`llmengine {name}` does not work with this server; some gateways lack its route."
        return Finding(name, "warning", _line(error), advice)
    return Finding(name, "ok", "the route answers")


def _line(error: errors.LLMEngineError) -> str:
    return with_option_names(" ".join(str(error).split()))
