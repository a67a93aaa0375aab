"""Evidence to an answer of verbatim sentences or to a refusal, both with citations."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from assistant.answering import messages
from assistant.answering.contradictions import disagreement_of
from assistant.answering.duplicates import Reprints
from assistant.answering.selection import Ranked, Selection
from assistant.retrieval.query import Query
from assistant.schema import Answer, Article, Check, Citation, Evidence
from assistant.store.store import Store

NEARBY = 3
"""Passages that a refusal shows."""


@dataclass(frozen=True)
class ExtractiveAnswerer:
    """Answers with verbatim sentences of the articles."""

    store: Store

    def answer(self, query: Query, ranked: Ranked, selection: Selection) -> Iterator[Answer]:
        """The answer as it grows, sentence by sentence; the last one is complete."""
        begun = Answer(
            query.text,
            query.expanded,
            "",
            answered=True,
            short_answer=selection.short_answer,
            passages=ranked.passages,
            confidence=ranked.confidence,
            standalone=query.spelled,
            newest_first=selection.newest_first,
        )
        for answer in _quoting(begun, selection):
            yield answer
        if selection.contradicting:
            disagreement = disagreement_of(selection.contradicting, answer.citations)
            yield replace(answer, disagreements=(disagreement,))

    def refusal(self, query: Query, ranked: Ranked) -> Answer:
        """The answer that the articles do not answer, with the nearest passages."""
        nearest = self.sources(ranked, Reprints(self.store, ranked.passages), NEARBY)
        known = any(candidate.lexical_rank for candidate in ranked.passages)
        return Answer(
            query.text,
            query.expanded,
            f"{messages.REFUSAL} {messages.NEAREST if known else messages.OTHER_LANGUAGE}",
            answered=False,
            citations=nearest,
            passages=ranked.passages,
            confidence=ranked.confidence,
            standalone=query.spelled,
        )

    def sources(self, ranked: Ranked, reprints: Reprints, limit: int) -> tuple[Citation, ...]:
        """The first passages, numbered from 1, each with its best sentence; of copies one."""
        found: dict[int, Citation] = {}
        for candidate in ranked.passages:
            best = next((e for e in ranked.evidence if e.passage == candidate.passage), None)
            if best is None or len(found) == limit:
                continue
            best = reprints.represented(best)
            article = self.store.article(best.passage.article_id)
            if article is not None and best.passage.number not in found:
                citation = cite(len(found) + 1, article, best)
                found[best.passage.number] = reprints.credited(citation)
        return tuple(found.values())


def _quoting(answer: Answer, selection: Selection) -> Iterator[Answer]:
    """The answer with one sentence more at a time, those of an article below its byline.

    Each is checked on its way, for a program may bring its own reader: the passage that it cites
    has it word for word, and has the short answer.
    """
    short = answer.short_answer
    text = f"**{_one_line(short)}**\n\n" if short else ""
    citations, checks = list[Citation](), list[Check]()
    for evidence in selection.quoted:
        article = selection.articles[evidence.passage.article_id]
        citation = cite(len(citations) + 1, article, evidence)
        if short and not citations:
            checks.append(_checked(short, 0, text, citation))
        if not citations or citations[-1].article_id != article.id:
            text += f"{_byline(article)}\n\n"
        citations.append(selection.reprints.credited(citation))
        start = len(text)
        text += f"{_one_line(citation.quote)} [{citation.number}]\n\n"
        checks.append(_checked(citation.quote, start, text, citation))
        yield replace(answer, text=text.strip(), citations=tuple(citations), checks=tuple(checks))


def _checked(said: str, start: int, text: str, citation: Citation) -> Check:
    """The check of words that end the text and are to stand in the passage of a citation."""
    found = _one_line(said).casefold() in _one_line(citation.context).casefold()
    return Check(
        start,
        len(text.rstrip()),
        "verified" if found else "unsupported",
        (citation.number,),
        () if found else (f"it is not in [{citation.number}]",),
        fabricated=not found,
    )


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


def _byline(article: Article) -> str:
    """Title, outlet and date of an article, in Markdown."""
    outlet = f"{article.source}, " if article.source else ""
    return f"**{article.title}** ({outlet}{article.published or 'date unknown'})"


def _one_line(text: str) -> str:
    return " ".join(text.split())
