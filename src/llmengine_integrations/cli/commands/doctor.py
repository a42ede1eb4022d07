"""`llmengine doctor`: what is right and wrong with the connection, and what to do."""

from __future__ import annotations

import click

from ..doctor_checks import Finding, look
from ..options.session import Command, Session
from ..terminal import output

_MARKS = {"ok": ("ok", "green"), "warning": ("--", "yellow"), "failed": ("!!", "red")}
_LEFT = 20


@click.command(cls=Command, short_help="Check the connection, and say what to do.")
@click.pass_obj
@click.pass_context
def doctor(ctx: click.Context, session: Session) -> None:
    """Check settings, connection, routes, models and packages, and say what to do.

    The exit status is 1 if the server cannot be used.
    """
    findings: list[Finding] = []
    for finding in look(session):
        findings.append(finding)
        if not session.json:
            mark, colour = _MARKS[finding.status]
            found = output.hanging(output.visible(finding.found), _LEFT)
            click.echo(f"{click.style(mark, fg=colour, bold=True)}  {finding.check:<14}  {found}")
            if finding.advice:
                click.echo(f"    {output.hanging(finding.advice, 4)}")
    failed = any(finding.status == "failed" for finding in findings)
    if session.json:
        output.document({"ok": not failed, "findings": findings})
    if failed:
        ctx.exit(1)
