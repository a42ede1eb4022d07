"""What `with_structured_output` binds to a chat model, and how it reads the answer."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from graphlib import CycleError, TopologicalSorter
from operator import itemgetter
from typing import Any, Literal, TypeAlias, TypeVar, cast

from langchain_core.exceptions import OutputParserException
from langchain_core.language_models import LanguageModelInput
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.messages.ai import add_ai_message_chunks
from langchain_core.output_parsers import (
    BaseCumulativeTransformOutputParser,
    BaseOutputParser,
    JsonOutputParser,
    PydanticOutputParser,
)
from langchain_core.output_parsers.base import BaseGenerationOutputParser
from langchain_core.output_parsers.openai_tools import JsonOutputKeyToolsParser, PydanticToolsParser
from langchain_core.outputs import ChatGeneration, Generation
from langchain_core.runnables import Runnable, RunnableMap, RunnablePassthrough
from langchain_core.utils.function_calling import convert_to_openai_function, convert_to_openai_tool
from langchain_core.utils.json import parse_json_markdown
from langchain_core.utils.pydantic import is_basemodel_subclass
from pydantic import BaseModel
from typing_extensions import override

Method: TypeAlias = Literal["json_schema", "function_calling", "json_mode"]
Schema: TypeAlias = dict[str, Any] | type
Output: TypeAlias = dict[str, Any] | BaseModel
Parser: TypeAlias = BaseOutputParser[Any] | BaseGenerationOutputParser[Any]

T = TypeVar("T")

_DECODER = json.JSONDecoder(strict=False)
_DEFINITION = re.compile(r'"#/\$defs/([^"]+)"')


def response_format(schema: Schema, *, strict: bool | None) -> dict[str, Any]:
    """Return the request's `response_format` for a schema."""
    function = convert_to_openai_function(_function(schema), strict=strict)
    named = {"name": function["name"], "schema": function.get("parameters") or {"type": "object"}}
    if description := function.get("description"):
        named["description"] = description
    if strict is not None:
        named["strict"] = strict
    return {"type": "json_schema", "json_schema": named}


def plan(schema: Schema | None, method: Method, strict: bool | None) -> tuple[Parser, dict[str, Any]]:
    """Return a parser for the answer, and the options that make the model give such an answer.

    Raises:
        ValueError: The method is unknown, does not support `strict`, or needs a schema.
    """
    if schema is None and method != "json_mode":
        raise ValueError(f"{method} needs a schema.")
    traced: dict[str, Any] = {"kwargs": {"method": method} | ({} if strict is None else {"strict": strict})}
    if schema is not None:
        traced["schema"] = schema
    options: dict[str, Any] = {"ls_structured_output_format": traced} if schema is not None else {}
    match method:
        case "json_schema":
            return _json_parser(schema), options | {"response_format": response_format(schema or {}, strict=strict)}
        case "function_calling":
            tool = convert_to_openai_tool(_function(schema or {}), strict=strict)
            choice = {"type": "function", "function": {"name": tool["function"]["name"]}}
            return _call_parser(schema or {}, tool), options | {
                "tools": [tool],
                "tool_choice": choice,
                "parallel_tool_calls": False,
            }
        case "json_mode":
            if strict is not None:
                raise ValueError("json_mode has no strict: the schema is not sent.")
            return _json_parser(schema), options | {"response_format": {"type": "json_object"}}
        case _:
            raise ValueError(f"method must be json_schema, function_calling or json_mode, not {method!r}.")


def parsing(
    model: Runnable[LanguageModelInput, AIMessage], parser: Parser, *, include_raw: bool
) -> Runnable[LanguageModelInput, Any]:
    """Return the model with its parser. With `include_raw`, a parsing error is returned with the message."""
    if not include_raw:
        return model | parser
    parsed = RunnablePassthrough.assign(parsed=itemgetter("raw") | parser, parsing_error=lambda _: None)
    failed = RunnablePassthrough.assign(parsed=lambda _: None)
    return RunnableMap(raw=model) | parsed.with_fallbacks([failed], exception_key="parsing_error")


def _json_parser(schema: Schema | None) -> Parser:
    if schema is not None and _is_model(schema):
        return _WholeInstanceParser(pydantic_object=cast("type[BaseModel]", schema))
    return _WholeJsonParser()


def _call_parser(schema: Schema, tool: Mapping[str, Any]) -> Parser:
    if _is_model(schema):
        return _InstanceParser(tools=[cast("type[BaseModel]", schema)], first_tool_only=True)
    return _ArgumentsParser(key_name=tool["function"]["name"], first_tool_only=True)


