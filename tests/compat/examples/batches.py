"""Batches of completions."""

from __future__ import annotations

from .example import Example

_BATCH = "/v1/llm/batch-completions"
_BATCH_MODEL = {
    "model": "llama-2-7b",
    "checkpoint_path": "s3://checkpoint-path",
    "labels": {"team": "my-team", "product": "my-product"},
}
_BATCH_FILES = {
    "input_data_path": "s3://my-input-path",
    "output_data_path": "s3://my-output-path",
    "model_config": _BATCH_MODEL,
    "data_parallelism": 1,
    "max_runtime_sec": 86400,
}


EXAMPLES = [
    Example(
        "batch-of-prompts",
        """
from llmengine import Completion
from llmengine.data_types import CreateBatchCompletionsModelConfig, CreateBatchCompletionsRequestContent

content = CreateBatchCompletionsRequestContent(
    prompts=["What is deep learning", "What is a neural network"],
    max_new_tokens=10,
    temperature=0.0
)

response = Completion.batch_create(
    output_data_path="s3://my-path",
    model_config=CreateBatchCompletionsModelConfig(
        model="llama-2-7b",
        checkpoint_path="s3://checkpoint-path",
        labels={"team":"my-team", "product":"my-product"}
    ),
    content=content
)
print(response.job_id)
""",
        "job-7e8c324d60db4fa0935d\n",
        answers=["168-batch1-ok"],
        sends=[
            (
                "POST",
                _BATCH,
                {
                    "output_data_path": "s3://my-path",
                    "model_config": _BATCH_MODEL,
                    "content": {
                        "prompts": ["What is deep learning", "What is a neural network"],
                        "max_new_tokens": 10,
                        "temperature": 0.0,
                    },
                    "data_parallelism": 1,
                    "max_runtime_sec": 86400,
                },
            )
        ],
    ),
    Example(
        "batch-of-a-file",
        """
from llmengine import Completion
from llmengine.data_types import CreateBatchCompletionsModelConfig, CreateBatchCompletionsRequestContent

# Store CreateBatchCompletionsRequestContent data into input file "s3://my-input-path"

response = Completion.batch_create(
    input_data_path="s3://my-input-path",
    output_data_path="s3://my-output-path",
    model_config=CreateBatchCompletionsModelConfig(
        model="llama-2-7b",
        checkpoint_path="s3://checkpoint-path",
        labels={"team":"my-team", "product":"my-product"}
    ),
    data_parallelism=2
)
print(response.job_id)
""",
        "job-7e8c324d60db4fa0935d\n",
        answers=["168-batch1-ok"],
        sends=[("POST", _BATCH, _BATCH_FILES)],
        warns="one worker",
    ),
    Example(
        "batch-with-a-tool",
        """
from llmengine import Completion
from llmengine.data_types import CreateBatchCompletionsModelConfig, CreateBatchCompletionsRequestContent, ToolConfig

# Store CreateBatchCompletionsRequestContent data into input file "s3://my-input-path"

response = Completion.batch_create(
    input_data_path="s3://my-input-path",
    output_data_path="s3://my-output-path",
    model_config=CreateBatchCompletionsModelConfig(
        model="llama-2-7b",
        checkpoint_path="s3://checkpoint-path",
        labels={"team":"my-team", "product":"my-product"}
    ),
    data_parallelism=2,
    tool_config=ToolConfig(
        name="code_evaluator",
    )
)
print(response.json())
""",
        '{"job_id": "job-ee6b31c6488e4c6596dc"}\n',
        answers=["169-batch1-ok-input-path-tool"],
        sends=[("POST", _BATCH, {**_BATCH_FILES, "tool_config": {"name": "code_evaluator"}})],
        warns="one worker",
    ),
]
