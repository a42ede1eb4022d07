"""Collecting the calls of a model as training data. Needs llama-index-core only, and works with every LLM of LlamaIndex."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from typing import Any

from llama_index.core.base.llms.types import ChatMessage, ChatResponse, CompletionResponse, MessageRole
from llama_index.core.callbacks.base_handler import BaseCallbackHandler
from llama_index.core.callbacks.schema import CBEventType, EventPayload
from typing_extensions import override

from ..datasets import TrainingFile, TrainingRow
from ._messages import chat_prompt

MessagesToPrompt = Callable[[Sequence[ChatMessage]], str]


class LLMEngineFineTuningHandler(BaseCallbackHandler):
    """Records the prompts and responses of completions and chats, whole and streamed, to train a model on.

        handler = LLMEngineFineTuningHandler()
        Settings.callback_manager = CallbackManager([handler])  # query and chat engines hand it to their LLM
        ...
        handler.save_finetuning_events("train.csv")

    Calls that failed, streams that were left early, and prompts and responses without text (images, tool calls alone) are no examples.
    The caller's messages are not touched. Safe for threads. LLM classes other than this package's may answer a chat by a completion and
    report both: then both are recorded.

    Args:
        messages_to_prompt: Makes the prompt of a chat's messages; by default lines `user: ...` and a last one `assistant:`, as
            `LLMEngine(api="v1")` asks a model without a template. Give it what the tuned model will be asked with.
        keep: Which examples to record; all by default.
    """

    def __init__(
        self,
        *,
        messages_to_prompt: MessagesToPrompt | None = None,
        keep: Callable[[TrainingRow], bool] | None = None,
    ) -> None:
        super().__init__(event_starts_to_ignore=[], event_ends_to_ignore=[])
        self._messages_to_prompt = messages_to_prompt or chat_prompt
        self._keep = keep
        self._recorded: dict[str, tuple[list[ChatMessage], TrainingRow]] = {}
        self._lock = threading.Lock()

    @property
    def rows(self) -> list[TrainingRow]:
        """What was recorded, oldest first."""
        with self._lock:
            return [row for _, row in self._recorded.values()]

    def get_finetuning_events(self) -> dict[str, list[ChatMessage]]:
        """What was recorded, by event id: the messages, and the response as the last one. A completion's prompt is a user message."""
        with self._lock:
            return {event: list(messages) for event, (messages, _) in self._recorded.items()}

    def save_finetuning_events(self, path: str | os.PathLike[str], *, clear: bool = False) -> int:
        """Add what was recorded to a training file, `.csv` or `.jsonl`, and return how many rows were new to it.

        All are written or none; rows that are in the file already stay single.

        Args:
            path: The file; it is made if it is not there.
            clear: Whether to forget them afterwards, as a long-running process should.

        Raises:
            TrainingDataError: The file that is there is no training data.
            OSError: It cannot be written; it is as it was.
        """
        with self._lock:
            recorded = dict(self._recorded)
        added = TrainingFile(path).append(row for _, row in recorded.values())
        if clear:
            with self._lock:
                self._recorded = {event: one for event, one in self._recorded.items() if event not in recorded}
        return added

    @override
    def on_event_start(
        self,
        event_type: CBEventType,
        payload: dict[str, Any] | None = None,
        event_id: str = "",
        parent_id: str = "",
        **kwargs: Any,
    ) -> str:
        """Nothing: the end of an event says what it began with."""
        return event_id

    @override
    def on_event_end(
        self, event_type: CBEventType, payload: dict[str, Any] | None = None, event_id: str = "", **kwargs: Any
    ) -> None:
        """Record a call of a model."""
        if event_type is not CBEventType.LLM or not payload or EventPayload.EXCEPTION in payload:
            return
        if (messages := _messages(payload)) is None:
            return
        *asked, answer = messages
        row = TrainingRow(self._prompt(asked, payload), answer.content or "")
        if all(map(str.strip, row)) and (self._keep is None or self._keep(row)):
            with self._lock:
                self._recorded[event_id] = (messages, row)

    def _prompt(self, asked: Sequence[ChatMessage], payload: dict[str, Any]) -> str:
        if EventPayload.MESSAGES in payload:
            return self._messages_to_prompt(asked)
        return asked[0].content or ""

    @override
    def start_trace(self, trace_id: str | None = None) -> None:
        """Nothing: traces do not matter here."""

    @override
    def end_trace(self, trace_id: str | None = None, trace_map: dict[str, list[str]] | None = None) -> None:
        """Nothing: traces do not matter here."""


def _messages(payload: dict[str, Any]) -> list[ChatMessage] | None:
    """Copies of what was asked and, last, of what was answered; None for a call without an answer."""
    answer = payload.get(EventPayload.RESPONSE) or payload.get(EventPayload.COMPLETION)
    match answer:
        case ChatResponse(message=message):
            reply = message.model_copy(deep=True)
        case CompletionResponse(text=text):
            reply = ChatMessage(text, role=MessageRole.ASSISTANT)
        case str():
            reply = ChatMessage(answer, role=MessageRole.ASSISTANT)
        case _:
            return None
    asked: Sequence[ChatMessage] | None = payload.get(EventPayload.MESSAGES)
    if asked is None:
        return [ChatMessage(str(payload.get(EventPayload.PROMPT, "")), role=MessageRole.USER), reply]
    return [*(message.model_copy(deep=True) for message in asked), reply]
