"""Runs one batch job to its output file, from its start or from where a crash interrupted it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from llmengine_integrations.engine.dialect.json_text import encode_json, has_more_values
from llmengine_integrations.engine.local_paths import LocalPaths, PathNotAllowedError
from llmengine_integrations.engine.registry import Registry
from llmengine_integrations.engine.store.batch_jobs import Batch, BatchStore, RowOutput

from . import output_file
from .batch_rows import Content, ContentError, RowError, RowWork, read_content
from .code_tool import CodeTool
from .slots import Generator, all_of

_LARGEST_INPUT = 256 * 2**20  # bytes of an input file: it is held in memory while the job runs
_MOST_VALUES = 5_000_000  # in an input file: parsed, they take half a gigabyte and block everything else
_MOST_ATTEMPTS = 5  # starts without a result in between: the job itself may crash the engine
_KINDS = {400: "BadRequestError", 404: "NotFoundError"}


class JobError(Exception):
    """A job that cannot continue. The message is for the user."""


@dataclass(frozen=True, slots=True)
class BatchJobServices:
    """What jobs need to run."""

    store: BatchStore
    registry: Registry
    generator: Generator
    paths: LocalPaths
    code_tool: CodeTool | None
    """None if models may not run code."""


class Job:
    """The work on one job.

    Args:
        batch: the job.
        services: what the job needs to run.
    """

    def __init__(self, batch: Batch, services: BatchJobServices) -> None:
        self._batch = batch
        self._services = services
        self._store = services.store
        self._unsaved: list[RowOutput] = []
        self._saving = asyncio.Lock()
        self._model = ""
        self._content: Content | None = None

    async def run(self) -> None:
        """Run the job. Rows that already have a result are skipped.

        Raises:
            JobError: the job cannot be done.
            GenerationError: the engine is shutting down.
        """
        output = await asyncio.to_thread(self._output_path)
        text, self._content = await asyncio.to_thread(self._read)
        self._model = self._served_model()
        if not await self._begin(text, self._content.rows):
            return
        done = await asyncio.to_thread(self._store.places_done, self._batch)
        left = iter([place for place in range(self._content.rows) if place not in done])
        await all_of(self._work(left, self._content) for _ in range(self._services.generator.at_a_time))
        await asyncio.to_thread(self._finish, output)

    async def _begin(self, text: str, rows: int) -> bool:
        attempts = await asyncio.to_thread(self._store.begin, self._batch, text, rows)
        if attempts is not None and attempts > _MOST_ATTEMPTS:
            raise JobError(f"The engine ended {_MOST_ATTEMPTS} times during this job, without a result in between.")
        return attempts is not None

    async def _work(self, places: Iterator[int], content: Content) -> None:
        """Work on one row after the other, taken from the places that several workers share."""
        for place in places:
            try:
                item = await self._item(await content.work(place))
                await self._save(RowOutput(place, encode_json(item).decode()))
            except RowError as error:
                await self._save(RowOutput(place, encode_json(error_item(error)).decode(), failed=True))

    async def _item(self, work: RowWork) -> object:
        tool, config = self._services.code_tool, self._batch.request.get("tool_config")
        generate = self._services.generator.generate
        if tool is not None and config is not None:
            return await tool.complete(lambda request: generate(self._model, request), work.requests[0], config)
        return work.output(await all_of(generate(self._model, request) for request in work.requests))

    async def _save(self, output: RowOutput) -> None:
        """Store a result. Results that arrive during a write are stored together in the next one."""
        self._unsaved.append(output)
        async with self._saving:
            if self._unsaved:
                outputs, self._unsaved = self._unsaved, []
                await asyncio.to_thread(self._store.add, self._batch, outputs)

    def _read(self) -> tuple[str, Content]:
        text = self._store.content(self._batch)
        if text is None:
            text = self._input()
        request = self._batch.request
        config: Mapping[str, Any] = request["model_config"]
        tool = request.get("tool_config") is not None
        try:
            found = json.loads(text)
            lists = request["version"] == "v2" and not tool
            content = read_content(found, config["model"], config.get("seed"), lists=lists)
        except (ValueError, RecursionError) as error:
            raise JobError(f"The input file is not valid JSON: {error}") from error
        except ContentError as error:
            raise JobError(str(error)) from error
        if tool and self._services.code_tool is None:
            raise JobError(
                "The job needs the code evaluator, and this engine was started without --allow-code-evaluator."
            )
        return text, content

    def _input(self) -> str:
        given = self._batch.request.get("input_data_path")
        if given is None:
            raise JobError("There is neither content nor an input_data_path.")
        try:
            path = self._services.paths.resolve(given)
            if path.exists() and not path.is_file():  # a pipe may never end
                raise JobError("The input file cannot be read: it is not a file.")
            if path.stat().st_size > _LARGEST_INPUT:
                raise JobError(f"The input file has more than {_LARGEST_INPUT} bytes, the most that this engine takes.")
            raw = path.read_bytes()
            if has_more_values(raw, _MOST_VALUES):
                raise JobError(
                    f"The input file holds more than {_MOST_VALUES} values, the most that this engine takes."
                )
            return raw.decode()
        except PathNotAllowedError as error:
            raise JobError(str(error)) from error
        except UnicodeDecodeError as error:
            raise JobError(f"The input file is not UTF-8: {error.reason}.") from error
        except OSError as error:
            raise JobError(f"The input file cannot be read: {error.strerror or error}.") from error

    def _output_path(self) -> Path:
        try:
            path = self._services.paths.resolve(self._batch.request["output_data_path"], writing=True)
            output_file.discard(path, self._batch.id)
            output_file.prepare(path)
        except PathNotAllowedError as error:
            raise JobError(str(error)) from error
        except OSError as error:
            raise _not_written(error) from error
        return path

    def _served_model(self) -> str:
        name: str = self._batch.request["model_config"]["model"]
        model = self._services.registry.model_of(name)
        if model is None:
            raise JobError(f"This engine serves no model {name}.")
        return model

    def _finish(self, path: Path) -> None:
        try:
            output_file.write(path, self._store.outputs(self._batch), self._batch.id)
        except OSError as error:
            raise _not_written(error) from error
        self._store.complete(self._batch)


def error_item(error: RowError) -> dict[str, object]:
    """Return the item in the output file for a row without an output, in the form of vLLM's errors."""
    kind = _KINDS.get(error.status_code, "InternalServerError")
    return {"object": "error", "message": error.message, "type": kind, "param": None, "code": error.status_code}


def _not_written(error: OSError) -> JobError:
    return JobError(f"The output file cannot be written: {error.strerror or error}.")
