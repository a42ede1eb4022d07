"""`llmengine chat`: one message, or a conversation in the terminal."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import Any

import click

from llmengine_integrations import Client

from ..conversation.conversation import Conversation
from ..conversation.repl import Repl
from ..conversation.reply import Reply, ReplyPrinter
from ..options import shell_candidates
from ..options.model_option import choose_model, model_option
from ..options.option_types import Number, given_options, json_array, piped
from ..options.session import Command, Session
from ..terminal import output
from ..terminal.line_input import history_file


@click.command(cls=Command, short_help="Talk to a model, once or in a conversation.")
@click.argument("message", required=False)
@model_option
@click.option("--system", metavar="TEXT", help="A system message: instructions for the model.")
@click.option("-n", "--max-tokens", type=int, help="Maximum tokens per reply. Default: as many as fit.")
@click.option("-t", "--temperature", type=Number(0, 2), help="0 to 2. Default: 1.")
@click.option("--top-p", type=Number(0, 1), help="Sample from the likeliest tokens up to this total probability.")
@click.option("--seed", type=int, help="Makes sampling repeatable.")
@click.option(
    "-s", "--stop", metavar="TEXT", multiple=True, help="Stop the reply at this text; repeatable up to four times."
)
@click.option("--tools", metavar="JSON", type=json_array, help="Tools for the model, in OpenAI's format; or @FILE.")
@click.option("--load", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Continue a saved chat.")
@click.option("--no-history", is_flag=True, help="Do not keep typed lines for later conversations.")
@click.option("--no-stream", is_flag=True, help="Print the reply when it is complete; only with a message.")
@click.pass_obj
def chat(
    session: Session,
    message: str | None,
    model: str | None,
    system: str | None,
    load: Path | None,
    *,
    no_stream: bool,
    no_history: bool,
    **given: Any,
) -> None:
    """Send MESSAGE, or text from a pipe, to a model. Without a message, start a conversation in the terminal.

    In a conversation, /help lists the commands, Tab completes them, Ctrl-C stops a reply, and Ctrl-D leaves.
    """
    options = given_options(given)
    text = piped() if message is None else message
    if text is None and (session.json or no_stream or not sys.stdout.isatty()):
        raise click.UsageError("Give a message, or pipe one in.")
    with session.client() as client:
        conversation = Conversation(client, choose_model(client, model), system, options)
        if load is not None:
            _load(conversation, load, system)
        if text is None:
            options["stream_options"] = {"include_usage": True}
            models = partial(shell_candidates.model_names, session)
            Repl(conversation, models, None if no_history else history_file()).run()
        else:
            conversation.messages.append({"role": "user", "content": text})
            _once(session, client, conversation, stream=not no_stream)


def _load(conversation: Conversation, path: Path, system: str | None) -> None:
    try:
        conversation.load(path)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--load") from error
    conversation.system = system or conversation.system


def _once(session: Session, client: Client, conversation: Conversation, *, stream: bool) -> None:
    if not stream:
        reply = client.chat.create(conversation.model, conversation.all_messages, **conversation.options)
        if session.json:
            output.print_json(reply)
            return
        message = reply.choices[0].message
        output.print_text(f"{message.content}\n" if message.content else "")
        for call in message.tool_calls or ():
            click.echo(output.visible(f"{call.function.name}({call.function.arguments})"))
        return
    reply, printer = Reply(), ReplyPrinter()
    with client.chat.stream(conversation.model, conversation.all_messages, **conversation.options) as chunks:
        try:
            for chunk in chunks:
                reply.add(chunk)
                output.print_json_line(chunk) if session.json else printer.add(chunk)
        finally:
            if not session.json:
                printer.end(reply)
