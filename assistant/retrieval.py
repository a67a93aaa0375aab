"""Question to passages: dense and lexical search, fused by rank, near-duplicates collapsed."""

import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Literal

from assistant.abbreviations import UNIVERSAL, Expansion, expand
from assistant.embedding import Embedder
from assistant.schema import Passage, Query, ScoredPassage
from assistant.store import Store
from assistant.terms import content_words, stem, words
from assistant.vectors import VectorIndex

DEPTH = 50
"""Passages asked of each of the two searches."""

RRF_K = 60
"""Cormack, Clarke, Büttcher 2009, "Reciprocal rank fusion outperforms Condorcet …"."""

MAX_TERMS = 16
"""Rarest words of a long question that are searched for; a term costs about 0.3 ms in 18,000
passages, a common one more."""

MAX_QUESTION = 2_000
"""Characters of a question that are searched for; the model reads about 1,000 of them."""

NEAR_DUPLICATE = 0.85
"""Jaccard similarity of two passages' words from which they count as copies of one text."""

Mode = Literal["hybrid", "dense", "lexical"]


def reciprocal_rank_fusion(rankings: Sequence[Sequence[int]], k: int = RRF_K) -> dict[int, float]:
    """Score of each item: the sum over rankings of ``1 / (k + rank)``, rank from 1."""
    scores: dict[int, float] = {}
    for ranking in rankings:
        for rank, item in enumerate(ranking, start=1):
            scores[item] = scores.get(item, 0.0) + 1.0 / (k + rank)
    return scores


@dataclass(frozen=True)
class Retriever:
    """Finds the passages of a question; any thread."""

    store: Store
    vectors: VectorIndex
    embedder: Embedder
    _beside: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(8, "lexical"))

    def search(
        self, question: str, limit: int, mode: Mode = "hybrid"
    ) -> tuple[Query, tuple[ScoredPassage, ...]]:
        """The `limit` best passages of one moment of the corpus, best first."""
        question = question[:MAX_QUESTION]
        with self.store.snapshot():
            expansion = expand(question, UNIVERSAL | self.store.abbreviations())
            frequencies = self.store.document_frequencies(_stems(expansion))
            query = _query(question, expansion, frequencies, self.store.counts()[1])
        # Beside each other: SQLite and the model both leave Python's lock.
        matching = self._beside.submit(self._lexical, expansion, frequencies, mode)
        dense = self._dense(expansion, mode)
        lexical = matching.result()
        # What was removed since it was found is dropped here.
        live = self.store.passages([n for n, _ in dense] + [n for n, _ in lexical])
        found = _fuse(
            [(n, s) for n, s in dense if n in live][:DEPTH],
            [(n, s) for n, s in lexical if n in live],
            live,
        )
        return query, collapse_copies(found, limit)

    def close(self) -> None:
        """Ends the threads of the lexical searches."""
        self._beside.shutdown()

    def _dense(self, expansion: Expansion, mode: Mode) -> list[tuple[int, float]]:
        if mode == "lexical":
            return []
        return self.vectors.search(self.embedder.encode([expansion.text])[0], DEPTH)

    def _lexical(
        self, expansion: Expansion, frequencies: dict[str, int], mode: Mode
    ) -> list[tuple[int, float]]:
        expression = match_expression(expansion, frequencies) if mode != "dense" else ""
        return self.store.match(expression, DEPTH) if expression else []


def _stems(expansion: Expansion) -> tuple[str, ...]:
    text = " ".join((expansion.text, *expansion.phrases))
    return tuple(dict.fromkeys(stem(word) for word in content_words(text)))


def _query(question: str, expansion: Expansion, frequencies: dict[str, int], total: int) -> Query:
    """The question with the weights of its words.

    A short form and its long form are one thing, which weighs as much as what the person said:
    an article that says "European Union" throughout lacks nothing of a question about the EU.
    """
    pairs = [(_bag(said), _bag(other)) for said, other in expansion.pairs]
    doubled = frozenset().union(*(other for _, other in pairs))
    weights = {
        s: math.log(1 + (total - df + 0.5) / (df + 0.5))
        for s, df in frequencies.items()
        if s not in doubled
    }
    return Query(question, expansion.text, expansion.phrases, weights, tuple(pairs))


def _bag(text: str) -> frozenset[str]:
    return frozenset(stem(word) for word in content_words(text) or words(text))


def match_expression(expansion: Expansion, frequencies: dict[str, int]) -> str:
    """FTS5 syntax for "any of these": the rarest content words and the other forms as phrases.

    Every term is quoted, so that nothing a person types is syntax. A question of stop words only
    is searched for by those.
    """
    terms = content_words(expansion.text) or words(expansion.text)
    known = [term for term in terms if frequencies.get(stem(term), 1)]
    known.sort(key=lambda term: frequencies.get(stem(term), 0))
    phrases = [" ".join(words(phrase)) for phrase in expansion.phrases]
    return " OR ".join(f'"{term}"' for term in [*known[:MAX_TERMS], *filter(None, phrases)])


def _fuse(
    dense: Sequence[tuple[int, float]],
    lexical: Sequence[tuple[int, float]],
    live: dict[int, Passage],
) -> list[ScoredPassage]:
    dense_ranks = {number: rank for rank, (number, _) in enumerate(dense, start=1)}
    lexical_ranks = {number: rank for rank, (number, _) in enumerate(lexical, start=1)}
    dense_scores, lexical_scores = dict(dense), dict(lexical)
    scores = reciprocal_rank_fusion([list(dense_ranks), list(lexical_ranks)])
    return [
        ScoredPassage(
            live[number],
            score,
            dense_ranks.get(number),
            dense_scores.get(number),
            lexical_ranks.get(number),
            lexical_scores.get(number),
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
