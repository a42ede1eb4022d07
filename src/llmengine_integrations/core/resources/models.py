"""Model endpoints."""

from __future__ import annotations

from ...wire.models import Model, ModelList, ModelOrder
from .._operation import Operation, Request, path_segment
from .._resource import Resource, TransportT, endpoint


class Models(Resource[TransportT]):
    """See the models that the gateway serves."""

    @endpoint
    def list(self, name: str | None = None, order_by: ModelOrder | None = None) -> Operation[ModelList]:
        """List your own endpoints and the public ones. `GET /v1/llm/model-endpoints`.

        The reply can be iterated, indexed and measured like a list of `Model`.

        Args:
            name: Only endpoints of this name.
            order_by: "newest", "oldest" or "alphabetical" (today's gateway accepts the last but does not sort by it).
        """
        query = {key: value for key, value in (("name", name), ("order_by", order_by)) if value is not None}
        return Operation(Request(method="GET", path=_PATH, query=query), ModelList)

    @endpoint
    def get(self, name: str) -> Operation[Model]:
        """Return one endpoint. `GET /v1/llm/model-endpoints/{name}`.

        Raises:
            NotFoundError: There is no such endpoint, or the key may not see it.
            InvalidArgumentError: The name is empty or has a slash, which this route cannot match.
        """
        return Operation(Request(method="GET", path=f"{_PATH}/{path_segment(name, 'model name')}"), Model)


_PATH = "/v1/llm/model-endpoints"
