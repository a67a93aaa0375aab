"""Evidence to `Answer`: the extractive composer, and every sentence the program says itself."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from assistant.answering import recency
from assistant.answering.contradictions import disagreeing, disagreement_of
from assistant.answering.duplicates import Reprints
from assistant.answering.reader import Reading
from assistant.retrieval.fusion import NEAR_DUPLICATE
from assistant.retrieval.query import Query
from assistant.schema import Answer, Article, Citation, Evidence, ScoredPassage
from assistant.store.near_duplicates import Copies
from assistant.text.similarity import word_similarity

REFUSAL = "The articles do not answer this question."
NEAREST = "The nearest passages are below; they are about the topic, but the answer is not in them."
OTHER_LANGUAGE = (
    "No word of the question occurs in the articles: perhaps it is about something else, "
    "or in another language than they are."
)
EMPTY_CORPUS = (
    "No articles are indexed yet. Run `assistant sync`, add some with `assistant add PATH`, "
    "or on the Articles tab of the web page."
)
EMPTY_QUESTION = "Please ask a question: nothing was asked."
SMALL_TALK = {
    "greeting": "Hello. Ask me what the articles say, for example who said what about whom, "
    "and I answer with the sentences it rests on.",
    "thanks": "You are welcome. Ask on whenever you like.",
    "farewell": "Goodbye.",
    "ability": "I answer questions from the articles that are indexed here, and from nothing else: "
    "who said what, when something happened, how many, why. Each answer quotes the sentences it "
    "rests on, one click from where they stand, and when the articles do not answer I say so. "
    "You can ask on (“and in May?”), and add articles on the Articles tab.",
}

NEARBY = 3
"""Passages that a refusal shows."""

RETRIEVED = 8.0
"""What the score of retrieval, 0 to 1, weighs in the order of passages. Held-out training questions
would have 1 (the right passage first in 0.908, with 8 in 0.884), but news would not: the reader has
seen none. Chosen on the data sets of eval/README.md, of which none is worse off than with 1."""

RELATIVE_FLOOR = 0.7
"""A further sentence is quoted when it is at least this fraction as probable as the best. On
held-out questions 0.7 gives the best harmonic mean of precision (0.80) and of having the answer
(0.88): eval/LOG.md, 2026-11-25."""


@dataclass(frozen=True)
class Composer:
    """Makes answers of verbatim sentences.

    Args:
        article: gives the article of an id; None when it has just been removed.
        threshold: confidence below which the answer is a refusal.
        sentences: most sentences an answer quotes.
        copies: which articles are copies of each other: they are one source.
    """

    article: Callable[[str], Article | None]
    threshold: float
    sentences: int
    copies: Copies

    def compose(
        self,
        query: Query,
        reading: Reading,
        candidates: Sequence[ScoredPassage],
        newest_first: bool = False,
    ) -> Iterator[Answer]:
        """The answer as it grows, sentence by sentence; the last one is complete.

        Args:
            newest_first: of the articles that answer, the newest leads, not the most probable.
        """
        candidates = as_read(candidates, reading.evidence)
        reprints = Reprints(self.copies, candidates)
        merged = reprints.merged(likely(reading.evidence))
        articles = self._articles(merged)
        found = [e for e in merged if e.passage.article_id in articles]
        if reading.confidence < self.threshold or not found:
            yield self.refusal(query, reading, candidates)
            return
        newest_first = newest_first and recency.differ_in_time(found, articles)
        differing = disagreeing(query.spelled, found, articles)
        ordered = recency.newest_first(query.spelled, found, articles) if newest_first else found
        chosen = with_all(choose(ordered, self.sentences), [e for e, _ in differing])
        short = short_answer(reading, chosen[0])
        begun = Answer(
            query.text, query.expanded, f"**{_one_line(short)}**\n\n" if short else "", True, short,
            (), tuple(candidates), reading.confidence, standalone=query.spelled,
            newest_first=newest_first,
        )  # fmt: skip
        for answer in quoting(begun, group_by_article(chosen), articles, reprints):
            yield answer
        if differing:
            yield replace(answer, disagreements=(disagreement_of(differing, answer.citations),))

    def _articles(self, evidence: Sequence[Evidence]) -> dict[str, Article]:
        """The articles of these sentences by id; what has just been removed is left out."""
        ids = dict.fromkeys(one.passage.article_id for one in evidence)
        return {found.id: found for found in map(self.article, ids) if found is not None}

    def sources(
        self, reading: Reading, candidates: Sequence[ScoredPassage], limit: int
    ) -> tuple[Citation, ...]:
        """The best passages as they were read, numbered from 1, each with its best sentence."""
        candidates = as_read(candidates, reading.evidence)
        reprints = Reprints(self.copies, candidates)
        reprints.merged(likely(reading.evidence))  # for the same to represent them in `compose`
        return self._cited(reading, candidates, reprints, limit)

    def _cited(
        self,
        reading: Reading,
        candidates: Sequence[ScoredPassage],
        reprints: Reprints,
        limit: int,
    ) -> tuple[Citation, ...]:
        """The first passages, numbered from 1, each with its best sentence; of copies one."""
        found: dict[int, Citation] = {}
        for candidate in candidates:
            best = next((e for e in reading.evidence if e.passage == candidate.passage), None)
            if best is None or len(found) == limit:
                continue
            best = reprints.represented(best)
            article = self.article(best.passage.article_id)
            if article is not None and best.passage.number not in found:
                citation = cite(len(found) + 1, article, best)
                found[best.passage.number] = reprints.credited(citation)
        return tuple(found.values())

    def refusal(
        self, query: Query, reading: Reading, candidates: Sequence[ScoredPassage]
    ) -> Answer:
        """The answer that there is none, with the nearest passages.

        Args:
            candidates: best first.
        """
        nearest = self._cited(reading, candidates, Reprints(self.copies, candidates), NEARBY)
        known = any(candidate.lexical_rank for candidate in candidates)
        text = f"{REFUSAL} {NEAREST if known else OTHER_LANGUAGE}"
        return Answer(
            query.text, query.expanded, text, False, None,
            nearest, tuple(candidates), reading.confidence, standalone=query.spelled,
        )  # fmt: skip


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


def quoting(
    answer: Answer,
    groups: Sequence[Sequence[Evidence]],
    articles: Mapping[str, Article],
    reprints: Reprints,
) -> Iterator[Answer]:
    """The answer with one sentence more at a time, each group below its article's byline."""
    text, citations = answer.text, list(answer.citations)
    for group in groups:
        article = articles[group[0].passage.article_id]
        text += f"{byline(article)}\n\n"
        for evidence in group:
            citations.append(reprints.credited(cite(len(citations) + 1, article, evidence)))
            text += f"{_one_line(evidence.text)} [{len(citations)}]\n\n"
            yield replace(answer, text=text.strip(), citations=tuple(citations))


