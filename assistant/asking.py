"""One question on its way through all stages: understood, searched for, read, answered."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from assistant import answering, conversation
from assistant.answering import Composer
from assistant.generation import LanguageModel, rewrite
from assistant.reader import Reader
from assistant.retrieval import Retriever
from assistant.schema import Answer, Query, ScoredPassage, Turn
from assistant.verification import verify
from assistant.writing import Writer

JUDGED = 8
"""Passages that are read for each reading of a follow-up, to choose one of them."""

Found = tuple[Query, tuple[ScoredPassage, ...]]


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

    def stream(self, question: str, turns: Sequence[Turn], alone: bool) -> Iterator[Answer]:
        """The answer as it grows; see `Assistant.stream`."""
        clock = Clock()
        query, candidates = self._found(question, () if alone else turns, clock)
        reading = self.reader.read(query, candidates[: self.read_first])
        clock.lap("reading")
        compose = self.composer.compose if self.writer is None else self.writer.compose
        for answer in compose(query, reading, candidates):
            clock.lap("answering")
            yield answer.timed(**clock.laps)
        if answer.answered and answer.generation is None:
            # Sentences of articles, letter by letter: that they are is checked all the same.
            checks = verify(answer.text, answer.citations)
            clock.lap("verification")
            yield replace(answer, checks=checks).timed(**clock.laps)

    def standalone(self, question: str, turns: Sequence[Turn]) -> str:
        """What a question means after these turns, oldest first; itself where it leans on none."""
        return self._understood(question, turns)[0]

    def _found(self, question: str, turns: Sequence[Turn], clock: "Clock") -> Found:
        standalone, found = self._understood(question, turns)
        if standalone != question:
            clock.lap("understanding")
        query, candidates = found or self.retriever.search(standalone, self.candidates)
        clock.lap("retrieval")
        return replace(query, text=question), candidates

    def _understood(self, question: str, turns: Sequence[Turn]) -> tuple[str, Found | None]:
        """What the question means, and what was found for it if that was looked for."""
        readings = conversation.readings(question, turns)
        if len(readings) == 1:
            return question, None
        if self.model is not None:
            talk = [(turn.question, turn.answer) for turn in turns]
            rewritten = rewrite(self.model, question, talk)
            if rewritten:
                return rewritten, None
        found = [self.retriever.search(reading, self.candidates) for reading in readings]
        confidences = [
            self.reader.read(query, candidates[:JUDGED]).confidence for query, candidates in found
        ]
        chosen = conversation.choose(readings, confidences)
        return readings[chosen], found[chosen]


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


def reply(question: str) -> Answer | None:
    """The answer to what needs no search: nothing at all, a greeting, thanks."""
    if not any(character.isalnum() for character in question):
        return answering.say(question, answering.EMPTY_QUESTION)
    topic = conversation.small_talk(question)
    return None if topic is None else answering.say(question, answering.SMALL_TALK[topic])
