"""Candidates for the shell's Tab key: the names on the server.

If the server is slow or unreachable, there are no candidates and no message, because a message would spoil the line being typed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import click
from click.shell_completion import CompletionItem

from llmengine_integrations import Client, Timeout
from llmengine_integrations.errors import LLMEngineError

from .session import Session

_PATIENCE = Timeout(total=2.0)
"""How long Tab may wait for the server."""

Offer = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]


def model_names(session: Session) -> list[tuple[str, str]]:
    """Return the models, each with its status; an empty list if the server does not answer in time."""
    return _asked(session, lambda client: [(model.name, model.status) for model in client.models.list()])


def _files(session: Session) -> list[tuple[str, str]]:
    return _asked(session, lambda client: [(file.id, file.filename or "") for file in client.files.list()])


def _fine_tunes(session: Session) -> list[tuple[str, str]]:
    def ask(client: Client) -> list[tuple[str, str]]:
        return [(job.id, f"{job.status} {job.fine_tuned_model}") for job in client.fine_tunes.list()]

    return _asked(session, ask)


def _batch_jobs(session: Session) -> list[tuple[str, str]]:
    return _asked(session, lambda client: [(job.id, job.status) for job in client.fine_tunes.list().batch_jobs])


def _asked(session: Session, ask: Callable[[Client], list[tuple[str, str]]]) -> list[tuple[str, str]]:
    try:
        with Client(session.base_url, session.api_key, timeout=_PATIENCE, max_retries=0) as client:
            return ask(client)
    except (LLMEngineError, OSError):
        return []


def _offer(find: Callable[[Session], Iterable[tuple[str, str]]], *, or_path: bool = False) -> Offer:
    def offered(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
        known = find(ctx.find_object(Session) or Session())
        found = [CompletionItem(name, help=about) for name, about in known if name.startswith(incomplete)]
        return found or (paths(ctx, _, incomplete) if or_path else [])

    return offered


def paths(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Let the shell complete a path on this machine."""
    return [CompletionItem(incomplete, type="file")]


models = _offer(model_names)
files = _offer(_files)
files_or_paths = _offer(_files, or_path=True)
fine_tunes = _offer(_fine_tunes)
batch_jobs = _offer(_batch_jobs)
