"""Training data for fine-tunes: files that runs of a model are collected in, and the rows of tables.

from llmengine_integrations.datasets import TrainingFile
"""

from .core._table import cell_text, table_rows
from .core._training_file import TrainingFile
from .core._training_rows import TrainingRow

__all__ = ["TrainingFile", "TrainingRow", "cell_text", "table_rows"]
