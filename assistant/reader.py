"""Passages to evidence: which sentences answer the question, and whether any does.

The seam: a `Reader` gets a query and candidate passages and gives a `Reading`. `FeatureReader`,
the one here, judges each sentence *in its passage* by a logistic model over similarities of the
bi-encoder and overlap of words; a trained cross-encoder may take its place.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from assistant.schema import Evidence, Query, ScoredPassage

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
