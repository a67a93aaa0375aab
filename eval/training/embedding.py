"""Vectors of texts that come again and again."""

from collections.abc import Sequence
from threading import Lock

import numpy as np
from cachetools import LRUCache

from assistant.models.embedding import Embedder, Vectors


class CachedEmbedder:
    """An embedder that remembers the vectors of the texts it encoded last; for models that read
    questions as they read passages.

    Args:
        size: texts remembered; each takes about 2 kB.
    """

    def __init__(self, embedder: Embedder, size: int = 20_000) -> None:
        self.fingerprint = embedder.fingerprint
        self._embedder = embedder
        self._vectors: LRUCache[str, Vectors] = LRUCache(size)
        self._lock = Lock()

    def encode(self, texts: Sequence[str]) -> Vectors:
        with self._lock:
            found = {text: self._vectors[text] for text in texts if text in self._vectors}
        missing = [text for text in dict.fromkeys(texts) if text not in found]
        if missing:
            new = dict(zip(missing, self._embedder.encode(missing), strict=True))
            found.update(new)
            with self._lock:
                self._vectors.update(new)
        return np.stack([found[text] for text in texts])
