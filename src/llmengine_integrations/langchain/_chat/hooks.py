"""How the chat model makes its calls: over v2 chat or v1 completions, blocking or async, whole or streamed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import aclosing
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.messages import BaseMessage
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from typing_extensions import override

from .._errors import langchain_errors
from .base import aread, read
from .fields import ChatFields
from .options import chat_fields, chat_params, question, with_openai_tools
from .template import Formatter, chat_tokenizer, fingerprint, formatter_of
from .v1 import V1Call
from .v2 import V2Call


class ChatHooks(ChatFields):
    """LangChain's hooks, each a few lines around a call object and a client."""

    @property
    @override
    def _llm_type(self) -> str:
        return "chat-llmengine"

    @property
    @override
    def _identifying_params(self) -> dict[str, Any]:
        """What a cached answer depends on, and what traces show."""
        return self._identified(self._params(None, {}))

    @override
    def _get_llm_string(self, stop: list[str] | None = None, **kwargs: Any) -> str:
        """The part of the cache's key that is not the messages: all that the answer depends on, whatever names the call used for it."""
        return repr(sorted(self._identified(question(with_openai_tools(self._params(stop, kwargs)))).items()))

    def _identified(self, params: Mapping[str, Any]) -> dict[str, Any]:
        found = {"base_url": self._connected().base_url, "api": self.api, **params}
        return (
            found
            if self.api == "v2"
            else {**found, "prompts": fingerprint(self._formatter(params)), "role_stops": self.role_stops}
        )

    def _params(self, stop: list[str] | None, options: Mapping[str, Any]) -> dict[str, Any]:
        fields = {**chat_fields(self), "stream_usage": self.stream_usage}
        return chat_params(fields, self.model_kwargs, stop, options)

    def _formatter(self, params: Mapping[str, Any]) -> Formatter:
        if self.formatter is not None:
            return self.formatter
        return formatter_of(params["chat_template"], chat_tokenizer(self.tokenizer), params["chat_template_kwargs"])

    def _call(self, messages: list[BaseMessage], stop: list[str] | None, options: Mapping[str, Any]) -> V1Call | V2Call:
        params = with_openai_tools(self._params(stop, options))
        if self.api == "v2":
            return V2Call(messages, params)
        return V1Call(messages, params, self._formatter(params), self.role_stops)

    @override
    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        with langchain_errors():
            call = self._call(messages, stop, kwargs)
            return call.result(call.resource(self._connected().client).create(**call.arguments))

    @override
    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        with langchain_errors():
            call = self._call(messages, stop, kwargs)
            return call.result(await call.resource(self._connected().async_client).create(**call.arguments))

    @override
    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        with langchain_errors():
            call = self._call(messages, stop, kwargs)
            with call.resource(self._connected().client).stream(**call.stream_arguments) as events:
                for chunk in read(events, call.chunks()):
                    if run_manager is not None:
                        run_manager.on_llm_new_token(chunk.text, chunk=chunk)
                    yield chunk

    @override
    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        with langchain_errors():
            call = self._call(messages, stop, kwargs)
            async with (
                call.resource(self._connected().async_client).stream(**call.stream_arguments) as events,
                aclosing(aread(events, call.chunks())) as chunks,
            ):
                async for chunk in chunks:
                    if run_manager is not None:
                        await run_manager.on_llm_new_token(chunk.text, chunk=chunk)
                    yield chunk
