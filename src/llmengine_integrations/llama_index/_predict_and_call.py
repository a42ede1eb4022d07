"""`predict_and_call`, which calls the tools itself: a call that cannot be read raises there, whether or not one is required."""

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
    """LlamaIndex's own asks for the calls as agents do, and ends in a KeyError at the tool that stands for a call that cannot be read."""

    @override
    def predict_and_call(
        self, tools: Sequence[BaseTool], *args: Any, error_on_no_tool_call: bool = True, **kwargs: Any
    ) -> AgentChatResponse:
        """Ask the model, and call the tools that it names.

        Args:
            tools: The tools.
            *args: As LlamaIndex's own method takes them: `user_msg`, `chat_history`, `verbose`.
            error_on_no_tool_call: Whether an answer without a call is an error.
            **kwargs: As LlamaIndex's own method takes them.

        Raises:
            ValueError: There is no call, and that is an error.
            ToolCallError: A call cannot be read whole. No tool was called then.
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
        """`predict_and_call`, awaited."""
        try:
            return await super().apredict_and_call(tools, *args, **kwargs)
        except NoToolCallError as none:
            if error_on_no_tool_call:
                raise
            return AgentChatResponse(response=none.content)
