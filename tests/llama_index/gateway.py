"""A stand-in for the gateway's completion and chat routes at the I/O edge: an httpx transport for both kinds of client.

It answers "You said: <the prompt, or the last message>" word by word, unless a test has scripted the next replies.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator

import httpx


class Events(httpx.SyncByteStream, httpx.AsyncByteStream):
    """The body of a stream; knows whether it was closed and how far it was read."""

    def __init__(self, events):
        self.events = list(events)
        self.read = 0
        self.closed = False

    def __iter__(self) -> Iterator[bytes]:
        for event in self.events:
            self.read += 1
            yield b"data: " + json.dumps(event).encode() + b"\r\n\r\n"

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in self:
            yield chunk

    def close(self) -> None:
        self.closed = True

    async def aclose(self) -> None:
        self.closed = True


def said(text="", *, calls=(), thinking=None, finish_reason=None):
    """A scripted reply: its text, and the calls in it as (name, arguments) with the arguments as JSON."""
    return {"text": text, "calls": list(calls), "thinking": thinking, "finish_reason": finish_reason}


def pieces_of(text):
    return [word if not number else f" {word}" for number, word in enumerate(text.split(" "))] if text else []


class Gateway:
    """Counts 7 tokens for every prompt, and one for each word of an answer."""

    PROMPT_TOKENS = 7

    def __init__(self):
        self.requests: list[dict] = []
        self.headers: list[httpx.Headers] = []
        self.streams: list[Events] = []
        self.replies: list[dict] = []
        self.refusals: list[httpx.Response] = []
        self.endpoints: list[dict] = []
        self.counts = True

    @property
    def last(self) -> dict:
        return self.requests[-1]

    @property
    def routes(self) -> list[str]:
        return [request["route"] for request in self.requests]

    @property
    def prompt(self) -> str:
        """What the model was shown last, whatever the route."""
        return self.last["prompt"] if "prompt" in self.last else "\n".join(str(m) for m in self.last["messages"])

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.method == "GET":
            self.requests.append({"route": request.url.path})
            return httpx.Response(200, json={"model_endpoints": self.endpoints})
        body = json.loads(request.content)
        route = request.url.path.rsplit("/", 1)[-1]
        self.requests.append({**request.url.params, **body, "route": route})
        self.headers.append(request.headers)
        if self.refusals:
            return self.refusals.pop(0)
        reply = self.replies.pop(0) if self.replies else said(f"You said: {self._asked(body)}")
        streamed = body.get("stream") or route == "completions-stream"
        if not streamed:
            whole = self._completion if "prompt" in body else self._chat
            return httpx.Response(200, json=whole(body, reply))
        events = Events((self._completion_events if "prompt" in body else self._chat_events)(body, reply))
        self.streams.append(events)
        return httpx.Response(200, headers={"content-type": "text/event-stream; charset=utf-8"}, stream=events)

    async def awaited(self, request: httpx.Request) -> httpx.Response:
        return self(request)

    @staticmethod
    def _asked(body):
        if "prompt" in body:
            return body["prompt"]
        content = body["messages"][-1].get("content")
        return content if isinstance(content, str) else json.dumps(content)

    # v1

    def _completion(self, body, reply):
        pieces = pieces_of(reply["text"])
        tokens = (
            [self._token(piece, n) for n, piece in enumerate(pieces)] if body.get("return_token_log_probs") else None
        )
        counts = {"num_prompt_tokens": self.PROMPT_TOKENS, "num_completion_tokens": len(pieces)} if self.counts else {
            "num_prompt_tokens": None, "num_completion_tokens": 0}  # fmt: skip
        return {"request_id": "req-1", "output": {"text": reply["text"], "tokens": tokens, **counts}}

    def _completion_events(self, body, reply):
        pieces = pieces_of(reply["text"])
        for number, piece in enumerate(pieces):
            last = number + 1 == len(pieces)
            output = {
                "text": piece,
                "finished": last,
                "num_prompt_tokens": self.PROMPT_TOKENS if last and self.counts else None,
                "num_completion_tokens": number + 1 if self.counts else 0,
                "token": self._token(piece, number) if body.get("return_token_log_probs") else None,
            }
            yield {"request_id": "req-1", "output": output, "error": None}

    @staticmethod
    def _token(piece, number):
        return {"token": piece, "log_prob": -(number + 1) / 8}

    # v2

    def _chat(self, body, reply):
        calls = [self._call(n, call) for n, call in enumerate(reply["calls"])]
        message = {"role": "assistant", "content": reply["text"] or None, "tool_calls": calls or None}
        pieces = pieces_of(reply["text"])
        return {
            "id": "chatcmpl-1",
            "model": body["model"],
            "choices": [
                {
                    "index": 0,
                    "message": {**message, "reasoning_content": reply["thinking"]},
                    "finish_reason": self._reason(reply),
                    "logprobs": self._logprobs(body, pieces, 0),
                }
            ],
            "usage": self._usage(reply) if self.counts else None,
        }

    def _chat_events(self, body, reply):
        pieces = pieces_of(reply["text"])
        yield self._chunk(body, {"role": "assistant", "content": ""})
        if reply["thinking"]:
            for piece in pieces_of(reply["thinking"]):
                yield self._chunk(body, {"reasoning_content": piece})
        for number, piece in enumerate(pieces):
            yield self._chunk(body, {"content": piece}, logprobs=self._logprobs(body, [piece], number))
        for number, (name, arguments) in enumerate(reply["calls"]):
            start = {"index": number, "id": f"call-{number}", "type": "function"}
            yield self._chunk(body, {"tool_calls": [{**start, "function": {"name": name, "arguments": ""}}]})
            for position in range(0, len(arguments), 4):
                # vLLM repeats the keys of the start as null
                function = {"name": None, "arguments": arguments[position : position + 4]}
                yield self._chunk(body, {"tool_calls": [{"index": number, "id": None, "function": function}]})
        yield self._chunk(body, {}, finish_reason=self._reason(reply))
        if self.counts and (body.get("stream_options") or {}).get("include_usage"):
            yield {"id": "chatcmpl-1", "model": body["model"], "choices": [], "usage": self._usage(reply)}

    @staticmethod
    def _chunk(body, delta, **more):
        choice = {"index": 0, "delta": delta, **{key: value for key, value in more.items() if value is not None}}
        return {"id": "chatcmpl-1", "model": body["model"], "choices": [choice]}

    @staticmethod
    def _call(number, call):
        return {"id": f"call-{number}", "type": "function", "function": {"name": call[0], "arguments": call[1]}}

    @staticmethod
    def _reason(reply):
        return reply["finish_reason"] or ("tool_calls" if reply["calls"] else "stop")

    @staticmethod
    def _logprobs(body, pieces, first):
        if not body.get("logprobs"):
            return None
        return {
            "content": [
                {
                    "token": piece,
                    "logprob": -(first + number + 1) / 8,
                    "bytes": list(piece.encode()),
                    "top_logprobs": [
                        {"token": "other", "logprob": -0.01},
                        {"token": piece, "logprob": -(first + number + 1) / 8},
                    ][: body.get("top_logprobs") or 0],
                }
                for number, piece in enumerate(pieces)
            ]
        }

    def _usage(self, reply):
        count = len(pieces_of(reply["text"])) + len(reply["calls"])
        return {
            "prompt_tokens": self.PROMPT_TOKENS,
            "completion_tokens": count,
            "total_tokens": self.PROMPT_TOKENS + count,
        }
