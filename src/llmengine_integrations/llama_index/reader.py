"""Documents from the files that LLM Engine stores."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

from llama_index.core.readers.base import BasePydanticReader, BaseReader, ResourcesReaderMixin
from llama_index.core.schema import Document
from pydantic import Field
from pydantic.json_schema import SkipJsonSchema
from typing_extensions import override

from ..datasets import cell_text, table_rows
from ..types import File
from ._connection import Connected
from ._steps import Steps, arun, run

_log = logging.getLogger(__name__)

_NOT_SHOWN = ["file_id", "file_size", "source"]
"""Metadata about the origin of a document, not its content. It is excluded from embeddings and prompts."""


class LLMEngineFileReader(Connected, BasePydanticReader, ResourcesReaderMixin):
    """Reads files of LLM Engine's Files API as documents. A resource's id is the file's id.

        documents = LLMEngineFileReader(mode="rows").load_data(["file-abc"])

    A document's id is the file's id with the position in the file ("file-abc:7"), so that the same files give the same documents. Its
    metadata has `file_id`, `file_name`, `file_size`, `source` and, for a row, `row`, counted from 1 without the header.

    Raises:
        ConfigurationError: No key is set for a server beyond loopback, the base URL is invalid, or a setting contradicts the given client.
    """

    is_remote: bool = True
    file_ids: list[str] | None = Field(
        default=None, description="The files to read; by default every file there is, in the order of their ids."
    )
    mode: Literal["file", "rows"] = Field(
        default="file",
        description="A document per file, or one per row of CSV and JSON lines files; others come whole.",
    )
    file_extractor: SkipJsonSchema[dict[str, BaseReader]] = Field(
        default_factory=dict[str, BaseReader],
        exclude=True,
        description="Readers by the end of a file's name (`.md`), as SimpleDirectoryReader takes them. Not serialized.",
    )
    on_error: Literal["raise", "warn", "skip"] = Field(
        default="raise",
        description="What a file that cannot be read does: fail, be logged and left out, or be left out.",
    )
    num_workers: int = Field(default=4, ge=1, description="Files fetched at a time by the async methods.")

    @classmethod
    @override
    def class_name(cls) -> str:
        """The name under which the reader is serialized."""
        return "LLMEngineFileReader"

    @override
    def load_data(self, file_ids: str | Sequence[str] | None = None) -> list[Document]:
        """The documents of the files.

        Args:
            file_ids: The ids of the files to read, or a single id; by default those of the field `file_ids`.

        Raises:
            NotFoundError: A file does not exist.
            ValueError: A row cannot be read.
        """
        return list(self.lazy_load_data(file_ids))

    @override
    def lazy_load_data(self, file_ids: str | Sequence[str] | None = None) -> Iterator[Document]:
        """The documents. Each file is fetched after the previous one has been consumed. The arguments are those of `load_data`."""
        chosen = self._chosen(file_ids)
        for file_id in chosen if chosen is not None else self.list_resources():
            yield from self._load(file_id)

    @override
    async def aload_data(self, file_ids: str | Sequence[str] | None = None) -> list[Document]:
        """The documents of the files, which are fetched several at a time. The arguments are those of `load_data`."""
        chosen = self._chosen(file_ids)
        ids = chosen if chosen is not None else await self.alist_resources()
        return [document for found in await self._aload_all(ids) for document in found]

    @override
    async def alazy_load_data(self, file_ids: str | Sequence[str] | None = None) -> Iterable[Document]:
        """The documents of the files, which are fetched several at a time. The arguments are those of `load_data`."""
        return await self.aload_data(file_ids)

    @override
    def list_resources(self) -> list[str]:
        """The ids of all files, sorted."""
        return sorted(file.id for file in self._blocking().files.list())

    @override
    async def alist_resources(self) -> list[str]:
        """The ids of all files, sorted."""
        return sorted(file.id for file in await self._awaiting().files.list())

    @override
    def get_resource_info(self, resource_id: str) -> dict[str, Any]:
        """A file's `file_id`, `file_name`, `file_size` in bytes, and `source`, its URL."""
        return self._info(self._blocking().files.get(resource_id))

    @override
    async def aget_resource_info(self, resource_id: str) -> dict[str, Any]:
        """A file's `file_id`, `file_name`, `file_size` in bytes, and `source`, its URL."""
        return self._info(await self._awaiting().files.get(resource_id))

    @override
    def load_resource(self, resource_id: str) -> list[Document]:
        """The documents of one file."""
        return self._load(resource_id)

    @override
    async def aload_resource(self, resource_id: str) -> list[Document]:
        """The documents of one file."""
        return await self._aload(resource_id)

    @override
    async def aload_resources(self, resource_ids: list[str]) -> dict[str, list[Document]]:
        """The documents of the given files, by file id. The files are fetched several at a time."""
        return dict(zip(resource_ids, await self._aload_all(resource_ids), strict=True))

    def _chosen(self, file_ids: str | Sequence[str] | None) -> Sequence[str] | None:
        return self.file_ids if file_ids is None else [file_ids] if isinstance(file_ids, str) else file_ids

    async def _aload_all(self, ids: Sequence[str]) -> list[list[Document]]:
        places = asyncio.Semaphore(self.num_workers)

        async def load(file_id: str) -> list[Document]:
            async with places:
                return await self._aload(file_id)

        tasks = [asyncio.create_task(load(file_id)) for file_id in ids]
        try:  # no TaskGroup: it would wrap a file's error in a group
            return await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()

    def _load(self, file_id: str) -> list[Document]:
        try:
            return self._documents(*run(_fetch(file_id), self._blocking()))
        except Exception as error:  # noqa: BLE001 - an extractor may raise anything; `on_error` decides what happens
            return self._failed(file_id, error)

    async def _aload(self, file_id: str) -> list[Document]:
        try:
            file, text = await arun(_fetch(file_id), self._awaiting())
            return await asyncio.to_thread(self._documents, file, text)  # an extractor may be slow
        except Exception as error:  # noqa: BLE001 - an extractor may raise anything; `on_error` decides what happens
            return self._failed(file_id, error)

    def _failed(self, file_id: str, error: Exception) -> list[Document]:
        if self.on_error == "raise":
            raise error
        if self.on_error == "warn":
            _log.warning("file %s is left out: %s", file_id, error)
        return []

    def _documents(self, file: File, text: str) -> list[Document]:
        info = self._info(file)
        if extractor := self.file_extractor.get(Path(file.filename).suffix.lower()):
            return _extracted(extractor, file, text, info)
        rows = table_rows(file.filename, text) if self.mode == "rows" else None
        if rows is None:
            return [_document(text, file.id, info)]
        return [
            _document(_row_text(row), f"{file.id}:{number}", info | {"row": number})
            for number, row in enumerate(rows, start=1)
        ]

    def _info(self, file: File) -> dict[str, Any]:
        return {
            "file_id": file.id,
            "file_name": file.filename,
            "file_size": file.size,
            "source": f"{self.base_url}/v1/files/{file.id}/content",
        }


