"""The types of `client.files`; only checked, never run."""

from pathlib import Path
from typing import assert_type

from llmengine_integrations import AsyncClient, Client
from llmengine_integrations.types import File, FileContent, FileDeletion, FileList, TrainingData, UploadedFile


def blocking(client: Client) -> None:
    assert_type(client.files.upload("train.csv"), UploadedFile)
    assert_type(client.files.upload(b"bytes", filename="train.csv"), UploadedFile)
    assert_type(client.files.check("train.csv"), TrainingData)
    assert_type(client.files.get("id"), File)
    assert_type(client.files.list(), FileList)
    assert_type(client.files.content("id"), FileContent)
    assert_type(client.files.download("id", "folder"), Path)
    assert_type(client.files.delete("id"), FileDeletion)


async def awaited(client: AsyncClient) -> None:
    assert_type(await client.files.upload(Path("train.csv")), UploadedFile)
    assert_type(await client.files.check("train.csv"), TrainingData)
    assert_type(await client.files.get("id"), File)
    assert_type(await client.files.list(), FileList)
    assert_type(await client.files.content("id"), FileContent)
    assert_type(await client.files.download("id", Path("folder")), Path)
    assert_type(await client.files.delete("id"), FileDeletion)
