"""The code evaluator as a tool for a batch's model.

The model writes a block that begins with "```python" and ends with "```", each on its own line. The code is run, its output and a line of
">>>" are added after the block, and the model continues from there.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any

from llmengine_integrations.engine.batch_jobs.code_evaluator import CodeEvaluator
from llmengine_integrations.engine.runtime.generation import GenerationRequest, Piece
from llmengine_integrations.wire.completions import CompletionOutput, TokenOutput

from .batch_rows import RowError

OPEN = "```python\n"
CALL = "\n```\n"
RESULT_END = "\n>>>\n"

_CALLS = 10
_SECONDS = 60
_BAD_REQUEST = 400

Generate = Callable[[GenerationRequest], Awaitable[list[Piece]]]


class CodeTool:
    """Completes prompts with a model that can have code run.

    Args:
        evaluator: runs the code.
    """

    def __init__(self, evaluator: CodeEvaluator) -> None:
        self._evaluator = evaluator

    async def complete(
        self, generate: Generate, request: GenerationRequest, config: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Complete a prompt.

        Args:
            generate: runs the model.
            request: the completion, whose prompt is a string.
            config: the job's `tool_config`.

        Returns:
            A CompletionOutput. Its tokens are only those of the model; its text also has the output of the code.

        Raises:
            RowError: the model failed, or the code failed and may not be tried again.
        """
        calls_left = _given(config, "max_iterations", _CALLS)
        told = _Telling(request)
        while await told.go_on(generate):
            code = told.called_code()
            if code is None:
                continue
            if calls_left <= 0:
                break
            calls_left -= 1
            result = await self._evaluator.run(code, _given(config, "execution_timeout_seconds", _SECONDS))
            if result.failed and config.get("should_retry_on_error") is False:
                raise RowError(_BAD_REQUEST, f"The code failed: {result.output}")
            told.add_result(result.output)
        return told.output()


class _Telling:
    """A text that the model and the output of the code extend in turn."""

    def __init__(self, request: GenerationRequest) -> None:
        if not isinstance(request.prompt, str) or request.max_new_tokens is None:
            raise AssertionError("a completion of a batch of prompts has a text and a limit")
        self._request = request
        self._prompt = request.prompt
        self._limit = request.max_new_tokens
        self._text = ""
        self._pieces: list[Piece] = []
        self._num_tokens = 0
        self._num_prompt_tokens: int | None = None
        self._called = False

    async def go_on(self, generate: Generate) -> bool:
        """Let the model continue the text. Return whether it stopped with a call."""
        left = self._limit - self._num_tokens
        if left <= 0 and self._pieces:
            return False
        stops = (*self._request.stop_sequences, CALL)
        prompt = self._prompt + self._text
        request = replace(self._request, prompt=prompt, max_new_tokens=left, stop_sequences=stops, include_stop=True)
        try:
            pieces = await generate(request)
        except RowError as error:
            if self._pieces and error.status_code == _BAD_REQUEST:
                return False  # no room in the context for more
            raise
        self._take(pieces)
        return self._called

    def called_code(self) -> str | None:
        """Return the code of the call at the end of the text; None if another kind of block ends there."""
        _, opened, block = (self._prompt + self._text).rpartition(OPEN)
        code = block.removesuffix(CALL)
        return code if opened and CALL not in code else None

    def add_result(self, output: str) -> None:
        """Add the output of code after its block."""
        self._text += output.rstrip("\n") + RESULT_END

    def output(self) -> dict[str, Any]:
        """Return the output for the client."""
        tokens = [
            TokenOutput(token=piece.token, log_prob=piece.log_prob)
            for piece in self._pieces
            if piece.token is not None and piece.log_prob is not None
        ]
        return CompletionOutput(
            text=self._text,
            num_prompt_tokens=self._num_prompt_tokens,
            num_completion_tokens=self._num_tokens,
            tokens=tokens if self._request.log_probs else None,
        ).model_dump(mode="json")

    def _take(self, pieces: list[Piece]) -> None:
        last = pieces[-1]
        text = "".join(piece.text for piece in pieces)
        stopped = last.finish_reason == "stop"
        self._called = stopped and text.endswith(CALL)
        if stopped and not self._called:
            text = self._without_stop(text)
        self._text += text
        self._pieces += pieces
        self._num_tokens += last.num_tokens
        if self._num_prompt_tokens is None:
            self._num_prompt_tokens = last.num_prompt_tokens

    def _without_stop(self, text: str) -> str:
        """Return the text without the job's own stop sequence. It is there because the tool's stop sequence must be included."""
        return next((text.removesuffix(stop) for stop in self._request.stop_sequences if text.endswith(stop)), text)


def _given(config: Mapping[str, Any], name: str, default: int) -> int:
    value = config.get(name)
    return default if value is None else value
