"""A follow-up to a question that stands alone, rewritten by a language model."""

import re
from collections.abc import Sequence

from assistant.errors import ModelError
from assistant.models.llm.base import Completion, LanguageModel
from assistant.models.llm.prompts import standalone

_LABEL = re.compile(r"^(?:[\w-]+ ){0,2}question(?: to rewrite)?\s*:\s*", re.IGNORECASE)
_ASKS = re.compile(r"[?？؟;՞][\"”’»)\s]*$")


def rewrite(model: LanguageModel, question: str, turns: Sequence[tuple[str, str]]) -> str | None:
    """The question so that it stands alone, in the model's words; None when they are of no use.

    Args:
        turns: earlier questions with their answers, oldest first.
    """
    longest = 3 * len(question) + 120
    if not turns:
        return None
    try:
        with Completion(model, standalone(question, turns)) as completion:
            for _ in completion:
                if len(completion.text) > 2 * longest:
                    return None
    except ModelError:
        return None
    return _as_question(completion.text, question, longest)


def _as_question(text: str, asked: str, longest: int) -> str | None:
    """What was written, if it is one line that asks, or tells what to do, as the question did."""
    line = _LABEL.sub("", text.strip().strip("*")).strip(' \t"“”«»`*')
    if "\n" in line or len(line) > longest or re.search(r"\[\d", line):
        return None
    if not any(character.isalnum() for character in line):
        return None
    tells = not _ASKS.search(asked) and asked.lower().split()[:1] == line.lower().split()[:1]
    return line if tells or _ASKS.search(line) else None
