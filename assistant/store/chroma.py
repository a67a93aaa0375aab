"""Chroma, which finds the nearest of many vectors: the only adapter of chromadb."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

BATCH = 100
"""Rows per call. A question waits for the call at work: half of them 0.1 s, 1.3 s with 2,000 rows,
which build no more than a seventh faster."""

_HNSW = {"space": "cosine", "ef_construction": 200, "ef_search": 400, "max_neighbors": 32}
"""Recall@10 0.998 of 639 questions on 44,761 real news passages. Twice the ef_construction gives
0.0011 more and takes twice as long to build, half of it loses 0.0008; eval/LOG.md, 2026-11-26."""


def failures() -> tuple[type[Exception], ...]:
    """What is raised when something is wrong with Chroma, its files or the disk, or when a
    collection is searched that was closed meanwhile: that is an AttributeError.
    """
    from chromadb.errors import ChromaError

    return ChromaError, RuntimeError, ValueError, OSError, AttributeError


class Collection:
    """Vectors by passage number, in one folder. Any thread may search while one writes."""

    def __init__(self, folder: Path) -> None:
        # Imported on use: it takes 1.5 s.
        import chromadb
        from chromadb.config import Settings

        settings = Settings(anonymized_telemetry=False)
        self._client = chromadb.PersistentClient(str(folder), settings=settings)
        # No embedding function: vectors come from the store, and Chroma must load no model.
        self._collection = self._client.get_or_create_collection(
            "passages",
            embedding_function=None,
            configuration={"hnsw": _HNSW},  # type: ignore[arg-type]
        )

    def numbers(self) -> NDArray[np.int64]:
        """The passages in it, ascending."""
        return np.sort(np.array(self._collection.get(include=[])["ids"], dtype=np.int64))

    def add(
        self, numbers: NDArray[np.int64], vectors: NDArray[np.float32]
    ) -> Iterator[NDArray[np.int64]]:
        """Adds vectors, as far as it is iterated: the numbers of each batch once it is there."""
        for ids, rows in zip(_batches(numbers), _batches(vectors), strict=True):
            self._collection.add(ids=ids.astype(str).tolist(), embeddings=rows)
            yield ids

    def delete(self, numbers: NDArray[np.int64]) -> None:
        """Deletes passages; the space that they took is not reclaimed."""
        for ids in _batches(numbers):
            self._collection.delete(ids=ids.astype(str).tolist())

    def nearest(self, vector: NDArray[np.float32], limit: int) -> list[tuple[int, float]]:
        """(passage number, cosine) of about the nearest passages, best first."""
        result = self._collection.query(
            query_embeddings=[vector.tolist()], n_results=limit, include=["distances"]
        )
        distances = (result["distances"] or [[]])[0]
        return [(int(i), 1.0 - float(d)) for i, d in zip(result["ids"][0], distances, strict=True)]

    def close(self) -> None:
        """Closes the files. A client that is not closed stays in Chroma's cache, and the next one
        for the same path would answer from it, whatever happened to the files since.
        """
        self._client.close()  # type: ignore[attr-defined]


def _batches(rows: NDArray[Any]) -> Iterator[NDArray[Any]]:
    for start in range(0, len(rows), BATCH):
        yield rows[start : start + BATCH]
