"""The names that the engine serves, and how it describes them."""

from __future__ import annotations

import hashlib
import math
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from llmengine_integrations._version import __version__
from llmengine_integrations.wire.models import DeploymentState, EndpointSpec, Model, ResourceState

from .clock import utc_now
from .config import EngineConfig, read_model_settings, weights_size
from .runtime.runtime import ModelDescription
from .runtime.torch_runtime.loading.context_length import context_length_of
from .store import TunedModel


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What a name stands for."""

    model: str
    """The model itself; for an alias the model that it stands for, for a fine-tuned model its base."""
    folder: Path
    """The folder of its own weights; for a fine-tuned model, the adapter's."""
    created: datetime
    tuned: TunedModel | None = None
    """The fine-tuned model; None if it is not one."""
    failure: str | None = None
    """Why it does not answer requests. Only fine-tuned models can be in that state."""


class Registry:
    """Models, aliases and fine-tuned models of an engine. Use it on the event loop only.

    An alias is listed as an endpoint of its own, whose `model_name` is the model behind it. The same holds for a fine-tuned model.
    """

    def __init__(self, config: EngineConfig) -> None:
        self._config = config
        started = utc_now().replace(microsecond=0)
        named = {name: name for name in config.models} | config.aliases
        self._endpoints = {name: Endpoint(model, config.models[model].path, started) for name, model in named.items()}

    @property
    def names(self) -> list[str]:
        """Return all names in the order in which they were added: models, aliases, fine-tuned models."""
        return list(self._endpoints)

    def model_of(self, name: str) -> str | None:
        """Return the model or adapter that a name stands for; None if the name is not served."""
        found = self._endpoints.get(name)
        if found is None or found.failure is not None:
            return None
        return found.model if found.tuned is None else name

    def get(self, name: str) -> Endpoint | None:
        """Return what a name stands for."""
        return self._endpoints.get(name)

    def folder_of(self, model: str) -> Path | None:
        """Return the folder of a base model."""
        source = self._config.models.get(model)
        return None if source is None else source.path

    def add(self, tuned: TunedModel, *, failure: str | None = None) -> None:
        """Serve a fine-tuned model, or list it with the reason why it is not served."""
        created = datetime.fromtimestamp(tuned.created_at, UTC).replace(tzinfo=None, microsecond=0)
        self._endpoints[tuned.name] = Endpoint(tuned.base, tuned.folder, created, tuned, failure)

    def remove(self, name: str) -> Endpoint | None:
        """Remove a fine-tuned model."""
        return self._endpoints.pop(name, None)

    def describe(self, name: str, loaded: ModelDescription | None) -> Model:
        """Return the endpoint of a name, with values that are true of this engine.

        `inference_framework` is vllm, because the engine speaks that dialect of the API (penalties, `top_k`, `include_stop_str_in_output`).
        The image tag says that it is this engine.

        Args:
            name: one of `names`.
            loaded: the runtime's description of the model; None while it is loading.
        """
        endpoint = self._endpoints[name]
        llm = self._llm(endpoint)
        spec = self._spec(name, endpoint, llm, loaded)
        return Model(id=spec.id, name=name, status=spec.status or "", spec=spec, **llm)

    def _llm(self, endpoint: Endpoint) -> dict[str, Any]:
        return {
            "model_name": endpoint.model,
            "source": "hugging_face",
            "inference_framework": "vllm",
            "inference_framework_image_tag": f"llmengine-integrations-{__version__}",
            "num_shards": 1,
            "quantize": None,
            "checkpoint_path": str(endpoint.folder),
        }

    def _spec(
        self, name: str, endpoint: Endpoint, llm: dict[str, Any], loaded: ModelDescription | None
    ) -> EndpointSpec:
        identity = "end_" + hashlib.sha256(name.encode()).hexdigest()[:17]
        available = loaded is not None and endpoint.failure is None
        return EndpointSpec(
            id=identity,
            name=name,
            endpoint_type="streaming",
            destination=f"embedded-engine-{identity}",
            deployment_name=f"embedded-engine-{name}",
            metadata={"_llm": llm, **self._context(endpoint, loaded)},
            bundle_name=f"{endpoint.model}-folder",
            status="READY" if available else "UPDATE_FAILED" if endpoint.failure else "UPDATE_IN_PROGRESS",
            status_reason=endpoint.failure,
            labels={"team": "local", "product": "llmengine-integrations"},
            aws_role="none",
            results_s3_bucket="none",
            created_by="llmengine-serve",
            created_at=endpoint.created,
            last_updated_at=endpoint.created,
            deployment_state=self._deployment(available=int(available)),
            resource_state=self._resources(endpoint, None if loaded is None else loaded.device),
            public_inference=endpoint.tuned is None,
        )

    def _context(self, endpoint: Endpoint, loaded: ModelDescription | None) -> dict[str, Any]:
        """Return the model's context length, for prompt and completion together: from its runtime, or else from its settings."""
        if loaded is not None and loaded.context_length is not None:
            return {"max_model_len": loaded.context_length}
        length = context_length_of(read_model_settings(self.folder_of(endpoint.model) or endpoint.folder))
        return {} if length is None else {"max_model_len": length}

    def _deployment(self, *, available: int) -> DeploymentState:
        return DeploymentState(
            min_workers=1,
            max_workers=1,
            per_worker=self._config.max_batch_size,
            concurrent_requests_per_worker=self._config.max_batch_size,
            available_workers=available,
            unavailable_workers=1 - available,
        )

    def _resources(self, endpoint: Endpoint, device: str | None) -> ResourceState:
        """Return the worker's resources: this machine's CPUs, and memory and storage for the weights, rounded up to MiB."""
        folders = {endpoint.folder, self.folder_of(endpoint.model) or endpoint.folder}
        size = f"{math.ceil(sum(map(weights_size, folders)) / 2**20)}Mi"
        return ResourceState(
            cpus=str(os.cpu_count() or 1),
            gpus=int(device == "cuda"),
            memory=size,
            storage=size,
            nodes_per_worker=1,
            optimize_costs=False,
        )
