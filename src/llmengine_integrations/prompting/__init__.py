"""Chat and tools over plain completions: chat templates, tool calls as guided JSON. Knows no framework, does no I/O.

Messages and tools are plain dicts in the form of the wire (`llmengine_integrations.types.ChatMessageParam`, `ToolParam`).
"""
