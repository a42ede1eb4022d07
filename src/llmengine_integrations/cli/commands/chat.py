"""`llmengine chat`: one question, or a conversation in the terminal."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import Any

import click

from llmengine_integrations import Client

from ..conversation.conversation import Conversation
from ..conversation.repl import Repl
from ..conversation.reply import Turn, TurnPrinter
from ..options import shell_candidates as completing
from ..options.model_option import choose_model, model_option
from ..options.option_types import Number, given_options, json_array, piped
from ..options.session import Command, Session
from ..terminal import output
from ..terminal.line_input import history_file


@click.command(cls=Command, short_help="Talk to a model, once or in a conversation.")
@click.argument("message", required=False)
@model_option
@click.option("--system", metavar="TEXT", help="What the model is told first.")
@click.option("-n", "--max-tokens", type=int, help="Tokens to generate at most; what fits by default.")
@click.option("-t", "--temperature", type=Number(0, 2), help="0 to 2; 1 by default.")
@click.option("--top-p", type=Number(0, 1), help="Sample among the tokens of this probability.")
@click.option("--seed", type=int, help="Makes sampling repeatable.")
@click.option("-s", "--stop", metavar="TEXT", multiple=True, help="Ends the reply; up to four times.")
@click.option(
    "--tools", metavar="JSON", type=json_array, help="Tools that the model may use, as OpenAI has them; or @FILE."
)
@click.option("--load", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Go on with a saved chat.")
@click.option("--no-history", is_flag=True, help="Keep nothing of what is typed in this conversation for the next one.")
@click.option("--no-stream", is_flag=True, help="Wait for the whole reply; not in a conversation.")
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
    """Say MESSAGE, or what is piped in, to a model; without either, talk to it in the terminal.

    In a conversation /help lists the commands, Tab completes them, Ctrl-C stops a reply and Ctrl-D leaves.
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
            models = partial(completing.model_names, session)
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
        reply = client.chat.create(conversation.model, conversation.whole, **conversation.options)
        if session.json:
            output.document(reply)
            return
        message = reply.choices[0].message
        output.write(f"{message.content}\n" if message.content else "")
        for call in message.tool_calls or ():
            click.echo(output.visible(f"{call.function.name}({call.function.arguments})"))
        return
    turn, printer = Turn(), TurnPrinter()
    with client.chat.stream(conversation.model, conversation.whole, **conversation.options) as chunks:
        try:
            for chunk in chunks:
                turn.add(chunk)
                output.line(chunk) if session.json else printer.add(chunk)
        finally:
            if not session.json:
                printer.end(turn)
