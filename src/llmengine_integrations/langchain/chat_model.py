"""The chat model."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from langchain_core.language_models import LangSmithParams, LanguageModelInput, ModelProfile
from langchain_core.messages import AIMessage
from langchain_core.runnables import Runnable
from pydantic import SecretStr
from typing_extensions import override

from .. import AsyncClient, Client
from ..types import HttpAsyncClient, HttpClient
from ._chat import structured as _structured
from ._chat.hooks import ChatHooks
from ._chat.results import PROVIDER, combined_outputs
from ._chat.structured import Method, Schema
from ._chat.template import ChatTokenizer, Formatter
from ._chat.tools import ToolLike, openai_tool_choice, openai_tools
from ._tokenizer import Tokenizer


class ChatLLMEngine(ChatHooks):
    r"""A chat model served by LLM Engine.

    Setup:
        ```bash
        pip install "llmengine-integrations[langchain]"
        export SCALE_API_KEY="..."            # a server on this machine needs none
        export LLM_ENGINE_BASE_PATH="https://llm-engine.example.com"
        ```

    Key init args - completion params:
        model: The endpoint's name. Alias `model_name`.
        temperature: 0 (the likeliest token each time) to 2; the server's default is 1.
        max_new_tokens: The maximum number of tokens to generate. Aliases `max_tokens`, `max_completion_tokens`.
        stop: Strings that end the answer. Alias `stop_sequences`.
        logprobs, top_logprobs, n, seed, top_k, top_p, ..., guided_json, ...: See the fields. `model_kwargs` is for options without a field.

    Key init args - client params:
        base_url, api_key, timeout, max_retries: The same as for `llmengine_integrations.Client`, including defaults and environment.
        max_concurrency: Concurrent requests for one `batch` or `abatch`; 8 by default.
        default_headers, allow_http: The same.
        http_client, http_async_client: An `httpx.Client` and an `httpx.AsyncClient`, for proxies, certificates or tests.
        client, async_client: Your own clients instead. If you give one, the other kind of calls has the same settings.

    Instantiate:
        ```python
        from llmengine_integrations.langchain import ChatLLMEngine

        llm = ChatLLMEngine(model="llama-3-8b-instruct", temperature=0, max_tokens=64)
        ```

    Invoke:
        ```python
        llm.invoke([("system", "Answer in one word."), ("human", "What is the capital of France?")])
        llm.invoke("What is the capital of France?", max_tokens=5, temperature=0.7)  # for this call only
        ```
        Every field of a chat request can be given per call, under the name of the model's field, its alias or the request's, and so can
        `timeout`; it overrides the instance's. `stop` replaces the instance's (`[]` means no stop strings). A misspelt name raises
        TypeError.

    Stream:
        ```python
        for chunk in llm.stream("What is the capital of France?"):
            print(chunk.text, end="", flush=True)
        ```
        A stream that is cut off raises an error; it never passes for a short answer. Leaving the loop closes the connection.

    Async:
        ```python
        await llm.ainvoke("What is the capital of France?")
        async for chunk in llm.astream("What is the capital of France?"): ...
        await llm.abatch(["What is the capital of France?", "And of Peru?"], config={"max_concurrency": 2})
        ```
        Native: no threads. If you leave an `async for` early, call `aclose()` on the stream, as with any async generator.

    Tool calling:
        ```python
        def get_weather(city: str) -> str:
            '''Tell the weather in a city.'''

        llm.bind_tools([get_weather]).invoke("What is the weather in Rome?").tool_calls
        # [{'name': 'get_weather', 'args': {'city': 'Rome'}, 'id': 'call_...', 'type': 'tool_call'}]
        ```
        A call whose arguments are not a complete JSON object is in `invalid_tool_calls`, and is never made. LangChain would complete
        arguments that a stream cut off, and make the half call. So the last chunk adds a bracket that makes them invalid.

    Structured output:
        ```python
        class Person(BaseModel):
            name: str
            age: int

        llm.with_structured_output(Person).invoke("Ada is 36.")  # Person(name='Ada', age=36)
        ```
        `method` is "json_schema" (the default), "function_calling" or "json_mode". `include_raw` and `strict` are as in LangChain.

    Image input:
        ```python
        llm.invoke([HumanMessage([{"type": "text", "text": "What is this?"}, {"type": "image", "url": "https://..."}])])
        ```
        For models with image input. LangChain's, OpenAI's and Anthropic's forms are understood. Parts of other kinds are sent unchanged.

    Token usage:
        ```python
        llm.invoke("Hello").usage_metadata  # {'input_tokens': 8, 'output_tokens': 9, 'total_tokens': 17}
        ```
        Streams end with it too, unless `stream_usage=False`.

    Logprobs:
        ```python
        llm.invoke("Hello", logprobs=True).response_metadata["logprobs"]["content"]  # [{'token': 'Hi', 'logprob': -0.1, ...}, ...]
        ```

    Response metadata:
        `finish_reason`, `model_name`, `model_provider`, `token_usage` and the reply's `id`. Streams have the same keys, at the end. The
        thoughts of a reasoning model are in `additional_kwargs["reasoning_content"]`, and among the `content_blocks`.

    Endpoints without a chat route:
        Endpoints of TGI, DeepSpeed, LightLLM and TensorRT-LLM, and older gateways, only complete text. For them, the same model makes the
        prompt itself, with a chat template (Jinja, in a sandbox), a tokenizer's own template, or a function:

        ```python
        ChatLLMEngine(model="mistral-7b", api="v1", chat_template=open("template.jinja").read())
        ChatLLMEngine(model="mistral-7b", api="v1", tokenizer=AutoTokenizer.from_pretrained("..."))
        ChatLLMEngine(model="mistral-7b", api="v1", formatter=lambda messages: ...)
        ```
        The answer ends where the model begins another role's turn. A template that can write tools and tool calls gets them; otherwise they
        are described in words. Tools and structured output use `guided_json`, which vLLM endpoints support and other frameworks refuse.
        With tools, a stream returns the answer in one piece.

    Counting tokens:
        `get_num_tokens` counts with the model's `tokenizer`, an object with `encode` or a path on this machine, or with
        `custom_get_token_ids`. Without either it raises ConfigurationError.

    Serialization:
        `dumps`, `repr` and traces contain neither the key nor headers; a loaded model reads its key from `SCALE_API_KEY`. Pickles
        contain the headers that are not secret; a model with an `http_client` cannot be pickled.

        ```python
        loads(dumps(llm), allowed_objects=[ChatLLMEngine], valid_namespaces=["llmengine_integrations"])
        ```

    Errors:
        The errors of `llmengine_integrations.errors`. Here they are also LangChain's `Model*Error` classes, with `is_retryable`.

    Raises:
        ConfigurationError: No key is set for a server that is not on loopback, the base URL is invalid, or a setting differs from the
            given client's own.
        TypeError: A field does not exist, or `model_kwargs` has a field that requests do not have.
        pydantic.ValidationError: A field has the wrong type. The server checks ranges.
    """

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
            temperature: float | None = ...,
            max_new_tokens: int | None = ...,
            max_tokens: int | None = ...,
            max_completion_tokens: int | None = ...,
            stop: list[str] | str | None = ...,
            stop_sequences: list[str] | str | None = ...,
            n: int | None = ...,
            seed: int | None = ...,
            logprobs: bool | None = ...,
            return_token_log_probs: bool | None = ...,
            top_logprobs: int | None = ...,
            top_k: int | None = ...,
            top_p: float | None = ...,
            min_p: float | None = ...,
            presence_penalty: float | None = ...,
            frequency_penalty: float | None = ...,
            repetition_penalty: float | None = ...,
            include_stop_str_in_output: bool | None = ...,
            skip_special_tokens: bool | None = ...,
            reasoning_effort: Literal["low", "medium", "high"] | None = ...,
            guided_json: dict[str, Any] | None = ...,
            guided_regex: str | None = ...,
            guided_choice: list[str] | None = ...,
            guided_grammar: str | None = ...,
            chat_template: str | None = ...,
            chat_template_kwargs: dict[str, Any] | None = ...,
            model_kwargs: dict[str, Any] = ...,
            streaming: bool = ...,
            stream_usage: bool = ...,
            api: Literal["v2", "v1"] = ...,
            formatter: Formatter | None = ...,
            tokenizer: ChatTokenizer | Tokenizer | str | os.PathLike[str] | None = ...,
            role_stops: list[str] | None = ...,
            max_concurrency: int = ...,
            client: Client | None = ...,
            async_client: AsyncClient | None = ...,
            **of_langchain: Any,
        ) -> None: ...

    @override
    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> LangSmithParams:
        params = self._params(stop, kwargs)
        traced = LangSmithParams(ls_provider=PROVIDER, ls_model_type="chat", ls_model_name=params["model"])
        if params["temperature"] is not None:
            traced["ls_temperature"] = params["temperature"]
        if params["max_new_tokens"] is not None:
            traced["ls_max_tokens"] = params["max_new_tokens"]
        if params["stop"]:
            traced["ls_stop"] = params["stop"]
        return traced

    @override
    def _resolve_model_profile(self) -> ModelProfile:
        """Return what every endpoint of the route can do. Only its operator knows its context length; set it with `profile=`.

        `structured_output` is left out on purpose. Agents would send a `response_format` along with their tools, and vLLM then enforces the
        format for every answer, so that the model could not call a tool. Without it, agents give the schema to the model as a tool.
        """
        return ModelProfile(
            text_inputs=True,
            text_outputs=True,
            tool_calling=True,
            tool_choice=True,
            tool_call_streaming=self.api == "v2",
        )

    @override
    def _combine_llm_outputs(self, _llm_outputs: list[dict[str, Any] | None], /) -> dict[str, Any]:
        return combined_outputs(_llm_outputs)

    @override
    def bind_tools(
        self,
        tools: Sequence[ToolLike],
        *,
        tool_choice: dict[str, Any] | str | bool | None = None,
        strict: bool | None = None,
        parallel_tool_calls: bool | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """Return the model with tools that it may call.

        Args:
            tools: LangChain tools, functions, pydantic classes, TypedDicts, JSON schemas or OpenAI tools.
            tool_choice: "auto" (the default), "none", "required" ("any" and True mean the same), a tool's name, or a dict that names one.
            strict: Whether the arguments must satisfy the tools' schemas even if the model chooses freely.
            parallel_tool_calls: Whether one answer may have several calls; the server's default is True.
            **kwargs: Any other option of a call.

        Raises:
            ValueError: `tool_choice` does not name one of the tools.
        """
        sent = openai_tools(tools, strict=strict)
        options = {"tool_choice": openai_tool_choice(tool_choice, sent), "parallel_tool_calls": parallel_tool_calls}
        return self.bind(tools=sent, **{k: v for k, v in options.items() if v is not None}, **kwargs)

    @override
    def with_structured_output(
        self,
        schema: Schema | None = None,
        *,
        method: Method = "json_schema",
        include_raw: bool = False,
        strict: bool | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, Any]:
        """Return a model that answers with an object that satisfies a schema.

        Args:
            schema: A pydantic class, for answers that are instances of it; or, for dicts, a TypedDict, a JSON schema, an OpenAI tool or an
                OpenAI `response_format`. With "json_mode", None allows any object.
            method: "json_schema" constrains the text to the schema as it is generated; "function_calling" makes the model call a tool that
                has the schema; "json_mode" requires only a JSON object, and the prompt must name its keys.
            include_raw: Whether to return `{"raw": message, "parsed": ..., "parsing_error": ...}`; parsing errors are then not raised.
            strict: Sent with the schema: OpenAI's strict form. Not with "json_mode".
            **kwargs: Any other option of a call, such as `temperature`.

        Raises:
            ValueError: The method is unknown, does not support `strict`, or needs a schema.
        """
        parser, options = _structured.plan(schema, method, strict)
        return _structured.parsing(self.bind(**options, **kwargs), parser, include_raw=include_raw)
