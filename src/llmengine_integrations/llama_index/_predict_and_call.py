"""`predict_and_call`, which calls the tools itself. It raises for an unreadable call, whether or not a call is required."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from llama_index.core.chat_engine.types import AgentChatResponse
from llama_index.core.llms.function_calling import FunctionCallingLLM
from typing_extensions import override

from ._tools import NoToolCallError

if TYPE_CHECKING:
    from llama_index.core.tools.types import BaseTool


class PredictAndCall(FunctionCallingLLM):
    """Replaces LlamaIndex's method, which gets calls as agents do and raises KeyError for the placeholder tool of an unreadable call."""

    @override
    def predict_and_call(
        self, tools: Sequence[BaseTool], *args: Any, error_on_no_tool_call: bool = True, **kwargs: Any
    ) -> AgentChatResponse:
        """Ask the model, and call the tools that it selects.

        Args:
            tools: The tools.
            *args: The arguments of LlamaIndex's own method: `user_msg`, `chat_history`, `verbose`.
            error_on_no_tool_call: Whether an answer without a call is an error.
            **kwargs: The keyword arguments of LlamaIndex's own method.

        Raises:
            ValueError: There is no call, and `error_on_no_tool_call` is true.
            ToolCallError: A call cannot be parsed completely. In this case, no tool has been called.
        """
        try:
            return super().predict_and_call(tools, *args, **kwargs)
        except NoToolCallError as none:
            if error_on_no_tool_call:
                raise
            return AgentChatResponse(response=none.content)

    @override
    async def apredict_and_call(
        self, tools: Sequence[BaseTool], *args: Any, error_on_no_tool_call: bool = True, **kwargs: Any
    ) -> AgentChatResponse:
        """The async version of `predict_and_call`."""
        try:
            return await super().apredict_and_call(tools, *args, **kwargs)
        except NoToolCallError as none:
            if error_on_no_tool_call:
                raise
            return AgentChatResponse(response=none.content)
