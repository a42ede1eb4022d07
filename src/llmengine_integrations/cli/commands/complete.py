"""`llmengine complete`: one completion, streamed."""

from __future__ import annotations

from typing import Any

import click

from llmengine_integrations import Client
from llmengine_integrations.types import TokenOutput

from ..options.model_option import choose_model, model_option
from ..options.option_types import Number, given_options, json_object, piped, text_or_file
from ..options.session import Command, Session
from ..terminal import output
from ..terminal.tokens import TextPrinter, TokenPrinter

_LOGPROBS = "return_token_log_probs"


@click.command(cls=Command)
@click.argument("prompt", required=False)
@model_option
@click.option("-n", "--max-new-tokens", type=int, default=256, show_default=True, help="Maximum tokens to generate.")
@click.option("-t", "--temperature", type=Number(0, 1), default=0.2, show_default=True, help="0 to 1.")
@click.option("-s", "--stop", "stop_sequences", metavar="TEXT", multiple=True, help="Stop at this text; repeatable.")
@click.option(
    "--include-stop", "include_stop_str_in_output", is_flag=True, default=None, help="Keep the stop text in the output."
)
@click.option("--top-k", type=click.IntRange(-1), help="Sample from the K likeliest tokens; needs a temperature.")
@click.option(
    "--top-p", type=Number(0, 1, min_open=True), help="Sample from the likeliest tokens up to this total probability."
)
@click.option("--presence-penalty", type=Number(0, 2), help="Penalty for tokens that already occurred, 0 to 2.")
@click.option("--frequency-penalty", type=Number(0, 2), help="Penalty for each earlier occurrence of a token, 0 to 2.")
@click.option("--guided-json", metavar="SCHEMA", type=json_object, help="A JSON schema for the text, or @FILE.")
@click.option("--guided-regex", metavar="REGEX", help="A regular expression for the text.")
@click.option("--guided-choice", metavar="TEXT", multiple=True, help="One possible answer; repeat for each.")
@click.option(
    "--guided-grammar", metavar="GRAMMAR", type=text_or_file, help="A grammar for the text (GBNF or Lark), or @FILE."
)
@click.option("--keep-special-tokens", is_flag=True, help="Keep special tokens in the text.")
@click.option("--logprobs", _LOGPROBS, is_flag=True, default=None, help="Show the probability of each token.")
@click.option("--no-stream", is_flag=True, help="Print the text when it is complete.")
@click.pass_obj
def complete(
    session: Session, prompt: str | None, model: str | None, *, no_stream: bool, keep_special_tokens: bool, **given: Any
) -> None:
    """Complete PROMPT, or text from a pipe.

    \b
    llmengine complete "The capital of France is" --stop .
    llmengine complete "Is water wet? Answer: " --guided-choice yes --guided-choice no
    llmengine complete --logprobs < prompt.txt
    """  # noqa: D301 - a marker of click's
    text = piped() if prompt is None else prompt
    if text is None:
        raise click.UsageError("Give a prompt, or pipe one in.")
    guides = [name for name, value in given.items() if name.startswith("guided_") and value]
    if len(guides) > 1:
        named = " and ".join(f"--{name.replace('_', '-')}" for name in guides)
        raise click.UsageError(f"{named} cannot be combined.")
    options = given_options(given)
    if keep_special_tokens:
        options["skip_special_tokens"] = False
    with session.client() as client:
        name = choose_model(client, model)
        if no_stream:
            _unstreamed(session, client, name, text, options)
        else:
            _streamed(session, client, name, text, options)


def _unstreamed(session: Session, client: Client, model: str, prompt: str, options: dict[str, Any]) -> None:
    reply = client.completions.create(model, prompt, **options)
    if session.json:
        output.print_json(reply)
        return
    printer = _Printer(logprobs=_LOGPROBS in options)
    if reply.output.tokens is None:
        printer.add(reply.output.text, None)
    for token in reply.output.tokens or ():
        printer.add(token.token, token)
    printer.end()


def _streamed(session: Session, client: Client, model: str, prompt: str, options: dict[str, Any]) -> None:
    printer = None if session.json else _Printer(logprobs=_LOGPROBS in options)
    try:
        with client.completions.stream(model, prompt, **options) as chunks:
            for chunk in chunks:
                if printer is None:
                    output.print_json_line(chunk)
                else:
                    printer.add(chunk.output.text, chunk.output.token)
    finally:
        if printer is not None:
            printer.end()


class _Printer:
    """Prints text, or tokens if their probabilities were requested."""

    def __init__(self, *, logprobs: bool) -> None:
        self._text = TextPrinter()
        self._tokens = TokenPrinter() if logprobs else None

    def add(self, text: str, token: TokenOutput | None) -> None:
        """Print the text or token of an event."""
        if self._tokens is None:
            self._text.text(text)
        elif token is not None:
            self._tokens.token(token.token, token.log_prob)

    def end(self) -> None:
        (self._tokens or self._text).end()
