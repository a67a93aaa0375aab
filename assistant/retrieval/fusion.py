"""Two rankings become one: fused by score, near-duplicates collapsed."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from assistant.schema import Passage, ScoredPassage
from assistant.text.similarity import near_duplicates
from assistant.text.tokens import words

DENSE_WEIGHT = 0.55
"""Middle of the plateau from 0.5 to 0.6 on training questions (MRR 0.838; reciprocal rank fusion
0.806): eval/LOG.md, 2026-11-24."""


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


def fuse(
    dense: Sequence[tuple[int, float]],
    lexical: Sequence[tuple[int, float]],
    cosines: Mapping[int, float],
    live: Mapping[int, Passage],
) -> list[ScoredPassage]:
    """The passages of both searches with their ranks and scores, the best fused score first.

    Args:
        dense: (passage number, cosine), best first.
        lexical: (passage number, BM25 score), best first.
        cosines: of all passages of both searches that have a vector.
        live: the passages by number.
    """
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
        same = next((i for i, other in enumerate(bags) if near_duplicates(bag, other)), None)
        if same is None:
            kept.append(candidate)
            bags.append(bag)
        else:
            copies = (*kept[same].copies, candidate.passage)
            kept[same] = replace(kept[same], copies=copies)
    return tuple(kept)