def likely(evidence: Sequence[Evidence]) -> list[Evidence]:
    """The sentences that are near the best one's probability, best first."""
    return [e for e in evidence if e.probability >= RELATIVE_FLOOR * evidence[0].probability]


def short_answer(reading: Reading, leading: Evidence) -> str | None:
    """The few words that answer, out of the sentence that leads the answer."""
    if reading.short_answer is None or leading is reading.evidence[0]:
        return reading.short_answer
    return leading.answer or None


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


def cite(number: int, article: Article, evidence: Evidence) -> Citation:
    """The citation of a sentence; its quote is what stands at its offsets."""
    passage = evidence.passage
    return Citation(
        number=number,
        article_id=article.id,
        title=article.title,
        source=article.source,
        published=article.published,
        url=article.url,
        start=evidence.start,
        end=evidence.end,
        quote=evidence.text,
        context_start=passage.start,
        context=passage.text,
        speaker=evidence.speaker,
    )


def byline(article: Article) -> str:
    """Title, outlet and date of an article, in Markdown."""
    outlet = f"{article.source}, " if article.source else ""
    return f"**{article.title}** ({outlet}{article.published or 'date unknown'})"


def say(question: str, text: str) -> Answer:
    """An answer that needs no search: the program's own sentence, not answered from articles."""
    return Answer(question, question, text, False)


def _one_line(text: str) -> str:
    return " ".join(text.split())
