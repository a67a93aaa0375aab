"""A question-answering assistant over news articles: cited answers, or an honest refusal.

from assistant import open_assistant

with open_assistant(corpus="corpus/articles") as assistant:
    assistant.sync()
    answer = assistant.ask("what did Galuzin say about the EU mission")
    print(answer.text, answer.citations)
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from assistant.assistant import Assistant, open_assistant
    from assistant.corpus.transfer import import_corpus
    from assistant.errors import AssistantError
    from assistant.schema import Answer, Article, Citation

__all__ = [
    "Answer",
    "Article",
    "Assistant",
    "AssistantError",
    "Citation",
    "import_corpus",
    "open_assistant",
]
__version__ = "0.1.0"

_HOMES = {
    "Answer": "assistant.schema",
    "Article": "assistant.schema",
    "Assistant": "assistant.assistant",
    "AssistantError": "assistant.errors",
    "Citation": "assistant.schema",
    "import_corpus": "assistant.corpus.transfer",
    "open_assistant": "assistant.assistant",
}


def __getattr__(name: str) -> object:
    # Imported on use: `assistant --help` must not pay for numpy and pydantic.
    if name in _HOMES:
        from importlib import import_module

        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
