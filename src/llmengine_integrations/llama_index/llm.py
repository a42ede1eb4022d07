"""The language model."""

from __future__ import annotations

import warnings
from collections.abc import AsyncGenerator, Callable, Generator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, Self

from llama_index.core.base.llms.generic_utils import messages_to_prompt as generic_messages_to_prompt
from llama_index.core.base.llms.types import (
    ChatMessage,
    ChatResponse,
    ChatResponseAsyncGen,
    ChatResponseGen,
    CompletionResponse,
    CompletionResponseAsyncGen,
    CompletionResponseGen,
    LLMMetadata,
)
from llama_index.core.constants import DEFAULT_CONTEXT_WINDOW
from llama_index.core.llms.llm import ToolSelection
from pydantic import SecretStr
from typing_extensions import override

from .. import AsyncClient, Client, errors
from ..prompting.chat_template import plain_prompt
from ..prompting.completions_chat import Formatter
from ..types import HttpAsyncClient, HttpClient
from . import _context_window, _options
from ._fields import Fields
from ._instrumentation import chat_events, completion_events
from ._messages import wire_messages
from ._predict_and_call import PredictAndCall
from ._reply_parts import Answer, ResponseT, chat_response, completion_response
from ._requests import Call, chat_call, completion_call, templated_call
from ._structured import Structured
from ._tools import selections, tool_options, with_one_call

if TYPE_CHECKING:
    from llama_index.core.tools.types import BaseTool

    from ..wire.models import Model


