"""One question on its way through all stages, from what it means to a verified answer."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date

from assistant.answering.extractive import ExtractiveAnswerer
from assistant.answering.generative import GenerativeAnswerer
from assistant.answering.reader import Reader
from assistant.answering.recency import with_versions
from assistant.answering.selection import Ranked, Selection, Selector, rank
from assistant.models.llm.base import LanguageModel
from assistant.retrieval import followups
from assistant.retrieval.question_types import asks_for_latest, may_disagree
from assistant.retrieval.retriever import Found, Retriever
from assistant.retrieval.time_expressions import timespan_of
from assistant.schema import Answer, Filter, Query, ScoredPassage, Turn

JUDGED = 8
"""Passages that are read for each candidate rewrite of a follow-up, to choose one of them."""


@dataclass(frozen=True)
class AskRequest:
    """A question with what it is asked in."""

    question: str
    turns: Sequence[Turn] = ()
    """What was asked and answered before, oldest first; none for a question that stands alone."""
    within: Filter = Filter()
    today: date | None = None
    """The day that "last week" refers to; None: the day it is."""
    narrow: bool = True
    """Whether the time in the question may narrow it, or put the newest first."""

    @property
    def text(self) -> str:
        """The question on one line."""
        return " ".join(self.question.split())

    @property
    def day(self) -> date:
        """The day it is asked on."""
        return self.today or date.today()


@dataclass(frozen=True)
class QueryUnderstanding:
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
        candidates: passages retrieved for a question.
        read_first: how many of them the reader reads.
        model: makes follow-ups stand alone; the rules do where it is None or fails.
        generative: writes answers in prose; None where the sentences themselves answer.
    """

    retriever: Retriever
    reader: Reader
    selector: Selector
    extractive: ExtractiveAnswerer
    candidates: int
    read_first: int
    model: LanguageModel | None = None
    generative: GenerativeAnswerer | None = None

    def stream(self, request: AskRequest) -> Iterator[Answer]:
        """The answer as it grows; the last one is complete and checked."""
        clock = Clock()
        understanding = self._understand(request, clock)
        clock.lap("understanding")
        query, candidates = understanding.found or self._search(
            understanding.standalone, understanding.within, clock
        )
        query = replace(query, text=request.text)
        newest_first = understanding.newest_first
        ranked = self._ranked(query, candidates, clock, newest_first=newest_first)
        selection = self.selector.select(query, ranked, newest_first=newest_first)
        for answer in self._compose(query, ranked, selection, request.day):
            clock.lap("answering")
            yield replace(_with(understanding, answer), timings=dict(clock.laps))
            clock.resume()

    def understand(self, request: AskRequest) -> QueryUnderstanding:
        """What a question means in its conversation, and which time it is about."""
        return self._understand(request, Clock())

    # ---- understanding ----------------------------------------------------------------------

    def _understand(self, request: AskRequest, clock: "Clock") -> QueryUnderstanding:
        """What a question means. Its time narrows only if the articles of that time answer: a later
        article may well say what happened then.
        """
        standalone, found = self._contextualised(request, clock)
        latest = request.narrow and asks_for_latest(standalone)
        span = timespan_of(standalone, request.day) if request.narrow else None
        if span is not None:
            within = request.within.narrowed(*(str(d) if d else None for d in span.days))
            narrowed = self._found_within(standalone, span.words, within, clock)
            if narrowed is not None:
                return QueryUnderstanding(standalone, within, span.words, latest, narrowed)
        return QueryUnderstanding(standalone, request.within, "", latest, found)

    def _contextualised(self, request: AskRequest, clock: "Clock") -> tuple[str, Found | None]:
        """The question so that it stands alone, and what was found for it if that was searched."""
        question, turns = request.text, request.turns
        rewrites = followups.candidate_rewrites(question, turns) if turns else (question,)
        if len(rewrites) == 1:
            return question, None
        if self.model is not None:
            talk = [(turn.question, turn.answer) for turn in turns]
            rewritten = followups.rewrite(self.model, question, talk)
            if rewritten:
                return rewritten, None
        found = [self._search(one, request.within, clock) for one in rewrites]
        chosen = followups.choose(rewrites, [self._confidence(*one, clock) for one in found])
        return rewrites[chosen], found[chosen]

    def _found_within(
        self, question: str, time: str, within: Filter, clock: "Clock"
    ) -> Found | None:
        """What the articles of a time answer; None where they do not.

        Asked without the words for the time, too: articles do not say when they were published.
        """
        for text in (question, " ".join(question.replace(time, " ").split())):
            found = self._search(text, within, clock)
            if found[1] and self._confidence(*found, clock) >= self.selector.threshold:
                return found
        return None

    # ---- the stages -------------------------------------------------------------------------

    def _search(self, question: str, within: Filter, clock: "Clock") -> Found:
        clock.lap("understanding")
        found = self.retriever.search(question, self.candidates, within)
        clock.lap("retrieval")
        return found

    def _confidence(
        self, query: Query, candidates: Sequence[ScoredPassage], clock: "Clock"
    ) -> float:
        result = self.reader.read(query, candidates[:JUDGED])
        clock.lap("reading")
        return result.confidence

    def _ranked(
        self,
        query: Query,
        candidates: Sequence[ScoredPassage],
        clock: "Clock",
        *,
        newest_first: bool,
    ) -> Ranked:
        """The candidates after reading; of questions whose answer changes, with their versions."""
        read, rest = candidates[: self.read_first], candidates[self.read_first :]
        if newest_first or may_disagree(query.spelled):
            read = with_versions(read)
        result = self.reader.read(query, read)
        clock.lap("reading")
        return rank(result, (*read, *rest))

    def _compose(
        self, query: Query, ranked: Ranked, selection: Selection | None, today: date
    ) -> Iterator[Answer]:
        if selection is None:
            yield self.extractive.refusal(query, ranked)
        elif self.generative is None:
            yield from self.extractive.answer(query, ranked, selection)
        else:
            yield from self.generative.answer(query, ranked, selection, today)


def _with(understanding: QueryUnderstanding, answer: Answer) -> Answer:
    """The answer with what was understood, the words for the time included."""
    period = understanding.period
    standalone = understanding.standalone if period else answer.standalone
    return replace(answer, within=understanding.within, period=period, standalone=standalone)


class Clock:
    """Seconds per stage, between calls of `lap`."""

    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, stage: str) -> None:
        """Adds the time since the last call to a stage."""
        now = time.perf_counter()
        self.laps[stage] = self.laps.get(stage, 0.0) + now - self._last
        self._last = now

    def resume(self) -> None:
        """Leaves out the time since the last call: it was taken by the reader of the answer."""
        self._last = time.perf_counter()
