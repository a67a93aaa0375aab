"""A language model service with a script: real sockets, real server-sent events, no model.

    server.will(Reply("Hello", " world. [1]"))             # the answer to the next request
    server.will(Reply("Hel", event, "lo"))                 # waits until the event is set
    server.will(Reply("Hel", RESET), Reply.error(429))     # breaks; the one after it is refused
    server.requests[0].body["messages"]                    # what was said to it

It speaks as OpenAI and its imitators do (``/v1/chat/completions``), as Ollama (``/api/chat``) and as
Anthropic (``/v1/messages``), whichever is asked; `LLMServer.url` serves other processes, too.
"""

import json
import os
import select
import socket
import struct
import sys
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Semaphore, Thread
from typing import Any

import pytest

USAGE = (120, 30)
"""Tokens in and out that the service says it used."""

PATIENCE = 10.0
"""Seconds after which a test gives up on what it waits for; nothing takes that long."""


class Step(Enum):
    """What can happen in the middle of an answer."""

    RESET = "the connection is reset"
    HANG_UP = "the connection is closed as if all were said"


RESET, HANG_UP = Step.RESET, Step.HANG_UP


@dataclass(frozen=True)
class Thought:
    """Words of a model that thinks before it answers."""

    text: str


class Reply:
    """What a request gets.

    Args:
        steps: words; `Thought`; an Event, waited for (before the first words even the headers are
            held back); bytes, sent as they are; `RESET` and `HANG_UP`.
        status: of the response; another than 200, or a body, leaves no room for steps.
        headers: of the response, in addition.
        usage: tokens in and out as the service counts them; None when it does not say.
        finish: why the model stopped, in OpenAI's words; None when it does not say.
        alive: send comments while an event is waited for.
    """

    def __init__(
        self,
        *steps: str | Thought | Event | bytes | Step,
        status: int = 200,
        body: str | dict = "",
        headers: dict[str, str] | None = None,
        usage: tuple[int, int] | None = USAGE,
        finish: str | None = "stop",
        alive: bool = False,
    ) -> None:
        self.steps = steps
        self.status = status
        self.body = body
        self.headers = headers or {}
        self.usage = usage
        self.finish = finish
        self.alive = alive

    @classmethod
    def error(
        cls, status: int, message: str = "no", code: str | None = None, **headers: str
    ) -> "Reply":
        """A refusal as OpenAI words it: ``Reply.error(429, retry_after="20")``."""
        body = {"error": {"message": message, "type": "error", "param": None, "code": code}}
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return cls(status=status, body=body, headers=named)


@dataclass(frozen=True)
class Request:
    """What was asked."""

    path: str
    headers: dict[str, str]
    """With names in lower case."""
    body: dict[str, Any]

    @property
    def messages(self) -> list[dict[str, Any]]:
        return self.body["messages"]

    @property
    def said(self) -> str:
        """All that was said to the model, in one string."""
        return "\n".join(str(message["content"]) for message in self.messages)


Script = Reply | Callable[[Request], Reply]


@dataclass
class LLMServer:
    """The service; use it as a context manager, or as the fixture `llm_server`."""

    otherwise: Script = field(default_factory=lambda: Reply("Nothing was scripted. [1]"))
    """What a request gets when the script is at its end."""
    requests: list[Request] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._script: deque[Script] = deque()
        self._left = Semaphore(0)
        self.closing = Event()
        self._http = _Http(("127.0.0.1", 0), _handler(self))
        self._thread = Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    def __enter__(self) -> "LLMServer":
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    @property
    def origin(self) -> str:
        """The address without a path, as Ollama's and Anthropic's clients want it."""
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    @property
    def url(self) -> str:
        """The address as OpenAI's client wants it."""
        return f"{self.origin}/v1"

    def will(self, *replies: Script) -> None:
        """Scripts what the next requests get."""
        self._script.extend(replies)

    def says(self, *words: str) -> None:
        """Scripts one answer of these words."""
        self.will(Reply(*words))

    def was_left(self) -> bool:
        """True once a client has closed its connection in the middle of an answer; waits for it."""
        return self._left.acquire(timeout=PATIENCE)

    # ---- for the handler --------------------------------------------------------------------

    def reply_to(self, request: Request) -> Reply:
        self.requests.append(request)
        script = self._script.popleft() if self._script else self.otherwise
        return script if isinstance(script, Reply) else script(request)

    def note_leaving(self) -> None:
        self._left.release()


