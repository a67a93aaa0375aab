"""What the program needs of a language model, and an answer as it is written.

    model = language_model(settings)
    with Completion(model, messages) as completion:
        for words in completion:
            print(words, end="")
    completion.usage

Any object with what `LanguageModel` has is a model; those of llama-index become one as
``LlamaIndexModel(llm)``, those of the settings by ``language_model(settings)``.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from assistant.errors import LanguageModelError
from assistant.models.llm import errors, prompts
from assistant.models.llm.prompts import Message


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
        """Stops the model if it is still writing: its connection is closed at once."""
        close = getattr(self._stream, "close", None)
        if close is not None:
            close()

    @property
    def usage(self) -> Usage:
        """What it took: an estimate until the service says so, which it does at the end."""
        return self._usage or estimated(self._messages, self.text)


def estimated(messages: Sequence[Message], text: str, *, truncated: bool = False) -> Usage:
    """What an answer took, estimated from the texts."""
    return Usage(prompts.size(messages), prompts.tokens(text), truncated=truncated)
