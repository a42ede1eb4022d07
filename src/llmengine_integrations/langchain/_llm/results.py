"""Translates LLM Engine's replies into LangChain's generations. Pure functions.

`generation_info` has the same keys whether an answer came whole or in chunks: `finish_reason`, `model_name`, `token_usage`, `request_id`,
and `logprobs` if they were requested.

LangChain merges the chunks of a stream by adding up their values: strings are joined, integers are summed, floats and booleans are
refused. So a chunk has only its log-probabilities (as lists). The last chunk has everything else.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from langchain_core.outputs import Generation, GenerationChunk, LLMResult

from ...prompting.completion_replies import counted
from ...wire.completions import Completion, CompletionChunk, TokenOutput


def llm_result(completions: Sequence[Completion], params: Mapping[str, Any]) -> LLMResult:
    """Return the result of a call: one generation for each prompt, with the total usage."""
    generations = [generation(completion, params) for completion in completions]
    usages = [(one.generation_info or {})["token_usage"] for one in generations]
    return LLMResult(
        generations=[[one] for one in generations],
        llm_output={"token_usage": _total(usages), "model_name": params["model"]},
    )


def generation(completion: Completion, params: Mapping[str, Any]) -> Generation:
    """Return one finished completion as a generation."""
    output = completion.output
    info = _closing(
        params,
        request_id=completion.request_id,
        prompt_tokens=output.num_prompt_tokens,
        completion_tokens=output.num_completion_tokens,
        empty=not output.text,
    )
    return Generation(text=output.text, generation_info=info | _logprobs(output.tokens))


class Chunks:
    """Reads one stream, event by event."""

    def __init__(self, params: Mapping[str, Any]) -> None:
        self._params = params
        self._request_id: str | None = None
        self._prompt_tokens: int | None = None
        self._completion_tokens: int | None = None
        self._empty = True
        self._closed = False

    def feed(self, event: CompletionChunk) -> GenerationChunk:
        """Return the chunk for an event. The chunk that finishes the stream also says how it ended."""
        output = event.output
        self._request_id = event.request_id or self._request_id
        self._empty = self._empty and not output.text
        if output.num_prompt_tokens is not None:
            self._prompt_tokens = output.num_prompt_tokens
        if output.num_completion_tokens is not None:
            self._completion_tokens = output.num_completion_tokens
        info = {} if output.token is None else _logprobs([output.token])
        if output.finished and not self._closed:
            info |= self._close()
        return GenerationChunk(text=output.text, generation_info=info or None)

    def end(self) -> Iterator[GenerationChunk]:
        """Yield an empty last chunk if the stream never said that it was finished, as those of TensorRT-LLM."""
        if not self._closed:
            yield GenerationChunk(text="", generation_info=self._close())

    def _close(self) -> dict[str, Any]:
        self._closed = True
        return _closing(
            self._params,
            request_id=self._request_id,
            prompt_tokens=self._prompt_tokens,
            completion_tokens=self._completion_tokens,
            empty=self._empty,
        )


def _closing(
    params: Mapping[str, Any],
    *,
    request_id: str | None,
    prompt_tokens: int | None,
    completion_tokens: int | None,
    empty: bool,
) -> dict[str, Any]:
    usage, finish_reason = counted(prompt_tokens, completion_tokens, params["max_new_tokens"], empty=empty)
    return {
        "finish_reason": finish_reason,
        "model_name": params["model"],
        "token_usage": usage,
        "request_id": request_id,
    }


def _total(usages: Sequence[Mapping[str, int]]) -> dict[str, int]:
    """Return the sum of each count that every usage has. A partial sum would pass for the whole."""
    if len(usages) == 1:
        return dict(usages[0])
    keys = [key for key in ("prompt_tokens", "completion_tokens", "total_tokens") if all(key in u for u in usages)]
    return {key: sum(usage[key] for usage in usages) for key in keys}


def _logprobs(tokens: Sequence[TokenOutput] | None) -> dict[str, Any]:
    if tokens is None:
        return {}
    return {
        "logprobs": {
            "tokens": [token.token for token in tokens],
            "token_logprobs": [token.log_prob for token in tokens],
        }
    }
