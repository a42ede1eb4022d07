"""Decides which answers of a model are training examples. The handlers of both frameworks use this."""

from __future__ import annotations

import asyncio
import json
import logging
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, cast

from ..._shared.thread_lock import ThreadLock
from .rows import TrainingRow

Flaw: TypeAlias = Literal[
    "truncated",
    "filtered",
    "tool_calls",
    "unfinished",
    "empty",
    "not_text",
    "not_json",
    "unwritable",
    "failed",
    "abandoned",
]
"""Why an answer is left out; `_SAYS` has the messages."""

_SAYS: Mapping[Flaw, str] = {
    "truncated": "it was cut off at its token limit",
    "filtered": "a content filter ended it",
    "tool_calls": "it calls tools, so its text is not the whole answer",
    "unfinished": "it ended for a reason that is not known to be a regular end",
    "empty": "its prompt or its response has no text",
    "not_text": "its prompt holds an image, a sound or a file",
    "not_json": "JSON was asked for, and it is not valid JSON",
    "unwritable": "its text has a NUL character or half a surrogate pair",
    "failed": "the call failed",
    "abandoned": "the stream was left early, or the call was cancelled",
}
_KEYS = ("finish_reason", "stop_reason", "done_reason")
_REGULAR = frozenset(
    {"stop", "stopped", "eos", "eos_token", "end_turn", "stop_sequence", "complete", "completed", "done", "finish"}
)
_REASONS: Mapping[str, Flaw] = {
    **dict.fromkeys(("length", "max_tokens", "max_length", "max_output_tokens", "model_length"), "truncated"),
    "model_context_window_exceeded": "truncated",
    **dict.fromkeys(("content_filter", "content_filtered", "safety", "refusal"), "filtered"),
    **dict.fromkeys(("tool_calls", "tool_use", "function_call", "tool_call"), "tool_calls"),
}
_log = logging.getLogger("llmengine_integrations")


@dataclass(frozen=True, slots=True)
class ModelAnswer:
    """What a model was asked and what it answered, as a handler received it.

    Attributes:
        prompt: The prompt in the form in which the fine-tuned model will be asked.
        text: The answer's text.
        finish_reason: Why it ended, in the provider's own word; None if that is unknown.
        calls_tools: Whether it calls tools.
        prompt_is_text: Whether the prompt has all of the input. Images are not in it.
        wants_json: Whether JSON was requested.
    """

    prompt: str
    text: str
    finish_reason: str | None = None
    calls_tools: bool = False
    prompt_is_text: bool = True
    wants_json: bool = False


class AnswerCheck:
    """Makes training rows from complete answers, and counts those that are left out. Safe for threads.

    Args:
        truncated: Whether to include answers that were cut off at their token limit.
    """

    def __init__(self, *, truncated: bool = False) -> None:
        self._truncated = truncated
        self._lock = ThreadLock()
        self._left_out: Counter[str] = Counter()

    @property
    def left_out(self) -> dict[str, int]:
        """The number of answers left out so far, by reason."""
        with self._lock:
            return {**self._left_out}

    def row(self, answer: ModelAnswer) -> TrainingRow | None:
        """Return the row of an answer; None if it is left out."""
        if (flaw := self._flaw(answer)) is not None:
            self._leave_out(flaw)
            return None
        return TrainingRow(answer.prompt, answer.text)

    def failed(self, error: BaseException) -> None:
        """Count a call that has no answer."""
        ended_by_caller = isinstance(error, GeneratorExit | asyncio.CancelledError | KeyboardInterrupt)
        self._leave_out("abandoned" if ended_by_caller else "failed")

    def _flaw(self, answer: ModelAnswer) -> Flaw | None:
        if (ended := _ended_badly(answer.finish_reason)) and not (ended == "truncated" and self._truncated):
            return ended
        if answer.calls_tools:
            return "tool_calls"
        if not answer.prompt_is_text:
            return "not_text"
        if not answer.prompt.strip() or not answer.text.strip():
            return "empty"
        if not _is_writable(answer.prompt + answer.text):
            return "unwritable"
        return "not_json" if answer.wants_json and not ended and not _is_json(answer.text) else None

    def _leave_out(self, flaw: Flaw) -> None:
        with self._lock:
            self._left_out[flaw] += 1
            first = self._left_out[flaw] == 1
        level = logging.WARNING if first else logging.DEBUG
        _log.log(
            level,
            "An answer is not used as training data: %s. The handler's left_out counts such answers.",
            _SAYS[flaw],
        )


def finish_reason_of(*told: Mapping[str, Any]) -> str | None:
    """Return why an answer ended, from a provider's metadata with any of the known keys. The first value that is found counts."""
    for info in told:
        for key in _KEYS:
            if (reason := info.get(key)) is not None:
                return str(getattr(reason, "name", reason))  # Google's are enums of numbers
        if info.get("status") == "incomplete":  # OpenAI's Responses API
            details: Mapping[str, Any] = info.get("incomplete_details") or {}
            return str(details.get("reason", "incomplete"))
    return None


def asks_for_json(options: Mapping[str, Any]) -> bool:
    """Return whether the options of a call request JSON."""
    wanted: object = options.get("response_format")
    kind = cast("Mapping[str, Any]", wanted).get("type") if isinstance(wanted, Mapping) else None
    return kind in {"json_object", "json_schema"} or bool(options.get("guided_json"))


def _ended_badly(reason: str | None) -> Flaw | None:
    said = (reason or "stop").strip().lower()
    return None if said in _REGULAR else _REASONS.get(said, "unfinished")


def _is_writable(text: str) -> bool:
    if "\0" in text:
        return False
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True
