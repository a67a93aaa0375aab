"""The adapter of llama-index's models: their events become words, their errors ours.

The client is imported when it is first used, and sends requests only to the service named.
"""

import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from queue import Empty
from threading import Event, Lock
from typing import TYPE_CHECKING, Any

from assistant.models.llm import errors
from assistant.models.llm.base import Message, Usage, size, tokens
from assistant.models.llm.errors import Service, failure
from assistant.models.llm.streaming import StreamReader

if TYPE_CHECKING:
    from llama_index.core.base.llms.types import ChatResponse
    from llama_index.core.llms import LLM

HEARTBEAT = 0.5
"""Seconds of silence after which "" is given, so that the consumer of a stream can stop waiting."""

LONGEST_ANSWER = 20_000
"""Characters; a model that goes on has lost its way."""


class LlamaIndexModel:
    """A model of llama-index, any `LLM`, as a person has set it up; any thread may use it.

    Args:
        llm: is given nothing but the messages: temperature and the like are its own.
        patience: seconds to wait for the next words before it counts as failed.
    """

    def __init__(self, llm: "LLM", patience: float = 60.0) -> None:
        key = getattr(llm, "api_key", None)
        secret = key if isinstance(key, str) else ""
        self._service = Service(llm.metadata.model_name, patience=patience, secret=secret)
        self._llm = llm

    @property
    def name(self) -> str:
        return self._service.model

    def load(self) -> "LLM":
        """The client; to import and make it takes about 2 seconds, at the first call.

        Raises:
            ModelError: it cannot be imported, or does not know the model.
        """
        return self._llm

    def stream(self, messages: Sequence[Message]) -> Generator[str, None, Usage]:
        """As `LanguageModel.stream` says; gives "" after each `HEARTBEAT` without new words.

        Raises:
            ModelError: as `load`.
            LanguageModelError: the service failed.
        """
        reader = StreamReader(partial(self._chunks, self.load(), messages))
        received = _Received()
        reader.start()
        try:
            while (chunk := (yield from self._next(reader, received))) is not None:
                yield received.add(chunk)
                if len(received.shown) > LONGEST_ANSWER:
                    raise self._service.error(*errors.ENDLESS)
        finally:
            reader.stop()
        received.check(self._service)
        counts = received.counts or (size(messages), tokens(received.text))
        counted = received.counts is not None
        return Usage(*counts, counted=counted, truncated=received.truncated)

    def _next(
        self, reader: "StreamReader[_Chunk]", received: "_Received"
    ) -> Generator[str, None, "_Chunk | None"]:
        """The next chunk with words or thoughts, None at the end; yields "" while waiting."""
        deadline = time.monotonic() + self._service.patience
        item: _Chunk | Exception | None
        while True:
            left = deadline - time.monotonic()
            try:
                item = reader.items.get(timeout=max(0.0, min(HEARTBEAT, left)))
            except Empty:
                if left > 0:
                    yield ""
                    continue
                item = TimeoutError()
            if isinstance(item, Exception):
                # Not raised from it nor in its handler: as cause or context it may hold the key.
                raise failure(item, self._service, begun=bool(received.shown))
            if item is None or item.words or item.thinks:
                return item
            received.add(item)

    def _chunks(
        self, llm: "LLM", messages: Sequence[Message], stopped: Event
    ) -> Iterator["_Chunk"]:
        """What the service sends; asked once more if it fails at the start but may recover."""
        from llama_index.core.llms import ChatMessage, MessageRole

        sent = [ChatMessage(role=MessageRole(m.role), content=m.text) for m in messages]
        again = True
        while True:
            begun = False
            try:
                for response in llm.stream_chat(sent):
                    begun = True
                    yield _Chunk.of(response)
                return
            except Exception as error:  # the clients' errors share no base
                if begun:
                    raise
                if _without_refused_option(llm, error):
                    continue
                pause = errors.pause_after(error) if again else None
                if pause is None or stopped.wait(pause):
                    raise
                again = False


