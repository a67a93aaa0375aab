"""Question to passages: dense and lexical search, fused by score, near-duplicates collapsed."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from itertools import accumulate
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from assistant.models.embedding import Embedder, Vectors, encode_question
from assistant.models.rerankers import Reranker
from assistant.retrieval.query import Query
from assistant.retrieval.spelling import corrected
from assistant.schema import Filter, Passage, ScoredPassage
from assistant.store.full_text import LexicalIndex
from assistant.store.per_generation import PerGeneration
from assistant.store.store import Store
from assistant.store.vector_index import VectorIndex
from assistant.text.abbreviations import UNIVERSAL, Expansion, expand
from assistant.text.tokens import content_words, ending, fold, foreign_terms, stem, words

DEPTH = 50
"""Passages asked of each of the two searches."""

DENSE_WEIGHT = 0.55
"""Middle of the plateau from 0.5 to 0.6 on training questions (MRR 0.838; reciprocal rank fusion
0.806): eval/LOG.md, 2026-11-24."""

MAX_TERMS = 16
"""Rarest words of a long question that are searched for; a term costs about 0.3 ms in 18,000
passages, a common one more."""

MAX_ROWS = 45_000
"""Passages that the words of a question may occur in, added up, the rarest word first; words beyond
that are left to the vectors. In 43,681 passages every question of news-2022 finds the same, with
30,000 they lose 0.004 of the MRR; what it saves in a million: eval/LOG.md, 2026-11-25."""

MAX_QUESTION = 2_000
"""Characters of a question that are searched for; the model reads about 1,000 of them."""

NEAR_DUPLICATE = 0.85
"""Jaccard similarity of two passages' words from which they count as copies of one text."""

FEW = 5_000
"""Passages that a filter leaves up to which only they are searched; of more, what is found among
all is sifted."""

MOST = 2_000
"""Nearest passages that are sifted; if too few pass, each vector is looked at after all."""

ALL = -1
"""As a limit of the lexical search: every passage that has a word of the question."""

EVERYTHING = Filter()

Mode = Literal["hybrid", "dense", "lexical"]


def convex_combination(
    cosines: Mapping[int, float], bm25: Mapping[int, float], weight: float = DENSE_WEIGHT
) -> dict[int, float]:
    """Score of each item, 0 to 1: ``weight · c + (1 - weight) · b``.

    c is its cosine scaled to 0 for the lowest and 1 for the highest (1 where all are alike), b its
    BM25 score as a fraction of the highest, 0 where it has none. Bruch, Gai & Ingber 2023, "An
    analysis of fusion functions for hybrid retrieval": unlike fusion by rank it knows by how much
    one is better.
    """
    lowest, highest = min(cosines.values(), default=0.0), max(cosines.values(), default=0.0)
    most = max(bm25.values(), default=0.0)
    apart = highest - lowest
    return {
        item: weight * ((cosines.get(item, lowest) - lowest) / apart if apart else 1.0)
        + (1 - weight) * bm25.get(item, 0.0) / (most or 1.0)
        for item in cosines.keys() | bm25.keys()
    }


@dataclass(frozen=True)
class _Allowed:
    """What a filter lets through."""

    numbers: NDArray[np.int64]
    """Of passages, ascending."""
    enough: int
    """So many of all passages hold twice `DEPTH` of them, where they are spread evenly."""


