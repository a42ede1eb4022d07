"""Turns token ids into text that can be sent: complete characters only, and nothing after a stop sequence. Uses no I/O and no torch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from llmengine_integrations._shared.stops import StopFilter

Decode = Callable[[Sequence[int]], str]

_INCOMPLETE = "\N{REPLACEMENT CHARACTER}"


class Detokenizer:
    """Decodes a growing list of tokens piece by piece. The joined pieces equal the result of decoding all tokens at once.

    A token may be part of a character, and its text may depend on its neighbours (a leading space). Each step therefore decodes a short
    window: the tokens of the previous piece and the new ones. Text is held back while it ends in an incomplete character.

    Args:
        decode: turns token ids into text, with U+FFFD for bytes that are not a complete character.
        context: the tokens before the first one, that is, the end of the prompt. A few are enough.
    """

    def __init__(self, decode: Decode, context: Iterable[int] = ()) -> None:
        self._decode = decode
        self._window = list(context)
        self._window_text = decode(self._window)
        self._pending: list[int] = []

    def push(self, token: int) -> str:
        """Add the next token and return the text that it completes: often the token's own text, sometimes empty."""
        self._pending.append(token)
        text = self._decode(self._window + self._pending)
        if text.endswith(_INCOMPLETE) or len(text) <= len(self._window_text):
            return ""
        return self._release(text)

    def finish(self) -> str:
        """Return the text that was held back, because no more tokens follow."""
        return self._release(self._decode(self._window + self._pending)) if self._pending else ""

    def _release(self, text: str) -> str:
        added = text[len(self._window_text) :]
        self._window, self._pending = self._pending, []
        self._window_text = self._decode(self._window)
        return added


class WholeText:
    """Decodes all tokens at the end. Returns the same text as a `Detokenizer` does piece by piece, in a fraction of the time.

    Args:
        decode: turns token ids into text.
        context: the tokens before the first one, that is, the end of the prompt. A few are enough.
    """

    def __init__(self, decode: Decode, context: Iterable[int] = ()) -> None:
        self._decode = decode
        self._context = list(context)
        self._tokens: list[int] = []

    def push(self, token: int) -> str:
        """Add the next token. Its text is returned at the end."""
        self._tokens.append(token)
        return ""

    def finish(self) -> str:
        """Return the text."""
        return self._decode(self._context + self._tokens)[len(self._decode(self._context)) :]


class CompletionText:
    """The text of one completion, up to a stop sequence. Tokens go in and text comes out; the first `min_tokens` tokens cannot end it.

    With `at_once`, and without stop sequences, the whole text is returned at the end.
    """

    def __init__(
        self,
        decode: Decode,
        context: Iterable[int] = (),
        *,
        stops: Sequence[str] = (),
        include_stop: bool = False,
        min_tokens: int = 0,
        at_once: bool = False,
    ) -> None:
        self._unscanned = min_tokens
        self._detokenizer = WholeText(decode, context) if at_once and not stops else Detokenizer(decode, context)
        self._stops = StopFilter(stops, include_stop=include_stop)

    @property
    def stopped(self) -> bool:
        """Whether a stop sequence ended the text."""
        return self._stops.stopped

    def push(self, token: int) -> str:
        """Add the next token and return the text that is now certain."""
        text = self._detokenizer.push(token)
        if self._unscanned > 0:
            self._unscanned -= 1
            return text
        return self._stops.push(text)

    def finish(self) -> str:
        """Return the text that is still held back. Call it once, after the last token."""
        return self._stops.push(self._detokenizer.finish()) + self._stops.finish()
