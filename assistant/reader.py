"""Passages to evidence: which sentences answer the question, and whether any does.

The seam: a `Reader` gets a query and candidate passages and gives a `Reading`. `FeatureReader`,
the one here, judges each sentence *in its passage* by a logistic model over similarities of the
bi-encoder and overlap of words; a trained cross-encoder may take its place.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from assistant.embedding import CachedEmbedder, Embedder
from assistant.passages import sentences_of
from assistant.schema import Evidence, Passage, Query, ScoredPassage
from assistant.terms import stem, words

Features = NDArray[np.float64]


@dataclass(frozen=True)
class Reading:
    """What a reader found in the candidates."""

    evidence: tuple[Evidence, ...]
    """Sentences, most probable first."""
    confidence: float
    """Probability that the candidates answer the question at all."""
    short_answer: str | None = None
    """The words that answer, where the reader can tell them from their sentence."""


class Reader(Protocol):
    """Judges candidate passages against a query."""

    def read(self, query: Query, candidates: Sequence[ScoredPassage]) -> Reading:
        """Evidence of all candidates together; no candidates give no evidence and confidence 0."""


@dataclass(frozen=True)
class LogisticModel:
    """Probability = logistic(bias + weights · features)."""

    bias: float
    weights: tuple[float, ...]

    def __call__(self, features: Features) -> NDArray[np.float64]:
        """Probabilities, shape (rows,), of features of shape (rows, len(weights))."""
        score = self.bias + features @ np.array(self.weights)
        return np.asarray(1.0 / (1.0 + np.exp(-score)), dtype=np.float64)


READ_SENTENCES = 8
"""Best candidates whose sentences are embedded; those of the others are not read."""

SENTENCE_FEATURES = (
    "cosine of the sentence", "cosine with the sentence before", "cosine of the passage",
    "coverage", "coverage with neighbours", "coverage of passage and heading",
    "log words", "reciprocal rank",
)  # fmt: skip
ANSWER_FEATURES = (
    "highest logit", "cosine of the best sentence", "highest cosine of a passage",
    "coverage of the best sentence with neighbours", "highest coverage of a passage",
)  # fmt: skip

# Printed by `python -m eval.fit_reader`; run and scores in eval/LOG.md, 2026-11-24.
SENTENCE_MODEL = LogisticModel(-8.840, (1.489, 1.125, 4.827, 0.742, 1.070, 2.505, -0.043, -0.205))
ANSWER_MODEL = LogisticModel(-3.321, (0.445, 5.735, -0.313, 0.589, 1.959))


@dataclass(frozen=True)
class Sentence:
    """One sentence of a candidate, before it is judged. Offsets are the article's."""

    passage: Passage
    start: int
    end: int
    text: str


class FeatureReader:
    """Reads with two small logistic models over `SENTENCE_FEATURES` and `ANSWER_FEATURES`."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = CachedEmbedder(embedder)

    def read(self, query: Query, candidates: Sequence[ScoredPassage]) -> Reading:
        """See `Reader.read`."""
        sentences, features = sentence_features(query, candidates, self._embedder)
        if not sentences:
            return Reading((), 0.0)
        probabilities = SENTENCE_MODEL(features)
        confidence = float(ANSWER_MODEL(answer_features(features, SENTENCE_MODEL))[0])
        order = np.argsort(-probabilities, kind="stable")
        evidence = tuple(
            Evidence(s.passage, s.start, s.end, s.text, float(probabilities[i]), speaker_of(s.text))
            for i, s in ((i, sentences[i]) for i in order)
        )
        return Reading(evidence, confidence)


def sentence_features(
    query: Query, candidates: Sequence[ScoredPassage], embedder: Embedder
) -> tuple[list[Sentence], Features]:
    """The sentences of the candidates with a row of `SENTENCE_FEATURES` for each."""
    sentences: list[Sentence] = []
    rows: list[list[float]] = []
    texts: list[str] = [query.expanded]
    for rank, candidate in enumerate(candidates[:READ_SENTENCES], start=1):
        passage = candidate.passage
        spans = sentences_of(passage)
        own = [passage.text[s - passage.start : e - passage.start] for s, e in spans]
        bags = [_stems(text) for text in own]
        whole = _coverage(query, set().union(_stems(passage.heading), *bags))
        for i, (start, end) in enumerate(spans):
            around = set().union(*bags[max(i - 1, 0) : i + 2])
            sentences.append(Sentence(passage, start, end, own[i]))
            texts += [own[i], f"{own[i - 1]} {own[i]}" if i else f"{passage.heading} {own[i]}"]
            rows.append(
                [
                    candidate.dense_score or 0.0,
                    _coverage(query, bags[i]),
                    _coverage(query, around),
                    whole,
                    math.log1p(min(len(own[i].split()), 40)),
                    1.0 / rank,
                ]
            )
    if not sentences:
        return [], np.zeros((0, len(SENTENCE_FEATURES)))
    vectors = embedder.encode(texts)
    cosines = (vectors[1:] @ vectors[0]).reshape(-1, 2)
    return sentences, np.hstack([cosines, np.array(rows)]).astype(np.float64)


def answer_features(features: Features, model: LogisticModel) -> Features:
    """One row of `ANSWER_FEATURES`, shape (1, 5), of all sentences' features."""
    logits = model.bias + features @ np.array(model.weights)
    best = int(np.argmax(logits))
    row = [
        logits[best], features[best, 0], features[:, 2].max(),
        features[best, 4], features[:, 5].max(),
    ]  # fmt: skip
    return np.array([row], dtype=np.float64)


def _stems(text: str) -> set[str]:
    return {stem(word) for word in words(text)}


def _coverage(query: Query, bag: set[str]) -> float:
    """The part of the question's words, by inverse document frequency, that the bag holds."""
    total = sum(query.weights.values())
    held = bag.union(*(said for said, other in query.synonyms if other <= bag))
    return sum(w for s, w in query.weights.items() if s in held) / total if total else 0.0


_VERBS = (
    "said|says|added|adds|told|argued|explained|emphasized|emphasised|stressed|noted|warned|"
    "claimed|insisted|stated|announced|declared|blamed|accused|expressed|suggested|acknowledged|"
    "admitted|denied|pointed out|went on"
)
_PERSON = r"[A-Z][\w’'-]+(?: [A-Z][\w’'-]+){0,3}"
_SPEAKER = re.compile(
    rf"(?P<before>{_PERSON}) (?:{_VERBS})\b|[”\"’] (?:{_VERBS}) (?P<after>{_PERSON})"
)
_NOT_NAMES = frozenset(
    "A An And As But He Her His However I If In It Its No On She So That The Their There These "
    "They This Those We What When While Who You".split()
)


def speaker_of(sentence: str) -> str | None:
    """Who speaks in a sentence that names its speaker ("…,” Galuzin said"); None for "he said"."""
    for match in _SPEAKER.finditer(sentence):
        name = match.group("before") or match.group("after")
        kept = name.split()
        while kept and kept[0] in _NOT_NAMES:
            kept = kept[1:]
        if kept:
            return " ".join(kept)
    return None
