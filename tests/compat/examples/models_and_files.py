"""Models and files: upstream's pages describe these calls without an example."""

from __future__ import annotations

from .example import Example

EXAMPLES = [
    Example(
        "model-get",
        """
from llmengine import Model

response = Model.get("llama-2-7b")
print(response.name, response.status.value, response.inference_framework_tag)
""",
        "llama-2-7b READY 0.2.7\n",
        answers=["103-models-get"],
        sends=[("GET", "/v1/llm/model-endpoints/llama-2-7b", None)],
    ),
    Example(
        "model-list",
        """
from llmengine import Model

print([model.name for model in Model.list().model_endpoints])
""",
        "['llama-2-7b', 'mpt-7b', 'falcon-7b', 'trt-7b', 'ds-13b', 'llama-2-7b.my-suffix.230718-120000']\n",
        answers=["098-models-list"],
        sends=[("GET", "/v1/llm/model-endpoints", None)],
    ),
    Example(
        "model-delete",
        """
from llmengine import Model

response = Model.delete("llama-2-7b.suffix.2023-07-18-12-00-00")
print(response.json())
""",
        '{"deleted": true}\n',
        answers=["126-models-delete-ok"],
        sends=[("DELETE", "/v1/llm/model-endpoints/llama-2-7b.suffix.2023-07-18-12-00-00", None)],
    ),
    Example(
        "model-download",
        """
from llmengine import Model

response = Model.download("llama-2-7b.suffix.2023-07-18-12-00-00", download_format="hugging_face")
print(sorted(response.urls))
""",
        "['README.md', 'adapter_config.json', 'adapter_model.bin']\n",
        answers=["122-models-download-ok"],
        sends=[
            (
                "POST",
                "/v1/llm/model-endpoints/download",
                {"model_name": "llama-2-7b.suffix.2023-07-18-12-00-00", "download_format": "hugging_face"},
            )
        ],
    ),
    Example(
        "file-upload",
        """
from llmengine import File

with open("train.csv", "r") as file:
    response = File.upload(file)
print(response.json())
""",
        '{"id": "file-ff6f658bebfc44a"}\n',
        answers=["129-files-upload-ok"],
        sends=[("POST", "/v1/files", None)],
    ),
    Example(
        "file-get",
        """
from llmengine import File

response = File.get("file-ff6f658bebfc44a")
print(response.json())
""",
        '{"id": "file-ff6f658bebfc44a", "filename": "train.csv", "size": 38}\n',
        answers=["136-files-get"],
        sends=[("GET", "/v1/files/file-ff6f658bebfc44a", None)],
    ),
    Example(
        "file-download",
        """
from llmengine import File

response = File.download("file-ff6f658bebfc44a")
print(response.content)
""",
        "prompt,response\nhello,world\nfoo,café\n\n",
        answers=["137-files-content"],
        sends=[("GET", "/v1/files/file-ff6f658bebfc44a/content", None)],
    ),
    Example(
        "file-list",
        """
from llmengine import File

response = File.list()
print([file.filename for file in response.files])
""",
        "['train.csv', 't.jsonl', 'bad.csv']\n",
        answers=["135-files-list"],
        sends=[("GET", "/v1/files", None)],
    ),
    Example(
        "file-delete",
        """
from llmengine import File

response = File.delete("file-ff6f658bebfc44a")
print(response.deleted)
""",
        "True\n",
        answers=["167-files-delete-ok"],
        sends=[("DELETE", "/v1/files/file-ff6f658bebfc44a", None)],
    ),
]
