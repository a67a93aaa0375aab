"""The order of what was read, and which sentences of it an answer quotes."""

import math
from collections.abc import Sequence

from assistant.retrieval.fusion import NEAR_DUPLICATE
from assistant.schema import Evidence, ScoredPassage
from assistant.text.similarity import word_similarity

RETRIEVED = 8.0
"""What the score of retrieval, 0 to 1, weighs in the order of passages. Held-out training questions
would have 1 (the right passage first in 0.908, with 8 in 0.884), but news would not: the reader has
seen none. Chosen on the data sets of eval/README.md, of which none is worse off than with 1."""

RELATIVE_FLOOR = 0.7
"""A further sentence is quoted when it is at least this fraction as probable as the best. On
held-out questions 0.7 gives the best harmonic mean of precision (0.80) and of having the answer
(0.88): eval/LOG.md, 2026-11-25."""


def as_read(
    candidates: Sequence[ScoredPassage], evidence: Sequence[Evidence]
) -> list[ScoredPassage]:
    """The candidates by the log odds of their best sentence plus `RETRIEVED` times their score.

    What was not read comes last, as it was ranked.
    """
    best: dict[int, float] = {}
    for one in evidence:  # most probable first
        best.setdefault(one.passage.number, one.probability)
    return sorted(candidates, key=lambda c: -_passage_score(c, best.get(c.passage.number)))


def _passage_score(candidate: ScoredPassage, probability: float | None) -> float:
    if probability is None:
        return -math.inf
    kept = min(max(probability, 1e-9), 1 - 1e-9)
    return math.log(kept / (1 - kept)) + RETRIEVED * candidate.score


def likely(evidence: Sequence[Evidence]) -> list[Evidence]:
    """The sentences that are near the best one's probability, best first."""
    return [e for e in evidence if e.probability >= RELATIVE_FLOOR * evidence[0].probability]


def choose(evidence: Sequence[Evidence], limit: int) -> list[Evidence]:
    """The first sentences to quote, each said once."""
    chosen: list[Evidence] = []
    for candidate in evidence:
        if len(chosen) == limit:
            break
        if all(word_similarity(candidate.text, other.text) < NEAR_DUPLICATE for other in chosen):
            chosen.append(candidate)
    return chosen


def with_all(chosen: Sequence[Evidence], others: Sequence[Evidence]) -> list[Evidence]:
    """The chosen sentences and, after them, those of the others that are not among them."""
    return [*chosen, *(one for one in others if one not in chosen)]


def group_by_article(chosen: Sequence[Evidence]) -> list[list[Evidence]]:
    """Sentences of one article together; articles and sentences in the order they have."""
    groups: dict[str, list[Evidence]] = {}
    for evidence in chosen:
        groups.setdefault(evidence.passage.article_id, []).append(evidence)
    return list(groups.values())
