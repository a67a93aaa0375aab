"""Everything that can go wrong, as one tree.

    AssistantError
    ├── SettingsError    a setting has a value that cannot be used
    ├── ArticleError     one file or text cannot become an article
    ├── CorpusError      the folder of articles, or an id in it
    ├── StoreError       the index on disk
    └── ModelError       a model cannot be loaded or run
        └── LanguageModelError  the service of a language model failed: answers can do without it

Each error renders as ``subject: what happened; next step`` so that a person who sees only that
line knows what it is about and what to do. Libraries' own exceptions are wrapped by their adapters.
"""

from collections.abc import Iterator
from contextlib import contextmanager


class AssistantError(Exception):
    """Base of every error this program raises on purpose.

    Args:
        subject: what it is about: a file, an id, a setting, a model.
        problem: what happened, lower case, without a full stop.
        remedy: what the person can do next.
    """

    def __init__(self, subject: object, problem: str, remedy: str = "") -> None:
        self.subject = str(subject)
        self.problem = problem
        self.remedy = remedy
        super().__init__(self.subject, problem, remedy)

    def __str__(self) -> str:
        line = f"{self.subject}: {self.problem}" if self.subject else self.problem
        return f"{line}; {self.remedy}" if self.remedy else line


class SettingsError(AssistantError):
    """A setting has a value that cannot be used."""


class ArticleError(AssistantError):
    """One file or text cannot become an article; the rest of its batch can."""


class CorpusError(AssistantError):
    """The folder of articles cannot be used, or an id is not in it."""


class StoreError(AssistantError):
    """The index on disk cannot be read or written."""


class ModelError(AssistantError):
    """A model cannot be loaded or run."""


class LanguageModelError(ModelError):
    """The service of a language model failed; what it was to write can be quoted instead."""


class Stopped(Exception):
    """A long job ends early because somebody wants it to. No error; it never reaches a person."""


def reason_of(error: Exception) -> str:
    """What the operating system says went wrong, in lower case: ``no space left on device``."""
    return str(getattr(error, "strerror", None) or error).lower()


@contextmanager
def os_errors(kind: type[AssistantError], subject: object, remedy: str) -> Iterator[None]:
    """Raises each OSError of the block as an error of this kind.

    Args:
        subject: of the error, as is `remedy`.
    """
    try:
        yield
    except OSError as error:
        raise kind(subject, reason_of(error), remedy) from error
