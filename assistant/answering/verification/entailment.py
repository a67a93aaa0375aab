"""Whether a passage supports a sentence, as the reader judges it.

The reader is asked the sentence as if it were a question. It was trained to find what answers, not
to tell true from false, so its scores are weighed with the sentence's words, names and figures.
"""

from collections.abc import Sequence, Set
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from assistant.models.cross_encoder import CrossEncoder
from assistant.models.logistic import LogisticModel
from assistant.text.names import names_of, vocabulary
from assistant.text.quantities import figures_of, source_figures
from assistant.text.sentences import split_sentences
from assistant.text.tokens import stems

ENTAILMENT_FEATURES = (
    "relevance",
    "words in one sentence",
    "pairs of words",
    "missing figures",
    "missing names",
)
"""A logit of the cross-encoder, two shares of the sentence's content words, two counts. The logits
of evidence and of the short answer add nothing, and neither does a negation in only one of the two.
The share of words in the whole passage was left out: it gains 0.012 of AUROC on claims made of one
sentence of the passage, with a negative weight, which harms those made of two."""

LEXICAL = slice(1, None)
"""The features that need no model."""

# Fitted by `python -m eval.verification calibrate`, on sentences made of held-out training texts.
ENTAILMENT_MODEL = LogisticModel(-0.553, (0.218, 2.189, 1.548, -1.256, -0.920))


class ReaderEntailment:
    """Judges with the reader's weights: an `Entailment` without a further model."""

    def __init__(self, model: CrossEncoder) -> None:
        self._model = model

    def scores(self, pairs: Sequence[tuple[str, str]]) -> NDArray[np.float64]:
        """For each sentence and passage the probability that the passage supports the sentence.

        Raises:
            ModelError: the weights are missing or broken.
        """
        return ENTAILMENT_MODEL(self.features(pairs))

    def features(self, pairs: Sequence[tuple[str, str]]) -> NDArray[np.float64]:
        """A row of `ENTAILMENT_FEATURES` for each sentence and passage."""
        passages: dict[str, list[int]] = {}
        for at, (sentence, _) in enumerate(pairs):
            passages.setdefault(sentence, []).append(at)
        rows = np.zeros((len(pairs), len(ENTAILMENT_FEATURES)))
        for sentence, own in passages.items():
            read = self._model.read(sentence, [("", pairs[at][1]) for at in own])
            for at, scored in zip(own, read, strict=True):
                rows[at] = [scored.relevance, *lexical_features(sentence, pairs[at][1])]
        return rows


def lexical_features(sentence: str, text: str) -> list[float]:
    """The features of `LEXICAL`, without a model."""
    said = stems(sentence)
    sentences = [text[start:end] for start, end in split_sentences(text)]
    pairs = {pair for one in sentences for pair in _neighbours(one)}
    known = vocabulary([text], {})
    return [
        max((_share(said, set(stems(one))) for one in sentences), default=0.0),
        _share(list(_neighbours(sentence)), pairs),
        float(len(source_figures(text, None).lacking(figures_of(sentence, from_two=True)))),
        float(sum(not known.has(word) for name in names_of(sentence) for word in name.words)),
    ]


def _share(said: Sequence[object], there: Set[object]) -> float:
    return sum(one in there for one in said) / len(said) if said else 1.0


def _neighbours(sentence: str) -> set[tuple[str, str]]:
    """Content words of a sentence that follow one another, as stems."""
    found = stems(sentence)
    return set(pairwise(found))
