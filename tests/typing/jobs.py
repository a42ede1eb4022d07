"""The types of `client.fine_tunes` and `client.batch_completions`; only checked, never run."""

from collections.abc import AsyncGenerator, Generator
from typing import assert_type

from llmengine_integrations import AsyncClient, Client
from llmengine_integrations.wire.batch_completions import BatchCancelled, BatchJob, BatchJobUpdated
from llmengine_integrations.wire.batch_files import BatchResult
from llmengine_integrations.wire.fine_tunes import (
    FineTune,
    FineTuneCancelled,
    FineTuneCreated,
    FineTuneEvent,
    FineTuneEventList,
    FineTuneList,
)


def blocking(client: Client) -> None:
    assert_type(client.fine_tunes.create("m", "file-1"), FineTuneCreated)
    assert_type(client.fine_tunes.get("id"), FineTune)
    assert_type(client.fine_tunes.list(), FineTuneList)
    assert_type(client.fine_tunes.cancel("id"), FineTuneCancelled)
    assert_type(client.fine_tunes.events("id"), FineTuneEventList)
    assert_type(client.fine_tunes.follow("id"), Generator[FineTuneEvent])
    assert_type(client.fine_tunes.wait("id", timeout=60), FineTune)
    assert_type(client.batch_completions.create("m", output_data_path="out.json", input_data_path="in.json"), BatchJob)
    assert_type(client.batch_completions.get("id"), BatchJob)
    assert_type(client.batch_completions.update("id", priority="1"), BatchJobUpdated)
    assert_type(client.batch_completions.cancel("id"), BatchCancelled)
    assert_type(client.batch_completions.wait("id", timeout=60), BatchJob)
    assert_type(client.batch_completions.results("out.json"), list[BatchResult])
    assert_type(
        client.batch_completions.input_file("in.json", {"prompts": ["a"], "max_new_tokens": 5, "temperature": 0}), str
    )


async def awaited(client: AsyncClient) -> None:
    assert_type(await client.fine_tunes.create("m", "file-1"), FineTuneCreated)
    assert_type(await client.fine_tunes.get("id"), FineTune)
    assert_type(await client.fine_tunes.list(), FineTuneList)
    assert_type(await client.fine_tunes.cancel("id"), FineTuneCancelled)
    assert_type(await client.fine_tunes.events("id"), FineTuneEventList)
    assert_type(client.fine_tunes.follow("id"), AsyncGenerator[FineTuneEvent])
    assert_type(await client.fine_tunes.wait("id", timeout=60), FineTune)
    assert_type(
        await client.batch_completions.create("m", output_data_path="out.json", input_data_path="in.json"), BatchJob
    )
    assert_type(await client.batch_completions.get("id"), BatchJob)
    assert_type(await client.batch_completions.update("id", priority="1"), BatchJobUpdated)
    assert_type(await client.batch_completions.cancel("id"), BatchCancelled)
    assert_type(await client.batch_completions.wait("id", timeout=60), BatchJob)
    assert_type(await client.batch_completions.results("out.json"), list[BatchResult])
    assert_type(
        await client.batch_completions.input_file("in.json", {"prompts": ["a"], "max_new_tokens": 5, "temperature": 0}),
        str,
    )