@pytest.fixture
def llm_server() -> Iterator[LLMServer]:
    with LLMServer() as server:
        yield server


class _Http(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        if not isinstance(sys.exception(), ConnectionError):  # a client that has left
            super().handle_error(*_)


def _handler(server: LLMServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            length = int(self.headers["content-length"])
            headers = {name.lower(): value for name, value in self.headers.items()}
            request = Request(self.path, headers, json.loads(self.rfile.read(length)))
            _Conversation(self, server, request).hold(server.reply_to(request))

        def log_message(self, *_: object) -> None:
            pass

    return Handler


class _Left(Exception):
    """The client has closed its connection."""


class _Conversation:
    """One request being answered."""

    def __init__(
        self, handler: BaseHTTPRequestHandler, server: LLMServer, request: Request
    ) -> None:
        self._handler = handler
        self._server = server
        self._request = request
        self._tongue = _tongue(request)
        self._streamed = request.body.get("stream", self._tongue is _ollama)
        self._begun = False

    def hold(self, reply: Reply) -> None:
        try:
            if reply.status != 200 or reply.body:
                self._refuse(reply)
            elif not self._streamed:
                self._refuse(Reply(status=200, body=_whole(reply)))
            else:
                self._stream(reply)
        except (_Left, BrokenPipeError, ConnectionResetError):
            self._server.note_leaving()
            self._handler.close_connection = True

    def _refuse(self, reply: Reply) -> None:
        body = reply.body
        if isinstance(body, dict) and self._tongue is _ollama:
            body = {"error": body["error"]["message"]}
        body = body if isinstance(body, str) else json.dumps(body)
        self._handler.send_response(reply.status)
        for name, value in {"content-type": "application/json", **reply.headers}.items():
            self._handler.send_header(name, value)
        self._handler.send_header("content-length", str(len(body.encode())))
        self._handler.end_headers()
        self._handler.wfile.write(body.encode())

    def _stream(self, reply: Reply) -> None:
        for step in reply.steps:
            if isinstance(step, Event):
                self._wait(step, reply.alive)
            elif isinstance(step, Step):
                self._leave(step)
                return
            else:
                self._send(step if isinstance(step, bytes) else self._tongue("say", step))
        asked = self._request.body.get("stream_options") or {}
        told = reply.usage is not None and (
            self._tongue is not _openai or asked.get("include_usage")
        )
        self._send(self._tongue("end", reply.finish, reply.usage if told else None))
        self._handler.wfile.write(b"0\r\n\r\n")

    def _send(self, data: bytes) -> None:
        if not self._begun:
            self._begun = True
            self._handler.send_response(200)
            self._handler.send_header("content-type", "text/event-stream")
            self._handler.send_header("transfer-encoding", "chunked")
            self._handler.end_headers()
            self._send(self._tongue("begin"))
        if data:
            self._handler.wfile.write(b"%x\r\n%b\r\n" % (len(data), data))

    def _wait(self, event: Event, alive: bool) -> None:
        """Until the event is set; the client is watched meanwhile."""
        while not event.wait(0.01):
            readable, _, _ = select.select([self._handler.connection], [], [], 0)
            if readable and not self._handler.connection.recv(1, socket.MSG_PEEK):
                raise _Left
            if self._server.closing.is_set():
                self._leave(RESET)
                return
            if alive:
                self._send(b": still here\n\n")

    def _leave(self, step: Step) -> None:
        self._handler.close_connection = True
        if step is HANG_UP:
            if self._begun:
                self._handler.wfile.write(b"0\r\n\r\n")
            return
        with suppress(OSError):
            linger = struct.pack("ii", 1, 0)  # close sends a reset, and throws away what waits
            self._handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            # The handler's files hold the socket open: its own close would only be noted.
            os.close(self._handler.connection.detach())


def _whole(reply: Reply) -> dict:
    """The answer to a request that wants it in one piece, as OpenAI words it."""
    text = "".join(step for step in reply.steps if isinstance(step, str))
    used = reply.usage or (0, 0)
    return {
        "id": "1",
        "object": "chat.completion",
        "created": 0,
        "model": "scripted",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": text},
                "finish_reason": reply.finish,
            }
        ],
        "usage": {
            "prompt_tokens": used[0],
            "completion_tokens": used[1],
            "total_tokens": sum(used),
        },
    }


