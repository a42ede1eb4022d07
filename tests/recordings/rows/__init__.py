"""The whole table, one module per resource."""

from __future__ import annotations

from . import (
    auth,
    batch_completions,
    chat,
    chat_streams,
    completion_streams,
    completions,
    files,
    fine_tunes,
    models,
    text_completions,
)

ROWS = [
    *auth.ROWS,
    *completions.ROWS,
    *completion_streams.ROWS,
    *chat.ROWS,
    *chat_streams.ROWS,
    *text_completions.ROWS,
    *models.ROWS,
    *files.ROWS,
    *fine_tunes.ROWS,
    *batch_completions.ROWS,
]
