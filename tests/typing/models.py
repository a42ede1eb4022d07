"""The types of `client.models`; only checked, never run."""

from pathlib import Path
from typing import assert_type

from llmengine_integrations import AsyncClient, Client
from llmengine_integrations.wire.models import Model, ModelDeletion, ModelDownload, ModelList, ModelTask

LABELS = {"team": "t", "product": "p"}


def blocking(client: Client) -> None:
    assert_type(client.models.list(), ModelList)
    assert_type(client.models.list(name="m", order_by="newest")[0], Model)
    for model in client.models.list():
        assert_type(model, Model)
    assert_type(client.models.get("m"), Model)
    assert_type(client.models.create("m", "llama-2-7b", labels=LABELS), ModelTask)
    assert_type(client.models.update("m", max_workers=2), ModelTask)
    assert_type(client.models.delete("m"), ModelDeletion)
    assert_type(client.models.download_urls("m"), ModelDownload)
    assert_type(client.models.download("m", "folder"), dict[str, Path])
    assert_type(client.models.wait_until_ready("m"), Model)


async def awaited(client: AsyncClient) -> None:
    assert_type(await client.models.list(), ModelList)
    assert_type(await client.models.get("m"), Model)
    assert_type(await client.models.create("m", "llama-2-7b", labels=LABELS), ModelTask)
    assert_type(await client.models.update("m", max_workers=2), ModelTask)
    assert_type(await client.models.delete("m"), ModelDeletion)
    assert_type(await client.models.download_urls("m"), ModelDownload)
    assert_type(await client.models.download("m", Path("folder")), dict[str, Path])
    assert_type(await client.models.wait_until_ready("m"), Model)


def refused(client: Client) -> None:
    client.models.get()  # type: ignore[call-arg]
    client.models.list(order_by="best")  # type: ignore[arg-type]
