"""Messages to words, as a language model writes them: the only door to llama-index's models.

    model = language_model(settings)
    with Completion(model, messages) as completion:
        for words in completion:
            print(words, end="")
    completion.usage

A person may bring any model: llama-index's as ``LlamaIndexModel(llm)``, others by having what
`LanguageModel` has. Clients are imported when first used, and ask nobody but the service named.
"""

import os
import re
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from queue import Empty
from threading import Event, Lock
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

from assistant.errors import LanguageModelError, ModelError, SettingsError
from assistant.models.llm import errors, prompts
from assistant.models.llm.errors import Service, failure
from assistant.models.llm.prompts import Message
from assistant.models.llm.streaming import Listener, cuttable, http_client
from assistant.settings import Settings

if TYPE_CHECKING:
    from llama_index.core.base.llms.types import ChatResponse
    from llama_index.core.llms import LLM

HEARTBEAT = 0.5
"""Seconds of silence after which "" is given, so that who waits for words can stop waiting."""

LONGEST_ANSWER = 20_000
"""Characters; a model that goes on has lost its way."""


@dataclass(frozen=True)
class Usage:
    """What an answer took."""

    prompt_tokens: int
    answer_tokens: int
    counted: bool = False
    """By the service; else estimated from the texts."""
    truncated: bool = False
    """The answer ends where the service's limit was reached, not where the model ended it."""


class LanguageModel(Protocol):
    """What the program needs of a language model; tests and users may bring their own."""

    @property
    def name(self) -> str:
        """As people know it."""

    def stream(self, messages: Sequence[Message]) -> Iterator[str]:
        """The answer in pieces, as it is written; "" while there is nothing new.

        A generator may return its `Usage`; closed, it should stop the service.

        Raises:
            LanguageModelError: the service failed, at the start or in the middle.
        """


