"""Models that read two texts together and that people bring: rerankers and judges of entailment."""

from collections.abc import Sequence
from functools import cached_property
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

    Raises:
        ModelError: while scoring: it cannot be loaded, or has more than one output.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._lock = Lock()

    def scores(self, question: str, texts: Sequence[str]) -> Scores:
        pairs = [(question, text) for text in texts]
        with self._lock:
            found = self._model.predict(pairs, batch_size=16, show_progress_bar=False)
        return np.asarray(found, dtype=np.float32).reshape(len(texts))

    @cached_property
    def _model(self) -> "CrossEncoder":
        model = load_cross_encoder(self.name, "reranker", "reranker", sigmoid=True)
        made_for = getattr(model.config, "architectures", None) or ()
        if any(architecture.endswith("Model") for architecture in made_for):
            problem = "is an embedding model: its scores would be random"
        elif model.num_labels != 1:
            problem = f"judges with {model.num_labels} numbers, a reranker with one"
        else:
            return model
        raise ModelError(self.name, problem, "set reranker to a model made for passage ranking")


class SentenceEntailment:
    """A sentence-transformers `CrossEncoder` for natural language inference, loaded at first use;
    any thread, one at a time. The names in its `id2label` say which label is entailment.

    Args:
        name: a folder, or a name on a model hub, as for `SentenceEmbedder`.

    Raises:
        ModelError: while scoring: it cannot be loaded, or has no label for entailment.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._lock = Lock()

    def scores(self, pairs: Sequence[tuple[str, str]]) -> NDArray[np.float64]:
        if not pairs:
            return np.zeros(0)
        read = [(utf8(passage), utf8(sentence)) for sentence, passage in pairs]
        with self._lock:
            model, column = self._model
            found = model.predict(read, batch_size=16, apply_softmax=True, show_progress_bar=False)
        return np.asarray(found, dtype=np.float64).reshape(len(pairs), -1)[:, column]

    @cached_property
    def _model(self) -> "tuple[CrossEncoder, int]":
        """The model, and which of its outputs is entailment."""
        model = load_cross_encoder(self.name, "judge of entailment", "entailment")
        names = getattr(model.config, "id2label", None) or {}
        labels = {int(i): str(label).lower() for i, label in names.items()}
        # "not_entailment" of models with two labels is no entailment.
        columns = [i for i, label in labels.items() if label.startswith(("entail", "support"))]
        if len(columns) != 1 or model.num_labels < 2:
            problem = f"has no label for entailment, only {', '.join(labels.values()) or 'none'}"
            remedy = "set entailment to a model made for natural language inference"
            raise ModelError(self.name, problem, remedy)
        return model, columns[0]