def _fetch(file_id: str) -> Steps[tuple[File, str]]:
    file: File = yield lambda client: client.files.get(file_id)
    content = yield lambda client: client.files.content(file_id)
    return file, content.content


def _row_text(row: Mapping[str, Any]) -> str:
    return "\n".join(f"{name}: {cell_text(value)}" for name, value in row.items())


def _document(text: str, identity: str, metadata: dict[str, Any]) -> Document:
    return Document(
        text=text,
        id_=identity,
        metadata=metadata,
        excluded_embed_metadata_keys=list(_NOT_SHOWN),
        excluded_llm_metadata_keys=list(_NOT_SHOWN),
    )


def _extracted(reader: BaseReader, file: File, text: str, info: dict[str, Any]) -> list[Document]:
    """The documents of another reader for the file, with our ids."""
    with TemporaryDirectory(prefix="llmengine-") as folder:
        # The file's own name is not used, because the server chose it.
        path = Path(folder) / f"file{Path(file.filename).suffix.lower()}"
        path.write_text(text, encoding="utf-8", newline="")
        documents = reader.load_data(path, extra_info=info)
    for number, document in enumerate(documents, start=1):
        document.id_ = f"{file.id}:{number}"
        document.metadata = {**document.metadata, **info}
        document.excluded_embed_metadata_keys = list({*document.excluded_embed_metadata_keys, *_NOT_SHOWN})
        document.excluded_llm_metadata_keys = list({*document.excluded_llm_metadata_keys, *_NOT_SHOWN})
    return documents
