"""Passages to evidence: which sentences answer the question, and whether any does.

The seam: a `Reader` gets a query and candidate passages and gives a `Reading`. `TrainedReader`, the
one here, weighs what the cross-encoder says of each sentence with what retrieval knows.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from assistant.models.cross_encoder import CrossEncoder, PassageScores
from assistant.models.logistic import Features, LogisticModel
from assistant.retrieval.query import Query
from assistant.retrieval.question_types import wants_statement
from assistant.schema import Evidence, Passage, ScoredPassage
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


@dataclass(frozen=True)
class ReaderResult:
    """What a reader found in the candidates."""

    evidence: tuple[Evidence, ...]
    """Sentences, most probable first."""
    confidence: float
    """Probability that the candidates answer the question at all."""
    short_answer: str | None = None
    """The words that answer, where the reader can tell them from their sentence."""


class Reader(Protocol):
    """Judges candidate passages against a query."""

    def read(self, query: Query, candidates: Sequence[ScoredPassage]) -> ReaderResult:
        """Evidence of all candidates together; no candidates give no evidence and confidence 0."""


# Fitted by `python -m eval.training calibrate`; scores in eval/LOG.md, 2026-11-25.
SENTENCE_MODEL = LogisticModel(-7.019, (0.209, 0.107, 0.183, 1.783, 5.704))
ANSWER_MODEL = LogisticModel(0.094, (0.582, -0.090, 0.323))

SPEAKER = 2.0
"""Added to the log odds of a sentence in which someone speaks whom the question names. Set by hand,
for no training text reports speech: without it "he has often commented on the EU mission" answers
what Galuzin said about it. The bundled questions are answered as well with 1 as with 2, and worse
with 3."""


class TrainedReader:
    """Reads each candidate with the cross-encoder, and weighs its scores by two small models."""

    def __init__(self, model: CrossEncoder) -> None:
        self._model = model

    def read(self, query: Query, candidates: Sequence[ScoredPassage]) -> ReaderResult:
        """See `Reader.read`."""
        scores = self._model.read(
            query.spelled, [(c.passage.heading, c.passage.text) for c in candidates]
        )
        sentences, features = sentence_features(candidates, scores)
        if not sentences:
            return ReaderResult((), 0.0)
        logits = SENTENCE_MODEL.logits(features)
        confidence = float(ANSWER_MODEL(answer_features(features, logits))[0])
        logits = logits + SPEAKER * speaks(query, sentences)
        probabilities = 1.0 / (1.0 + np.exp(-logits))
        order = np.argsort(-logits, kind="stable")
        evidence = tuple(_evidence(sentences[i], float(probabilities[i])) for i in order)
        return ReaderResult(evidence, confidence, _short_answer(query, sentences[order[0]]))


def _short_answer(query: Query, best: Sentence) -> str | None:
    """The words in the best sentence that answer; None where they say less than the sentence."""
    return None if wants_statement(query.text) else best.answer or None


def _evidence(sentence: Sentence, probability: float) -> Evidence:
    return Evidence(
        sentence.passage, sentence.start, sentence.end, sentence.text, probability,
        speaker_of(sentence.text), sentence.answer,
    )  # fmt: skip