# ---- how services word their answers: "begin", "say" words, "end" with reason and usage ---------


def _tongue(request: Request) -> Callable[..., bytes]:
    if request.path.endswith("/api/chat"):
        return _ollama
    return _anthropic if request.path.endswith("/messages") else _openai


def _event(data: dict, name: str = "") -> bytes:
    return f"{f'event: {name}' + chr(10) if name else ''}data: {json.dumps(data)}\n\n".encode()


def _openai(part: str, *values: Any) -> bytes:
    def chunk(delta: dict, finish: str | None = None) -> dict:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        return {
            "id": "1",
            "object": "chat.completion.chunk",
            "created": 0,
            "model": "scripted",
            "choices": [choice],
        }

    if part == "begin":
        return _event(chunk({"role": "assistant", "content": ""}))
    if part == "say":
        (said,) = values
        thinks = isinstance(said, Thought)
        return _event(chunk({"reasoning_content": said.text} if thinks else {"content": said}))
    finish, usage = values
    told = {}
    if usage:
        counts = ("prompt_tokens", "completion_tokens", "total_tokens")
        told = {"choices": [], "usage": dict(zip(counts, (*usage, sum(usage)), strict=True))}
    last = _event(chunk({}, finish)) if finish else b""
    return last + (_event(chunk({}) | told) if told else b"") + b"data: [DONE]\n\n"


def _ollama(part: str, *values: Any) -> bytes:
    message = {"role": "assistant", "content": ""}
    done: dict[str, Any] = {"done": False}
    if part == "begin":
        return b""
    if part == "say":
        said = values[0]
        message |= {"thinking": said.text} if isinstance(said, Thought) else {"content": said}
    else:
        finish, usage = values
        done = {"done": finish is not None, "done_reason": finish}
        if usage:
            done |= {"prompt_eval_count": usage[0], "eval_count": usage[1]}
    return (json.dumps({"model": "scripted", "message": message} | done) + "\n").encode()


ANTHROPIC_REASONS = {"stop": "end_turn", "length": "max_tokens", "content_filter": "refusal"}


def _anthropic(part: str, *values: Any) -> bytes:
    if part == "begin":
        message = {
            "id": "1",
            "type": "message",
            "role": "assistant",
            "model": "scripted",
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": {"input_tokens": USAGE[0], "output_tokens": 1},
        }
        block = {"type": "text", "text": ""}
        return _event({"type": "message_start", "message": message}, "message_start") + _event(
            {"type": "content_block_start", "index": 0, "content_block": block},
            "content_block_start",
        )
    if part == "say":
        said = values[0]
        thinks = isinstance(said, Thought)
        delta = (
            {"type": "thinking_delta", "thinking": said.text}
            if thinks
            else {"type": "text_delta", "text": said}
        )
        data = {"type": "content_block_delta", "index": 0, "delta": delta}
        return _event(data, "content_block_delta")
    finish, usage = values
    end = _event({"type": "content_block_stop", "index": 0}, "content_block_stop")
    if finish:
        reason = {"stop_reason": ANTHROPIC_REASONS[finish], "stop_sequence": None}
        used = {"output_tokens": usage[1] if usage else 0}
        end += _event({"type": "message_delta", "delta": reason, "usage": used}, "message_delta")
    return end + _event({"type": "message_stop"}, "message_stop")
