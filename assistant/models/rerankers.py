"""Rerankers: a model of a hub reads question and passage together, to one score."""

from collections.abc import Sequence
from threading import Lock
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from assistant.errors import ModelError
from assistant.models.hub import load_cross_encoder

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
