"""Logistic models of a few weights, fitted by `python -m eval.training calibrate`."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Features = NDArray[np.float64]


@dataclass(frozen=True)
class LogisticModel:
    """Probability = logistic(bias + weights · features)."""

    bias: float
    weights: tuple[float, ...]

    def __call__(self, features: Features) -> NDArray[np.float64]:
        """Probabilities, shape (rows,), of features of shape (rows, len(weights))."""
        return np.asarray(1.0 / (1.0 + np.exp(-self.logits(features))), dtype=np.float64)

    def logits(self, features: Features) -> NDArray[np.float64]:
        """Log odds, shape (rows,), of features of the same shape."""
        return np.asarray(self.bias + features @ np.array(self.weights), dtype=np.float64)
