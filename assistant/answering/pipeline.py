"""One question on its way through all stages: understood, searched for, read, answered."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date

from assistant.answering.contradictions import may_disagree
from assistant.answering.extractive import Composer
from assistant.answering.generative import Writer
from assistant.answering.reader import Reader
from assistant.answering.recency import asks_for_latest, with_versions
from assistant.answering.verification.checks import verify
from assistant.models.llm.base import LanguageModel, rewrite
from assistant.retrieval import followups
from assistant.retrieval.query import Query
from assistant.retrieval.retriever import Retriever
from assistant.retrieval.time_expressions import timespan_of
from assistant.schema import Answer, Filter, ScoredPassage, Turn

JUDGED = 8
"""Passages that are read for each reading of a follow-up, to choose one of them."""

Found = tuple[Query, tuple[ScoredPassage, ...]]


@dataclass(frozen=True)
class Asked:
    """A question with what it is asked in."""

    question: str
    turns: Sequence[Turn] = ()
    """What was asked and answered before, oldest first; none for a question that stands alone."""
    within: Filter = Filter()
    today: date | None = None
    """The day that "last week" refers to; None: the day it is."""
    narrow: bool = True
    """Whether a time that the question speaks of may narrow it, or put the newest first."""


@dataclass(frozen=True)
class Understood:
    """What a question was found to mean."""

    standalone: str
    within: Filter
    period: str
    """The time that narrowed it, as the question says it; empty: none did."""
    newest_first: bool = False
    """It asks for the latest, and the newest article may lead."""
    found: Found | None = None
    """What was found for it, if that was looked for already."""


@dataclass(frozen=True)
class Pipeline:
    """The stages between a question and its answer; any thread.

    Args:
        read_first: how many of the candidates the reader reads.
        model: makes follow-ups stand alone; the rules do where it is None or fails.
        writer: writes answers in prose; the sentences themselves answer where it is None.
    """

    retriever: Retriever
    reader: Reader
    composer: Composer
    candidates: int
    read_first: int
    model: LanguageModel | None = None
    writer: Writer | None = None

    def stream(self, asked: Asked) -> Iterator[Answer]:
        """The answer as it grows; see `Assistant.stream`."""
        clock = Clock()
        understood = self.understand(asked)
        clock.lap("understanding")
        query, candidates = understood.found or self.retriever.search(
            understood.standalone, self.candidates, understood.within
        )
        query = replace(query, text=asked.question)
        clock.lap("retrieval")
        read = candidates[: self.read_first]
        if understood.newest_first or may_disagree(query.spelled):
            read = with_versions(read)
            candidates = (*read, *candidates[self.read_first :])
        reading = self.reader.read(query, read)
        clock.lap("reading")
        compose = self.composer.compose if self.writer is None else self.writer.compose
        for answer in compose(query, reading, candidates, understood.newest_first):
            clock.lap("answering")
            yield _from(understood, answer).timed(**clock.laps)
        if answer.answered and answer.generation is None:
            # Sentences of articles, letter by letter: that they are is checked all the same.
            checks = verify(answer.text, answer.citations)
            clock.lap("verification")
            yield _from(understood, replace(answer, checks=checks)).timed(**clock.laps)

    def understand(self, asked: Asked) -> Understood:
        """What a question means: in its conversation, and of which time it speaks.

        The time narrows only where the articles of that time answer: one published later may well
        say what happened then.
        """
        standalone, found = self._standalone(asked)
        latest = asked.narrow and asks_for_latest(standalone)
        span = timespan_of(standalone, asked.today or date.today()) if asked.narrow else None
        if span is not None:
            within = asked.within.narrowed(*(str(d) if d else None for d in span.days))
            narrowed = self._found_within(standalone, span.words, within)
            if narrowed is not None:
                return Understood(standalone, within, span.words, latest, narrowed)
        return Understood(standalone, asked.within, "", latest, found)

    def _found_within(self, question: str, time: str, within: Filter) -> Found | None:
        """What the articles of a time answer; None where they do not.

        Asked without the words for the time, too: articles do not say when they were published.
        """
        for text in (question, " ".join(question.replace(time, " ").split())):
            found = self.retriever.search(text, self.candidates, within)
            if found[1] and self._confidence(*found) >= self.composer.threshold:
                return found
        return None

    def _standalone(self, asked: Asked) -> tuple[str, Found | None]:
        """What the question means, and what was found for it if that was looked for."""
        question, turns = asked.question, asked.turns
        readings = followups.readings(question, turns)
        if len(readings) == 1:
            return question, None
        if self.model is not None:
            talk = [(turn.question, turn.answer) for turn in turns]
            rewritten = rewrite(self.model, question, talk)
            if rewritten:
                return rewritten, None
        found = [self.retriever.search(one, self.candidates, asked.within) for one in readings]
        chosen = followups.choose(readings, [self._confidence(*one) for one in found])
        return readings[chosen], found[chosen]

    def _confidence(self, query: Query, candidates: Sequence[ScoredPassage]) -> float:
        return self.reader.read(query, candidates[:JUDGED]).confidence


def _from(understood: Understood, answer: Answer) -> Answer:
    """The answer with what was understood, the words for the time included."""
    period = understood.period
    standalone = understood.standalone if period else answer.standalone
    return replace(answer, within=understood.within, period=period, standalone=standalone)


class Clock:
    """Seconds per stage, between calls of `lap`."""

    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, stage: str) -> None:
        """Ends a stage; a stage that ends again grows."""
        now = time.perf_counter()
        self.laps[stage] = self.laps.get(stage, 0.0) + now - self._last
        self._last = now
