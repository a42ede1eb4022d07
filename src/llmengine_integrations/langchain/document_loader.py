"""Loads documents from LLM Engine's files."""

from __future__ import annotations

import asyncio
import mimetypes
from collections.abc import AsyncIterator, Collection, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from langchain_core.document_loaders import BaseBlobParser, BaseLoader
from langchain_core.documents import Document
from langchain_core.documents.base import Blob
from pydantic import SecretStr
from typing_extensions import override

from .. import AsyncClient, Client, Clients
from ..datasets import cell_text, table_rows
from ..types import HttpAsyncClient, HttpClient

if TYPE_CHECKING:
    from ..types import File


class LLMEngineFileLoader(BaseLoader):
    r"""Loads files of LLM Engine's Files API as documents, one file at a time.

        loader = LLMEngineFileLoader("file-abc123", mode="rows", content_columns=["prompt", "response"])
        documents = loader.load()
        async for document in loader.alazy_load(): ...

    A document's `metadata` has `source` (the file's URL), `file_id` and `filename`. For a row it also has `row`, counted from 1 without the
    header. Its `id` is the file's id, with the position in the file ("file-abc123:7"). The same files give the same documents, so that an
    index can recognise those that it has.

    Args:
        file_ids: One id, or several; by default every file, in the order of their ids.
        mode: "file" for one document per file; "rows" for one per row of CSV and JSON lines files (by file extension), while other files
            are one document each.
        content_columns: The columns whose "name: value" lines are a row's text; all by default.
        metadata_columns: Columns to put into a row's metadata, and not into its text unless `content_columns` names them. A column with the
            name of one of the loader's own fields, such as `source`, replaces it.
        blob_parser: Makes the documents of a file instead. It gets a text blob with the file's name, type and metadata, in a thread if
            loading is async. Missing metadata and ids are added.
        base_url, api_key, timeout, max_retries, default_headers, allow_http: The same as for `llmengine_integrations.Client`.
        http_client, http_async_client: An `httpx.Client` for `lazy_load`, and an `httpx.AsyncClient` for `alazy_load`.
        client, async_client: Your own clients instead. If you give one, the other kind of calls has the same settings.

    Raises:
        ConfigurationError: No key is set for a server that is not on loopback, the base URL is invalid, or a setting differs from the given
            client's own.
        NotFoundError: When loading: a file does not exist.
        ValueError: The mode is unknown. When loading: a row cannot be read, or a named column does not exist.
    """

    def __init__(
        self,
        file_ids: str | Sequence[str] | None = None,
        *,
        mode: Literal["file", "rows"] = "file",
        content_columns: Sequence[str] | None = None,
        metadata_columns: Collection[str] = (),
        blob_parser: BaseBlobParser | None = None,
        base_url: str | None = None,
        api_key: SecretStr | str | None = None,
        timeout: Any = None,
        max_retries: int | None = None,
        default_headers: Mapping[str, str] | None = None,
        allow_http: bool = False,
        http_client: HttpClient | None = None,
        http_async_client: HttpAsyncClient | None = None,
        client: Client | None = None,
        async_client: AsyncClient | None = None,
    ) -> None:
        if mode not in {"file", "rows"}:
            raise ValueError(f"mode must be file or rows, not {mode!r}.")
        self._ids = [file_ids] if isinstance(file_ids, str) else file_ids
        self._mode = mode
        self._content_columns = content_columns
        self._metadata_columns = metadata_columns
        self._parser = blob_parser
        self._clients = Clients(
            base_url=base_url,
            api_key=api_key,
            timeout=timeout,
            max_retries=max_retries,
            default_headers=default_headers,
            allow_http=allow_http,
            http_client=http_client,
            http_async_client=http_async_client,
            client=client,
            async_client=async_client,
        )

    @override
    def lazy_load(self) -> Iterator[Document]:
        """Yield the documents. Each file is fetched when the previous one is finished."""
        files = self._clients.client.files
        for file_id in self._ids if self._ids is not None else _ids(files.list()):
            file, text = files.get(file_id), files.content(file_id).content
            yield from self._documents(file, text)

    @override
    async def alazy_load(self) -> AsyncIterator[Document]:
        """Yield the documents, fetched without threads."""
        files = self._clients.async_client.files
        for file_id in self._ids if self._ids is not None else _ids(await files.list()):
            file, text = await files.get(file_id), (await files.content(file_id)).content
            documents = self._documents(file, text)
            for document in documents if self._parser is None else await asyncio.to_thread(list, documents):
                yield document

    def _documents(self, file: File, text: str) -> Iterator[Document]:
        metadata = {
            "source": f"{self._clients.base_url}/v1/files/{file.id}/content",
            "file_id": file.id,
            "filename": file.filename,
        }
        if self._parser is not None:
            yield from _parsed(self._parser, file, text, metadata)
        elif self._mode == "rows" and (rows := table_rows(file.filename, text)) is not None:
            for number, row in enumerate(rows, start=1):
                yield self._row(row, number, metadata)
        else:
            yield Document(text, id=file.id, metadata=metadata)

    def _row(self, row: Mapping[str, Any], number: int, metadata: Mapping[str, Any]) -> Document:
        columns = self._content_columns
        if columns is None:
            columns = [name for name in row if name not in self._metadata_columns]
        if missing := [name for name in (*columns, *self._metadata_columns) if name not in row]:
            raise ValueError(f"{metadata['filename']}: row {number} has no column {missing[0]!r}; it has {list(row)}")
        content = "\n".join(f"{name}: {cell_text(row[name])}" for name in columns)
        own = {name: row[name] for name in self._metadata_columns}
        return Document(content, id=f"{metadata['file_id']}:{number}", metadata={**metadata, "row": number, **own})


def _ids(files: Iterable[File]) -> list[str]:
    return sorted(file.id for file in files)


def _parsed(parser: BaseBlobParser, file: File, text: str, metadata: dict[str, Any]) -> Iterator[Document]:
    kind = mimetypes.guess_type(file.filename)[0] or "text/plain"
    blob = Blob.from_data(text, mime_type=kind, path=file.filename, metadata=metadata)
    for number, document in enumerate(parser.lazy_parse(blob), start=1):
        yield Document(
            document.page_content,
            id=document.id or f"{file.id}:{number}",
            metadata={**metadata, **document.metadata},
        )
