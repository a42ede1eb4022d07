"""LLM Engine for LlamaIndex."""
