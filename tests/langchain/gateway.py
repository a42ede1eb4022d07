"""A stand-in for the gateway's completion routes at the I/O edge: an httpx transport, or a real server on a free port.

It answers " You said: <prompt>" word by word, unless a test has given the prompt another answer.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx


class Events(httpx.SyncByteStream, httpx.AsyncByteStream):
    """The body of a stream; knows whether it was closed and how far it was read."""

    def __init__(self, events, *, breaks=None):
        self.events = list(events)
        self.breaks = breaks
        self.read = 0
        self.closed = False

    def __iter__(self) -> Iterator[bytes]:
        for event in self.events:
            self.read += 1
            yield b"data: " + json.dumps(event).encode() + b"\r\n\r\n"
        if self.breaks is not None:
            raise self.breaks

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in self:
            yield chunk

    def close(self) -> None:
        self.closed = True

    async def aclose(self) -> None:
        self.closed = True


def words(text: str) -> list[str]:
    return [f" {word}" for word in text.split()]


def tokens_of(pieces):
    return [{"token": piece, "log_prob": -(i + 1) / 8} for i, piece in enumerate(pieces)]


def output_event(text, *, count=None, prompt_tokens=None, finished=False, token=None):
    output = {
        "text": text,
        "finished": finished,
        "num_prompt_tokens": prompt_tokens,
        "num_completion_tokens": count,
        "token": token,
    }
    return {"request_id": "req-1", "output": output, "error": None}


def error_event(status, message):
    return {
        "request_id": "req-1",
        "output": None,
        "error": {"status_code": status, "content": {"error": message, "timestamp": "2026-11-21 00:00:00 PST"}},
    }


def completion(text, *, prompt_tokens=None, count=None, tokens=None):
    output = {"text": text, "num_prompt_tokens": prompt_tokens, "num_completion_tokens": count, "tokens": tokens}
    return httpx.Response(200, json={"request_id": "req-1", "output": output})


def stream(*events, breaks=None):
    return httpx.Response(
        200, headers={"content-type": "text/event-stream; charset=utf-8"}, stream=Events(events, breaks=breaks)
    )


class Gateway:
    """Counts what it is asked, and how much of it at the same time."""

    def __init__(self):
        self.requests: list[dict] = []
        self.headers: list[httpx.Headers] = []
        self.streams: list[Events] = []
        self.answers: dict[str, Callable[[dict], httpx.Response]] = {}
        self.refuse: Callable[[dict], httpx.Response | None] = lambda body: None
        self.delay = 0.0
        self.active = 0
        self.most_active = 0
        self._lock = threading.Lock()

    @property
    def last(self) -> dict:
        return self.requests[-1]

    @property
    def prompts(self) -> list[str]:
        return [request["prompt"] for request in self.requests]

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """As `httpx.MockTransport` and the server below want it."""
        body = self._begin(request)
        try:
            time.sleep(self.delay)
            return self._reply(request, body)
        finally:
            self._end()

    def _begin(self, request):
        body = {**json.loads(request.content), "model": request.url.params["model_endpoint_name"]}
        with self._lock:
            self.requests.append(body)
            self.headers.append(request.headers)
            self.active += 1
            self.most_active = max(self.most_active, self.active)
        return body

    def _end(self):
        with self._lock:
            self.active -= 1

    def _reply(self, request, body):
        answer = self.answers.get(body["prompt"])
        streamed = request.url.path.endswith("stream")
        if (reply := self.refuse(body)) is None:
            reply = answer(body) if answer else (self._stream(body) if streamed else self._completion(body))
        if isinstance(reply.stream, Events):
            self.streams.append(reply.stream)
        return reply

    @staticmethod
    def _pieces(body):
        text = f"You said: {body['prompt']}"
        for stop in body.get("stop_sequences", []):
            text = text.partition(stop)[0]
        return words(text)[: body["max_new_tokens"]]

    def _completion(self, body):
        pieces = self._pieces(body)
        tokens = tokens_of(pieces) if body.get("return_token_log_probs") else None
        return completion("".join(pieces), prompt_tokens=len(body["prompt"].split()), count=len(pieces), tokens=tokens)

    def _stream(self, body):
        pieces = self._pieces(body)
        tokens = tokens_of(pieces) if body.get("return_token_log_probs") else [None] * len(pieces)
        return stream(
            *(
                output_event(
                    piece,
                    count=i + 1,
                    finished=i + 1 == len(pieces),
                    prompt_tokens=len(body["prompt"].split()) if i + 1 == len(pieces) else None,
                    token=tokens[i],
                )
                for i, piece in enumerate(pieces)
            )
        )

    @contextmanager
    def served(self):
        """The same over a socket, for what needs real connections: yields the base URL."""
        gateway = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                content = self.rfile.read(int(self.headers["content-length"]))
                url = f"http://server{self.path}"
                reply = gateway(httpx.Request("POST", url, headers=dict(self.headers), content=content))
                if isinstance(reply.stream, Events):
                    self._send_events(reply.stream)
                else:
                    self.send_response(reply.status_code)
                    self.send_header("content-type", "application/json")
                    self.send_header("content-length", str(len(reply.content)))
                    self.end_headers()
                    self.wfile.write(reply.content)

            def _send_events(self, events):
                self.send_response(200)
                self.send_header("content-type", "text/event-stream")
                self.send_header("transfer-encoding", "chunked")
                self.end_headers()
                try:
                    for chunk in events:
                        self.wfile.write(b"%x\r\n%s\r\n" % (len(chunk), chunk))
                        time.sleep(gateway.delay)
                    self.wfile.write(b"0\r\n\r\n")
                except OSError:
                    events.closed = True
                    self.close_connection = True

            def log_message(self, *args):
                pass

        class Server(ThreadingHTTPServer):
            request_queue_size = 512
            daemon_threads = True

            def handle_error(self, request, client_address):
                """Clients that give up are what some tests are about."""

        with Server(("127.0.0.1", 0), Handler) as server:
            thread = threading.Thread(target=server.serve_forever, args=(0.02,))
            thread.start()
            try:
                yield f"http://127.0.0.1:{server.server_port}"
            finally:
                server.shutdown()
                thread.join()
