"""Training data for fine-tunes: files that runs of a model are collected in, which answers are fit for them, and the rows of tables.

from llmengine_integrations.datasets import TrainingFile
"""

from .core._table import cell_text, table_rows
from .core._training_file import TrainingFile
from .core._training_rows import TrainingRow
from .core._whole_answers import AnswerCheck, ModelAnswer, asks_for_json, finish_reason_of

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
