"""`llmengine batch`: complete many prompts or requests in one job, from file to file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from llmengine_integrations import Client
from llmengine_integrations.types import BatchJob, BatchResult

from ..options import shell_candidates
from ..options.batch_input import content as read_content
from ..options.model_option import choose_model, model_option
from ..options.option_types import Number, given_options, text_pair
from ..options.session import Group, Session, confirm, missing_ok_option, yes_option
from ..terminal import output, progress

_at_most_option = click.option(
    "--at-most", metavar="SECONDS", type=Number(0), help="Give up after this time. Default: wait forever."
)
_PROMPT_SETTINGS = ("max_new_tokens", "temperature", "stop_sequences", "return_token_log_probs", "top_k", "top_p")


@click.group(cls=Group)
def batch() -> None:
    """Complete many prompts in one job.

    The open-source gateway runs only v1 jobs. Use `list` and `wait` for these; `get` and `update` are for v2 jobs.
    """


@batch.command(short_help="Start a job.")
@click.argument("prompts", required=False, shell_complete=shell_candidates.paths)
@model_option
@click.option(
    "-o",
    "--output",
    "output_data_path",
    metavar="PATH",
    required=True,
    help="Where the server writes the results: usually s3://, gs:// or azure://.",
)
@click.option("--input", "input_data_path", metavar="PATH", help="A file that the server can read, instead of PROMPTS.")
@click.option("--api", "version", type=click.Choice(["v1", "v2"]), help="Default: v1 for prompts, v2 for requests.")
@click.option("-n", "--max-new-tokens", type=int, help="Maximum tokens per prompt. Default: 256.")
@click.option("-t", "--temperature", type=Number(0, 1), help="0 to 1. Default: 0.2.")
@click.option("-s", "--stop", "stop_sequences", metavar="TEXT", multiple=True, help="Stop at this text; repeatable.")
@click.option("--top-k", type=click.IntRange(-1), help="Sample from the K likeliest tokens.")
@click.option(
    "--top-p", type=Number(0, 1, min_open=True), help="Sample from the likeliest tokens up to this total probability."
)
@click.option("--logprobs", "return_token_log_probs", is_flag=True, default=None, help="Include log-probabilities.")
@click.option(
    "--label", "labels", metavar="NAME=VALUE", type=text_pair, multiple=True, help="A label of the job; repeatable."
)
@click.option("--data-parallelism", type=click.IntRange(1, 64), help="Number of workers; v2 only.")
@click.option(
    "--max-runtime", "max_runtime_sec", metavar="SECONDS", type=click.IntRange(1, 172800), help="Stop after this time."
)
@click.option("--priority", help="Jobs with a smaller value run first, if the server has priorities.")
@click.option("--wait", "waiting", is_flag=True, help="Wait until the job is completed.")
@click.pass_obj
def create(
    session: Session,
    prompts: str | None,
    model: str | None,
    output_data_path: str,
    input_data_path: str | None,
    version: Any,
    labels: tuple[tuple[str, str], ...],
    *,
    waiting: bool,
    **given: Any,
) -> None:
    """Start a job on PROMPTS: a .txt file with one prompt per line, a .json or .jsonl file, or - for lines from a pipe.

    JSON contains a list of prompts, an object with `prompts`, or a list of chat or completion requests.
    """
    if (prompts is None) == (input_data_path is None):
        raise click.UsageError("Give either PROMPTS or --input.")
    options = given_options(given)
    settings = {name: options.pop(name) for name in _PROMPT_SETTINGS if name in options}
    if prompts is None and settings:
        raise click.UsageError("The --input file contains the settings. Leave out --max-new-tokens and the like.")
    content = None if prompts is None else read_content(prompts, settings)
    with session.client() as client:
        job = client.batch_completions.create(
            choose_model(client, model),
            output_data_path=output_data_path,
            content=content,
            input_data_path=input_data_path,
            version=version or ("v2" if isinstance(content, list) else "v1"),
            labels=dict(labels) or None,
            **options,
        )
        if not waiting:
            _show(session, job)
            return
        if not session.json:
            click.echo(job.job_id)
        _wait(session, client, job.job_id, None)


@batch.command("list")
@click.pass_obj
def list_(session: Session) -> None:
    """List your jobs."""
    with session.client() as client:
        found = client.fine_tunes.list().batch_jobs
    if session.json:
        output.print_json([{"job_id": job.id, "status": job.status} for job in found])
    else:
        output.print_table(
            ("id", "status"), [(job.id, job.status) for job in found], empty="The server lists no batch jobs."
        )


@batch.command()
@click.argument("job_id", shell_complete=shell_candidates.batch_jobs)
@click.pass_obj
def get(session: Session, job_id: str) -> None:
    """Show a v2 job."""
    with session.client() as client:
        _show(session, client.batch_completions.get(job_id), detailed=True)


@batch.command()
@click.argument("job_id", shell_complete=shell_candidates.batch_jobs)
@click.option("--priority", required=True, help="Jobs with a smaller value run first.")
@click.pass_obj
def update(session: Session, job_id: str, priority: str) -> None:
    """Change the priority of a v2 job."""
    with session.client() as client:
        _show(session, client.batch_completions.update(job_id, priority=priority), detailed=True)


@batch.command()
@click.argument("job_id", shell_complete=shell_candidates.batch_jobs)
@yes_option
@missing_ok_option
@click.pass_obj
def cancel(session: Session, job_id: str, *, yes: bool, missing_ok: bool) -> None:
    """Cancel a job."""
    confirm(f"Cancel the batch job {job_id}?", yes=yes)
    with session.client() as client:
        reply = client.batch_completions.cancel(job_id, missing_ok=missing_ok)
    if session.json:
        output.print_json(reply)
    else:
        click.echo(f"Cancelled {job_id}." if reply.success else f"There is no batch job {job_id}.")


@batch.command()
@click.argument("job_id", shell_complete=shell_candidates.batch_jobs)
@_at_most_option
@click.pass_obj
def wait(session: Session, job_id: str, at_most: float | None) -> None:
    """Wait until a job is completed. If you stop waiting, the job continues."""
    with session.client() as client:
        _wait(session, client, job_id, at_most)


@batch.command(short_help="Show a job's results.")
@click.argument("path", shell_complete=shell_candidates.paths)
@click.option(
    "--prompts",
    metavar="FILE",
    help="The job's prompts, to show each next to its result.",
    shell_complete=shell_candidates.paths,
)
@click.pass_obj
def results(session: Session, path: str, prompts: str | None) -> None:
    """Show the results in a job's output file at PATH: a local file, or a URL such as s3://bucket/file."""
    content = None if prompts is None else read_content(prompts, {})
    with Client("http://127.0.0.1") as client:  # sends nothing, so the address does not matter
        found = client.batch_completions.results(path, content=content)
    if session.json:
        output.print_json([_as_json(result) for result in found])
        return
    _table(found)
    failed = sum(not result.ok for result in found)
    if failed:
        output.print_note(f"{failed} of {len(found)} failed.")


