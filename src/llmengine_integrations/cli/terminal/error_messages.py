"""What becomes of an error: one line that says what to do next, and an exit status."""

from __future__ import annotations

import errno
import sys
from collections.abc import Generator
from contextlib import contextmanager

import click

from llmengine_integrations import errors

INTERRUPTED = 130
_LISTS = {
    "complete": "llmengine models list",
    "chat": "llmengine models list",
    "models": "llmengine models list",
    "files": "llmengine files list",
    "fine-tunes": "llmengine fine-tunes list",
    "batch": "llmengine batch list",
}
_NO_ROUTE = "Not Found"
"""What web servers say of an address that leads nowhere; the gateway says more of things that it does not have."""
_TOO_LONG = "The reply is longer than"
"""How the message begins that says itself what to do; without a status it is not about a server, but about a file here."""
_OPTIONS = (
    ("Set SCALE_API_KEY or pass api_key=.", "Set SCALE_API_KEY or give --api-key."),
    ("or pass api_key=", "or give --api-key"),
    ("with allow_http=True or LLM_ENGINE_ALLOW_HTTP=1", "with LLM_ENGINE_ALLOW_HTTP=1"),
    ("overwrite=True replaces it", "--overwrite replaces it"),
    ('version="v2"', "--api v2"),
    ('version="v1"', "--api v1"),
    ("fine_tunes.list().batch_jobs", "llmengine batch list"),
    ("files.download writes", "`llmengine files download` writes"),
    ("Check base_url (", "Check --base-url ("),
    ("base_url must be", "The base URL must be"),
    ("base_url is", "The base URL is"),
)
"""The names that the client's messages use for what is an option here."""


@contextmanager
def told(ctx: click.Context) -> Generator[None]:
    """Turn the errors that are to be expected into one line and an exit status; any other is a bug, and keeps its traceback."""
    try:
        yield
    except (KeyboardInterrupt, click.Abort):
        if sys.stderr.isatty():
            click.echo(err=True)
        ctx.exit(INTERRUPTED)
    except errors.LLMEngineError as error:
        raise click.ClickException(one_line(error, ctx.invoked_subcommand)) from error
    except UnicodeDecodeError as error:
        raise click.ClickException(f"What was given is not text in UTF-8: {error.reason}.") from error
    except OSError as error:
        if error.errno == errno.EPIPE:  # whoever read our output has gone: click ends quietly
            raise
        raise click.ClickException(of_system(error)) from error


def one_line(error: errors.LLMEngineError, command: str | None = None) -> str:
    """What went wrong and what to do next."""
    parts = [str(error), *getattr(error, "__notes__", ()), _advice(error, command)]
    text = " ".join(f"{part.rstrip('.')}." for part in parts if part)
    return " ".join(in_options(text).split())


def in_options(text: str) -> str:
    """A message of the client in the words of the command line."""
    for argument, option in _OPTIONS:
        text = text.replace(argument, option)
    return text


def _advice(error: errors.LLMEngineError, command: str | None) -> str:
    match error:
        case errors.APITimeoutError():
            return "--timeout SECONDS waits longer; a cold model can take minutes"
        case errors.APIConnectionError():
            return "`llmengine doctor` checks the connection"
        case errors.NotFoundError() if error.message != _NO_ROUTE:
            found = "llmengine files list" if " file " in error.message else _LISTS.get(command or "")
            return f"`{found}` shows what there is" if found else ""
        case errors.RateLimitError():
            return "Try again in a moment"
        case errors.InvalidResponseError() | errors.NotFoundError() if (
            error.status_code and _TOO_LONG not in error.message
        ):
            return "Is that the gateway's address? `llmengine doctor` checks it"
        case _:
            return ""


def of_system(error: OSError) -> str:
    """What the operating system refused, in one line."""
    if error.strerror is None:
        return in_options(str(error))
    return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
