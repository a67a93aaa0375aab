"""What was read is ranked once, and the sentences to quote are chosen once, for both answerers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from assistant.answering import recency
from assistant.answering.contradictions import disagreeing
from assistant.answering.duplicates import Reprints
from assistant.answering.reader import ReaderResult
from assistant.retrieval.question_types import may_disagree
from assistant.schema import Article, Evidence, Query, ScoredPassage
from assistant.store.store import Store
from assistant.text.similarity import nearly_same

RELATIVE_FLOOR = 0.7
"""A further sentence is quoted when it is at least this fraction as probable as the best. On
held-out questions 0.7 gives the best harmonic mean of precision (0.80) and of having the answer
(0.88): eval/LOG.md, 2026-11-25."""


@dataclass(frozen=True)
class Ranked:
    """The candidates of a question after reading."""

    passages: tuple[ScoredPassage, ...]
    """The best answering first; those that were not read last, as retrieval ranked them."""
    evidence: tuple[Evidence, ...]
    """Their sentences, most probable first."""
    confidence: float
    """Probability that they answer the question at all."""
    short_answer: str | None = None


def rank(result: ReaderResult, candidates: Sequence[ScoredPassage]) -> Ranked:
    """The candidates in the order of their best sentences."""
    best: dict[int, float] = {}
    for one in result.evidence:
        best.setdefault(one.passage.number, one.probability)
    passages = sorted(candidates, key=lambda c: -best.get(c.passage.number, -1.0))
    return Ranked(tuple(passages), result.evidence, result.confidence, result.short_answer)


@dataclass(frozen=True)
class Selection:
    """What an answer is made of."""

    quoted: tuple[Evidence, ...]
    """The leading sentence first, sentences of one article together."""
    articles: Mapping[str, Article]
    """Theirs, by id."""
    reprints: Reprints
    short_answer: str | None
    newest_first: bool
    """The newest of the articles that answer leads, not the most probable sentence."""
    contradicting: tuple[tuple[Evidence, str], ...]
    """Sentences that answer with different values, each with its value; see `disagreeing`."""


@dataclass(frozen=True)
class Selector:
    """Chooses the sentences of answers.

    Args:
        threshold: confidence below which nothing is chosen.
        most: sentences an answer quotes at most; those that contradict each other are added.
    """

    store: Store
    threshold: float
    most: int

    def select(
        self, query: Query, ranked: Ranked, *, newest_first: bool = False
    ) -> Selection | None:
        """The sentences that answer; None where the articles do not answer surely enough.

        Args:
            newest_first: the question asks how things stand now.
        """
        reprints = Reprints(self.store, ranked.passages)
        merged = reprints.merged(_likely(ranked.evidence))
        articles = self._articles(merged)
        found = [e for e in merged if e.passage.article_id in articles]
        if ranked.confidence < self.threshold or not found:
            return None
        newest_first = newest_first and recency.differ_in_time(found, articles)
        contradicting = (
            disagreeing(query.spelled, found, articles) if may_disagree(query.spelled) else []
        )
        ordered = recency.newest_first(query.spelled, found, articles) if newest_first else found
        chosen = _distinct(ordered, self.most)
        chosen += [e for e, _ in contradicting if e not in chosen]
        return Selection(
            quoted=_by_article(chosen),
            articles=articles,
            reprints=reprints,
            short_answer=_short_answer(ranked, chosen[0]),
            newest_first=newest_first,
            contradicting=tuple(contradicting),
        )

    def _articles(self, evidence: Sequence[Evidence]) -> dict[str, Article]:
        """The articles of these sentences by id, without those that have just been removed."""
        ids = dict.fromkeys(one.passage.article_id for one in evidence)
        return {found.id: found for found in map(self.store.article, ids) if found is not None}


def _likely(evidence: Sequence[Evidence]) -> list[Evidence]:
    """The sentences that are near the best one's probability, best first."""
    return [e for e in evidence if e.probability >= RELATIVE_FLOOR * evidence[0].probability]


def _distinct(evidence: Sequence[Evidence], most: int) -> list[Evidence]:
    """The first sentences that all say something different."""
    chosen: list[Evidence] = []
    for candidate in evidence:
        if len(chosen) == most:
            break
        if not any(nearly_same(candidate.text, other.text) for other in chosen):
            chosen.append(candidate)
    return chosen


def _by_article(chosen: Sequence[Evidence]) -> tuple[Evidence, ...]:
    """Sentences of one article together; articles and sentences keep their order."""
    groups: dict[str, list[Evidence]] = {}
    for evidence in chosen:
        groups.setdefault(evidence.passage.article_id, []).append(evidence)
    return tuple(one for group in groups.values() for one in group)


def _short_answer(ranked: Ranked, leading: Evidence) -> str | None:
    """The few words that answer, taken from the sentence that leads the answer."""
    if ranked.short_answer is None or leading is ranked.evidence[0]:
        return ranked.short_answer
    return leading.answer or None
