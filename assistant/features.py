"""What tells whether a sentence answers a question: a row of numbers for each sentence."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from assistant.models.cross_encoder import PassageScores
from assistant.models.logistic import Features
from assistant.schema import Passage, Query, ScoredPassage
from assistant.text.sentences import is_heading, sentences_of
from assistant.text.speech import speaker_of
from assistant.text.tokens import content_words, words

SENTENCE_FEATURES = (
    "evidence", "relevance of its passage", "short answer",
    "cosine of its passage", "fusion score of its passage",
)  # fmt: skip
"""The first three are logits of the cross-encoder. Eight more (coverage of the question's words by
the sentence, its neighbours and its heading, its length, the type of what is asked) changed nothing
on held-out questions: eval/LOG.md, 2026-11-25."""

ANSWER_FEATURES = ("best sentence", "its short answer", "highest relevance")


@dataclass(frozen=True)
class Sentence:
    """One sentence of a candidate, before it is judged."""

    passage: Passage
    start: int
    end: int
    """Characters of the article."""
    text: str
    answer: str
    """The best short answer in it."""
    answer_logit: float


def sentence_features(
    candidates: Sequence[ScoredPassage], scores: Sequence[PassageScores]
) -> tuple[list[Sentence], Features]:
    """The sentences of the candidates with a row of `SENTENCE_FEATURES` for each.

    Args:
        scores: of each candidate.
    """
    sentences: list[Sentence] = []
    rows: list[list[float]] = []
    for candidate, scored in zip(candidates, scores, strict=True):
        passage = candidate.passage
        spans = [(s - passage.start, e - passage.start) for s, e in sentences_of(passage)]
        own = [(s, e) for s, e in spans if not is_heading(passage.text[s:e])]
        for low, high in own or spans:  # a heading says nothing, unless there is nothing else
            first, last, logit = scored.answer(low, high)
            sentences.append(
                Sentence(
                    passage,
                    passage.start + low,
                    passage.start + high,
                    passage.text[low:high],
                    passage.text[first:last],
                    logit,
                )  # fmt: skip
            )
            rows.append(
                [
                    scored.evidence(low, high),
                    scored.relevance,
                    logit,
                    candidate.dense_score or 0.0,
                    candidate.score,
                ]  # fmt: skip
            )
    return sentences, np.array(rows, dtype=np.float64).reshape(-1, len(SENTENCE_FEATURES))


def speaks(query: Query, sentences: Sequence[Sentence]) -> NDArray[np.bool_]:
    """For each sentence whether it names someone of the question as its speaker."""
    named = set(content_words(query.spelled))
    return np.array([bool(named & set(words(speaker_of(s.text) or ""))) for s in sentences], bool)


def answer_features(features: Features, logits: NDArray[np.float64]) -> Features:
    """One row of `ANSWER_FEATURES`, shape (1, 3), of all sentences' features and logits."""
    best = int(np.argmax(logits))
    row = [logits[best], features[best, 2], features[:, 1].max()]
    return np.array([row], dtype=np.float64)
