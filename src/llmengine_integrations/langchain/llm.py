"""The completion model."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator, Mapping
from itertools import chain
from typing import TYPE_CHECKING, Any, Self

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import LangSmithParams
from langchain_core.outputs import GenerationChunk, LLMResult
from pydantic import AliasChoices, Field, SecretStr, model_validator
from typing_extensions import override

from .. import AsyncClient, Client, __version__
from ..types import HttpAsyncClient, HttpClient
from ..wire.completions import Completion
from . import _options
from ._connection import Connected
from ._errors import langchain_errors
from ._llm.per_call import PerCallLLM
from ._llm.results import Chunks, llm_result
from ._running.limited_map import map_tasks, map_threads
from ._tokenizer import Tokenizer


class LLMEngine(Connected, PerCallLLM):
    r"""A completion model served by LLM Engine.

    Setup:
        ```bash
        pip install "llmengine-integrations[langchain]"
        export SCALE_API_KEY="..."            # a server on this machine needs none
        export LLM_ENGINE_BASE_PATH="https://llm-engine.example.com"
        ```

    Key init args - completion params:
        model: The endpoint's name. Alias `model_name`.
        temperature: 0 (the likeliest token each time) to 1; 0.2 by default.
        max_new_tokens: The maximum number of tokens to generate; 256 by default. Alias `max_tokens`.
        stop: Strings that end the text, or one string. Alias `stop_sequences`.
        logprobs: Whether to return the tokens' log-probabilities. Alias `return_token_log_probs`.
        top_k, top_p, presence_penalty, frequency_penalty, include_stop_str_in_output, skip_special_tokens: See the fields below.
        guided_json, guided_regex, guided_choice, guided_grammar: Constraints on the text; at most one of them.

    Key init args - client params:
        base_url, api_key, timeout, max_retries: The same as for `llmengine_integrations.Client`, including defaults and environment.
        max_concurrency: Concurrent requests for the prompts of one `batch`, `abatch`, `generate` or `agenerate`; 8 by default.
        default_headers, allow_http: The same.
        http_client, http_async_client: An `httpx.Client` and an `httpx.AsyncClient`, for proxies, certificates or tests.
        client, async_client: Your own clients instead. If you give one, the other kind of calls has the same settings.

    Instantiate:
        ```python
        from llmengine_integrations.langchain import LLMEngine

        llm = LLMEngine(model="llama-2-7b", temperature=0, max_new_tokens=64, stop=["\n\n"])
        ```

    Invoke:
        ```python
        llm.invoke("The capital of France is")
        llm.invoke("The capital of France is", max_tokens=5, temperature=0.7)  # for this call only
        ```
        Every completion param can be given per call, under its name or alias, and so can `timeout`; it overrides the instance's. `stop`
        replaces the instance's (`[]` means no stop strings). A misspelt name raises TypeError.

    Stream:
        ```python
        for text in llm.stream("The capital of France is"):
            print(text, end="", flush=True)
        ```
        A stream that is cut off raises an error; it never passes for a short text. Leaving the loop closes the connection.

    Async:
        ```python
        await llm.ainvoke("The capital of France is")
        async for text in llm.astream("The capital of France is"): ...
        await llm.abatch(["The capital of France is", "The capital of Peru is"], config={"max_concurrency": 2})
        ```
        Native: no threads. If you leave an `async for` early, call `aclose()` on the stream, as with any async generator.

    Batch:
        ```python
        llm.batch(["One", "Two", "Three"], return_exceptions=True)
        ```
        Each prompt has its own run, and so its own callbacks, usage and errors.

    Token usage:
        ```python
        result = llm.generate(["The capital of France is"])
        result.llm_output["token_usage"]  # {'prompt_tokens': 5, 'completion_tokens': 7, 'total_tokens': 12}
        result.generations[0][0].generation_info["token_usage"]  # of one prompt; in streams on the last chunk
        ```

    Logprobs:
        ```python
        result = llm.generate(["The capital of France is"], logprobs=True)
        result.generations[0][0].generation_info["logprobs"]  # {'tokens': [' Paris'], 'token_logprobs': [-0.01]}
        ```

    Response metadata:
        `generation_info` also holds `finish_reason` ("stop", or "length" if all of `max_new_tokens` were used; None if the endpoint
        does not count tokens), `model_name` and `request_id`. Streams have the same keys, at the end.

    Counting tokens:
        `get_num_tokens` counts with the model's `tokenizer`, an object with `encode` or a path on this machine, or with
        `custom_get_token_ids`. Without either it raises ConfigurationError.

    Serialization:
        `dumps`, `repr` and traces contain neither the key nor headers; a loaded model reads its key from `SCALE_API_KEY`. Pickles
        contain the headers that are not secret; a model with an `http_client` cannot be pickled.

        ```python
        loads(dumps(llm), allowed_objects=[LLMEngine], valid_namespaces=["llmengine_integrations"])
        ```

    Errors:
        The errors of `llmengine_integrations.errors`. Here they are also LangChain's `Model*Error` classes, with `is_retryable`.

        ```python
        llm.with_fallbacks([other], exceptions_to_handle=(ModelNotFoundError,))
        ```

    Raises:
        ConfigurationError: No key is set for a server that is not on loopback, the base URL is invalid, or a setting differs from the
            given client's own.
        TypeError: A field does not exist, or is given under two names.
        pydantic.ValidationError: A field has the wrong type. The server checks ranges.
    """

    model: str = Field(validation_alias=AliasChoices("model", "model_name"))
    """The endpoint's name."""
    temperature: float = 0.2
    """0 (the likeliest token each time) to 1 (the model's own distribution)."""
    max_new_tokens: int = Field(default=256, validation_alias=AliasChoices("max_new_tokens", "max_tokens"))
    """The maximum number of tokens to generate."""
    logprobs: bool | None = Field(default=None, validation_alias=AliasChoices("logprobs", "return_token_log_probs"))
    """Whether to return each token with its natural log-probability. Not on TensorRT-LLM."""
    top_k: int | None = None
    """Sample among the k likeliest tokens; -1 considers all. Needs temperature > 0."""
    top_p: float | None = None
    """Sample among the likeliest tokens that together reach this probability, (0, 1]. Needs temperature > 0."""
    presence_penalty: float | None = None
    """Penalty for tokens that have occurred at all, 0 to 2. vLLM and LightLLM only."""
    frequency_penalty: float | None = None
    """Penalty for each occurrence of a token, 0 to 2. vLLM and LightLLM only."""
    include_stop_str_in_output: bool | None = None
    """Whether the text keeps the stop string that ended it. vLLM only."""
    skip_special_tokens: bool | None = None
    """Whether to leave special tokens out of the text; the server's default is True. vLLM only."""
    guided_json: dict[str, Any] | None = None
    """A JSON schema that the text must satisfy. vLLM only."""
    guided_regex: str | None = None
    """A regular expression that the text must match. vLLM only."""
    guided_choice: list[str] | None = None
    """The text must be one of these strings. vLLM only."""
    guided_grammar: str | None = None
    """A context-free grammar that the text must follow. vLLM only."""

    if TYPE_CHECKING:

        def __init__(  # the fields under all their names, which type checkers cannot derive
            self,
            *,
            model: str = ...,
            model_name: str = ...,
            base_url: str | None = ...,
            api_key: SecretStr | str | None = ...,
            timeout: Any = ...,
            max_retries: int | None = ...,
            default_headers: Mapping[str, str] | None = ...,
            allow_http: bool = ...,
            http_client: HttpClient | None = ...,
            http_async_client: HttpAsyncClient | None = ...,
            temperature: float = ...,
            max_new_tokens: int = ...,
            max_tokens: int = ...,
            stop: list[str] | str | None = ...,
            stop_sequences: list[str] | str | None = ...,
            logprobs: bool | None = ...,
            return_token_log_probs: bool | None = ...,
            top_k: int | None = ...,
            top_p: float | None = ...,
            presence_penalty: float | None = ...,
            frequency_penalty: float | None = ...,
            include_stop_str_in_output: bool | None = ...,
            skip_special_tokens: bool | None = ...,
            guided_json: dict[str, Any] | None = ...,
            guided_regex: str | None = ...,
            guided_choice: list[str] | None = ...,
            guided_grammar: str | None = ...,
            max_concurrency: int = ...,
            tokenizer: Tokenizer | str | os.PathLike[str] | None = ...,
            client: Client | None = ...,
            async_client: AsyncClient | None = ...,
            **of_langchain: Any,
        ) -> None: ...

    @model_validator(mode="after")
    def _set_llmengine_version(self) -> Self:
        if hasattr(self, "_add_version"):  # since langchain-core 1.5
            self._add_version("llmengine-integrations", __version__)
        return self

    @property
    @override
    def _llm_type(self) -> str:
        return "llmengine"

    @property
    @override
    def _identifying_params(self) -> dict[str, Any]:
        """What a cached answer depends on, and what traces show."""
        params = _options.merged(_options.fields(self), self._call_options)
        return {"base_url": self._connected().base_url, **params}

    @override
    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> LangSmithParams:
        params = self._params(stop, kwargs)
        traced = LangSmithParams(
            ls_provider="llmengine",
            ls_model_type="llm",
            ls_model_name=params["model"],
            ls_temperature=params["temperature"],
            ls_max_tokens=params["max_new_tokens"],
        )
        if params["stop"]:
            traced["ls_stop"] = params["stop"]
        return traced

    def _params(self, stop: list[str] | None, options: Mapping[str, Any]) -> dict[str, Any]:
        return _options.merged(_options.fields(self), _options.canonical(stop, options))

    @override
    def _generate(
        self,
        prompts: list[str],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> LLMResult:
        params = self._params(stop, kwargs)
        create, arguments = self._connected().client.completions.create, _options.request(params)

        def complete(prompt: str) -> Completion:
            return create(prompt=prompt, **arguments)

        with langchain_errors():
            return llm_result(map_threads(complete, prompts, self.max_concurrency), params)

    @override
    async def _agenerate(
        self,
        prompts: list[str],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> LLMResult:
        params = self._params(stop, kwargs)
        create, arguments = self._connected().async_client.completions.create, _options.request(params)

        async def complete(prompt: str) -> Completion:
            return await create(prompt=prompt, **arguments)

        with langchain_errors():
            return llm_result(await map_tasks(complete, prompts, self.max_concurrency), params)

    @override
    def _stream(
        self,
        prompt: str,
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[GenerationChunk]:
        params = self._params(stop, kwargs)
        chunks, stream = Chunks(params), self._connected().client.completions.stream
        with langchain_errors(), stream(prompt=prompt, **_options.request(params)) as events:
            for chunk in chain(map(chunks.feed, events), chunks.end()):
                if run_manager is not None:
                    run_manager.on_llm_new_token(chunk.text, chunk=chunk)
                yield chunk

    @override
    async def _astream(
        self,
        prompt: str,
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[GenerationChunk]:
        params = self._params(stop, kwargs)
        chunks, stream = Chunks(params), self._connected().async_client.completions.stream
        with langchain_errors():
            async with stream(prompt=prompt, **_options.request(params)) as events:
                async for event in events:
                    chunk = chunks.feed(event)
                    if run_manager is not None:
                        await run_manager.on_llm_new_token(chunk.text, chunk=chunk)
                    yield chunk
            for chunk in chunks.end():
                if run_manager is not None:
                    await run_manager.on_llm_new_token(chunk.text, chunk=chunk)
                yield chunk
