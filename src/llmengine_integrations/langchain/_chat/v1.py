"""A chat call over v1 completions, for endpoints that have no chat route: a prompt is made of the messages here. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from langchain_core.messages import BaseMessage
from langchain_core.outputs import ChatResult

from ... import AsyncClient, Client
from ...prompting.guided_tools import GuidedTools
from ...wire.completions import Completion
from .._errors import InvalidArgumentError
from .guided_tools import reply_schema, tools_of
from .options import V1_OPTIONS
from .plain_messages import plain_messages
from .template import Formatter
from .v1_replies import V1Chunks, V1Reading, v1_result

_MAX_NEW_TOKENS = 256  # the route must be told; this is the client's own default
_TRANSLATED = frozenset(
    {
        "chat_template",
        "chat_template_kwargs",
        "logprobs",
        "n",
        "parallel_tool_calls",
        "response_format",
        "stop",
        "stream",
        "stream_usage",
        "tool_choice",
        "tools",
    }
)
_GUIDED = ("guided_json", "guided_regex", "guided_choice", "guided_grammar")


class V1Call:
    """One call: what to send, and how to read the reply.

    Args:
        messages: the chat.
        params: what the call asks for.
        formatter: makes a prompt of plain turns.
        role_stops: the strings with which another's turn begins.

    Raises:
        InvalidArgumentError: v1 completions do not have an option, or a message holds more than text.
    """

    def __init__(
        self,
        messages: Sequence[BaseMessage],
        params: Mapping[str, Any],
        formatter: Formatter,
        role_stops: Sequence[str],
    ) -> None:
        _check(params)
        tools, stops = tools_of(params), list(dict.fromkeys([*(params["stop"] or ()), *role_stops]))
        self.arguments: dict[str, Any] = {
            **{name: value for name, value in params.items() if name not in _TRANSLATED and value is not None},
            **_guided(params, tools),
            "max_new_tokens": params["max_new_tokens"] or _MAX_NEW_TOKENS,
            "prompt": formatter(plain_messages(messages, None if tools is None else tools.instructions(listed=False))),
            "stop_sequences": stops or None,
            "return_token_log_probs": params["logprobs"] or None,  # TensorRT-LLM endpoints refuse the field
        }
        self._reading = V1Reading(
            model=params["model"],
            limit=self.arguments["max_new_tokens"],
            stops=[] if params["include_stop_str_in_output"] else stops,
            tools=tools,
        )

    def resource(self, client: Client | AsyncClient) -> Any:
        """The client's calls to use."""
        return client.completions

    @property
    def stream_arguments(self) -> dict[str, Any]:
        """The arguments for a stream."""
        return self.arguments

    def result(self, reply: Completion) -> ChatResult:
        """What LangChain makes of the reply."""
        return v1_result(reply, self._reading)

    def chunks(self) -> V1Chunks:
        """What reads a stream."""
        return V1Chunks(self._reading)


def _check(params: Mapping[str, Any]) -> None:
    if (params["n"] or 1) > 1:
        raise InvalidArgumentError("v1 completions give one answer: n must be 1.")
    unknown = sorted(name for name, value in params.items() if value is not None and name not in V1_OPTIONS)
    if unknown:
        raise InvalidArgumentError(f"v1 completions do not have {', '.join(unknown)}.")


def _guided(params: Mapping[str, Any], tools: GuidedTools | None) -> dict[str, Any]:
    """The constraint on the text that the tools or the response format ask for."""
    schema = reply_schema(params) if tools is None else tools.schema()
    if schema is None:
        return {}
    if given := [name for name in _GUIDED if params[name] is not None]:
        raise InvalidArgumentError(f"{given[0]} cannot be combined with tools or a response_format.")
    return {"guided_json": schema}