class Completion(Iterator[str]):
    """What a model writes for the messages: iterate for its words; closed, it stops the model.

    Raises:
        LanguageModelError: while iterating: the service failed, or had nothing to say.
    """

    def __init__(self, model: LanguageModel, messages: Sequence[Message]) -> None:
        self.text = ""
        """All so far."""
        self._model = model
        self._messages = messages
        self._stream = model.stream(messages)
        self._usage: Usage | None = None

    def __next__(self) -> str:
        try:
            words = next(self._stream)
        except StopIteration as end:
            if isinstance(end.value, Usage):
                self._usage = end.value
            if not self.text.strip():
                raise LanguageModelError(self._model.name, *errors.SAID_NOTHING) from None
            raise
        self.text += words
        return words

    def __enter__(self) -> "Completion":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stops the model if it still writes: its connection is closed at once."""
        close = getattr(self._stream, "close", None)
        if close is not None:
            close()

    @property
    def usage(self) -> Usage:
        """What it took: an estimate until the service says so, which it does at the end."""
        return self._usage or _estimate(self._messages, self.text)


def _estimate(messages: Sequence[Message], text: str, truncated: bool = False) -> Usage:
    return Usage(prompts.size(messages), prompts.tokens(text), truncated=truncated)


# ---- words ready to be used ---------------------------------------------------------------------


def rewrite(model: LanguageModel, question: str, turns: Sequence[tuple[str, str]]) -> str | None:
    """The question so that it stands alone, in the model's words; None when they are of no use.

    Args:
        turns: earlier questions with their answers, oldest first.
    """
    longest = 3 * len(question) + 120
    if not turns:
        return None
    try:
        with Completion(model, prompts.standalone(question, turns)) as completion:
            for _ in completion:
                if len(completion.text) > 2 * longest:
                    return None
    except ModelError:
        return None
    return _as_question(completion.text, question, longest)


_LABEL = re.compile(r"^(?:[\w-]+ ){0,2}question(?: to rewrite)?\s*:\s*", re.IGNORECASE)
_ASKS = re.compile(r"[?？؟;՞][\"”’»)\s]*$")


def _as_question(text: str, asked: str, longest: int) -> str | None:
    """What was written, if it is one line that asks, or tells what to do, as the question did."""
    line = _LABEL.sub("", text.strip().strip("*")).strip(' \t"“”«»`*')
    if "\n" in line or len(line) > longest or re.search(r"\[\d", line):
        return None
    if not any(character.isalnum() for character in line):
        return None
    tells = not _ASKS.search(asked) and asked.lower().split()[:1] == line.lower().split()[:1]
    return line if tells or _ASKS.search(line) else None


def _spoken(text: str) -> str:
    """A growing answer without what comes before it between <think> and </think>.

    Some services leave a model's thoughts there; others send them apart.
    """
    start = text.lstrip()
    if start.startswith("<think>"):
        return start.partition("</think>")[2].lstrip()
    return "" if "<think>".startswith(start) else text


# ---- llama-index's models -----------------------------------------------------------------------


class LlamaIndexModel:
    """A model of llama-index, any `LLM`, as a person has set it up; any thread may use it.

    Args:
        llm: is told nothing but the messages: temperature and the like are its own.
        patience: seconds to wait for the next words before it counts as failed.
    """

    def __init__(self, llm: "LLM", patience: float = 60.0) -> None:
        key = getattr(llm, "api_key", None)
        secrets = (key,) if isinstance(key, str) and key else ()
        self._service = Service(llm.metadata.model_name, patience=patience, secrets=secrets)
        self._options: Mapping[str, Any] = {}
        self._llm = llm

    @property
    def name(self) -> str:
        """As its service calls it."""
        return self._service.model

    def load(self) -> "LLM":
        """Imports and makes the client, about 2 seconds, so that the first answer need not.

        Raises:
            ModelError: it cannot be imported, or does not know the model.
        """
        return self._llm

    def stream(self, messages: Sequence[Message]) -> Generator[str, None, Usage]:
        """See `LanguageModel.stream`.

        Raises:
            ModelError: the client cannot be imported, or does not know the model.
            LanguageModelError: the service failed.
        """
        listener = Listener(partial(self._pieces, self.load(), messages))
        written = _Written()
        listener.start()
        try:
            while (piece := (yield from self._awaited(listener, written))) is not None:
                yield written.add(piece)
                if len(written.shown) > LONGEST_ANSWER:
                    raise LanguageModelError(self._service.subject, *errors.ENDLESS)
        finally:
            listener.stop()
        written.check(self._service)
        if written.counts:
            return Usage(*written.counts, counted=True, truncated=written.truncated)
        return _estimate(messages, written.text, written.truncated)

    def _awaited(
        self, listener: "Listener[_Piece]", written: "_Written"
    ) -> Generator[str, None, "_Piece | None"]:
        """The next piece that says something, None at the end; gives "" while it is awaited."""
        deadline = time.monotonic() + self._service.patience
        heard: _Piece | Exception | None
        while True:
            left = deadline - time.monotonic()
            try:
                heard = listener.heard.get(timeout=max(0.0, min(HEARTBEAT, left)))
            except Empty:
                if left > 0:
                    yield ""
                    continue
                heard = TimeoutError()
            if isinstance(heard, Exception):
                # Not from it, nor while it is handled: it may hold the key.
                raise failure(heard, self._service, bool(written.shown))
            if heard is None or heard.alive:
                return heard
            written.add(heard)

    def _pieces(
        self, llm: "LLM", messages: Sequence[Message], stopped: Event
    ) -> Iterator["_Piece"]:
        """Asks the service; once more when it fails at the start in a way that may pass."""
        from llama_index.core.llms import ChatMessage, MessageRole

        said = [ChatMessage(role=MessageRole(m.role), content=m.text) for m in messages]
        again = True
        while True:
            begun = False
            try:
                for response in llm.stream_chat(said, **self._options):
                    begun = True
                    yield _Piece.of(response)
                return
            except Exception as error:  # the clients' errors share no base
                if begun:
                    raise
                if self._does_without(llm, error):
                    continue
                pause = errors.pause_after(error) if again else None
                if pause is None or stopped.wait(pause):
                    raise
                again = False

    def _does_without(self, llm: "LLM", error: Exception) -> bool:
        """Whether the service refused an option that it need not have: from now on it has not."""
        if errors.status_of(error) not in (400, 422):
            return False
        if "stream_options" in self._options and "stream_options" in str(error):
            self._options = {}
            return True
        warm = getattr(llm, "temperature", 1.0) != 1.0  # the one that models without any take
        if warm and errors.body_of(error).get("param") == "temperature":
            llm.temperature = 1.0  # type: ignore[attr-defined]
            return True
        return False


class _ConfiguredModel(LlamaIndexModel):
    """A model that the settings name; made when it is first needed."""

    def __init__(
        self, service: Service, options: Mapping[str, Any], make: Callable[[], "LLM"]
    ) -> None:
        self._service = service
        self._options = options
        self._make = make
        self._made: LLM | None = None
        self._lock = Lock()

    def load(self) -> "LLM":
        """See `LlamaIndexModel.load`."""
        with self._lock:
            if self._made is None:
                self._made = self._make()
            return self._made


@dataclass(frozen=True)
class _Piece:
    """What one event of a service says, whichever service it is."""

    words: str
    thinks: bool
    counts: tuple[int, int] | None
    """Tokens of the prompt and of the answer, as far as it has them."""
    reason: str | None
    """Why the model stopped; None while it has not."""
    ends: bool
    """Such a service always says why the model stopped."""

    @classmethod
    def of(cls, response: "ChatResponse") -> "_Piece":
        """Of any client: each keeps usage and reason in another place."""
        raw = response.raw if isinstance(response.raw, Mapping) else {}
        choices = getattr(response.raw, "choices", None)
        extra, more = response.additional_kwargs, response.message.additional_kwargs
        reasons = [choice.finish_reason for choice in choices or ()]
        reasons += [raw.get("done_reason") or raw.get("done"), more.get("stop_reason")]
        counts = [_counts(place) for place in (extra, raw.get("usage"), more.get("usage"))]
        return cls(
            words=response.delta or "",
            thinks=bool(extra.get("thinking_delta") or more.get("thinking_delta")),
            counts=next(filter(None, counts), None),
            reason=next((str(reason) for reason in reasons if reason), None),
            ends=choices is not None or "done" in raw or "stop_reason" in more,
        )

    @property
    def alive(self) -> bool:
        return bool(self.words or self.thinks)


def _counts(usage: Any) -> tuple[int, int] | None:
    if isinstance(usage, Mapping):
        for names in (("prompt_tokens", "completion_tokens"), ("input_tokens", "output_tokens")):
            prompt, answer = (usage.get(name) for name in names)
            if isinstance(prompt, int) and isinstance(answer, int):
                return prompt, answer
    return None


@dataclass
class _Written:
    """What a service has said so far."""

    text: str = ""
    shown: str = ""
    """Without thoughts."""
    counts: tuple[int, int] | None = None
    reason: str | None = None
    ends: bool = False

    def add(self, piece: _Piece) -> str:
        """Takes a piece in; returns the new words to show."""
        before = len(self.shown)
        self.text += piece.words
        self.shown = _spoken(self.text)
        self.counts = piece.counts or self.counts
        self.reason = piece.reason or self.reason
        self.ends = self.ends or piece.ends
        return self.shown[before:]

    @property
    def truncated(self) -> bool:
        return self.reason in ("length", "max_tokens")

    def check(self, service: Service) -> None:
        """Raises what is wrong with an answer that came to its end.

        A connection closed in order looks like the end of an answer, to all clients; only the
        reason that is missing tells them apart.
        """
        if self.ends and self.reason is None:
            raise LanguageModelError(service.subject, *errors.BROKEN_OFF)
        if self.reason in ("content_filter", "refusal"):
            raise LanguageModelError(service.subject, *errors.WITHHELD)
        if not self.shown.strip():
            what = errors.ONLY_THOUGHT if self.truncated else errors.SAID_NOTHING
            raise LanguageModelError(service.subject, *what)


# ---- the services of the settings ---------------------------------------------------------------


@dataclass(frozen=True)
class _Kind:
    """A kind of service: its client at llama-index, its key, its usual address."""

    module: str
    client: str
    arguments: Callable[[Settings, str, str], dict[str, Any]]
    """Of the client, from the settings, the address and the key."""
    key: str
    needs_key: bool = False
    url: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Of each request."""