class Retriever:
    """Finds the passages of a question; any thread.

    Args:
        answering: gives the model that encodes questions now; see `Models.answering`.
        abbreviations: spell out the short forms of a question.
        reranker: orders the best of both searches anew.
    """

    def __init__(
        self,
        store: Store,
        lexical: LexicalIndex,
        vectors: VectorIndex,
        answering: Callable[[], Embedder],
        mode: Mode = "hybrid",
        abbreviations: bool = True,
        reranker: Reranker | None = None,
    ) -> None:
        self.store = store
        self.lexical = lexical
        self.vectors = vectors
        self.answering = answering
        self.mode = mode
        self.abbreviations = abbreviations
        self.reranker = reranker
        self._allowed: PerGeneration[Filter, _Allowed] = PerGeneration(store.generation, size=32)
        self._beside = ThreadPoolExecutor(8, "lexical")

    def search(
        self, question: str, limit: int, within: Filter = EVERYTHING
    ) -> tuple[Query, tuple[ScoredPassage, ...]]:
        """The `limit` best passages of one moment of the corpus, best first.

        Args:
            within: only passages of these articles.
        """
        embedder = None if self.mode == "lexical" else self.answering()
        found = self._search(question, limit, within, embedder)
        if embedder is not None:
            now = self.answering()
            if now.fingerprint != embedder.fingerprint:  # the vectors it searched are deleted
                found = self._search(question, limit, within, now)
        return found

    def _search(
        self, question: str, limit: int, within: Filter, embedder: Embedder | None
    ) -> tuple[Query, tuple[ScoredPassage, ...]]:
        question = question[:MAX_QUESTION]
        with self.store.snapshot():
            known = UNIVERSAL | self.lexical.abbreviations() if self.abbreviations else {}
            expansion = expand(self._spelled(question, known), known)
            languages = self.lexical.languages()
            terms = [*_stems(expansion), *_foreign(expansion.question, languages)]
            frequencies = self.lexical.document_frequencies(terms)
        query = Query(question, expansion.question, expansion.text)
        among = self._among(within) if within else None
        if among is not None and not len(among.numbers):
            return query, ()
        # Beside each other: SQLite and the model both leave Python's lock.
        matching = self._beside.submit(self._lexical, expansion, frequencies, among, languages)
        vector = None if embedder is None else encode_question(embedder, expansion.text)
        model = "" if embedder is None else embedder.fingerprint
        dense = [] if vector is None else self._dense(vector, model, among)
        lexical = matching.result()
        # What was removed since it was found is dropped here.
        live = self.store.passages([n for n, _ in dense] + [n for n, _ in lexical])
        dense = [(n, s) for n, s in dense if n in live][:DEPTH]
        lexical = [(n, s) for n, s in lexical if n in live]
        cosines = dict(dense)
        if vector is not None:
            others = [n for n, _ in lexical if n not in cosines]
            cosines |= self.vectors.cosines(vector, others, model)
        found = collapse_copies(_fuse(dense, lexical, cosines, live), limit)
        return query, found if self.reranker is None else self._reranked(query, found)

    def close(self) -> None:
        """Ends the threads of the lexical searches."""
        self._beside.shutdown()

    def _reranked(self, query: Query, found: Sequence[ScoredPassage]) -> tuple[ScoredPassage, ...]:
        """The same passages by the reranker's score, which takes the place of the fused one."""
        if self.reranker is None or not found:
            return tuple(found)
        scores = self.reranker.scores(query.expanded, [s.passage.embedded_text for s in found])
        order = sorted(range(len(found)), key=lambda i: -float(scores[i]))
        return tuple(replace(found[i], score=float(scores[i])) for i in order)

    def _spelled(self, question: str, known: Mapping[str, str]) -> str:
        """The question without misspelled words, where the articles have words for them.

        A word that is known in some language is none; the others are sought among the words of the
        language in which most of the question is known.
        """
        short = {stem(form.lower()) for form in known}
        read = {"en": {stem(word): word for word in content_words(question)}}
        for language in self.lexical.languages():
            read[language] = {t: fold(w) for t, w in foreign_terms(question, language).items()}
        every = [term for some in read.values() for term in some]
        counts = self.lexical.document_frequencies(every)
        right = {word for some in read.values() for term, word in some.items() if counts[term]}
        language = max(read, key=lambda one: sum(counts[term] > 0 for term in read[one]))
        unknown = [s for s, word in read[language].items() if word not in right and s not in short]
        if not unknown:
            return question
        if language == "en":
            return corrected(question, unknown, self.lexical.vocabulary(), self.lexical.word_of)
        end = ending(language)
        return corrected(
            question,
            [term.removesuffix(end) for term in unknown],
            self.lexical.vocabulary(end),
            lambda known_stem: self.lexical.word_of(known_stem + end),
            lambda word: next(iter(foreign_terms(word, language)), "").removesuffix(end),
        )

    def _among(self, within: Filter) -> _Allowed:
        """The passages that a filter lets through; looked up once for each state of the corpus."""
        return self._allowed.get(within, lambda: self._look_up(within))

    def _look_up(self, within: Filter) -> _Allowed:
        numbers = self.store.catalogue.numbers_within(within)
        enough = 2 * DEPTH * self.store.catalogue.counts()[1] // max(len(numbers), 1)
        return _Allowed(numbers, enough)

    def _dense(
        self, vector: Vectors, model: str, among: _Allowed | None
    ) -> list[tuple[int, float]]:
        """The nearest passages; of few, each is looked at."""
        if among is None:
            return self.vectors.search(vector, DEPTH, model)
        if len(among.numbers) > FEW:
            limits = (min(MOST, among.enough), MOST)
            found = _sifted(lambda n: self.vectors.search(vector, n, model), among, limits)
            if found is not None:
                return found
        cosines: dict[int, float] = {}
        for start in range(0, len(among.numbers), 500):
            some = among.numbers[start : start + 500].tolist()
            cosines |= self.vectors.cosines(vector, some, model)
        return sorted(cosines.items(), key=lambda item: (-item[1], item[0]))[:DEPTH]

    def _lexical(
        self,
        expansion: Expansion,
        frequencies: dict[str, int],
        among: _Allowed | None,
        languages: Sequence[str] = (),
    ) -> list[tuple[int, float]]:
        if self.mode == "dense":
            return []
        best: dict[int, float] = {}
        for expression in match_expressions(expansion, frequencies, languages):
            for number, score in self._matching(expression, among):
                best[number] = max(score, best.get(number, 0.0))
        return sorted(best.items(), key=lambda item: (-item[1], item[0]))[:DEPTH]

    def _matching(self, expression: str, among: _Allowed | None) -> list[tuple[int, float]]:
        if among is None:
            return self.lexical.match(expression, DEPTH)
        if len(among.numbers) <= FEW:
            return self.lexical.match(expression, DEPTH, among.numbers.tolist())
        match = partial(self.lexical.match, expression)
        return _sifted(match, among, (among.enough, ALL)) or []


