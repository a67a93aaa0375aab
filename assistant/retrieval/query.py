"""A question to a query: spelling corrected, abbreviations spelled out, the rarest words as an
expression for the full-text index.
"""

from collections.abc import Mapping, Sequence
from itertools import accumulate

from assistant.retrieval.spelling import correct_question
from assistant.schema import Query
from assistant.store.store import Store
from assistant.text.abbreviations import UNIVERSAL, Expansion, expand
from assistant.text.tokens import content_words, foreign_terms, stem, words

MAX_QUESTION = 2_000
"""Characters of a question that are searched for; the model reads about 1,000 of them."""

MAX_TERMS = 16
"""Rarest words of a long question that are searched for; a term costs about 0.3 ms in 18,000
passages, a common one more."""

MAX_ROWS = 45_000
"""Most passages in which the words of a question may occur, summed from the rarest word on; further
words are left to the vectors. Over 43,681 passages no question of news-2022 finds less; with 30,000
MRR falls by 0.004. What it saves among a million: eval/LOG.md, 2026-11-25."""


def analyse(question: str, store: Store, *, abbreviations: bool = True) -> tuple[Query, list[str]]:
    """The query for a question, and its expressions in FTS5 syntax: a passage gets the best of$
    their scores. The words and abbreviations are those of one snapshot of the store.

    Args:
        abbreviations: spell out the short forms of a question.
    """
    question, lexical = question[:MAX_QUESTION], store.lexical
    with store.snapshot():
        known = UNIVERSAL | lexical.abbreviations() if abbreviations else {}
        expansion = expand(correct_question(question, known, lexical), known)
        languages = lexical.languages()
        terms = [*_stems(expansion), *_foreign_terms(expansion.question, languages)]
        frequencies = lexical.document_frequencies(terms)
    query = Query(question, expansion.question, expansion.text)
    return query, match_expressions(expansion, frequencies, languages)


def _stems(expansion: Expansion) -> list[str]:
    text = " ".join((expansion.text, *expansion.phrases))
    return list(dict.fromkeys(stem(word) for word in content_words(text)))


def _foreign_terms(text: str, languages: Sequence[str]) -> list[str]:
    """The distinct terms of a text in each of these languages."""
    terms = (term for language in languages for term in foreign_terms(text, language))
    return list(dict.fromkeys(terms))


def match_expressions(
    expansion: Expansion, frequencies: Mapping[str, int], languages: Sequence[str] = ()
) -> list[str]:
    """FTS5 syntax for "any of these words", and the same with the other form of each name.

    Two searches, and a passage gets the better of its two scores: in a single one, an article that
    says both "CSTO" and "Collective Security Treaty Organization" would count one name twice. Every
    term is quoted, so that nothing a person types is syntax. A question of stop words only is
    searched for by those. The terms of the articles' other languages are searched for, too.
    """
    terms = content_words(expansion.question) or words(expansion.question)
    known = [term for term in terms if frequencies.get(stem(term), 1)]
    known.sort(key=lambda term: frequencies.get(stem(term), 0))
    known = _few_rows(known, [frequencies.get(stem(term), 0) for term in known])
    said = set().union(*(words(form) for form, _ in expansion.pairs))
    others = [" ".join(words(other)) for _, other in expansion.pairs]
    foreign = _rarest(expansion.question, frequencies, languages)
    variants = [known[:MAX_TERMS] + foreign]
    if expansion.pairs:
        named = [
            " ".join(foreign_terms(other, language))
            for _, other in expansion.pairs
            for language in languages
        ]
        kept = [*others, *(term for term in known if term not in said)][:MAX_TERMS]
        variants.append([*kept, *filter(None, named), *foreign])
    return [" OR ".join(f'"{term}"' for term in some) for some in variants if some]


def _rarest(text: str, frequencies: Mapping[str, int], languages: Sequence[str]) -> list[str]:
    """The rarest terms of a text that the articles have, of each of these languages."""
    found: list[str] = []
    for language in languages:
        known = [term for term in foreign_terms(text, language) if frequencies.get(term)]
        known.sort(key=lambda term: frequencies[term])
        found += _few_rows(known, [frequencies[term] for term in known])[:MAX_TERMS]
    return list(dict.fromkeys(found))


def _few_rows(terms: Sequence[str], rows: Sequence[int]) -> list[str]:
    """The first terms, the rarest, that occur in `MAX_ROWS` passages together; at least one."""
    within = sum(total <= MAX_ROWS for total in accumulate(rows))
    return list(terms[: max(within, 1)])
