"""Chat and tools over plain completions: chat templates, tool calls as guided JSON. Uses no framework and does no I/O.

Messages and tools are plain dicts in the wire format (`llmengine_integrations.types.ChatMessageParam`, `ToolParam`).
"""
