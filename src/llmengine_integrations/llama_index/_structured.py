"""Answers as pydantic models. The server constrains the model's text to the JSON schema."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator, Mapping
from typing import Any, TypeVar, cast

from llama_index.core.instrumentation.events.llm import (
    LLMStructuredPredictEndEvent,
    LLMStructuredPredictInProgressEvent,
    LLMStructuredPredictStartEvent,
)
from llama_index.core.llms.function_calling import FunctionCallingLLM
from llama_index.core.program.utils import FlexibleModel, create_flexible_model
from llama_index.core.prompts.base import PromptTemplate
from llama_index.core.types import PydanticProgramMode
from pydantic import BaseModel, ValidationError
from typing_extensions import override

from ..prompting.partial_json import parse_partial
from ._instrumentation import dispatcher, span

M = TypeVar("M", bound=BaseModel)

_OF_TOOLS = frozenset({"tools", "tool_choice", "tool_required", "parallel_tool_calls", "allow_parallel_tool_calls"})


class Structured(FunctionCallingLLM):
    """LlamaIndex's four `structured_predict` methods over `response_format`, which every vLLM endpoint supports.

    LlamaIndex's own methods use a tool call, or ask for JSON in the prompt. They are used if `pydantic_program_mode` selects them.
    """

    @span
    @override
    def structured_predict(
        self,
        output_cls: type[M],
        prompt: PromptTemplate,
        llm_kwargs: dict[str, Any] | None = None,
        **prompt_args: Any,
    ) -> M:
        """Answer a prompt with an instance of `output_cls`.

        Args:
            output_cls: A pydantic model.
            prompt: The prompt. The system prompt precedes it.
            llm_kwargs: The model's options for this call.
            **prompt_args: The prompt's variables.

        Raises:
            ValueError: The text is not such an object: it was truncated, or the server did not enforce the schema.
        """
        if self.pydantic_program_mode != PydanticProgramMode.DEFAULT:
            return super().structured_predict(output_cls, prompt, llm_kwargs, **prompt_args)
        dispatcher.event(_start(output_cls, prompt, prompt_args))
        options = _options(output_cls, llm_kwargs)
        if self.metadata.is_chat_model:
            text = self.chat(self._get_messages(prompt, **prompt_args), **options).message.content
        else:
            text = self.complete(self._get_prompt(prompt, **prompt_args), formatted=True, **options).text
        return _finished(output_cls, text)

    @span
    @override
    async def astructured_predict(
        self,
        output_cls: type[M],
        prompt: PromptTemplate,
        llm_kwargs: dict[str, Any] | None = None,
        **prompt_args: Any,
    ) -> M:
        """The async version of `structured_predict`."""
        if self.pydantic_program_mode != PydanticProgramMode.DEFAULT:
            return await super().astructured_predict(output_cls, prompt, llm_kwargs, **prompt_args)
        dispatcher.event(_start(output_cls, prompt, prompt_args))
        options = _options(output_cls, llm_kwargs)
        if self.metadata.is_chat_model:
            text = (await self.achat(self._get_messages(prompt, **prompt_args), **options)).message.content
        else:
            text = (await self.acomplete(self._get_prompt(prompt, **prompt_args), formatted=True, **options)).text
        return _finished(output_cls, text)

    @span
    @override
    def stream_structured_predict(
        self,
        output_cls: type[M],
        prompt: PromptTemplate,
        llm_kwargs: dict[str, Any] | None = None,
        **prompt_args: Any,
    ) -> Generator[M | FlexibleModel, None, None]:
        """Answer a prompt with growing instances of `output_cls`. The last one is complete.

        An object that does not satisfy `output_cls` yet is a `FlexibleModel` with the same fields, in which unknown fields are None.

        Raises:
            ValueError: As for `structured_predict`, at the end.
        """
        if self.pydantic_program_mode != PydanticProgramMode.DEFAULT:
            yield from super().stream_structured_predict(output_cls, prompt, llm_kwargs, **prompt_args)
            return
        dispatcher.event(_start(output_cls, prompt, prompt_args))
        options, growing = _options(output_cls, llm_kwargs), _Growing(output_cls)
        if self.metadata.is_chat_model:
            for response in self.stream_chat(self._get_messages(prompt, **prompt_args), **options):
                yield from growing.feed(response.message.content)
        else:
            for response in self.stream_complete(self._get_prompt(prompt, **prompt_args), formatted=True, **options):
                yield from growing.feed(response.text)
        yield from growing.end()

    @span
    @override
    async def astream_structured_predict(
        self,
        output_cls: type[M],
        prompt: PromptTemplate,
        llm_kwargs: dict[str, Any] | None = None,
        **prompt_args: Any,
    ) -> AsyncGenerator[M | FlexibleModel, None]:
        """The async version of `stream_structured_predict`. Await it, and use `async for` over the result."""
        if self.pydantic_program_mode != PydanticProgramMode.DEFAULT:
            return await super().astream_structured_predict(output_cls, prompt, llm_kwargs, **prompt_args)
        return self._astream_structured(output_cls, prompt, llm_kwargs, prompt_args)

    async def _astream_structured(
        self,
        output_cls: type[M],
        prompt: PromptTemplate,
        llm_kwargs: dict[str, Any] | None,
        prompt_args: dict[str, Any],
    ) -> AsyncGenerator[M | FlexibleModel, None]:
        dispatcher.event(_start(output_cls, prompt, prompt_args))
        options, growing = _options(output_cls, llm_kwargs), _Growing(output_cls)
        if self.metadata.is_chat_model:
            async for response in await self.astream_chat(self._get_messages(prompt, **prompt_args), **options):
                for found in growing.feed(response.message.content):
                    yield found
        else:
            text = self._get_prompt(prompt, **prompt_args)
            async for completion in await self.astream_complete(text, formatted=True, **options):
                for found in growing.feed(completion.text):
                    yield found
        for found in growing.end():
            yield found


class _Growing:
    """An object that is still being written."""

    def __init__(self, output_cls: type[BaseModel]) -> None:
        self._output_cls = output_cls
        self._partial_cls = create_flexible_model(output_cls)
        self._text = ""
        self._known: Any = None

    def feed(self, text: str | None) -> list[Any]:
        """The object, if this text adds to it."""
        self._text = text or ""
        known = parse_partial(self._text)
        if not known or not isinstance(known, dict) or known == self._known:
            return []
        self._known = cast("object", known)
        try:
            found: BaseModel = self._output_cls.model_validate(known)
        except ValidationError:
            found = self._partial_cls.model_validate(known)
        dispatcher.event(LLMStructuredPredictInProgressEvent(output=found))
        return [found]

    def end(self) -> list[Any]:
        """The complete object."""
        return [_finished(self._output_cls, self._text)]


def _options(output_cls: type[BaseModel], llm_kwargs: Mapping[str, Any] | None) -> dict[str, Any]:
    """The call's options. Tool options, which LlamaIndex's own methods accept, have no effect here."""
    kept = {name: value for name, value in (llm_kwargs or {}).items() if name not in _OF_TOOLS}
    schema = {"name": output_cls.__name__, "schema": output_cls.model_json_schema(), "strict": True}
    return {"response_format": {"type": "json_schema", "json_schema": schema}, **kept}


def _start(
    output_cls: type[BaseModel], prompt: PromptTemplate, prompt_args: dict[str, Any]
) -> LLMStructuredPredictStartEvent:
    return LLMStructuredPredictStartEvent(output_cls=output_cls, template=prompt, template_args=prompt_args)


def _finished(output_cls: type[M], text: str | None) -> M:
    try:
        found = output_cls.model_validate_json(text or "")
    except ValidationError as error:
        raise ValueError(
            f"The model's answer is not a valid {output_cls.__name__}: {text!r}. If it was cut off, raise max_new_tokens."
        ) from error
    dispatcher.event(LLMStructuredPredictEndEvent(output=found))
    return found
