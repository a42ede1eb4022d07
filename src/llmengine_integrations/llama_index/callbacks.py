"""Collects the calls of a model as training data. Needs only llama-index-core, and works with every LLM of LlamaIndex."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

from llama_index.core.base.llms.types import (
    CachePoint,
    ChatMessage,
    ChatResponse,
    CompletionResponse,
    MessageRole,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
)
from llama_index.core.callbacks.base_handler import BaseCallbackHandler
from llama_index.core.callbacks.schema import CBEventType, EventPayload
from pydantic import BaseModel
from typing_extensions import override

from .._shared.thread_lock import ThreadLock
from ..datasets import AnswerCheck, ModelAnswer, TrainingFile, TrainingRow, asks_for_json, finish_reason_of
from ._messages import chat_prompt

MessagesToPrompt = Callable[[Sequence[ChatMessage]], str]


class LLMEngineFineTuningHandler(BaseCallbackHandler):
    """Records the prompts and responses of completions and chats, streamed or not, as training data for a model.

        handler = LLMEngineFineTuningHandler()
        Settings.callback_manager = CallbackManager([handler])  # query and chat engines pass it to their LLM
        ...
        handler.save_finetuning_events("train.csv")

    Only complete answers become examples. The handler leaves out answers that were truncated at their token limit, were ended by a content
    filter, call tools, are empty, or should be JSON but are not. It also leaves out failed calls, streams that were left early, and chats
    with images. `left_out` counts them, and the first of each kind is logged. The caller's messages are not changed. The handler is
    thread-safe. LLM classes of other packages may answer a chat through a completion and report both; then both are recorded.

    Args:
        messages_to_prompt: Creates the prompt from a chat's messages. By default, it writes lines `user: ...` and a last line
            `assistant:`, as `LLMEngine(api="v1")` does for a model without a template. Pass the function that the tuned model will be used
            with. With your own function, chats with images are recorded too.
        keep: Decides which examples to record; all by default.
        truncated: Whether to record answers that were truncated at their token limit. A model trained on them learns to stop anywhere.
    """

    def __init__(
        self,
        *,
        messages_to_prompt: MessagesToPrompt | None = None,
        keep: Callable[[TrainingRow], bool] | None = None,
        truncated: bool = False,
    ) -> None:
        super().__init__(event_starts_to_ignore=[], event_ends_to_ignore=[])
        self._messages_to_prompt = messages_to_prompt or chat_prompt
        self._keep = keep
        self._check = AnswerCheck(truncated=truncated)
        self._json: set[str] = set()
        self._recorded: dict[str, tuple[list[ChatMessage], TrainingRow]] = {}
        self._lock = ThreadLock()

    @property
    def left_out(self) -> dict[str, int]:
        """The number of answers left out so far, by reason, such as `{"truncated": 2}`."""
        return self._check.left_out

    @property
    def rows(self) -> list[TrainingRow]:
        """The recorded rows, oldest first."""
        with self._lock:
            return [row for _, row in self._recorded.values()]

    def get_finetuning_events(self) -> dict[str, list[ChatMessage]]:
        """The recorded conversations by event id, with the response as the last message. A completion's prompt is a user message."""
        with self._lock:
            return {event: list(messages) for event, (messages, _) in self._recorded.items()}

    def save_finetuning_events(self, path: str | os.PathLike[str], *, clear: bool = False) -> int:
        """Add the recorded rows to a training file, `.csv` or `.jsonl`, and return how many rows were new to it.

        Either all rows are written or none. Rows that are already in the file are not repeated.

        Args:
            path: The file. It is created if it does not exist.
            clear: Whether to clear the recorded rows afterwards, as a long-running process should.

        Raises:
            TrainingDataError: The file exists but is not training data.
            OSError: The file cannot be written. It is unchanged.
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
        """Remember whether a call asks for JSON. The end of the event contains everything else from its start."""
        if event_type is CBEventType.LLM and asks_for_json((payload or {}).get(EventPayload.ADDITIONAL_KWARGS) or {}):
            with self._lock:
                self._json.add(event_id)
        return event_id

    @override
    def on_event_end(
        self, event_type: CBEventType, payload: dict[str, Any] | None = None, event_id: str = "", **kwargs: Any
    ) -> None:
        """Record a call of a model."""
        if event_type is not CBEventType.LLM or not payload:
            return
        with self._lock:
            wants_json = event_id in self._json
            self._json.discard(event_id)
        if EventPayload.EXCEPTION in payload:
            self._check.failed(payload[EventPayload.EXCEPTION])
        elif (messages := _messages(payload)) is not None:
            row = self._check.row(self._answer(messages, payload, wants_json=wants_json))
            if row is not None and (self._keep is None or self._keep(row)):
                with self._lock:
                    self._recorded[event_id] = (messages, row)

    def _answer(self, messages: Sequence[ChatMessage], payload: dict[str, Any], *, wants_json: bool) -> ModelAnswer:
        *asked, said = messages
        return ModelAnswer(
            self._prompt(asked, payload),
            said.content or "",
            finish_reason=_finish_reason(_answered(payload)),
            calls_tools=_calls_tools(said),
            prompt_is_text=self._messages_to_prompt is not chat_prompt or not any(map(_has_media, asked)),
            wants_json=wants_json,
        )

    def _prompt(self, asked: Sequence[ChatMessage], payload: dict[str, Any]) -> str:
        if EventPayload.MESSAGES in payload:
            return self._messages_to_prompt(asked)
        return asked[0].content or ""

    @override
    def start_trace(self, trace_id: str | None = None) -> None:
        """Does nothing: traces are not used here."""

    @override
    def end_trace(self, trace_id: str | None = None, trace_map: dict[str, list[str]] | None = None) -> None:
        """Does nothing: traces are not used here."""


def _answered(payload: dict[str, Any]) -> Any:
    return payload.get(EventPayload.RESPONSE) or payload.get(EventPayload.COMPLETION)


def _finish_reason(answer: Any) -> str | None:
    """Why an answer ended. This package's LLM has it in the additional keyword arguments, others in the provider's reply."""
    if not isinstance(answer, ChatResponse | CompletionResponse):
        return None
    raw = _plain(answer.raw)
    choices: object = raw.get("choices")
    first: object = cast("list[object]", choices)[0] if choices and isinstance(choices, list) else None
    return finish_reason_of(_plain(cast("Any", answer).additional_kwargs), _plain(first), raw)


def _plain(value: Any) -> Mapping[str, Any]:
    """A provider's reply as a mapping; some packages use objects."""
    if isinstance(value, Mapping):
        return cast("Mapping[str, Any]", value)
    return value.model_dump() if isinstance(value, BaseModel) else {}


def _calls_tools(message: ChatMessage) -> bool:
    blocks = any(isinstance(block, ToolCallBlock) for block in message.blocks)
    return blocks or bool(message.additional_kwargs.get("tool_calls"))


def _has_media(message: ChatMessage) -> bool:
    """Whether a message contains something that is missing from its text."""
    return not all(
        isinstance(block, TextBlock | ThinkingBlock | CachePoint | ToolCallBlock) for block in message.blocks
    )


def _messages(payload: dict[str, Any]) -> list[ChatMessage] | None:
    """Copies of the request's messages, followed by the answer; None for a call without an answer."""
    answer = _answered(payload)
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
