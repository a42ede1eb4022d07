"""The types of the LangChain adapter; only checked, never run."""

from typing import assert_type

from llmengine_integrations import Client
from llmengine_integrations.langchain import LLMEngine


def constructed(client: Client) -> None:
    assert_type(LLMEngine(model="m", api_key="k", temperature=0, stop=["\n"], client=client, tags=["t"]), LLMEngine)
    assert_type(LLMEngine(model_name="m", max_tokens=3, stop_sequences=["x"], return_token_log_probs=True), LLMEngine)
    assert_type(LLMEngine(model="m").invoke("hi"), str)