def _wait(session: Session, client: Client, job_id: str, at_most: float | None) -> None:
    with progress.waiting(f"{job_id}: looking for it") as say:
        job = client.batch_completions.wait(
            job_id, timeout=at_most, on_status=lambda job: say(f"{job.job_id}: {job.status}")
        )
    if session.json:
        output.print_json(job)
    else:
        where = f": {job.output_data_path}" if job.output_data_path else ""
        click.echo(f"Completed{where}")


def _show(session: Session, job: BatchJob, *, detailed: bool = False) -> None:
    if session.json:
        output.print_json(job)
    elif not detailed:
        click.echo(job.job_id)
    else:
        names = (
            "status",
            "priority",
            "input_data_path",
            "output_data_path",
            "created_at",
            "completed_at",
            "expires_at",
        )
        shown = [(name.removesuffix("_data_path").removesuffix("_at"), getattr(job, name)) for name in names]
        output.print_fields([("id", job.job_id), *shown])


def _table(found: Sequence[BatchResult]) -> None:
    prompted = any(result.prompt for result in found)
    columns = ("", "prompt", "text") if prompted else ("", "text")
    rows = [
        [
            result.index,
            *([result.prompt] if prompted else []),
            result.text if result.ok else f"({result.error})",
        ]
        for result in found
    ]
    output.print_table(columns, rows, empty="The file has no results.")


def _as_json(result: BatchResult) -> dict[str, object]:
    return {
        "index": result.index,
        "prompt": result.prompt,
        "text": result.text,
        "error": result.error,
        "output": result.output,
    }
