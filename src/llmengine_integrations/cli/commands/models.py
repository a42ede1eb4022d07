"""`llmengine models`: list the gateway's models; download and delete your own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from ..options import shell_candidates
from ..options.option_types import Number
from ..options.session import Group, Session, confirm, missing_ok_option, yes_option
from ..terminal import output, progress

_seconds = Number(0)


@click.group(cls=Group)
def models() -> None:
    """List, wait for, download and delete models."""


@models.command("list")
@click.option("--name", help="Only endpoints with this name.", shell_complete=shell_candidates.models)
@click.option("--order-by", type=click.Choice(["newest", "oldest", "alphabetical"]))
@click.pass_obj
def list_(session: Session, name: str | None, order_by: Any) -> None:
    """List your own models and the public ones."""
    with session.client() as client:
        found = client.models.list(name, order_by)
    if session.json:
        output.print_json(list(found))
        return
    rows = [(model.name, model.status, model.inference_framework, model.model_name) for model in found]
    output.print_table(("name", "status", "framework", "model"), rows, empty="The server has no models.")


@models.command()
@click.argument("name", shell_complete=shell_candidates.models)
@click.pass_obj
def get(session: Session, name: str) -> None:
    """Show one model."""
    with session.client() as client:
        model = client.models.get(name)
    if session.json:
        output.print_json(model)
        return
    spec = model.spec
    state, resources = (spec.deployment_state, spec.resource_state) if spec else (None, None)
    output.print_fields(
        [
            ("name", model.name),
            ("id", model.id),
            ("model", model.model_name),
            ("status", model.status),
            ("reason", spec and spec.status_reason),
            ("framework", model.inference_framework),
            ("checkpoint", model.checkpoint_path),
            ("type", spec and spec.endpoint_type),
            ("public", spec and {True: "yes", False: "no"}.get(bool(spec.public_inference))),
            ("workers", state and f"{state.available_workers or 0} ({state.min_workers} to {state.max_workers})"),
            ("GPUs", resources and resources.gpus and f"{resources.gpus} {resources.gpu_type or ''}".strip()),
            ("created", spec and spec.created_at and f"{spec.created_at:%Y-%m-%d %H:%M:%S}"),
            ("owner", spec and spec.created_by),
            ("labels", spec and ", ".join(f"{name}={value}" for name, value in (spec.labels or {}).items())),
        ]
    )


@models.command(short_help="Download a fine-tuned model.")
@click.argument("name", shell_complete=shell_candidates.models)
@click.argument("to", type=click.Path(file_okay=False, path_type=Path), required=False)
@click.option("--overwrite", is_flag=True, help="Replace existing files.")
@click.option("--max-concurrency", type=click.IntRange(1), default=4, show_default=True, help="Concurrent downloads.")
@click.pass_obj
def download(session: Session, name: str, to: Path | None, *, overwrite: bool, max_concurrency: int) -> None:
    """Download a fine-tuned model's files into the folder TO. Default: a new folder with the model's name.

    To resume an interrupted download, run the same command again.
    """
    folder = Path(name.replace("/", "_")) if to is None else to
    with session.client() as client, progress.transfers() as moved:
        files = client.models.download(
            name, folder, overwrite=overwrite, max_concurrency=max_concurrency, on_progress=moved
        )
    if session.json:
        output.print_json(files)
        return
    for path in files.values():
        click.echo(path)


@models.command()
@click.argument("name", shell_complete=shell_candidates.models)
@yes_option
@missing_ok_option
@click.pass_obj
def delete(session: Session, name: str, *, yes: bool, missing_ok: bool) -> None:
    """Delete a model."""
    confirm(f"Delete the model {name}?", yes=yes)
    with session.client() as client:
        reply = client.models.delete(name, missing_ok=missing_ok)
    if session.json:
        output.print_json(reply)
    else:
        click.echo(f"Deleted {name}." if reply.deleted else f"There is no model {name}.")


@models.command()
@click.argument("name", shell_complete=shell_candidates.models)
@click.option("--at-most", metavar="SECONDS", type=_seconds, help="Give up after this time. Default: wait forever.")
@click.option(
    "--missing-for",
    metavar="SECONDS",
    type=_seconds,
    default=60.0,
    show_default=True,
    help="How long the model may be missing; a new endpoint takes a while to appear.",
)
@click.pass_obj
def wait(session: Session, name: str, at_most: float | None, missing_for: float) -> None:
    """Wait until a model is ready."""
    with session.client() as client, progress.waiting(f"{name}: looking for it") as say:
        model = client.models.wait_until_ready(
            name,
            timeout=at_most,
            missing_for=missing_for,
            on_status=lambda model: say(f"{model.name}: {model.status}"),
        )
    if session.json:
        output.print_json(model)
    else:
        click.echo(f"{name} is ready.")
