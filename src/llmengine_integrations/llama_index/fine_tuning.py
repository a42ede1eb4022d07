"""Fine-tunes a model of LLM Engine, with the methods of LlamaIndex's fine-tuning engines and more."""

from __future__ import annotations

import inspect
import os
import sys
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from llama_index.core.base.llms.types import ChatMessage
from pydantic import SecretStr
from typing_extensions import override

from .. import AsyncClient, Client, Clients
from ..errors import InvalidArgumentError, LLMEngineError
from ..training_metrics import TrainingMetrics
from ..types import FineTune, FineTuneEvent, FineTuneList, HttpAsyncClient, HttpClient
from ._messages import chat_prompt
from ._steps import Steps, arun, run
from ._training_data import Data, Examples, as_file, examples
from .callbacks import LLMEngineFineTuningHandler

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from .llm import LLMEngine

_THEIRS = "llama_index.finetuning.types"
_ENDED_BADLY = frozenset({"FAILURE", "CANCELLED", "TIMEOUT"})
_THEIR_WORDS = {"SUCCESS": "succeeded", "FAILURE": "failed"}
"""LlamaIndex's names of statuses, if they differ from the server's names in lower case."""


class NotFinetunedError(LLMEngineError, ValueError):
    """There is no fine-tuned model: no job was started, or the job is still running or has failed."""


class BaseLLMFinetuneEngine(ABC):
    """The interface that LlamaIndex expects of a fine-tuning engine. It has the name of LlamaIndex's base class, but not its package."""

    @abstractmethod
    def finetune(self) -> None:
        """Start training."""

    @abstractmethod
    def get_finetuned_model(self, **model_kwargs: Any) -> Any:
        """Return the model that the training created."""


