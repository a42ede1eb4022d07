"""A chat call over v2 chat."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from langchain_core.messages import BaseMessage
from langchain_core.outputs import ChatResult

from ... import AsyncClient, Client
from ...wire.chat import ChatCompletion
from .._errors import InvalidArgumentError
from .messages import openai_messages
from .options import v2_request
from .results import ChatChunks, chat_result


class V2Call:
    """One call: what to send, and how to read the reply. Pure."""

    def __init__(self, messages: Sequence[BaseMessage], params: Mapping[str, Any]) -> None:
        self._params = params
        self.arguments: dict[str, Any] = {"messages": openai_messages(messages), **v2_request(params)}

    def resource(self, client: Client | AsyncClient) -> Any:
        """Return the client's resource for the call."""
        return client.chat

    @property
    def stream_arguments(self) -> dict[str, Any]:
        """Return the arguments for a stream.

        Raises:
            InvalidArgumentError: Several answers are requested.
        """
        if (self._params.get("n") or 1) > 1:
            raise InvalidArgumentError("A stream is one answer: n must be 1, not more. `generate` returns several.")
        if self._params.get("stream_usage") is False:
            return self.arguments
        return {**self.arguments, "stream_options": {"include_usage": True}}

    def result(self, reply: ChatCompletion) -> ChatResult:
        """Return the reply as LangChain's result."""
        return chat_result(reply, self._params)

    def chunks(self) -> ChatChunks:
        """Return a reader for a stream."""
        return ChatChunks(self._params)
