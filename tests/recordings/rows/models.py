"""`models`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from llmengine_integrations.core.errors import (
    BadRequestError,
    InvalidArgumentError,
    NotFoundError,
    PermissionDeniedError,
    ValidationError,
)
from llmengine_integrations.wire.models import (
    DeploymentState,
    EndpointSpec,
    Model,
    ModelDeletion,
    ModelDownload,
    ModelTask,
    ResourceState,
)

from ..row import Row, raises, refuses, returns

_LLAMA_2_7B = Model(
    id="end_a00d4ca74811438b8",
    name="llama-2-7b",
    model_name="llama-2-7b",
    source="hugging_face",
    status="READY",
    inference_framework="vllm",
    inference_framework_image_tag="0.2.7",
    num_shards=1,
    checkpoint_path="s3://fake-bucket/llama-2-7b",
    spec=EndpointSpec(
        id="end_a00d4ca74811438b8",
        name="llama-2-7b",
        endpoint_type="streaming",
        destination="launch-endpoint-vllm-end_a00d4ca74811438b8",
        deployment_name="llm-engine-llama-2-7b",
        metadata={
            "_llm": {
                "model_name": "llama-2-7b",
                "source": "hugging_face",
                "inference_framework": "vllm",
                "inference_framework_image_tag": "0.2.7",
                "num_shards": 1,
                "quantize": None,
                "checkpoint_path": "s3://fake-bucket/llama-2-7b",
            }
        },
        bundle_name="llama-2-7b-bundle",
        status="READY",
        labels={"team": "infra", "product": "llm"},
        aws_role="default",
        results_s3_bucket="bucket",
        created_by="llm-engine",
        created_at=datetime.fromisoformat("2023-07-18T12:00:00"),
        last_updated_at=datetime.fromisoformat("2023-07-18T12:30:00"),
        deployment_state=DeploymentState(
            min_workers=1,
            max_workers=1,
            per_worker=10,
            concurrent_requests_per_worker=100,
            available_workers=1,
            unavailable_workers=0,
        ),
        resource_state=ResourceState(
            cpus="8",
            gpus=1,
            memory="24Gi",
            gpu_type="nvidia-ampere-a10",
            storage="40Gi",
            nodes_per_worker=1,
            optimize_costs=False,
        ),
        public_inference=True,
    ),
)
_TUNED = "llama-2-7b.my-suffix.230718-120000"
_PUBLIC = ["llama-2-7b", "mpt-7b", "falcon-7b", "trt-7b", "ds-13b"]
_EXOTIC = [
    ("llama-2-7b", "vllm", "streaming"),
    ("mpt-7b", "text_generation_inference", "streaming"),
    ("falcon-7b", "lightllm", "streaming"),
    ("trt-7b", "tensorrt_llm", "streaming"),
    ("ds-13b", "deepspeed", "streaming"),
    ("sg-8b", "sglang", "streaming"),
    ("sync-only", "deepspeed", "sync"),
    ("async-only", "deepspeed", "async"),
    ("retired-7b", "vllm", "streaming"),
    ("org/llama-3 8b", "vllm", "streaming"),
    ("dup-7b", "vllm", "streaming"),
]


def _names(models: list[Model]) -> list[str]:
    return [model.name for model in models]


def _create(name: str, **options: Any) -> Callable[[Any], Any]:
    """The call behind the recordings of creates."""
    always: dict[str, Any] = {
        "labels": {"team": "t", "product": "p"},
        "per_worker": 10,
        "source": "hugging_face",
        "inference_framework_image_tag": "latest",
        "num_shards": 1,
        "checkpoint_path": "s3://fake-bucket/llama-2-7b",
    }
    return lambda client: client.models.create(name, "llama-2-7b", **always | options)


_HARDWARE = {
    "cpus": "8",
    "gpus": 1,
    "memory": "24Gi",
    "storage": "40Gi",
    "gpu_type": "nvidia-ampere-a10",
    "nodes_per_worker": 1,
}
_TASK = ModelTask(endpoint_creation_task_id="test_creation_task_id")
_FRAMEWORKS = ["vllm", "sglang", "deepspeed", "text_generation_inference", "lightllm", "tensorrt_llm"]

ROWS = [
    Row("098-models-list", lambda client: client.models.list(), returns([*_PUBLIC, _TUNED], of=_names)),
    Row("099-models-list-name", lambda client: client.models.list("llama-2-7b"), returns([_LLAMA_2_7B], of=list)),
    Row(
        "100-models-list-order",
        lambda client: client.models.list(order_by="newest"),
        returns([_TUNED, *reversed(_PUBLIC)], of=_names),
    ),
    Row(
        "101-models-list-422-order",
        lambda client: client.models.list(order_by="bogus"),
        raises(
            ValidationError,
            "order_by: Input should be 'newest', 'oldest' or 'alphabetical'",
            fields=["order_by"],
        ),
    ),
    Row(
        "102-models-list-exotic",
        lambda client: client.models.list(),
        returns(
            _EXOTIC,
            of=lambda models: [(one.name, one.inference_framework, one.spec.endpoint_type) for one in models],
        ),
    ),
    Row("103-models-get", lambda client: client.models.get("llama-2-7b"), returns(_LLAMA_2_7B)),
    Row(
        "104-models-get-404",
        lambda client: client.models.get("nope"),
        raises(NotFoundError, "Model Endpoint nope  was not found."),
    ),
    Row(
        "105-models-get-slash-encoded",
        lambda client: client.models.get("org/llama-3 8b"),
        refuses(InvalidArgumentError, "'org/llama-3 8b' contains a slash"),
    ),
    Row(
        "106-models-get-private-other-team",
        lambda client: client.models.get("sg-8b"),
        raises(NotFoundError, "Model Endpoint sg-8b  was not found."),
    ),
    Row("107-models-create-ok-hw-inferred", _create("my-model"), returns(_TASK)),
    Row(
        "108-models-create-400-exists",
        _create("my-model"),
        raises(BadRequestError, "The specified model endpoint already exists."),
    ),
    Row(
        "110-models-create-400-no-labels",
        _create("m3", labels={}),
        refuses(InvalidArgumentError, "The labels need team and product"),
    ),
    Row(
        "111-models-create-400-partial-hw",
        _create("m4", nodes_per_worker=1),
        refuses(
            InvalidArgumentError, "The hardware fields go together: cpus, gpus, memory, gpu_type, storage missing."
        ),
    ),
    Row("112-models-create-ok-full-hw", _create("m5", **_HARDWARE), returns(_TASK)),
    Row(
        "113-models-create-400-shards",
        _create("m6", **_HARDWARE | {"num_shards": 2}),
        raises(BadRequestError, "Num shard 2 must be equal to the number of GPUs 1."),
    ),
    Row(
        "116-models-create-422-framework",
        _create("my-model", inference_framework="bogus"),
        raises(
            ValidationError,
            "body: Input tag 'bogus' found using get_inference_framework() does not match any of the expected tags: "
            + ", ".join(f"<LLMInferenceFramework.{name.upper()}: '{name}'>" for name in _FRAMEWORKS),
        ),
    ),
    Row(
        "122-models-download-ok",
        lambda client: client.models.download_urls(_TUNED, download_format="hugging_face"),
        returns(
            ModelDownload(
                urls={
                    name: f"https://signed.invalid/bucket/test-user/models--{_TUNED}/{name}?Expires=3600&Signature=abc%2Bdef"
                    for name in ("adapter_model.bin", "adapter_config.json", "README.md")
                }
            )
        ),
    ),
    Row(
        "123-models-download-404",
        lambda client: client.models.download_urls("nope"),
        raises(NotFoundError, "The requested fine-tuned model could not be found."),
    ),
    Row(
        "126-models-delete-ok",
        lambda client: client.models.delete("my-model"),
        returns(ModelDeletion(deleted=True)),
    ),
    Row(
        "127-models-delete-404",
        lambda client: client.models.delete("my-model"),
        raises(NotFoundError, "The requested model endpoint could not be found."),
    ),
    Row(
        "128-models-delete-403-public",
        lambda client: client.models.delete("llama-2-7b"),
        raises(PermissionDeniedError, "You don't have permission to delete the requested model endpoint."),
    ),
    Row(
        "118-models-get-after-create",
        lambda client: client.models.get("my-model"),
        # Created private; an update without `public_inference` has made it public.
        returns(("UPDATE_PENDING", True), of=lambda model: (model.status, model.spec.public_inference)),
    ),
    Row(
        "125-models-get-download-path-is-a-name",
        lambda client: client.models.get("llama-2-7b/download"),
        refuses(InvalidArgumentError, "'llama-2-7b/download' contains a slash"),
    ),
    Row(
        "166-ft-model-get",
        lambda client: client.models.get("llama-2-7b.my-exp.261121-083913"),
        returns(("READY", "vllm"), of=lambda model: (model.status, model.inference_framework)),
    ),
]
