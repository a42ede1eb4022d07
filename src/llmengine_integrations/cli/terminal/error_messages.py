"""Turn an error into one line that says what to do next, and an exit status."""

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
"""What web servers reply for an unknown route. For a missing resource, the gateway's message is longer."""
_TOO_LONG = "The reply is longer than"
"""The beginning of a message that already says what to do."""
_OPTIONS = (
    ("Set SCALE_API_KEY or pass api_key=.", "Set SCALE_API_KEY or pass --api-key."),
    ("or pass api_key=", "or pass --api-key"),
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
"""Python arguments in the client's messages, with the options of this command."""


@contextmanager
def errors_as_messages(ctx: click.Context) -> Generator[None]:
    """Turn expected errors into one line and an exit status. Any other error is a bug, and keeps its traceback."""
    try:
        yield
    except (KeyboardInterrupt, click.Abort):
        if sys.stderr.isatty():
            click.echo(err=True)
        ctx.exit(INTERRUPTED)
    except errors.LLMEngineError as error:
        raise click.ClickException(one_line(error, ctx.invoked_subcommand)) from error
    except UnicodeDecodeError as error:
        raise click.ClickException(f"The input is not UTF-8 text: {error.reason}.") from error
    except OSError as error:
        if error.errno == errno.EPIPE:  # the reader of our output has ended: click ends quietly
            raise
        raise click.ClickException(os_error_text(error)) from error


def one_line(error: errors.LLMEngineError, command: str | None = None) -> str:
    """Return what went wrong and what to do next."""
    parts = [str(error), *getattr(error, "__notes__", ()), _advice(error, command)]
    text = " ".join(f"{part.rstrip('.')}." for part in parts if part)
    return " ".join(with_option_names(text).split())


def with_option_names(text: str) -> str:
    """Replace Python arguments in a client's message with this command's options."""
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


def os_error_text(error: OSError) -> str:
    """Return the operating system's reason in one line."""
    if error.strerror is None:
        return with_option_names(str(error))
    return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
