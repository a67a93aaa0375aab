"""Natural language inference by a model of a hub: whether a passage entails a sentence."""

from collections.abc import Sequence
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from assistant.errors import ModelError
from assistant.models.hub import load_cross_encoder, utf8

if TYPE_CHECKING:
    from sentence_transformers import CrossEncoder


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