class LLMEngineFinetuneEngine(BaseLLMFinetuneEngine):
    """Trains a model on your own examples, and returns it as an LLM of LlamaIndex.

        engine = LLMEngineFinetuneEngine("llama-2-7b", "train.csv", suffix="support")
        engine.finetune(wait=True)
        print(engine.metrics())
        llm = engine.get_finetuned_model(temperature=0)

    Args:
        base_model: The model to start from.
        data_path: The training data: a path (CSV with the columns prompt and response, or JSON lines), which is uploaded; a URL or the id
            of an uploaded file, which the server reads itself; or the examples themselves: pairs, mappings with prompt and response,
            conversations whose last message is the answer, a DataFrame, or an `LLMEngineFineTuningHandler`.
        verbose: Whether to print the job's events while waiting for it.
        start_job_id: The id of an earlier job to continue with.
        validation_data: The validation data, in the same forms. Without it, the server sets aside a tenth of the training data.
        suffix: A part of the new model's name: 1 to 28 letters, digits and dashes.
        hyperparameters: `lr`, `warmup_ratio`, `epochs`, `weight_decay`, `peft_config`, `report_to`; otherwise the server's defaults.
        wandb_config: Weights & Biases settings, which must contain `api_key`.
        check: Whether to check first that files and examples are suitable for training.
        messages_to_prompt: Creates the prompt from a conversation's messages; by default as in `LLMEngineFineTuningHandler`.
        base_url: The URL of the gateway. Default: `LLM_ENGINE_BASE_PATH`, then the embedded engine on loopback.
        api_key: The key. Default: `SCALE_API_KEY`. A server on loopback does not need one.
        timeout, max_retries, default_headers, allow_http: The settings of `llmengine_integrations.Client`.
        http_client, http_async_client: An `httpx.Client` for the blocking methods, and an `httpx.AsyncClient` for the others.
        client, async_client: Your own clients instead. If you pass only one, the other kind of methods uses the same settings.

    Raises:
        ConfigurationError: No key is set for a server beyond loopback, the base URL is invalid, or a setting contradicts the given client.
        InvalidArgumentError: There is no training data, the file does not exist, or both data and `start_job_id` are given.
    """

    def __init__(
        self,
        base_model: str,
        data_path: Data | None = None,
        verbose: bool = False,
        start_job_id: str | None = None,
        *,
        validation_data: Data | None = None,
        suffix: str | None = None,
        hyperparameters: Mapping[str, Any] | None = None,
        wandb_config: Mapping[str, Any] | None = None,
        check: bool = True,
        messages_to_prompt: Callable[[Sequence[ChatMessage]], str] = chat_prompt,
        base_url: str | None = None,
        api_key: str | SecretStr | None = None,
        timeout: Any = None,
        max_retries: int | None = None,
        default_headers: Mapping[str, str] | None = None,
        allow_http: bool = False,
        http_client: HttpClient | None = None,
        http_async_client: HttpAsyncClient | None = None,
        client: Client | None = None,
        async_client: AsyncClient | None = None,
    ) -> None:
        if (data_path is None) == (start_job_id is None):
            raise InvalidArgumentError("Give either the data to train on, or start_job_id, a job to go on with.")
        self.base_model = base_model
        self._verbose = verbose
        self._job_id = start_job_id
        self._training = None if data_path is None else examples(data_path, messages_to_prompt)
        self._validation = None if validation_data is None else examples(validation_data, messages_to_prompt)
        self._check = check
        self._options: dict[str, Any] = {
            "suffix": suffix,
            "hyperparameters": hyperparameters,
            "wandb_config": wandb_config,
        }
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
        register_with_llama_index_finetuning()

    @classmethod
    def from_finetuning_handler(
        cls, finetuning_handler: LLMEngineFineTuningHandler, base_model: str, data_path: str, **kwargs: Any
    ) -> Self:
        """Add a handler's recorded rows to a training file, and create an engine that trains on the file."""
        inspect.signature(cls).bind(
            base_model, data_path, **kwargs
        )  # refuses a misspelt argument before anything is written
        finetuning_handler.save_finetuning_events(data_path)
        return cls(base_model, data_path, **kwargs)

    @property
    def client(self) -> Client:
        """The blocking client."""
        return self._clients.client

    @property
    def async_client(self) -> AsyncClient:
        """The client for asyncio."""
        return self._clients.async_client

    @property
    def job_id(self) -> str:
        """The job's id.

        Raises:
            NotFinetunedError: `finetune` has not been called.
        """
        if self._job_id is None:
            raise NotFinetunedError("Must call finetune() first.")
        return self._job_id

    @override
    def finetune(
        self,
        *,
        wait: bool = False,
        timeout: float | None = None,
        on_event: Callable[[FineTuneEvent], object] | None = None,
    ) -> None:
        """Upload the data and start the job.

        Args:
            wait: Whether to wait until the job has succeeded.
            timeout: Seconds to wait; no limit by default.
            on_event: Called with each of the job's events while waiting. An event's `metrics` are the numbers in it.

        Raises:
            InvalidArgumentError: A job has already been started.
            TrainingDataError: The data is not suitable for training. Nothing was sent.
            JobFailedError: The job failed, was cancelled or took too long.
            JobTimeoutError: The time limit was reached. The job continues.
        """
        run(self._start(), self.client)
        if wait:
            self.wait_until_complete(timeout=timeout, on_event=on_event)

    async def afinetune(
        self,
        *,
        wait: bool = False,
        timeout: float | None = None,  # noqa: ASYNC109 - limits the wait only; the job continues after it
        on_event: Callable[[FineTuneEvent], object] | None = None,
    ) -> None:
        """`finetune` for asyncio."""
        await arun(self._start(), self.async_client)
        if wait:
            await self.await_until_complete(timeout=timeout, on_event=on_event)

    def wait_until_complete(
        self, *, timeout: float | None = None, on_event: Callable[[FineTuneEvent], object] | None = None
    ) -> FineTune:
        """Wait until the job has succeeded, and return it. The arguments and errors are those of `finetune`."""
        report = self._reporter(on_event)
        for event in self.client.fine_tunes.follow(self.job_id, timeout=timeout):
            report(event)
        return self.get_current_job()

    async def await_until_complete(
        self,
        *,
        timeout: float | None = None,  # noqa: ASYNC109 - limits the wait only
        on_event: Callable[[FineTuneEvent], object] | None = None,
    ) -> FineTune:
        """`wait_until_complete` for asyncio."""
        report = self._reporter(on_event)
        async for event in self.async_client.fine_tunes.follow(self.job_id, timeout=timeout):
            report(event)
        return await self.aget_current_job()

    def get_current_job(self) -> FineTune:
        """Return the job in its current state.

        Raises:
            NotFinetunedError: `finetune` has not been called.
            NotFoundError: The job no longer exists, because it was cancelled.
        """
        return self.client.fine_tunes.get(self.job_id)

    async def aget_current_job(self) -> FineTune:
        """`get_current_job` for asyncio."""
        return await self.async_client.fine_tunes.get(self.job_id)

    @override
    def get_finetuned_model(self, *, wait_until_ready: bool = False, **model_kwargs: Any) -> LLMEngine:
        """Return the model that the job created. It uses the same clients.

        Args:
            wait_until_ready: Whether to wait until the model accepts requests. Its endpoint starts when the job has succeeded.
            model_kwargs: Fields of `LLMEngine`, such as `temperature`. If they include connection settings, such as `timeout`, the model
                gets its own clients with these settings and the engine's other settings. If they include `client` or `async_client`, the
                engine's settings are not used.

        Raises:
            NotFinetunedError: `finetune` has not been called, or the job has not succeeded.
        """
        return self._llm(run(self._model(wait_until_ready=wait_until_ready), self.client), model_kwargs)

    async def aget_finetuned_model(self, *, wait_until_ready: bool = False, **model_kwargs: Any) -> LLMEngine:
        """`get_finetuned_model` for asyncio."""
        return self._llm(await arun(self._model(wait_until_ready=wait_until_ready), self.async_client), model_kwargs)

    def events(self) -> list[FineTuneEvent]:
        """The job's events so far, oldest first."""
        return list(self.client.fine_tunes.events(self.job_id))

    async def aevents(self) -> list[FineTuneEvent]:
        """`events` for asyncio."""
        return list(await self.async_client.fine_tunes.events(self.job_id))

    def stream_events(self, *, timeout: float | None = None) -> Iterator[FineTuneEvent]:
        """Iterate over the job's events as they arrive, each once, until the job has succeeded. The errors are those of `finetune`."""
        return iter(self.client.fine_tunes.follow(self.job_id, timeout=timeout))

    def astream_events(self, *, timeout: float | None = None) -> AsyncIterator[FineTuneEvent]:
        """`stream_events` for asyncio."""
        return aiter(self.async_client.fine_tunes.follow(self.job_id, timeout=timeout))

    def metrics(self) -> TrainingMetrics:
        """The numbers of the job's events as a table: loss, validation loss, learning rate, epoch."""
        return TrainingMetrics.from_events(self.events())

    async def ametrics(self) -> TrainingMetrics:
        """`metrics` for asyncio."""
        return TrainingMetrics.from_events(await self.aevents())

    def plot_loss(self, path: str | os.PathLike[str] | None = None, *, ax: Axes | None = None) -> Axes:
        """Plot the losses over the epochs, and save the plot to a file if a path is given. Needs the extra `plots`."""
        return self.metrics().plot_loss(path, ax=ax, title=f"Fine-tune of {self.base_model}")

    def cancel(self) -> None:
        """Cancel the job.

        Raises:
            NotFoundError: The job no longer exists.
        """
        self.client.fine_tunes.cancel(self.job_id)

    async def acancel(self) -> None:
        """`cancel` for asyncio."""
        await self.async_client.fine_tunes.cancel(self.job_id)

    def list_jobs(self) -> FineTuneList:
        """All fine-tunes of this user, including those of other engines."""
        return self.client.fine_tunes.list()

    async def alist_jobs(self) -> FineTuneList:
        """`list_jobs` for asyncio."""
        return await self.async_client.fine_tunes.list()

    def delete_finetuned_model(self) -> None:
        """Delete the model that the job created.

        Raises:
            NotFinetunedError: There is no fine-tuned model.
        """
        self.client.models.delete(run(self._model(), self.client))

    async def adelete_finetuned_model(self) -> None:
        """`delete_finetuned_model` for asyncio."""
        await self.async_client.models.delete(await arun(self._model(), self.async_client))

    def download(self, to: str | os.PathLike[str]) -> dict[str, Path]:
        """Download the files of the model that the job created into a folder, and return the path of each.

        Raises:
            NotFinetunedError: There is no fine-tuned model.
            OSError: A file cannot be written.
        """
        return self.client.models.download(run(self._model(), self.client), to)

    async def adownload(self, to: str | os.PathLike[str]) -> dict[str, Path]:
        """`download` for asyncio."""
        return await self.async_client.models.download(await arun(self._model(), self.async_client), to)

    def _start(self) -> Steps[None]:
        if self._training is None or self._job_id is not None:
            raise InvalidArgumentError(f"Job {self._job_id} was started already; for another one make another engine.")
        training: str = yield from self._sent(self._training, "training.csv")
        validation: str | None = None
        if self._validation is not None:
            validation = yield from self._sent(self._validation, "validation.csv")
        created = yield lambda client: client.fine_tunes.create(
            self.base_model, training, validation_file=validation, **self._options
        )
        self._job_id = created.id

    def _sent(self, data: Examples, name: str) -> Steps[str]:
        """The reference to the data that the server accepts."""
        if isinstance(data, str):
            return data
        with as_file(data, name) as path:
            uploaded = yield lambda client: client.files.upload(path, check=self._check)
        return uploaded.id

    def _model(self, *, wait_until_ready: bool = False) -> Steps[str]:
        """The name of the model that the job created."""
        job: FineTune = yield lambda client: client.fine_tunes.get(self.job_id)
        says = f"Job {job.id} has status {_THEIR_WORDS.get(job.status, job.status.lower())} ({job.status})"
        if job.status in _ENDED_BADLY:
            raise NotFinetunedError(f"{says}, cannot get model: it made none. Its events() say why.")
        if not job.succeeded:
            raise NotFinetunedError(
                f"{says} and does not have a finetuned model id ready yet: wait_until_complete() waits."
            )
        name = job.fine_tuned_model
        if name is None:
            raise NotFinetunedError(f"{says}, but does not have a finetuned model id: the server names no model.")
        if wait_until_ready:
            yield lambda client: client.models.wait_until_ready(name)
        return name

    def _llm(self, name: str, fields: dict[str, Any]) -> LLMEngine:
        from .llm import LLMEngine  # noqa: PLC0415 - not needed for training only

        own: dict[str, Any] = self._clients.given._asdict()
        same = own.keys().isdisjoint(fields)
        if "client" in fields or "async_client" in fields:
            own = {}
        all_fields: dict[str, Any] = {"model": name, **own, **fields}
        llm = LLMEngine(**all_fields)
        return llm.sharing(self._clients) if same else llm

    def _reporter(self, on_event: Callable[[FineTuneEvent], object] | None) -> Callable[[FineTuneEvent], object]:
        wanted = [report for report in (_print if self._verbose else None, on_event) if report is not None]

        def report(event: FineTuneEvent) -> None:
            for one in wanted:
                one(event)

        return report


def register_with_llama_index_finetuning() -> bool:
    """Make `isinstance` true for the base class of the package llama-index-finetuning, if the user has imported that package.

    It is never imported here, because it is deprecated and cannot be installed together with current packages.
    """
    theirs = getattr(sys.modules.get(_THEIRS), "BaseLLMFinetuneEngine", None)
    if theirs is None:
        return False
    theirs.register(LLMEngineFinetuneEngine)
    return True


def _print(event: FineTuneEvent) -> None:
    print(f"{event.level}: {event.message}")  # noqa: T201 - requested by `verbose`
