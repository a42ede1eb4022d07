"""Training data for fine-tunes: files that runs of a model are collected in, which answers are fit for them, and the rows of tables.

from llmengine_integrations.datasets import TrainingFile
"""

from .core.training.appending import TrainingFile
from .core.training.rows import TrainingRow
from .core.training.table_files import cell_text, table_rows
from .core.training.whole_answers import AnswerCheck, ModelAnswer, asks_for_json, finish_reason_of

__all__ = [
    "AnswerCheck",
    "ModelAnswer",
    "TrainingFile",
    "TrainingRow",
    "asks_for_json",
    "cell_text",
    "finish_reason_of",
    "table_rows",
]