def _sifted(
    search: Callable[[int], list[tuple[int, float]]], among: _Allowed, limits: Sequence[int]
) -> list[tuple[int, float]] | None:
    """The best `DEPTH` of what a search finds that pass a filter; None where there may be more that
    pass than it found within each of the limits.
    """
    allowed = among.numbers
    for limit in limits:
        found = search(limit)
        numbers = np.array([number for number, _ in found], dtype=np.int64)
        places = np.minimum(np.searchsorted(allowed, numbers), len(allowed) - 1)
        passed = np.flatnonzero(allowed[places] == numbers)[:DEPTH]
        if len(passed) == DEPTH or limit == ALL or len(found) < limit:
            return [found[place] for place in passed]
    return None


def _stems(expansion: Expansion) -> tuple[str, ...]:
    text = " ".join((expansion.text, *expansion.phrases))
    return tuple(dict.fromkeys(stem(word) for word in content_words(text)))


def _foreign(text: str, languages: Sequence[str]) -> list[str]:
    """The distinct terms of a text in each of these languages."""
    terms = (term for language in languages for term in foreign_terms(text, language))
    return list(dict.fromkeys(terms))


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


def match_expressions(
    expansion: Expansion, frequencies: Mapping[str, int], languages: Sequence[str] = ()
) -> list[str]:
    """FTS5 syntax for "any of these words", and the same with the other form of each name.

    Two searches, of which a passage gets its better score: in one, an article that says both "CSTO"
    and "Collective Security Treaty Organization" would be paid twice for one name. Every term is
    quoted, so that nothing a person types is syntax. A question of stop words only is searched for
    by those. In each other language of the articles the words are searched for, too, as many.
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


def _fuse(
    dense: Sequence[tuple[int, float]],
    lexical: Sequence[tuple[int, float]],
    cosines: Mapping[int, float],
    live: Mapping[int, Passage],
) -> list[ScoredPassage]:
    dense_ranks = {number: rank for rank, (number, _) in enumerate(dense, start=1)}
    lexical_ranks = {number: rank for rank, (number, _) in enumerate(lexical, start=1)}
    bm25 = dict(lexical)
    scores = convex_combination(cosines, bm25)
    return [
        ScoredPassage(
            live[number],
            score,
            dense_ranks.get(number),
            cosines.get(number),
            lexical_ranks.get(number),
            bm25.get(number),
        )
        for number, score in sorted(scores.items(), key=lambda item: (-item[1], item[0]))
    ]


def collapse_copies(found: Sequence[ScoredPassage], limit: int) -> tuple[ScoredPassage, ...]:
    """The `limit` best that differ; of passages with nearly the same words the best is kept.

    The others become its `copies`, as far as they rank above the last one kept: comparing all
    hundred with each other cost more than the search itself.
    """
    kept: list[ScoredPassage] = []
    bags: list[frozenset[str]] = []
    for candidate in found:
        if len(kept) == limit:
            break
        bag = frozenset(words(candidate.passage.text))
        same = next((i for i, other in enumerate(bags) if _near_duplicates(bag, other)), None)
        if same is None:
            kept.append(candidate)
            bags.append(bag)
        else:
            copies = (*kept[same].copies, candidate.passage)
            kept[same] = replace(kept[same], copies=copies)
    return tuple(kept)


def _near_duplicates(a: frozenset[str], b: frozenset[str]) -> bool:
    # The sizes alone bound the similarity, which spares most intersections.
    smaller, larger = sorted((len(a), len(b)))
    return smaller >= NEAR_DUPLICATE * larger and _jaccard(a, b) >= NEAR_DUPLICATE


def similarity(text: str, other: str) -> float:
    """Jaccard similarity of the words of two texts, 0 to 1."""
    return _jaccard(frozenset(words(text)), frozenset(words(other)))


def _jaccard(a: frozenset[str], b: frozenset[str]) -> float:
    return len(a & b) / max(len(a | b), 1)
