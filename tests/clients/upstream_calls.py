"""Every call of upstream's published client that works against the real gateway, made unchanged.

Run by an interpreter that has scale-llm-engine and not this package; writes one JSON object per call.

    python upstream_calls.py TRAINING_CSV OUTPUT_PATH
"""

import asyncio
import json
import sys
import time

from llmengine import Completion, File, FineTune, Model
from llmengine.data_types import (
    CreateBatchCompletionsModelConfig,
    CreateBatchCompletionsV1ModelConfig,
    CreateBatchCompletionsV1RequestContent,
    FilteredChatCompletionV2Request,
)

MODEL = "llama-2-7b"
PROMPT = "Hello, my name is"
ENDED = {"SUCCESS", "FAILURE", "CANCELLED", "TIMEOUT", "failed", "completed", "cancelled", "expired"}


def say(name, value):
    reply = value if isinstance(value, dict | list) else json.loads(value.json())
    sys.stdout.write(json.dumps({"call": name, "reply": reply}) + "\n")
    sys.stdout.flush()


def until_ended(ask):
    while (status := ask()) not in ENDED:
        time.sleep(0.2)
    return status


def completions():
    options = {"max_new_tokens": 5, "temperature": 0.0}
    say("Completion.create", Completion.create(model=MODEL, prompt=PROMPT, **options))
    chosen = Completion.create(
        model=MODEL,
        prompt=PROMPT,
        max_new_tokens=8,
        temperature=0.7,
        stop_sequences=["\n"],
        return_token_log_probs=True,
        presence_penalty=0.1,
        frequency_penalty=0.1,
        top_k=10,
        top_p=0.9,
        include_stop_str_in_output=True,
    )
    say("Completion.create with options", chosen)
    schema = {"type": "object", "properties": {"age": {"type": "integer"}}, "required": ["age"]}
    schema["additionalProperties"] = False  # else the model may add more than there is room for
    say("guided_json", Completion.create(model=MODEL, prompt=PROMPT, guided_json=schema, max_new_tokens=60))
    say("guided_regex", Completion.create(model=MODEL, prompt=PROMPT, guided_regex="[a-c]{3}", max_new_tokens=20))
    say(
        "guided_choice", Completion.create(model=MODEL, prompt=PROMPT, guided_choice=["red", "blue"], max_new_tokens=20)
    )
    grammar = 'root ::= "yes" | "no"'
    say("guided_grammar", Completion.create(model=MODEL, prompt=PROMPT, guided_grammar=grammar, max_new_tokens=20))
    streamed = Completion.create(model=MODEL, prompt=PROMPT, stream=True, **options)
    say("Completion.create stream", [json.loads(chunk.json()) for chunk in streamed])


async def acompletions():
    options = {"max_new_tokens": 5, "temperature": 0.0}
    say("Completion.acreate", await Completion.acreate(model=MODEL, prompt=PROMPT, **options))
    streamed = await Completion.acreate(model=MODEL, prompt=PROMPT, stream=True, **options)
    say("Completion.acreate stream", [json.loads(chunk.json()) async for chunk in streamed])


def models():
    say("Model.list", Model.list())
    say("Model.get", Model.get(MODEL))


def files_and_fine_tunes(training):
    with open(training) as data:  # noqa: PTH123 - a file as upstream takes it
        uploaded = File.upload(data)
    say("File.upload", uploaded)
    say("File.get", File.get(uploaded.id))
    say("File.list", File.list())
    say("File.download", File.download(uploaded.id))
    job = FineTune.create(
        model=MODEL, training_file=uploaded.id, hyperparameters={"epochs": 1, "lr": 2e-3}, suffix="theirs"
    )
    say("FineTune.create", job)
    say("FineTune.list", FineTune.list())
    until_ended(lambda: FineTune.get(job.id).status)
    done = FineTune.get(job.id)
    say("FineTune.get", done)
    say("FineTune.get_events", FineTune.get_events(job.id))
    tuned = done.fine_tuned_model
    say("Completion.create tuned", Completion.create(model=tuned, prompt=PROMPT, max_new_tokens=5, temperature=0.0))
    say("Model.download", Model.download(tuned, download_format="hugging_face"))
    say("Model.delete", Model.delete(tuned))
    second = FineTune.create(model=MODEL, training_file=uploaded.id, hyperparameters={"epochs": 19})
    say("FineTune.cancel", FineTune.cancel(second.id))
    say("File.delete", File.delete(uploaded.id))


def batches(output):
    config = CreateBatchCompletionsV1ModelConfig(model=MODEL, checkpoint_path="", labels={"team": "mine"})
    content = CreateBatchCompletionsV1RequestContent(prompts=[PROMPT, "The sky is"], max_new_tokens=5, temperature=0.0)
    say("Completion.batch_create", Completion.batch_create(output + ".v1", model_config=config, content=content))
    config = CreateBatchCompletionsModelConfig(model=MODEL, checkpoint_path="")
    chat = FilteredChatCompletionV2Request(messages=[{"role": "user", "content": "Hello"}], max_tokens=5)
    labels = {"team": "mine"}
    job = Completion.batch_create(output + ".v2", model_config=config, content=[chat], use_v2=True, labels=labels)
    say("Completion.batch_create v2", job)
    until_ended(lambda: Completion.get_batch_completion(job.job_id)["job"]["status"])
    say("Completion.get_batch_completion", Completion.get_batch_completion(job.job_id))
    other = Completion.batch_create(output + ".3", model_config=config, content=[chat], use_v2=True, labels=labels)
    say("Completion.cancel_batch_completion", Completion.cancel_batch_completion(other.job_id))


if __name__ == "__main__":
    completions()
    asyncio.run(acompletions())
    models()
    files_and_fine_tunes(sys.argv[1])
    batches(sys.argv[2])
