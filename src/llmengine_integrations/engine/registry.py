"""The names that the engine answers to, and how it describes them."""

from __future__ import annotations

import hashlib
import math
import os
from typing import Any

from llmengine_integrations._version import __version__
from llmengine_integrations.wire.models import DeploymentState, EndpointSpec, Model, ResourceState

from .config import EngineConfig, weights_size
from .replies import utc_now


class Registry:
    """Models and aliases of an engine.

    An alias is listed as an endpoint of its own, whose `model_name` is the model behind it.
    """

    def __init__(self, config: EngineConfig) -> None:
        self._config = config
        self._models = {name: name for name in config.models} | config.aliases
        self._started = utc_now().replace(microsecond=0)

    @property
    def names(self) -> list[str]:
        """Every name, in the order in which they were given: models, then aliases."""
        return list(self._models)

    def model_of(self, name: str) -> str | None:
        """The model behind a name; None for a name that is not served."""
        return self._models.get(name)

    def describe(self, name: str, *, device: str | None) -> Model:
        """The endpoint of a name, with values that are true of this engine.

        `inference_framework` is vllm, because that is the dialect of the API that the engine speaks (penalties, `top_k`,
        `include_stop_str_in_output`); the image tag says that it is this engine.

        Args:
            name: one of `names`.
            device: the kind of device that the model runs on; None while it is loading.
        """
        llm = self._llm(self._models[name])
        spec = self._spec(name, llm, device)
        return Model(id=spec.id, name=name, status=spec.status or "", spec=spec, **llm)

    def _llm(self, model: str) -> dict[str, Any]:
        return {
            "model_name": model,
            "source": "hugging_face",
            "inference_framework": "vllm",
            "inference_framework_image_tag": f"llmengine-integrations-{__version__}",
            "num_shards": 1,
            "quantize": None,
            "checkpoint_path": str(self._config.models[model]),
        }

    def _spec(self, name: str, llm: dict[str, Any], device: str | None) -> EndpointSpec:
        identity = "end_" + hashlib.sha256(name.encode()).hexdigest()[:17]
        return EndpointSpec(
            id=identity,
            name=name,
            endpoint_type="streaming",
            destination=f"embedded-engine-{identity}",
            deployment_name=f"embedded-engine-{name}",
            metadata={"_llm": llm},
            bundle_name=f"{llm['model_name']}-folder",
            status="UPDATE_IN_PROGRESS" if device is None else "READY",
            labels={"team": "local", "product": "llmengine-integrations"},
            aws_role="none",
            results_s3_bucket="none",
            created_by="llmengine-serve",
            created_at=self._started,
            last_updated_at=self._started,
            deployment_state=self._deployment(available=int(device is not None)),
            resource_state=self._resources(llm["model_name"], device),
            public_inference=True,
        )

    def _deployment(self, *, available: int) -> DeploymentState:
        return DeploymentState(
            min_workers=1,
            max_workers=1,
            per_worker=self._config.max_batch_size,
            concurrent_requests_per_worker=self._config.max_batch_size,
            available_workers=available,
            unavailable_workers=1 - available,
        )

    def _resources(self, model: str, device: str | None) -> ResourceState:
        """What the worker has: this machine's CPUs, and memory and storage for the weights, rounded up to MiB."""
        size = f"{math.ceil(weights_size(self._config.models[model]) / 2**20)}Mi"
        return ResourceState(
            cpus=str(os.cpu_count() or 1),
            gpus=int(device == "cuda"),
            memory=size,
            storage=size,
            nodes_per_worker=1,
            optimize_costs=False,
        )
