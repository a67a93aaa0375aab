"""Evidence to an answer of verbatim sentences, or to a refusal."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from assistant.answering import messages, recency
from assistant.answering.contradictions import disagreeing, disagreement_of
from assistant.answering.duplicates import Reprints
from assistant.answering.ranking import as_read, choose, group_by_article, likely, with_all
from assistant.answering.reader import Reading
from assistant.retrieval.query import Query
from assistant.schema import Answer, Article, Citation, Evidence, ScoredPassage
from assistant.store.near_duplicates import Copies

NEARBY = 3
"""Passages that a refusal shows."""


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
        text = f"{messages.REFUSAL} {messages.NEAREST if known else messages.OTHER_LANGUAGE}"
        return Answer(
            query.text, query.expanded, text, False, None,
            nearest, tuple(candidates), reading.confidence, standalone=query.spelled,
        )  # fmt: skip


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


def short_answer(reading: Reading, leading: Evidence) -> str | None:
    """The few words that answer, out of the sentence that leads the answer."""
    if reading.short_answer is None or leading is reading.evidence[0]:
        return reading.short_answer
    return leading.answer or None


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


def _one_line(text: str) -> str:
    return " ".join(text.split())