class _Whole(BaseCumulativeTransformOutputParser[Any]):
    """Reads a complete answer, or raises. The objects of a stream grow; at its end, the last one must be complete too."""

    @override
    def _transform(self, input: Iterator[str | BaseMessage]) -> Iterator[Any]:
        chunks: list[str | BaseMessage] = []
        yield from super()._transform(_kept(input, chunks))
        self._check_end(chunks)

    @override
    async def _atransform(self, input: AsyncIterator[str | BaseMessage]) -> AsyncIterator[Any]:
        chunks: list[str | BaseMessage] = []
        async for found in super()._atransform(_akept(input, chunks)):
            yield found
        self._check_end(chunks)

    def _check_end(self, chunks: Sequence[str | BaseMessage]) -> None:
        whole, *parts = [chunk for chunk in chunks if isinstance(chunk, AIMessage)] or [None]
        if isinstance(whole, AIMessageChunk):
            whole = add_ai_message_chunks(whole, *(part for part in parts if isinstance(part, AIMessageChunk)))
        if whole is not None:
            self.parse_result([ChatGeneration(message=whole)])


def _kept(chunks: Iterator[T], into: list[T]) -> Iterator[T]:
    for chunk in chunks:
        into.append(chunk)
        yield chunk


async def _akept(chunks: AsyncIterator[T], into: list[T]) -> AsyncIterator[T]:
    async for chunk in chunks:
        into.append(chunk)
        yield chunk


class _WholeInstanceParser(_Whole, PydanticOutputParser[Any]):
    @override
    def parse_result(self, result: list[Generation], *, partial: bool = False) -> Any:
        if not partial:
            _check_whole(result)
        with _not_too_deep(result):
            return super().parse_result(result, partial=partial)


class _WholeJsonParser(_Whole, JsonOutputParser):
    @override
    def parse_result(self, result: list[Generation], *, partial: bool = False) -> Any:
        if not partial:
            _check_whole(result)
        with _not_too_deep(result):
            return super().parse_result(result, partial=partial)


@contextmanager
def _not_too_deep(result: list[Generation]) -> Generator[None]:
    """Report thousands of nested brackets as text that cannot be parsed. A model that repeats itself writes them."""
    try:
        yield
    except RecursionError as error:
        raise OutputParserException("The answer is nested too deeply.", llm_output=result[0].text) from error


def _check_whole(result: list[Generation]) -> None:
    """Refuse JSON that ends too early. LangChain's parsers complete it, so half an answer would pass for a whole one."""
    text = result[0].text
    message = result[0].message if isinstance(result[0], ChatGeneration) else None
    try:
        parse_json_markdown(text, parser=_first_value)
    except (ValueError, RecursionError) as error:
        problem = f"is not valid JSON ({error}): {text}"
        if message is not None and message.response_metadata.get("finish_reason") == "length":
            problem = "was cut off at its greatest length: raise max_new_tokens."
        raise OutputParserException(f"The answer {problem}", llm_output=text) from error


def _first_value(text: str) -> Any:
    """Return the JSON value at the start of a text. Models may write more after it."""
    return _DECODER.raw_decode(text.strip())[0]


class _InstanceParser(_Whole, PydanticToolsParser):
    @override
    def parse_result(self, result: list[Generation], *, partial: bool = False) -> Any:
        found = super().parse_result(result, partial=partial)
        return found if partial else _called(found, result)


class _ArgumentsParser(_Whole, JsonOutputKeyToolsParser):
    @override
    def parse_result(self, result: list[Generation], *, partial: bool = False) -> Any:
        found = super().parse_result(result, partial=partial)
        return found if partial else _called(found, result)


def _called(found: Any, result: list[Generation]) -> Any:
    """Return the arguments of a call. Raise if there is no call or its arguments are not JSON; LangChain's parsers return None then."""
    if found is not None:
        return found
    message = result[0].message if isinstance(result[0], ChatGeneration) else None
    calls = message.invalid_tool_calls if isinstance(message, AIMessage) else []
    errors = " ".join(call["error"] or "The arguments are not a JSON object." for call in calls)
    written = " ".join(call["args"] or "" for call in calls) or result[0].text
    raise OutputParserException(errors or "The model did not call the tool.", llm_output=written)


def _is_model(schema: Schema) -> bool:
    return isinstance(schema, type) and is_basemodel_subclass(schema)


def _function(schema: Schema) -> Schema:
    """Return a dict schema as an OpenAI function. LangChain's converters lose bare JSON schemas that have no `properties`."""
    match schema:
        case {"type": "function", "function": function}:
            return function
        case {"type": "json_schema", "json_schema": named}:
            return _function(named)
        case {"name": _, "schema": parameters}:
            kept = {name: schema[name] for name in ("name", "description", "strict") if name in schema}
            return {**kept, "parameters": parameters}
        case dict() if schema and not {"name", "toolSpec"} & set(schema):
            said = {"name": schema.get("title") or "response", "description": schema.get("description")}
            parameters = {name: value for name, value in schema.items() if name not in {"title", "description"}}
            return {name: value for name, value in said.items() if value} | {"parameters": parameters}
        case type() if issubclass(schema, BaseModel) and _is_recursive(found := schema.model_json_schema()):
            name = schema.model_config.get("title") or schema.__name__
            return _function({**found, "title": name})  # LangChain's converters drop the recursion
        case _:
            return schema


def _is_recursive(schema: Mapping[str, Any]) -> bool:
    graph = {name: _DEFINITION.findall(json.dumps(body)) for name, body in schema.get("$defs", {}).items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError:
        return True
    return False
