"""Corrects the misspelled words of a question: words of no article, one letter from a word of some.

People misspell names, and then both searches miss: neither knows "Galuzn". The adapter of
rapidfuzz.
"""

import re
from collections.abc import Callable, Collection, Mapping, Sequence

from rapidfuzz import process
from rapidfuzz.distance import OSA

from assistant.store.full_text import LexicalIndex
from assistant.text.tokens import WORD, content_words, ending, fold, foreign_terms, stem

MIN_LETTERS = 5
"""Shorter words are left alone: "Iran" is not a misspelled "Iraq"."""


def nearest(unknown: Collection[str], vocabulary: Sequence[str]) -> dict[str, str]:
    """For each unknown stem the one in the vocabulary that differs from it by one letter.

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


def correct_question(question: str, known: Mapping[str, str], lexical: LexicalIndex) -> str:
    """The question with its misspelled words corrected to words that the articles have.

    A word that is known in some language is not misspelled; the others are looked up among the
    words of the language in which most of the question is known.

    Args:
        known: abbreviations, short to long form; the short ones are left alone.
    """
    short = {stem(form.lower()) for form in known}
    read = {"en": {stem(word): word for word in content_words(question)}}
    for language in lexical.languages():
        read[language] = {t: fold(w) for t, w in foreign_terms(question, language).items()}
    every = [term for some in read.values() for term in some]
    counts = lexical.document_frequencies(every)
    right = {word for some in read.values() for term, word in some.items() if counts[term]}
    language = max(read, key=lambda one: sum(counts[term] > 0 for term in read[one]))
    unknown = [s for s, word in read[language].items() if word not in right and s not in short]
    if not unknown:
        return question
    if language == "en":
        return corrected(question, unknown, lexical.vocabulary(), lexical.word_of)
    end = ending(language)
    return corrected(
        question,
        [term.removesuffix(end) for term in unknown],
        lexical.vocabulary(end),
        lambda known_stem: lexical.word_of(known_stem + end),
        lambda word: next(iter(foreign_terms(word, language)), "").removesuffix(end),
    )
