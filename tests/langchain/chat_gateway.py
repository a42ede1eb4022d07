"""The stand-in gateway with a chat route: it answers "You said: <last message>" word by word, unless a test has given it another answer.

The recordings of the real gateway can be played as answers, too.
"""

from __future__ import annotations

import json

import httpx

from recordings.tape import exchange

from .gateway import Gateway, stream, words


def text_of(body):
    """The text of the last message."""
    content = body["messages"][-1].get("content") or ""
    return content if isinstance(content, str) else "".join(part.get("text", "") for part in content)


def message(content="", **fields):
    return {"role": "assistant", "content": content, **fields}


def choice(said, *, finish_reason="stop", index=0, logprobs=None):
    return {"index": index, "message": said, "finish_reason": finish_reason, "logprobs": logprobs}


def usage(prompt=3, completion=2, **details):
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion, **details}


def reply(*choices, used=None, **fields):
    body = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "m", "choices": list(choices)}
    return httpx.Response(200, json={**body, "usage": used or usage(), **fields})


def chunk(delta=None, *, finish_reason=None, index=0, used=None, logprobs=None):
    found = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": []}
    if delta is not None:
        one = {"index": index, "delta": delta, "finish_reason": finish_reason, "logprobs": logprobs}
        found["choices"] = [{name: value for name, value in one.items() if value is not None}]
    return {**found, "usage": used} if used else found


def call(name, arguments, call_id="call_1"):
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}


def call_delta(index, arguments, name=None, call_id=None):
    named = {} if name is None else {"id": call_id or f"call_{index}", "type": "function"}
    function = {"arguments": arguments} | ({} if name is None else {"name": name})
    return {"tool_calls": [{"index": index, **named, "function": function}]}


def logprob(token, value):
    return {"token": token, "logprob": value, "bytes": list(token.encode()), "top_logprobs": []}


def played(name):
    """The real gateway's reply of a recording."""
    found = exchange(name)
    kinds = {k.lower(): v for k, v in found.headers.items()}["content-type"]
    return httpx.Response(found.status, headers={"content-type": kinds[0]}, content=found.content)


class ChatGateway(Gateway):
    """Has the routes of completions, too."""

    def __init__(self):
        super().__init__()
        self.paths: list[str] = []

    def _begin(self, request):
        self.paths.append(request.url.path)
        if not request.url.path.endswith("/chat/completions"):
            return super()._begin(request)
        body = json.loads(request.content)
        with self._lock:
            self.requests.append(body)
            self.headers.append(request.headers)
            self.active += 1
            self.most_active = max(self.most_active, self.active)
        return body

    def _reply(self, request, body):
        if "messages" not in body:
            return super()._reply(request, body)
        answer = self.answers.get(text_of(body))
        found = self.refuse(body) or (answer or self._answer)(body)
        if isinstance(found.stream, httpx.SyncByteStream) and hasattr(found.stream, "events"):
            self.streams.append(found.stream)
        return found

    def _answer(self, body):
        pieces = self._said(body)
        used = usage(prompt=len(text_of(body).split()), completion=len(pieces))
        probs = [logprob(piece, -(i + 1) / 8) for i, piece in enumerate(pieces)] if body.get("logprobs") else None
        if not body.get("stream"):
            said = "".join(pieces)
            count = body.get("n") or 1
            content = None if probs is None else {"content": probs}
            return reply(*(choice(message(said), index=i, logprobs=content) for i in range(count)), used=used)
        events = [chunk({"role": "assistant", "content": ""})]
        events += [
            chunk({"content": piece}, logprobs=None if probs is None else {"content": [probs[i]]})
            for i, piece in enumerate(pieces)
        ]
        events.append(chunk({"content": ""}, finish_reason="stop"))
        if (body.get("stream_options") or {}).get("include_usage"):
            events.append(chunk(used=used))
        return stream(*events)

    @staticmethod
    def _said(body):
        text = f"You said: {text_of(body)}"
        for stop in body.get("stop") or []:
            text = text.partition(stop)[0]
        return words(text)[: body.get("max_tokens")]
