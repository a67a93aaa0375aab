"""Question to passages: dense and lexical search, fused by score, near-duplicates collapsed."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from cachetools import LRUCache
from numpy.typing import NDArray

from assistant.abbreviations import UNIVERSAL, Expansion, expand
from assistant.embedding import Embedder, Reranker, Vectors
from assistant.lexical import LexicalIndex
from assistant.schema import Filter, Passage, Query, ScoredPassage
from assistant.spelling import corrected
from assistant.store import Store
from assistant.terms import content_words, stem, stems, words
from assistant.vectors import VectorIndex

DEPTH = 50
"""Passages asked of each of the two searches."""

DENSE_WEIGHT = 0.55
"""Middle of the plateau from 0.5 to 0.6 on training questions (MRR 0.838; reciprocal rank fusion
0.806): eval/LOG.md, 2026-11-24."""

MAX_TERMS = 16
"""Rarest words of a long question that are searched for; a term costs about 0.3 ms in 18,000
passages, a common one more."""

MAX_QUESTION = 2_000
"""Characters of a question that are searched for; the model reads about 1,000 of them."""

NEAR_DUPLICATE = 0.85
"""Jaccard similarity of two passages' words from which they count as copies of one text."""

FEW = 5_000
"""Passages that a filter leaves below which each vector is looked at."""

MOST = 2_000
"""Nearest passages that are sifted by a filter; if too few pass, each is looked at after all."""

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
class Retriever:
    """Finds the passages of a question; any thread."""

    store: Store
    lexical: LexicalIndex
    vectors: VectorIndex
    embedder: Embedder
    mode: Mode = "hybrid"
    abbreviations: bool = True
    """Spell out the short forms of a question."""
    reranker: Reranker | None = None
    """Orders the best of both searches anew."""
    _allowed: LRUCache[tuple[int, Filter], NDArray[np.int64]] = field(
        default_factory=lambda: LRUCache(32)
    )
    _beside: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(8, "lexical"))

    def search(
        self, question: str, limit: int, within: Filter = EVERYTHING
    ) -> tuple[Query, tuple[ScoredPassage, ...]]:
        """The `limit` best passages of one moment of the corpus, best first.

        Args:
            within: only passages of these articles.
        """
        question = question[:MAX_QUESTION]
        with self.store.snapshot():
            known = UNIVERSAL | self.store.abbreviations() if self.abbreviations else {}
            expansion = expand(self._spelled(question, known), known)
            frequencies = self.lexical.document_frequencies(_stems(expansion))
        query = Query(question, expansion.question, expansion.text)
        among = self._among(within) if within else None
        if among is not None and not len(among):
            return query, ()
        # Beside each other: SQLite and the model both leave Python's lock.
        matching = self._beside.submit(self._lexical, expansion, frequencies, among)
        vector = None if self.mode == "lexical" else self.embedder.encode([expansion.text])[0]
        dense = [] if vector is None else self._dense(vector, among)
        lexical = matching.result()
        # What was removed since it was found is dropped here.
        live = self.store.passages([n for n, _ in dense] + [n for n, _ in lexical])
        dense = [(n, s) for n, s in dense if n in live][:DEPTH]
        lexical = [(n, s) for n, s in lexical if n in live]
        cosines = dict(dense)
        if vector is not None:
            cosines |= self.vectors.cosines(vector, [n for n, _ in lexical if n not in cosines])
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
        """The question without misspelled words, where the articles have words for them."""
        short = {stem(form.lower()) for form in known}
        counts = self.lexical.document_frequencies(stems(question))
        unknown = [s for s, count in counts.items() if not count and s not in short]
        if not unknown:
            return question
        return corrected(question, unknown, self.lexical.vocabulary(), self.lexical.word_of)

    def _among(self, within: Filter) -> NDArray[np.int64]:
        """The passages that a filter lets through; looked up once for each state of the corpus."""
        key = self.store.generation(), within
        found = self._allowed.get(key)
        if found is None:
            found = self._allowed[key] = self.store.numbers_within(within)
        return found

    def _dense(self, vector: Vectors, among: NDArray[np.int64] | None) -> list[tuple[int, float]]:
        """The nearest passages; of few, each is looked at, of many the nearest are sifted."""
        if among is None:
            return self.vectors.search(vector, DEPTH)
        if len(among) > FEW:
            asked = min(MOST, 2 * DEPTH * self.store.counts()[1] // len(among))
            found = self.vectors.search(vector, asked)
            allowed = set(among.tolist())
            kept = [(number, score) for number, score in found if number in allowed]
            if len(kept) >= DEPTH:
                return kept
        cosines: dict[int, float] = {}
        for start in range(0, len(among), 500):
            cosines |= self.vectors.cosines(vector, among[start : start + 500].tolist())
        return sorted(cosines.items(), key=lambda item: (-item[1], item[0]))[:DEPTH]

    def _lexical(
        self,
        expansion: Expansion,
        frequencies: dict[str, int],
        among: NDArray[np.int64] | None,
    ) -> list[tuple[int, float]]:
        if self.mode == "dense":
            return []
        allowed = None if among is None else among.tolist()
        best: dict[int, float] = {}
        for expression in match_expressions(expansion, frequencies):
            for number, score in self.lexical.match(expression, DEPTH, allowed):
                best[number] = max(score, best.get(number, 0.0))
        return sorted(best.items(), key=lambda item: (-item[1], item[0]))[:DEPTH]


def _stems(expansion: Expansion) -> tuple[str, ...]:
    text = " ".join((expansion.text, *expansion.phrases))
    return tuple(dict.fromkeys(stem(word) for word in content_words(text)))


def match_expressions(expansion: Expansion, frequencies: Mapping[str, int]) -> list[str]:
    """FTS5 syntax for "any of these words", and the same with the other form of each name.

    Two searches, of which a passage gets its better score: in one, an article that says both "CSTO"
    and "Collective Security Treaty Organization" would be paid twice for one name. Every term is
    quoted, so that nothing a person types is syntax. A question of stop words only is searched for
    by those.
    """
    terms = content_words(expansion.question) or words(expansion.question)
    known = [term for term in terms if frequencies.get(stem(term), 1)]
    known.sort(key=lambda term: frequencies.get(stem(term), 0))
    said = set().union(*(words(form) for form, _ in expansion.pairs))
    others = [" ".join(words(other)) for _, other in expansion.pairs]
    variants = [known[:MAX_TERMS]]
    if expansion.pairs:
        variants.append([*others, *(term for term in known if term not in said)][:MAX_TERMS])
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