class ConfiguredModel(LlamaIndexModel):
    """A model whose client is made when it is first needed.

    Args:
        make: imports and makes the client.
    """

    def __init__(self, service: Service, make: Callable[[], "LLM"]) -> None:
        self._service = service
        self._make = make
        self._made: LLM | None = None
        self._lock = Lock()

    def load(self) -> "LLM":
        with self._lock:
            if self._made is None:
                self._made = self._make()
            return self._made


def _without_refused_option(llm: "LLM", error: Exception) -> bool:
    """Whether an option that can be left out was refused; from now on it is left out."""
    if errors.status_of(error) not in (400, 422):
        return False
    options = getattr(llm, "additional_kwargs", {})
    if "stream_options" in options and "stream_options" in str(error):
        del options["stream_options"]
        return True
    warm = getattr(llm, "temperature", 1.0) != 1.0  # 1.0 is accepted by models that have none, too
    if warm and errors.body_of(error).get("param") == "temperature":
        llm.temperature = 1.0  # type: ignore[attr-defined]
        return True
    return False


@dataclass(frozen=True)
class _Chunk:
    """What one event of a service says, whichever service it is."""

    words: str
    thinks: bool
    counts: tuple[int, int] | None
    """Tokens of the prompt and of the answer, as far as it has them."""
    reason: str | None
    """Why the model stopped; None while it has not."""
    gives_reason: bool
    """The service always says, in the end, why the model stopped."""

    @classmethod
    def of(cls, response: "ChatResponse") -> "_Chunk":
        """From any client: each keeps usage and reason in another place."""
        raw = response.raw if isinstance(response.raw, Mapping) else {}
        choices = getattr(response.raw, "choices", None)
        extra, more = response.additional_kwargs, response.message.additional_kwargs
        reasons = [choice.finish_reason for choice in choices or ()]
        reasons += [raw.get("done_reason"), raw.get("done"), more.get("stop_reason")]
        counts = [_counts(place) for place in (extra, raw.get("usage"), more.get("usage"))]
        return cls(
            words=response.delta or "",
            thinks=bool(extra.get("thinking_delta") or more.get("thinking_delta")),
            counts=next(filter(None, counts), None),
            reason=next((str(reason) for reason in reasons if reason), None),
            gives_reason=choices is not None or "done" in raw or "stop_reason" in more,
        )


def _counts(usage: Any) -> tuple[int, int] | None:
    if isinstance(usage, Mapping):
        for names in (("prompt_tokens", "completion_tokens"), ("input_tokens", "output_tokens")):
            prompt, answer = (usage.get(name) for name in names)
            if isinstance(prompt, int) and isinstance(answer, int):
                return prompt, answer
    return None


@dataclass
class _Received:
    """What a service has sent so far."""

    text: str = ""
    shown: str = ""
    """Without thoughts."""
    counts: tuple[int, int] | None = None
    reason: str | None = None
    gives_reason: bool = False

    def add(self, chunk: _Chunk) -> str:
        """Takes a chunk in; returns the new words to show."""
        before = len(self.shown)
        self.text += chunk.words
        self.shown = _without_thoughts(self.text)
        self.counts = chunk.counts or self.counts
        self.reason = chunk.reason or self.reason
        self.gives_reason = self.gives_reason or chunk.gives_reason
        return self.shown[before:]

    @property
    def truncated(self) -> bool:
        return self.reason in ("length", "max_tokens")

    def check(self, service: Service) -> None:
        """Raises what is wrong with an answer that came to its end.

        A connection closed in order looks like the end of an answer, to all clients; only the
        reason that is missing tells them apart.
        """
        if self.gives_reason and self.reason is None:
            raise service.error(*errors.BROKEN_OFF)
        if self.reason in ("content_filter", "refusal"):
            raise service.error(*errors.WITHHELD)
        if not self.shown.strip():
            raise service.error(*(errors.ONLY_THOUGHT if self.truncated else errors.SAID_NOTHING))


def _without_thoughts(text: str) -> str:
    """A growing answer without what stands before it between <think> and </think>.

    Some services leave a model's thoughts there; others send them apart.
    """
    start = text.lstrip()
    if start.startswith("<think>"):
        return start.partition("</think>")[2].lstrip()
    return "" if "<think>".startswith(start) else text