def _openai_arguments(settings: Settings, url: str, key: str) -> dict[str, Any]:
    return {
        "model": settings.llm_model, "api_base": url, "api_key": key or "none",
        "is_chat_model": True, "temperature": 0.0, "max_retries": 0,
        "context_window": settings.llm_context, "timeout": settings.llm_timeout,
        "http_client": http_client(settings.llm_timeout),
    }  # fmt: skip


def _ollama_arguments(settings: Settings, url: str, key: str) -> dict[str, Any]:
    client = import_module("ollama").Client(host=url, timeout=settings.llm_timeout, **cuttable())
    # Without a window it is asked for by another request; and Ollama cuts what exceeds its own.
    return {
        "model": settings.llm_model, "base_url": url, "temperature": 0.0, "client": client,
        "context_window": settings.llm_context, "request_timeout": settings.llm_timeout,
    }  # fmt: skip


def _anthropic_arguments(settings: Settings, url: str, key: str) -> dict[str, Any]:
    return {
        "model": settings.llm_model, "base_url": url, "api_key": key, "temperature": 0.0,
        "max_retries": 0, "timeout": settings.llm_timeout, "max_tokens": prompts.REPLY_TOKENS,
    }  # fmt: skip


# OpenAI's own class refuses every model that came after it; this one takes any, and knows which
# of OpenAI's models have no temperature all the same.
_OPENAI = ("llama_index.llms.openai_like", "OpenAILike", _openai_arguments)
_OLLAMA = ("llama_index.llms.ollama", "Ollama", _ollama_arguments)
_ANTHROPIC = ("llama_index.llms.anthropic", "Anthropic", _anthropic_arguments)
_COUNTED = {"stream_options": {"include_usage": True}}
_KINDS = {
    "openai-like": _Kind(*_OPENAI, "ASSISTANT_LLM_KEY", options=_COUNTED),
    "openai": _Kind(*_OPENAI, "OPENAI_API_KEY", True, "https://api.openai.com/v1", _COUNTED),
    "ollama": _Kind(*_OLLAMA, "OLLAMA_API_KEY", url="http://localhost:11434"),
    "anthropic": _Kind(*_ANTHROPIC, "ANTHROPIC_API_KEY", True, "https://api.anthropic.com"),
}


