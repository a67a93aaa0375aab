"""Question to passages: dense and lexical search, fused by score, near-duplicates collapsed."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from assistant.models.embedding import Embedder, Vectors, encode_question
from assistant.models.pair_models import Reranker
from assistant.retrieval.fusion import collapse_copies, fuse
from assistant.retrieval.query import analyse
from assistant.schema import Filter, Query, ScoredPassage
from assistant.store.store import Store
from assistant.store.vector_index import VectorIndex

DEPTH = 50
"""Passages asked of each of the two searches."""

FEW = 5_000
"""Passages that a filter leaves up to which only those are searched; of more, what is found among
all passages is post-filtered."""

MOST = 2_000
"""Nearest passages that are post-filtered; if too few pass, the vectors of all allowed passages are
compared."""

ALL = -1
"""As a limit of the lexical search: every passage that has a word of the question."""


Mode = Literal["hybrid", "dense", "lexical"]
Found = tuple[Query, tuple[ScoredPassage, ...]]
"""A question as it was searched for, and the passages found for it, best first."""

Hits = list[tuple[int, float]]
"""(passage number, score), best first."""


@dataclass(frozen=True)
class _Allowed:
    """The passages that a filter lets through."""

    numbers: NDArray[np.int64]
    """Ascending."""
    enough: int
    """So many of all passages hold twice `DEPTH` of them, if they are spread evenly."""


class Retriever:
    """Finds the passages of a question; any thread.

    Args:
        answering: gives the model that encodes questions now; see `Models.answering`.
        abbreviations: spell out the short forms of a question.
        reranker: reorders the best of both searches.
    """

    def __init__(
        self,
        store: Store,
        vectors: VectorIndex,
        answering: Callable[[], Embedder],
        *,
        mode: Mode = "hybrid",
        abbreviations: bool = True,
        reranker: Reranker | None = None,
    ) -> None:
        self.store = store
        self.vectors = vectors
        self.answering = answering
        self.mode = mode
        self.abbreviations = abbreviations
        self.reranker = reranker
        self._among = store.cached(partial(_among, store), size=32)
        self._lexical_threads = ThreadPoolExecutor(8, "lexical")

    def search(self, question: str, limit: int, within: Filter = Filter()) -> Found:
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

    def close(self) -> None:
        """Ends the threads of the lexical searches."""
        self._lexical_threads.shutdown()

    def _search(
        self, question: str, limit: int, within: Filter, embedder: Embedder | None
    ) -> Found:
        query, expressions = analyse(question, self.store, abbreviations=self.abbreviations)
        among = self._among(within) if within else None
        if among is not None and not len(among.numbers):
            return query, ()
        # In parallel: SQLite and the model both release Python's lock.
        matching = self._lexical_threads.submit(self._lexical, expressions, among)
        vector = None if embedder is None else encode_question(embedder, query.expanded)
        model = "" if embedder is None else embedder.fingerprint
        dense = [] if vector is None else self._dense(vector, model, among)
        lexical = matching.result()
        # A passage that was removed since it was found is dropped here.
        live = self.store.passages([n for n, _ in dense] + [n for n, _ in lexical])
        dense = [(n, s) for n, s in dense if n in live][:DEPTH]
        lexical = [(n, s) for n, s in lexical if n in live]
        cosines = dict(dense)
        if vector is not None:
            others = [n for n, _ in lexical if n not in cosines]
            cosines |= self.vectors.cosines(vector, others, model)
        found = collapse_copies(fuse(dense, lexical, cosines, live), limit)
        return query, found if self.reranker is None else self._reranked(query, found)

    def _reranked(self, query: Query, found: Sequence[ScoredPassage]) -> tuple[ScoredPassage, ...]:
        """The same passages by the reranker's score, which replaces the fused one."""
        if self.reranker is None or not found:
            return tuple(found)
        scores = self.reranker.scores(query.expanded, [s.passage.embedded_text for s in found])
        order = sorted(range(len(found)), key=lambda i: -float(scores[i]))
        return tuple(replace(found[i], score=float(scores[i])) for i in order)

    def _dense(self, vector: Vectors, model: str, among: _Allowed | None) -> Hits:
        """The nearest passages."""
        if among is None:
            return self.vectors.search(vector, DEPTH, model)
        if len(among.numbers) > FEW:
            limits = (min(MOST, among.enough), MOST)
            found = _post_filtered(lambda n: self.vectors.search(vector, n, model), among, limits)
            if found is not None:
                return found
        cosines: dict[int, float] = {}
        for start in range(0, len(among.numbers), 500):
            some = among.numbers[start : start + 500].tolist()
            cosines |= self.vectors.cosines(vector, some, model)
        return sorted(cosines.items(), key=lambda item: (-item[1], item[0]))[:DEPTH]

    def _lexical(self, expressions: Sequence[str], among: _Allowed | None) -> Hits:
        """The passages that match best any of the expressions."""
        if self.mode == "dense":
            return []
        best: dict[int, float] = {}
        for expression in expressions:
            for number, score in self._matching(expression, among):
                best[number] = max(score, best.get(number, 0.0))
        return sorted(best.items(), key=lambda item: (-item[1], item[0]))[:DEPTH]

    def _matching(self, expression: str, among: _Allowed | None) -> Hits:
        if among is None:
            return self.store.lexical.match(expression, DEPTH)
        if len(among.numbers) <= FEW:
            return self.store.lexical.match(expression, DEPTH, among.numbers.tolist())
        match = partial(self.store.lexical.match, expression)
        return _post_filtered(match, among, (among.enough, ALL)) or []


def _among(store: Store, within: Filter) -> _Allowed:
    """The passages that a filter lets through."""
    numbers = store.catalogue.numbers_within(within)
    enough = 2 * DEPTH * store.catalogue.counts()[1] // max(len(numbers), 1)
    return _Allowed(numbers, enough)


def _post_filtered(
    search: Callable[[int], Hits], among: _Allowed, limits: Sequence[int]
) -> Hits | None:
    """The best `DEPTH` hits of a search that pass a filter; None if there may be more of them than
    the search found within each of the limits.
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