class LLMEngine(Fields, PredictAndCall, Structured):
    """A language model served by LLM Engine, for chats, completions, tools, structured output and agents.

    Setup:
        ```bash
        pip install "llmengine-integrations[llama-index]"
        export SCALE_API_KEY="..."            # not needed for a server on this machine
        export LLM_ENGINE_BASE_PATH="https://llm-engine.example.com"
        ```

    Use:
        ```python
        from llmengine_integrations.llama_index import LLMEngine

        llm = LLMEngine(model="llama-3-8b-instruct", temperature=0, max_new_tokens=64)
        llm.chat([ChatMessage(content="Hello")])
        llm = LLMEngine.from_endpoint("llama-2-7b")  # gets the context window and the routes from the server
        ```
        Each call accepts every sampling field, under its name or alias, and its value overrides the instance's. Over v2, it also accepts
        every other field of `llmengine_integrations.types.ChatOptions`. A misspelt name raises TypeError.

    Routes:
        `api="v2"` chats over `/v2/chat/completions` (vLLM and SGLang endpoints). `api="v1"` chats over `/v1/llm/completions-*`, which every
        endpoint has. The prompt is then created here: with `chat_template` (the model's Jinja template), otherwise with your
        `messages_to_prompt`, otherwise as plain lines `user: ...`. Tools are then called by guided JSON (vLLM endpoints).
        `complete()` sends the prompt to a chat model as a user message. Any other model, or `formatted=True`, returns the raw continuation
        of the prompt, which uses v1. Over v1, an answer ends at its `stop` strings even if the server continues after them, as DeepSpeed
        and LightLLM endpoints do; a stream is then closed. A chat's answer also ends where the template starts the next turn.

    Responses:
        `raw` is the server's reply as a dict, with its `usage`. `additional_kwargs` has the token counts and `finish_reason`. `logprobs`
        (request it with `logprobs=True`, over v2 also `top_logprobs`) has a list for each position, with the chosen token first. In a
        stream, it covers the chunk, and at the end `additional_kwargs["logprobs"]` covers all chunks.

    Events:
        LlamaIndex's own events: handlers of the instrumentation's dispatchers and of `callback_manager` see each call, and each token of
        a stream, as with any other model. Without handlers, no events are created.

    Secrets:
        `to_dict`, `to_json`, `repr` and events contain neither the key nor headers. A loaded model takes its key from `SCALE_API_KEY`.
        Pickles contain the headers that are not secret. A model with an `http_client` cannot be pickled.

    Connection:
        `base_url`, `api_key`, `timeout`, `max_retries`, `default_headers` and `allow_http` are those of `llmengine_integrations.Client`.
        `http_client` is an `httpx.Client`, and `http_async_client` an `httpx.AsyncClient`, for proxies and certificates. Alternatively,
        pass a `client`, an `async_client`, or both. If you pass only one, the other kind of calls uses the same settings.

    Errors:
        The errors of `llmengine_integrations.errors`, unchanged. Requests are retried as in the client: `max_retries` times, and streams
        only until their first event.

    Raises:
        ConfigurationError: No key is set for a server beyond loopback, the base URL is invalid, or a setting contradicts the given client.
        TypeError: An unknown field was given.
        ValueError: A field has the wrong type, or `max_new_tokens` leaves no room in the context window.
    """

    if TYPE_CHECKING:

        def __init__(  # the fields under all their names, which type checkers cannot infer
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
            max_new_tokens: int = ...,
            max_tokens: int = ...,
            max_completion_tokens: int = ...,
            stop: list[str] | None = ...,
            stop_sequences: list[str] | None = ...,
            logprobs: bool | None = ...,
            return_token_log_probs: bool | None = ...,
            top_logprobs: int | None = ...,
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
            additional_kwargs: dict[str, Any] = ...,
            context_window: int = ...,
            is_chat_model: bool = ...,
            is_function_calling_model: bool | None = ...,
            api: Literal["v1", "v2"] = ...,
            chat_template: str | None = ...,
            bos_token: str = ...,
            system_prompt: str | None = ...,
            client: Client | None = ...,
            async_client: AsyncClient | None = ...,
            **others: Any,
        ) -> None: ...

    @classmethod
    @override
    def class_name(cls) -> str:
        """The name under which the model is serialized."""
        return "LLMEngine"

    @classmethod
    def from_endpoint(cls, model: str, **fields: Any) -> Self:
        """The model of an endpoint, with the context window and the routes that the server reports.

        This sends one request for the endpoint. If the reply does not state the context length, it sends another request, which the server
        refuses because it is too large.

        Args:
            model: The endpoint's name.
            **fields: Fields of the model. They override the server's information.

        Raises:
            NotFoundError: The endpoint does not exist, or the key may not see it.
        """
        llm = cls(model=model, **fields)
        client = llm._blocking()
        found = _context_window.found(client.models.list(name=model), model)
        known = {**_context_window.fields(found), **fields}
        if "context_window" not in known and (probe := _context_window.probe(found)) is not None:
            try:
                client.completions.create(**probe)
            except errors.APIStatusError as error:
                known |= _context_window.refusal_fields(error)
        return cls._resolved(found, known)

    @classmethod
    async def afrom_endpoint(cls, model: str, **fields: Any) -> Self:
        """The async version of `from_endpoint`."""
        llm = cls(model=model, **fields)
        client = llm._awaiting()
        found = _context_window.found(await client.models.list(name=model), model)
        known = {**_context_window.fields(found), **fields}
        if "context_window" not in known and (probe := _context_window.probe(found)) is not None:
            try:
                await client.completions.create(**probe)
            except errors.APIStatusError as error:
                known |= _context_window.refusal_fields(error)
        return cls._resolved(found, known)

    @classmethod
    def _resolved(cls, endpoint: Model, known: Mapping[str, Any]) -> Self:
        if "context_window" not in known:
            warnings.warn(
                f"The server does not say how much the context of {endpoint.name} holds; give context_window. "
                f"Assuming {DEFAULT_CONTEXT_WINDOW} tokens.",
                stacklevel=3,
            )
        return cls(model=endpoint.name, **known)

    @property
    @override
    def metadata(self) -> LLMMetadata:
        """The model's metadata for LlamaIndex's components. Sends no request."""
        native = self.api == "v2" and self.is_chat_model
        tools = self.is_function_calling_model
        return LLMMetadata(
            context_window=self.context_window,
            num_output=self.max_new_tokens,
            is_chat_model=self.is_chat_model,
            is_function_calling_model=native if tools is None else tools,
            model_name=self.model,
        )

    @override
    def to_payload(self) -> dict[str, Any]:
        """The model's description in events, without secrets."""
        shown = {"model": self.model, "temperature": self.temperature, "max_new_tokens": self.max_new_tokens}
        return {**super().to_payload(), **{name: value for name, value in shown.items() if value is not None}}

    # The eight endpoints. Each creates one event and one request, and none calls another.

    @override
    @chat_events
    def chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        """Return the model's next message."""
        return self._create(self._chat_call(messages, kwargs, chat_response))

    @override
    @completion_events
    def complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:
        """Return the completion of a prompt.

        Args:
            prompt: The text.
            formatted: Whether the prompt is already in the model's own format. If not, `completion_to_prompt` formats it.
            **kwargs: The model's options for this call.
        """
        return self._create(self._complete_call(prompt, kwargs, formatted=formatted))

    @override
    @chat_events
    def stream_chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponseGen:
        """Return the model's next message as it is generated."""
        return self._stream(self._chat_call(messages, kwargs, chat_response, stream=True))

    @override
    @completion_events
    def stream_complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponseGen:
        """Return the completion of a prompt as it is generated. The arguments are those of `complete`."""
        return self._stream(self._complete_call(prompt, kwargs, formatted=formatted, stream=True))

    @override
    @chat_events
    async def achat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        """The async version of `chat`."""
        return await self._acreate(self._chat_call(messages, kwargs, chat_response))

    @override
    @completion_events
    async def acomplete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:
        """The async version of `complete`."""
        return await self._acreate(self._complete_call(prompt, kwargs, formatted=formatted))

    @override
    @chat_events
    async def astream_chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponseAsyncGen:
        """The async version of `stream_chat`. Await it, and use `async for` over the result."""
        return self._astream(self._chat_call(messages, kwargs, chat_response, stream=True))

    @override
    @completion_events
    async def astream_complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponseAsyncGen:
        """The async version of `stream_complete`. Await it, and use `async for` over the result."""
        return self._astream(self._complete_call(prompt, kwargs, formatted=formatted, stream=True))

    # Tools.

    @override
    def _prepare_chat_with_tools(
        self,
        tools: Sequence[BaseTool],
        user_msg: str | ChatMessage | None = None,
        chat_history: list[ChatMessage] | None = None,
        verbose: bool = False,
        allow_parallel_tool_calls: bool = False,
        tool_required: bool = False,
        **kwargs: Any,
    ) -> dict[str, Any]:
        """The arguments of a chat with tools, from the arguments of the `*_with_tools` methods. The history is not changed."""
        choice = kwargs.pop("tool_choice", None)
        messages = list(chat_history or [])
        if user_msg is not None:
            messages.append(ChatMessage(role="user", content=user_msg) if isinstance(user_msg, str) else user_msg)
        chosen = tool_options(tools, choice, required=tool_required, parallel=allow_parallel_tool_calls)
        return {"messages": messages, **chosen, **kwargs}

    @override
    def _validate_chat_with_tools_response(
        self,
        response: ChatResponse,
        tools: Sequence[BaseTool],
        allow_parallel_tool_calls: bool = False,
        **kwargs: Any,
    ) -> ChatResponse:
        return response if allow_parallel_tool_calls else with_one_call(response)

    @override
    def get_tool_calls_from_response(
        self, response: ChatResponse, error_on_no_tool_call: bool = True, **kwargs: Any
    ) -> list[ToolSelection]:
        """The tool calls of a reply; without `error_on_no_tool_call` also those of a chunk, with the arguments that are known so far.

        A call with unreadable arguments raises. Without `error_on_no_tool_call`, as agents use this, its `tool_name` describes the error
        instead. No tool has that name, so agents return it to the model, which can repeat the call.

        Raises:
            ValueError: There is no tool call, and `error_on_no_tool_call` is true.
            ToolCallError: A call is unreadable or the reply is unfinished, and `error_on_no_tool_call` is true. It is also a ValueError.
            TypeError: Other keyword arguments were given. LlamaIndex's signature allows them, but they have no meaning here.
        """
        for name in kwargs:
            _options.check_known(name, ("error_on_no_tool_call",))
        return selections(response, error_on_no_tool_call=error_on_no_tool_call)

    # Requests.

    def _chat_call(
        self,
        messages: Sequence[ChatMessage],
        kwargs: Mapping[str, Any],
        convert: Callable[[Answer], ResponseT],
        *,
        stream: bool = False,
    ) -> Call[ResponseT]:
        wire = wire_messages(messages)
        if self.api == "v2":
            fields = {**self.additional_kwargs, **self._fields()}
            return chat_call(wire, _options.merged("chat", fields, kwargs), convert, stream=stream)
        options = _options.merged("completions", self._fields(), kwargs)
        return templated_call(wire, options, convert, self._formatter())

    def _complete_call(
        self, prompt: str, kwargs: Mapping[str, Any], *, formatted: bool, stream: bool = False
    ) -> Call[CompletionResponse]:
        if not formatted and self.completion_to_prompt is not None:
            prompt = self.completion_to_prompt(prompt)
        if self.is_chat_model and not formatted:
            messages = [ChatMessage(role="user", content=prompt)]
            return self._chat_call(messages, kwargs, completion_response, stream=stream)
        options = _options.merged("completions", self._fields(), kwargs)
        return completion_call(prompt, options, completion_response)

    def _fields(self) -> dict[str, Any]:
        return {name: value for name in _options.sent_fields(type(self)) if (value := getattr(self, name)) is not None}

    def _formatter(self) -> Formatter:
        """The formatter that creates the prompt of a chat over v1."""
        if self._template is not None:
            return self._template
        own = self.messages_to_prompt
        if own is None or own is generic_messages_to_prompt:
            return plain_prompt
        return lambda wire: own([ChatMessage(role=one["role"], content=one["content"]) for one in wire])

    # One method for non-streamed replies and one for streams, each blocking and async.

    def _create(self, call: Call[ResponseT]) -> ResponseT:
        resource: Any = getattr(self._blocking(), call.route)
        return call.convert(call.reader().whole(resource.create(**call.arguments)))

    async def _acreate(self, call: Call[ResponseT]) -> ResponseT:
        resource: Any = getattr(self._awaiting(), call.route)
        return call.convert(call.reader().whole(await resource.create(**call.arguments)))

    def _stream(self, call: Call[ResponseT]) -> Generator[ResponseT, None, None]:
        """The responses of a stream, at least one. The last one is the complete answer with its usage."""
        resource: Any = getattr(self._blocking(), call.route)
        reader, convert = call.reader(), call.convert
        with resource.stream(**call.arguments) as events:
            for event in events:
                yield convert(reader.feed(event))
                if reader.done:
                    return
            if (last := reader.end()) is not None:
                yield convert(last)

    async def _astream(self, call: Call[ResponseT]) -> AsyncGenerator[ResponseT, None]:
        resource: Any = getattr(self._awaiting(), call.route)
        reader, convert = call.reader(), call.convert
        async with resource.stream(**call.arguments) as events:
            async for event in events:
                yield convert(reader.feed(event))
                if reader.done:
                    return
            if (last := reader.end()) is not None:
                yield convert(last)
