"""Today's runs as tomorrow's training data."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Collection, Sequence
from typing import Any
from uuid import UUID

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import BaseMessage, get_buffer_string
from langchain_core.outputs import Generation, LLMResult
from typing_extensions import override

from ...datasets import TrainingFile, TrainingRow
from ._generations import info_of, text_of


class FineTuneDatasetCallbackHandler(BaseCallbackHandler):
    """Writes the prompts and responses of runs into a training file, `.csv` or `.jsonl`, that a fine-tune takes.

        dataset = FineTuneDatasetCallbackHandler("train.csv", tags=["good"])
        chain.invoke("x", config={"callbacks": [dataset], "tags": ["good"]})
        client.fine_tunes.create("llama-2-7b", client.files.upload("train.csv", check=True).id)

    A run is written when it ends, and is on the disk then; each pair once. Runs that failed or were left early, and answers without text
    (tool calls alone), are no examples. Any number of runs, threads and processes may write into one file; see
    `llmengine_integrations.datasets.TrainingFile`.

    Args:
        file: Where to write.
        messages_to_prompt: Makes the prompt of a chat's messages, as the fine-tuned model will be asked. By default "Human: ..." lines, as
            LangChain makes of messages that it gives to a plain model.
        keep: Which examples to take; all by default. Not with a `TrainingFile`, which has its own.
        tags: Take only runs that have one of these tags; all runs by default.
        truncated: Whether to take answers that were cut off at their greatest length: a model trained on them learns to stop anywhere.

    Raises:
        InvalidArgumentError: The file's name ends otherwise.
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
        self._truncated = truncated
        self._lock = threading.Lock()
        self._prompts: dict[UUID, str] = {}

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
        """Keep what a plain model is asked."""
        if self._wanted(tags):
            self._start(run_id, prompts[0])

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
        """Keep what a chat model is asked."""
        if self._wanted(tags):
            self._start(run_id, self._messages_to_prompt(messages[0]))

    @override
    def on_llm_end(self, response: LLMResult, *, run_id: UUID, **kwargs: Any) -> None:
        """Write what was asked and answered."""
        prompt = self._end(run_id)
        answers = [generation for several in response.generations for generation in several if self._fit(generation)]
        if prompt is not None and answers:
            self.file.append((prompt, text_of(answer)) for answer in answers)

    @override
    def on_llm_error(self, error: BaseException, *, run_id: UUID, **kwargs: Any) -> None:
        """Forget a run that failed, or that its caller left."""
        self._end(run_id)

    def _wanted(self, tags: list[str] | None) -> bool:
        return self._tags is None or not self._tags.isdisjoint(tags or [])

    def _fit(self, generation: Generation) -> bool:
        return self._truncated or info_of(generation).get("finish_reason") != "length"

    def _start(self, run_id: UUID, prompt: str) -> None:
        with self._lock:
            self._prompts[run_id] = prompt

    def _end(self, run_id: UUID) -> str | None:
        with self._lock:
            return self._prompts.pop(run_id, None)
