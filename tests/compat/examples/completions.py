"""Completions, whole and streamed."""

from __future__ import annotations

from .example import Example

_REQUEST_010 = "3e0bb5df-6fb9-44a0-9ba5-d84b517ebf9e"
_WHOLE = (
    f'{{"request_id": "{_REQUEST_010}", "output": {{"text": " Once upon a time, there", "num_prompt_tokens": 5, '
    '"num_completion_tokens": 6, "tokens": null}}\n'
)
_EVENT = (
    '{{"request_id": "f8d3e6c6-f771-40ec-827c-6b42bc0c6d15", "output": {{"text": "{text}", "finished": {finished}, '
    '"num_prompt_tokens": {prompt}, "num_completion_tokens": {count}, "token": null}}, "error": null}}\n'
)
_TEXTS = (" Once", " upon", " a", " time", ",", " there")
_EVENTS = "".join(
    _EVENT.format(text=text, finished=json, prompt=prompt, count=count)
    for count, (text, json, prompt) in enumerate(
        zip(_TEXTS, ("false",) * 5 + ("true",), ("null",) * 5 + ("5",), strict=True), start=1
    )
)
_REQUEST_053 = "99726da7-7fc2-4474-bd02-c99932e4ce60"
_ERROR = "status_code={} content=StreamErrorContent(error='{}', timestamp='2026-11-21 00:38:50 PST')"
_HELLO = {"prompt": "Hello, my name is", "max_new_tokens": 10, "temperature": 0.2, "return_token_log_probs": False}
_SKY = {"prompt": "why is the sky blue?", "max_new_tokens": 5, "temperature": 0.2, "return_token_log_probs": False}
_SUMMARY = "Give me a 200 word summary on the current economic events in the US."
_SYNC = "/v1/llm/completions-sync?model_endpoint_name=llama-2-7b"
_STREAM = "/v1/llm/completions-stream?model_endpoint_name=llama-2-7b"


EXAMPLES = [
    Example(
        "readme",
        """
from llmengine import Completion

response = Completion.create(
    model="llama-2-7b",
    prompt="Hello, my name is",
    max_new_tokens=10,
    temperature=0.2,
)
print(response.outputs[0].text)
""",
        " Once upon a time, there\n",
        answers=["010-sync-ok"],
        sends=[("POST", _SYNC, _HELLO)],
        on_engine=True,
    ),
    Example(
        "completion",
        """
from llmengine import Completion

response = Completion.create(
    model="llama-2-7b",
    prompt="Hello, my name is",
    max_new_tokens=10,
    temperature=0.2,
)

print(response.json())
# '{"request_id": "c4bf0732-08e0-48a8-8b44-dfe8d4702fb0", "output": {"text": "____", "num_completion_tokens": 10}}'

print(response.output.text)
# ________ and I am a ________
""",
        _WHOLE + " Once upon a time, there\n",
        answers=["010-sync-ok"],
        sends=[("POST", _SYNC, _HELLO)],
        on_engine=True,
    ),
    Example(
        "completion-awaited",
        """
import asyncio
from llmengine import Completion

async def main():
    response = await Completion.acreate(
        model="llama-2-7b",
        prompt="Hello, my name is",
        max_new_tokens=10,
        temperature=0.2,
    )
    print(response.json())

asyncio.run(main())
""",
        _WHOLE,
        answers=["010-sync-ok"],
        sends=[("POST", _SYNC, _HELLO)],
        on_engine=True,
    ),
    Example(
        "stream",
        """
from llmengine import Completion

stream = Completion.create(
    model="llama-2-7b",
    prompt="why is the sky blue?",
    max_new_tokens=5,
    temperature=0.2,
    stream=True,
)

for response in stream:
    if response.output:
        print(response.json())
""",
        _EVENTS,
        answers=["046-stream-ok"],
        sends=[("POST", _STREAM, _SKY)],
        on_engine=True,
    ),
    Example(
        "stream-awaited",
        """
import asyncio
from llmengine import Completion

async def main():
    stream = await Completion.acreate(
        model="llama-2-7b",
        prompt="why is the sky blue?",
        max_new_tokens=5,
        temperature=0.2,
        stream=True,
    )

    async for response in stream:
        if response.output:
            print(response.json())

asyncio.run(main())
""",
        _EVENTS,
        answers=["046-stream-ok"],
        sends=[("POST", _STREAM, _SKY)],
        on_engine=True,
    ),
    *(
        Example(
            f"stream-with-errors-{kind}",
            """
import sys

from llmengine import Completion

stream = Completion.create(
    model="llama-2-7b",
    prompt="Give me a 200 word summary on the current economic events in the US.",
    max_new_tokens=1000,
    temperature=0.2,
    stream=True,
)

for response in stream:
    if response.output:
        print(response.output.text, end="")
        sys.stdout.flush()
    else: # an error occurred
        print(response.error) # print the error message out
        break
""",
            printed,
            answers=answers,
            sends=[("POST", _STREAM, {**_HELLO, "prompt": _SUMMARY, "max_new_tokens": 1000})],
            on_engine=kind == "none",
        )
        for kind, printed, answers in (
            ("none", " Once upon a time, there", ["046-stream-ok"]),
            (
                "within",
                f" Once upon a{_ERROR.format(500, f'Upstream service error for request_id {_REQUEST_053}')}\n",
                ["053-stream-midstream-upstream-error"],
            ),
            (
                "at-once",
                f"{_ERROR.format(400, 'Input validation error: prompt was rejected by the model server')}\n",
                ["057-stream-first-chunk-400"],
            ),
        )
    ),
]
