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
from assistant.passages import is_heading, sentences_of
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
    "cosine of the sentence", "cosine of the passage",
    "coverage", "coverage with neighbours", "coverage of passage and heading",
    "coverage with the heading", "the same with neighbours", "fusion score", "log words",
    "answer type", "log new names",
)  # fmt: skip
ANSWER_FEATURES = ("highest logit", "cosine of the best sentence", "highest cosine of a passage")

# Fitted by the steps of `python -m eval.fit_reader`; scores in eval/LOG.md, 2026-11-24 and -25.
SENTENCE_MODEL = LogisticModel(
    -9.121, (2.170, 4.664, 0.251, 0.191, 2.149, 0.730, 1.129, 0.382, -0.134, 0.787, -0.027)
)
ANSWER_MODEL = LogisticModel(1.033, (0.596, 5.933, -5.555))


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
    asked = answer_type(query.text)
    named = set(words(query.expanded))
    for candidate in candidates[:READ_SENTENCES]:
        passage = candidate.passage
        spans = sentences_of(passage)
        own = [passage.text[s - passage.start : e - passage.start] for s, e in spans]
        bags = [_stems(text) for text in own]
        heading = _stems(passage.heading)
        whole = _coverage(query, heading.union(*bags))
        alone = all(map(is_heading, own))
        for i, (start, end) in enumerate(spans):
            if is_heading(own[i]) and not alone:
                continue  # it tells what follows it, and says nothing
            around = set().union(*bags[max(i - 1, 0) : i + 2])
            sentences.append(Sentence(passage, start, end, own[i]))
            texts.append(own[i])
            rows.append(
                [
                    candidate.dense_score or 0.0,
                    _coverage(query, bags[i]),
                    _coverage(query, around),
                    whole,
                    _coverage(query, heading | bags[i]),
                    _coverage(query, heading | around),
                    candidate.score,
                    math.log1p(min(len(own[i].split()), 40)),
                    float(asked is not None and asked.offered(own[i], named)),
                    math.log1p(min(len(_new_names(own[i], named)), 6)),
                ]
            )
    if not sentences:
        return [], np.zeros((0, len(SENTENCE_FEATURES)))
    vectors = embedder.encode(texts)
    cosines = vectors[1:] @ vectors[0]
    return sentences, np.column_stack([cosines, np.array(rows)]).astype(np.float64)


def answer_features(features: Features, model: LogisticModel) -> Features:
    """One row of `ANSWER_FEATURES`, shape (1, 3), of all sentences' features.

    A passage that is near the question while no sentence in it is speaks for a refusal.
    """
    logits = model.bias + features @ np.array(model.weights)
    best = int(np.argmax(logits))
    return np.array([[logits[best], features[best, 0], features[:, 1].max()]], dtype=np.float64)


def _stems(text: str) -> set[str]:
    return {stem(word) for word in words(text)}


def _coverage(query: Query, bag: set[str]) -> float:
    """The part of the question's words, by inverse document frequency, that the bag holds."""
    total = sum(query.weights.values())
    held = bag.union(*(said for said, other in query.synonyms if other <= bag))
    return sum(w for s, w in query.weights.items() if s in held) / total if total else 0.0


_NAME = re.compile(r"(?<![.!?] )(?<!^)\b[A-Z][\w’'-]*(?: [A-Z][\w’'-]*)*")


def _new_names(sentence: str, named: set[str]) -> list[str]:
    """Names inside a sentence that the question does not say."""
    found = _NAME.findall(sentence)
    return [name for name in found if not set(words(name)) <= named]


@dataclass(frozen=True)
class AnswerType:
    """What a question asks for, and how a sentence that offers it looks (Li & Roth 2002)."""

    question: re.Pattern[str]
    sentence: re.Pattern[str]

    def offered(self, sentence: str, named: set[str]) -> bool:
        """Whether a sentence offers something of this type that the question does not say."""
        return any(
            not set(words(match.group())) <= named for match in self.sentence.finditer(sentence)
        )


_MONTHS = (
    "January|February|March|April|May|June|July|August|September|October|November|December|"
    "Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday"
)
_NUMBERS = (
    "two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|dozens?|hundreds?|thousands?|"
    "million|billion|half|quarter"
)


def _type(question: str, sentence: str) -> AnswerType:
    return AnswerType(re.compile(question, re.IGNORECASE), re.compile(sentence))


ANSWER_TYPES = (
    _type(r"^\W*(what|who)(’s|'s| is| are| was| were) [^,?]{1,60}\W*$",
          r"\b(is|are|was|were|has been|have been) (an?|one|part)\b"),
    _type(r"\b(when|what time|(what|which|until|start|end|founding) (year|date|month|day)|date)\b",
          rf"\b(1[0-9]|20)\d\d\b|\b({_MONTHS})\b"),
    _type(r"\bhow (many|much|long|large|big|far|old|high|tall|wide|often)\b"
          r"|\b(number|size|length|width|height|population|percentage|share|gauge) of\b",
          rf"\d[\d,.]*|\b({_NUMBERS})\b"),
    _type(r"\bwho(m|se)?\b|\bname of the\b", _NAME.pattern),
    _type(r"\bwhere\b|\b(which|what) (city|town|country|place|village|region|river)\b",
          r"\b(?:in|at|to|from|near|of|is) (?:the )?[A-Z][\w’'-]+"),
    _type(r"\bwhy\b|\bhow come\b|\breasons?\b",
          r"\b([Bb]ecause|[Ss]ince|so that|in order|due to|as a result|[Tt]herefore|[Aa]s|to)\b"),
)  # fmt: skip
"""The first whose question matches counts."""


def answer_type(question: str) -> AnswerType | None:
    """What the question asks for; None when its words do not tell."""
    return next((kind for kind in ANSWER_TYPES if kind.question.search(question)), None)


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
