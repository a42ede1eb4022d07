"""What `LLMEngineFinetuneEngine` says of a job that has no model to give, in the words of LlamaIndex's own engines.

Code and tests that were written for those look for "has status failed" and "does not have a finetuned model id".
"""

from __future__ import annotations

import httpx
import pytest

from llmengine_integrations import AsyncClient, Client
from llmengine_integrations.llama_index import LLMEngineFinetuneEngine
from llmengine_integrations.llama_index.fine_tuning import NotFinetunedError


@pytest.fixture
def made():
    """An engine whose job has the status and the model that it is given."""

    def make(status, model=None):
        def answer(request):
            assert request.url.path == "/v1/llm/fine-tunes/ft-1"
            return httpx.Response(200, json={"id": "ft-1", "status": status, "fine_tuned_model": model})

        async def aanswer(request):
            return answer(request)

        return LLMEngineFinetuneEngine(
            "llama-2-7b",
            start_job_id="ft-1",
            client=Client(http_client=httpx.Client(transport=httpx.MockTransport(answer))),
            async_client=AsyncClient(http_client=httpx.AsyncClient(transport=httpx.MockTransport(aanswer))),
        )

    return make


@pytest.mark.parametrize(
    ("status", "model", "says"),
    [
        ("FAILURE", None, r"Job ft-1 has status failed \(FAILURE\), cannot get model: .* events\(\)"),
        ("FAILURE", "llama-2-7b.codes", r"has status failed \(FAILURE\), cannot get model"),
        ("CANCELLED", None, r"has status cancelled \(CANCELLED\), cannot get model"),
        ("TIMEOUT", None, r"has status timeout \(TIMEOUT\), cannot get model"),
        ("PENDING", None, r"has status pending .* does not have a finetuned model id ready yet: wait_until_complete"),
        ("RUNNING", "llama-2-7b.codes", r"has status running .* does not have a finetuned model id ready yet"),
        ("STARTED", None, r"has status started .* does not have a finetuned model id ready yet"),
        ("SUCCESS", None, r"has status succeeded .* does not have a finetuned model id"),
    ],
)
async def test_why_there_is_no_model(made, status, model, says):
    engine = made(status, model)
    for error in (NotFinetunedError, ValueError):
        with pytest.raises(error, match=says):
            engine.get_finetuned_model()
        with pytest.raises(error, match=says):
            await engine.aget_finetuned_model()


async def test_the_model_of_a_job_that_has_succeeded(made):
    engine = made("SUCCESS", "llama-2-7b.codes")
    assert engine.get_finetuned_model().model == "llama-2-7b.codes"
    assert (await engine.aget_finetuned_model()).model == "llama-2-7b.codes"
