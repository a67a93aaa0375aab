"""Misspelled words of a question: those that no article has, one letter from one that some have.

The only door to rapidfuzz. Names are what people misspell, and a name that is not found takes the
whole question with it: neither search knows "Galuzn".
"""

import re
from collections.abc import Callable, Collection, Sequence

from rapidfuzz import process
from rapidfuzz.distance import OSA

from assistant.text.tokens import WORD, fold, stem

MIN_LETTERS = 5
"""Shorter words are left alone: "Iran" is not a misspelled "Iraq"."""


def nearest(unknown: Collection[str], vocabulary: Sequence[str]) -> dict[str, str]:
    """For each unknown stem the one in the vocabulary that one letter tells it from.

    One letter added, lost, changed, or swapped with the next (optimal string alignment distance,
    Damerau 1964). Two would take "Slovakia" for "Slovenia".

    Args:
        vocabulary: most frequent first; of several at the same distance the first is taken.
    """
    found = {}
    for one in unknown:
        if len(one) >= MIN_LETTERS and one.isalpha():
            best = process.extractOne(one, vocabulary, scorer=OSA.distance, score_cutoff=1)
            if best is not None:
                found[one] = str(best[0])
    return found


def english(word: str) -> str:
    """The stem of a word as it is written."""
    return stem(fold(word))


def corrected(
    question: str,
    unknown: Collection[str],
    vocabulary: Sequence[str],
    word: Callable[[str], str],
    stem_of: Callable[[str], str] = english,
) -> str:
    """The question with its misspelled words replaced; it is shown as what was searched for.

    Args:
        unknown: stems of the question that no article has.
        word: gives a whole word for a stem of the vocabulary.
        stem_of: gives the stem of a word of the question, in the vocabulary's language.
    """
    right = {wrong: word(known) for wrong, known in nearest(unknown, vocabulary).items()}
    if not right:
        return question

    def replace(match: re.Match[str]) -> str:
        return right.get(stem_of(match.group()), match.group())

    return WORD.sub(replace, question)
