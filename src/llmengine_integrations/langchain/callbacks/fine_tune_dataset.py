"""Writes runs into a training file."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import BaseMessage, get_buffer_string
from langchain_core.outputs import Generation, LLMResult
from typing_extensions import override

from ..._shared.thread_lock import ThreadLock
from ...datasets import AnswerCheck, ModelAnswer, TrainingFile, TrainingRow, asks_for_json, finish_reason_of
from ._generations import calls_tools, has_media, info_of, text_of


class FineTuneDatasetCallbackHandler(BaseCallbackHandler):
    """Writes the prompts and responses of runs into a training file, `.csv` or `.jsonl`, for a fine-tune.

        dataset = FineTuneDatasetCallbackHandler("train.csv", tags=["good"])
        chain.invoke("x", config={"callbacks": [dataset], "tags": ["good"]})
        client.fine_tunes.create("llama-2-7b", client.files.upload("train.csv", check=True).id)

    A run is written when it ends, and is then on the disk. Each pair is written once. Only complete answers are examples. These are left
    out: answers that were cut off at their token limit, that a content filter ended, that call tools, that are empty, or that should be
    JSON and are not; runs that failed or that their caller left early; and chats with images. `left_out` counts them, and the first of each
    kind is logged. Any number of runs, threads and processes may write into one file; see `llmengine_integrations.datasets.TrainingFile`.

    Args:
        file: The file to write.
        messages_to_prompt: Makes the prompt from a chat's messages, in the form in which the fine-tuned model will be asked. By default, it
            writes "Human: ..." lines, as LangChain does for a plain model. With your own function, chats with images are included.
        keep: Decides which examples to write; all by default. Not with a `TrainingFile`, which has its own.
        tags: Write only runs that have one of these tags; all runs by default.
        truncated: Whether to include answers that were cut off at their token limit. A model trained on them learns to stop anywhere.

    Raises:
        InvalidArgumentError: The file's name does not end in `.csv` or `.jsonl`.
    """

    def __init__(
        self,
        file: TrainingFile | str | os.PathLike[str],
        *,
        messages_to_prompt: Callable[[Sequence[BaseMessage]], str] = get_buffer_string,
        keep: Callable[[TrainingRow], bool] | None = None,
        tags: Collection[str] | None = None,
        truncated: bool = False,
    ) -> None:
        super().__init__()
        if isinstance(file, TrainingFile) and keep is not None:
            raise TypeError("Give keep to the TrainingFile.")
        self.file = file if isinstance(file, TrainingFile) else TrainingFile(file, keep=keep)
        self._messages_to_prompt = messages_to_prompt
        self._tags = None if tags is None else frozenset(tags)
        self._check = AnswerCheck(truncated=truncated)
        self._lock = ThreadLock()
        self._prompts: dict[UUID, ModelAnswer] = {}

    @property
    def left_out(self) -> dict[str, int]:
        """The number of answers left out so far, by reason, such as `{"truncated": 2}`."""
        return self._check.left_out

    @override
    def on_llm_start(
        self,
        serialized: dict[str, Any],
        prompts: list[str],
        *,
        run_id: UUID,
        tags: list[str] | None = None,
        **kwargs: Any,
    ) -> None:
        """Remember the prompts of a plain model."""
        if self._wanted(tags):
            self._start(run_id, ModelAnswer(prompts[0], "", wants_json=_asks_for_json(kwargs)))

    @override
    def on_chat_model_start(
        self,
        serialized: dict[str, Any],
        messages: list[list[BaseMessage]],
        *,
        run_id: UUID,
        tags: list[str] | None = None,
        **kwargs: Any,
    ) -> None:
        """Remember the messages of a chat model."""
        if self._wanted(tags):
            is_text = self._messages_to_prompt is not get_buffer_string or not any(map(has_media, messages[0]))
            prompt = self._messages_to_prompt(messages[0])
            self._start(run_id, ModelAnswer(prompt, "", prompt_is_text=is_text, wants_json=_asks_for_json(kwargs)))

    @override
    def on_llm_end(self, response: LLMResult, *, run_id: UUID, **kwargs: Any) -> None:
        """Write the prompts and answers."""
        asked = self._end(run_id)
        if asked is None:
            return
        answers = [_answered(asked, generation) for several in response.generations for generation in several]
        rows = [row for row in map(self._check.row, answers) if row is not None]
        if rows:
            self.file.append(rows)

    @override
    def on_llm_error(self, error: BaseException, *, run_id: UUID, **kwargs: Any) -> None:
        """Forget a run that failed, or that its caller left."""
        if self._end(run_id) is not None:
            self._check.failed(error)

    def _wanted(self, tags: list[str] | None) -> bool:
        return self._tags is None or not self._tags.isdisjoint(tags or [])

    def _start(self, run_id: UUID, asked: ModelAnswer) -> None:
        with self._lock:
            self._prompts[run_id] = asked

    def _end(self, run_id: UUID) -> ModelAnswer | None:
        with self._lock:
            return self._prompts.pop(run_id, None)


def _answered(asked: ModelAnswer, generation: Generation) -> ModelAnswer:
    reason = finish_reason_of(info_of(generation))
    return replace(asked, text=text_of(generation), finish_reason=reason, calls_tools=calls_tools(generation))


def _asks_for_json(info: Mapping[str, Any]) -> bool:
    return asks_for_json(info.get("invocation_params") or {})
