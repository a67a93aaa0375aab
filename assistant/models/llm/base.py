"""What the program needs of a language model, and an answer as it is written."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from assistant.errors import LanguageModelError
from assistant.models.llm.errors import SAID_NOTHING

CHARACTERS_PER_TOKEN = 3.5
"""In ASCII. OpenAI's rule of thumb for English is 4; the bundled articles have 4.66 with the
tokenizer cl100k, German 4.0, and older tokenizers are coarser."""

BYTES_PER_TOKEN = 2.0
"""In UTF-8, of all other characters. With cl100k Russian has 3.9, Arabic 2.7, Chinese 2.0."""

MESSAGE_TOKENS = 8
"""What a message takes besides its text: for its role and its delimiters."""


@dataclass(frozen=True)
class Message:
    """One message of the conversation with a language model."""

    role: Literal["system", "user", "assistant"]
    text: str


@dataclass(frozen=True)
class Usage:
    """The tokens that an answer took."""

    prompt_tokens: int
    answer_tokens: int
    counted: bool = False
    """By the service; otherwise they are estimated from the texts."""
    truncated: bool = False
    """The answer ends where the service's limit was reached, not where the model ended it."""


class LanguageModel(Protocol):
    """What the program needs of a language model; tests and users may bring their own.

    One of llama-index becomes such a model as ``LlamaIndexModel(llm)``.
    """

    @property
    def name(self) -> str:
        """The name by which people know it."""

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
        """What has been written so far."""
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
                raise LanguageModelError(self._model.name, *SAID_NOTHING) from None
            raise
        self.text += words
        return words

    def __enter__(self) -> "Completion":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stops the model if it is still writing: its connection is closed at once."""
        close = getattr(self._stream, "close", None)
        if close is not None:
            close()

    @property
    def usage(self) -> Usage:
        """An estimate, until the service reports the tokens at the end of the answer."""
        return self._usage or Usage(size(self._messages), tokens(self.text))


def size(messages: Sequence[Message]) -> int:
    """About how many tokens the messages take; for English a third more than they do."""
    return sum(tokens(message.text) + MESSAGE_TOKENS for message in messages)


def tokens(text: str) -> int:
    """About how many tokens a text takes; no tokenizer is loaded, since each model has its own."""
    latin = len(text.encode("ascii", "ignore"))
    others = len(text.encode("utf-8", "replace")) - latin
    return math.ceil(latin / CHARACTERS_PER_TOKEN + others / BYTES_PER_TOKEN)
