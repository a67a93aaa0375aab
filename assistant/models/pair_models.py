"""Models of a hub that read two texts together: rerankers, and judges of entailment."""

from collections.abc import Sequence
from threading import Lock
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from assistant.errors import ModelError
from assistant.models.hub import load_cross_encoder, utf8

if TYPE_CHECKING:
    from sentence_transformers import CrossEncoder

Scores = NDArray[np.float32]


class Reranker(Protocol):
    """What retrieval needs of a reranker; tests and users may bring their own."""

    def scores(self, question: str, texts: Sequence[str]) -> Scores:
        """How well each text answers, 0 to 1, shape (len(texts),)."""


class SentenceReranker:
    """A sentence-transformers `CrossEncoder` with one output, loaded at first use; any thread, one
    at a time.

    Args:
        name: a folder, or a name on a model hub, as for `SentenceEmbedder`.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._model: CrossEncoder | None = None
        self._lock = Lock()

    def scores(self, question: str, texts: Sequence[str]) -> Scores:
        """How well each text answers, 0 to 1, shape (len(texts),).

        Raises:
            ModelError: the model cannot be loaded, or has more than one output.
        """
        with self._lock:
            if self._model is None:
                self._model = _load_reranker(self.name)
            pairs = [(question, text) for text in texts]
            found = self._model.predict(pairs, batch_size=16, show_progress_bar=False)
        return np.asarray(found, dtype=np.float32).reshape(len(texts))


def _load_reranker(name: str) -> "CrossEncoder":
    model = load_cross_encoder(name, "reranker", "reranker", sigmoid=True)
    made_for = getattr(model.config, "architectures", None) or ()
    if any(architecture.endswith("Model") for architecture in made_for):
        raise ModelError(
            name,
            "is an embedding model: its scores would be random",
            "set reranker to a model made for passage ranking",
        )
    if model.num_labels != 1:
        raise ModelError(
            name,
            f"judges with {model.num_labels} numbers, a reranker with one",
            "set reranker to a model made for passage ranking",
        )
    return model


class SentenceEntailment:
    """A sentence-transformers `CrossEncoder` for natural language inference, loaded at first use;
    any thread, one at a time. The names in its `id2label` say which label is entailment.

    Args:
        name: a folder, or a name on a model hub, as for `SentenceEmbedder`.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._model: tuple[CrossEncoder, int] | None = None
        self._lock = Lock()

    def scores(self, pairs: Sequence[tuple[str, str]]) -> NDArray[np.float64]:
        """For each pair of a sentence and a passage, the probability that the passage entails the
        sentence; 0 to 1, shape (len(pairs),).

        Raises:
            ModelError: the model cannot be loaded, or has no label for entailment.
        """
        if not pairs:
            return np.zeros(0)
        with self._lock:
            if self._model is None:
                self._model = _load_entailment(self.name)
            model, column = self._model
            read = [(utf8(passage), utf8(sentence)) for sentence, passage in pairs]
            found = model.predict(read, batch_size=16, apply_softmax=True, show_progress_bar=False)
        return np.asarray(found, dtype=np.float64).reshape(len(pairs), -1)[:, column]


def _load_entailment(name: str) -> "tuple[CrossEncoder, int]":
    """The model, and which of its outputs is entailment."""
    model = load_cross_encoder(name, "judge of entailment", "entailment")
    names = getattr(model.config, "id2label", None) or {}
    labels = {int(i): str(label).lower() for i, label in names.items()}
    # "not_entailment" of models with two labels is no entailment.
    columns = [i for i, label in labels.items() if label.startswith(("entail", "support"))]
    if len(columns) != 1 or model.num_labels < 2:
        raise ModelError(
            name,
            f"has no label for entailment, only {', '.join(labels.values()) or 'none'}",
            "set entailment to a model made for natural language inference",
        )
    return model, columns[0]