def language_model(settings: Settings) -> LlamaIndexModel | None:
    """The language model that the settings name; None for none. Cheap: it is made when first used.

    Its key comes from the environment and goes to the service's address only.

    Raises:
        SettingsError: the model or the address is missing, or cannot be one.
        ModelError: the client is not installed, or the key is not set.
    """
    if settings.llm == "none":
        return None
    kind = _KINDS[settings.llm]
    if not settings.llm_model:
        raise SettingsError("llm_model", "is not set", f"name the model that {settings.llm} has")
    url = _address(settings.llm_url or kind.url)
    key = os.environ.get(kind.key, "").strip()
    if kind.needs_key and not key:
        raise ModelError(settings.llm, f"{kind.key} is not set", "put the key into the environment")
    if not _installed(kind.module):
        raise ModelError(settings.llm, "its client is not installed", _install(settings.llm))
    secrets = (key,) if key else ()
    service = Service(settings.llm_model, url, kind.key, settings.llm_timeout, secrets)
    if settings.llm == "ollama":
        service = replace(service, obtain=f"run `ollama pull {settings.llm_model}`")
    return _ConfiguredModel(service, kind.options, partial(_made, settings, kind, service))


def _address(url: str) -> str:
    if not url:
        raise SettingsError(
            "llm_url", "is not set", "give the service's address, such as http://localhost:8080/v1"
        )
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:  # and it is not repeated, for a password may be in it
        raise SettingsError("llm_url", "is no address", "it begins with http:// or https://")
    return url


def _installed(module: str) -> bool:
    with suppress(ModuleNotFoundError):  # of a package above it
        return find_spec(module) is not None
    return False


def _install(extra: str) -> str:
    return f'run `pip install "news-assistant[{extra}]"`'


def _made(settings: Settings, kind: _Kind, service: Service) -> "LLM":
    try:
        client = getattr(import_module(kind.module), kind.client)
        llm: LLM = client(**kind.arguments(settings, service.url, *(service.secrets or ("",))))
        _ = llm.metadata  # where a client looks up whether it knows the model
    except ImportError as error:
        raise ModelError(
            settings.llm, f"its client cannot be imported ({error})", _install(settings.llm)
        ) from error
    except ValueError:
        raise ModelError(
            service.subject,
            "its client does not know this model",
            f"correct llm_model, or upgrade the client: {_install(settings.llm)} --upgrade",
        ) from None
    return llm
