"""Passages to evidence: which sentences answer the question, and whether any does.

Programs may bring their own `Reader`. The `TrainedReader` weighs the cross-encoder's scores of each
sentence with the retrieval scores of its passage.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from assistant.models.cross_encoder import CrossEncoder, PassageScores
from assistant.models.logistic import Features, LogisticModel
from assistant.retrieval.question_types import wants_statement
from assistant.schema import Evidence, Passage, Query, ScoredPassage
from assistant.text.sentences import Span, is_heading, sentences_of
from assistant.text.speech import speaker_of
from assistant.text.tokens import content_words, words

# Fitted by `python -m eval.training calibrate`; scores in eval/LOG.md, 2026-11-25.
SENTENCE_FEATURES = tuple("evidence relevance short_answer cosine fusion_score".split())
"""Of a sentence: three logits of the cross-encoder (the second is of its passage), the cosine and
the fused score of its passage. Eight more (coverage of the question's words by the sentence, its
neighbours and its heading, its length, the type of what is asked) changed nothing on held-out
questions: eval/LOG.md, 2026-11-25."""

SENTENCE_MODEL = LogisticModel(-7.019, (0.209, 0.107, 0.183, 1.783, 5.704))
"""Ranks sentences, and passages by their best sentence. With more weight on the fused score the
passages of news would be ranked better, but a passage that names the topic would beat the words of
the person that the question names: eval/LOG.md, 2026-11-27."""

ANSWER_FEATURES = tuple("best_sentence its_short_answer highest_relevance".split())
ANSWER_MODEL = LogisticModel(0.094, (0.582, -0.090, 0.323))

SPEAKER = 2.0
"""Added to the log odds of a sentence whose speaker the question names. Set by hand, because the
training texts report no speech: without it "he has often commented on the EU mission" answers what
Galuzin said about it. The bundled questions are answered as well with 1 as with 2, and worse with
3."""


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


class TrainedReader:
    """Reads each candidate with the cross-encoder and weighs its scores by two logistic models."""

    def __init__(self, model: CrossEncoder) -> None:
        self._model = model

    def read(self, query: Query, candidates: Sequence[ScoredPassage]) -> ReaderResult:
        """The evidence of all candidates together.

        Raises:
            ModelError: the weights are missing or broken.
        """
        scores = self._model.read(
            query.spelled, [(c.passage.heading, c.passage.text) for c in candidates]
        )
        sentences, features = sentence_features(candidates, scores)
        if not sentences:
            return ReaderResult((), 0.0)
        logits = SENTENCE_MODEL.logits(features)
        confidence = float(ANSWER_MODEL(answer_features(features, logits))[0])
        logits = logits + SPEAKER * _names_speaker(query, sentences)
        probabilities = 1.0 / (1.0 + np.exp(-logits))
        order = np.argsort(-logits, kind="stable")
        evidence = tuple(sentences[i].evidence(float(probabilities[i])) for i in order)
        return ReaderResult(evidence, confidence, _short_answer(query, sentences[order[0]]))


@dataclass(frozen=True)
class Sentence:
    """One sentence of a candidate, before it is judged."""

    passage: Passage
    start: int
    end: int
    """Characters of the article."""
    answer: str
    """The best short answer in it."""

    @property
    def text(self) -> str:
        """What stands at its offsets."""
        return self.passage.text[self.start - self.passage.start : self.end - self.passage.start]

    def evidence(self, probability: float) -> Evidence:
        """The sentence with the probability that it answers."""
        speaker = speaker_of(self.text)
        return Evidence(
            self.passage, self.start, self.end, self.text, probability, speaker, self.answer
        )


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
        about = [candidate.dense_score or 0.0, candidate.score]
        for start, end in _sentences_to_judge(passage):
            low, high = start - passage.start, end - passage.start
            first, last, logit = scored.answer(low, high)
            sentences.append(Sentence(passage, start, end, passage.text[first:last]))
            rows.append([scored.evidence(low, high), scored.relevance, logit, *about])
    return sentences, np.array(rows, dtype=np.float64).reshape(-1, len(SENTENCE_FEATURES))


def _sentences_to_judge(passage: Passage) -> list[Span]:
    """The sentences of a passage, as offsets into its article; headings only if it has no other."""
    spans, at = sentences_of(passage), passage.start
    return [(s, e) for s, e in spans if not is_heading(passage.text[s - at : e - at])] or spans


def answer_features(features: Features, logits: NDArray[np.float64]) -> Features:
    """One row of `ANSWER_FEATURES`, shape (1, 3), of all sentences' features and logits."""
    best = int(np.argmax(logits))
    row = [logits[best], features[best, 2], features[:, 1].max()]
    return np.array([row], dtype=np.float64)


def _names_speaker(query: Query, sentences: Sequence[Sentence]) -> NDArray[np.bool_]:
    """For each sentence whether the question names its speaker."""
    named = set(content_words(query.spelled))
    return np.array([bool(named & set(words(speaker_of(s.text) or ""))) for s in sentences], bool)


def _short_answer(query: Query, best: Sentence) -> str | None:
    """The short answer of the best sentence; None where the whole sentence answers better."""
    return None if wants_statement(query.text) else best.answer or None
