"""A chat call over v1 completions, for endpoints without a chat route: LangChain's side of `prompting.completions_chat`. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from langchain_core.messages import BaseMessage
from langchain_core.outputs import ChatResult

from ... import AsyncClient, Client
from ...prompting.chat_template import ChatTemplateError
from ...prompting.completions_chat import CompletionsChat, CompletionsChatError, completions_chat
from ...wire.completions import Completion
from .._errors import InvalidArgumentError
from .messages import openai_messages
from .options import V1_OPTIONS
from .template import Formatter
from .v1_replies import V1Chunks, V1Reading, v1_result

_MAX_NEW_TOKENS = 256  # the route requires a value; this is the client's own default
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


class V1Call:
    """One call: what to send, and how to read the reply.

    Args:
        messages: The chat.
        params: The options of the call.
        formatter: Makes a prompt from messages.
        role_stops: The strings that begin another role's turn. By default they are derived from the formatter.

    Raises:
        InvalidArgumentError: v1 completions do not have an option, or a message has content other than text.
    """

    def __init__(
        self,
        messages: Sequence[BaseMessage],
        params: Mapping[str, Any],
        formatter: Formatter,
        role_stops: Sequence[str] | None,
    ) -> None:
        _check(params)
        chat = _completion(messages, params, formatter, role_stops)
        guided = {} if chat.guided_json is None else {"guided_json": chat.guided_json}
        self.arguments: dict[str, Any] = {
            **{name: value for name, value in params.items() if name not in _TRANSLATED and value is not None},
            **guided,
            "max_new_tokens": params["max_new_tokens"] or _MAX_NEW_TOKENS,
            "prompt": chat.prompt,
            "stop_sequences": chat.stops or None,
            "return_token_log_probs": params["logprobs"] or None,  # TensorRT-LLM endpoints refuse the field
        }
        self._reading = V1Reading(
            model=params["model"],
            limit=self.arguments["max_new_tokens"],
            stops=[] if params["include_stop_str_in_output"] else chat.stops,
            tools=chat.tools,
        )

    def resource(self, client: Client | AsyncClient) -> Any:
        """Return the client's resource for the call."""
        return client.completions

    @property
    def stream_arguments(self) -> dict[str, Any]:
        """Return the arguments for a stream."""
        return self.arguments

    def result(self, reply: Completion) -> ChatResult:
        """Return the reply as LangChain's result."""
        return v1_result(reply, self._reading)

    def chunks(self) -> V1Chunks:
        """Return a reader for a stream."""
        return V1Chunks(self._reading)


def _check(params: Mapping[str, Any]) -> None:
    if (params["n"] or 1) > 1:
        raise InvalidArgumentError("v1 completions give one answer: n must be 1.")
    unknown = sorted(name for name, value in params.items() if value is not None and name not in V1_OPTIONS)
    if unknown:
        raise InvalidArgumentError(f"v1 completions do not have {', '.join(unknown)}.")


def _completion(
    messages: Sequence[BaseMessage],
    params: Mapping[str, Any],
    formatter: Formatter,
    role_stops: Sequence[str] | None,
) -> CompletionsChat:
    try:
        return completions_chat(openai_messages(messages), params, formatter, role_stops)
    except (ChatTemplateError, CompletionsChatError) as error:
        raise InvalidArgumentError(str(error)) from error
