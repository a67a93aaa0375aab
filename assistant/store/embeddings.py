"""The vectors of passages, kept by text and model, and which model's vectors are searched.

A vector belongs to a text, not to a passage: the same text is embedded once, however often it is
cut, moved or added again. Vectors of different models lie beside each other and are never compared.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from assistant.models.embedding import Embedder, Vectors
from assistant.models.hub import Precision, model_path
from assistant.schema import Passage
from assistant.store.database import BUMP, Connection, Database

_LACKING = """FROM passages p WHERE NOT EXISTS
              (SELECT 1 FROM embeddings e WHERE e.digest = p.digest AND e.model = ?)"""
_MODEL = "model"
_PAGE = 20_000

KEEP_UNUSED = 64 << 20
"""Bytes of vectors without a passage that are kept: 87,000 of the packaged model's, of 768 bytes;
the time they cost is that of reading 150 words each."""


@dataclass(frozen=True)
class AnsweringModel:
    """The embedding model whose vectors are searched."""

    fingerprint: str
    name: str = ""
    """What loads it: a packaged name, a folder, a name on a hub; empty if a program brought it."""
    precision: Precision = "auto"

    @classmethod
    def of(cls, embedder: Embedder) -> "AnsweringModel":
        """What another process needs to load this model."""
        name = getattr(embedder, "name", "")
        return cls(embedder.fingerprint, model_path(name), getattr(embedder, "precision", "auto"))


def digest_of(text: str) -> bytes:
    """The key of a text's vector."""
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


class Embeddings:
    """The vectors of one database; any thread."""

    BATCH = 256
    """Passages embedded and committed at once: long enough for batches of equal length, short
    enough for a progress bar that moves and little to do again after a crash."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def answering_model(self) -> AnsweringModel | None:
        """The model whose vectors are searched; None before the first article."""
        text = self.database.meta(_MODEL)
        return None if text is None else AnsweringModel(**json.loads(text))

    def answering_fingerprint(self) -> str:
        """That of the model whose vectors are searched; empty before the first article."""
        model = self.answering_model()
        return model.fingerprint if model else ""

    def name_model(self, embedder: Embedder) -> None:
        """Notes the model that answers while there are no passages, or under which name the one
        that answers is loaded now; notes nothing in any other case. The caller holds
        `Database.writing`.
        """
        kept, model = self.answering_model(), AnsweringModel.of(embedder)
        if kept == model:
            return
        renamed = kept is not None and kept.fingerprint == model.fingerprint and model.name
        if renamed or not self.database.rows("SELECT 1 FROM passages LIMIT 1"):
            self.database.set_meta(_MODEL, json.dumps(asdict(model)))

    def switch(self, embedder: Embedder) -> bool:
        """One transaction: this model answers from now on, and the others' vectors are deleted.

        False, and nothing is done, while a passage lacks a vector of it.
        """
        model = AnsweringModel.of(embedder)
        with self.database.writing(), self.database.transaction() as connection:
            if connection.execute(f"SELECT 1 {_LACKING} LIMIT 1", (model.fingerprint,)).fetchall():
                return False
            connection.execute(
                "INSERT OR REPLACE INTO meta VALUES (?, ?)", (_MODEL, json.dumps(asdict(model)))
            )
            connection.execute("DELETE FROM embeddings WHERE model != ?", (model.fingerprint,))
            connection.execute(BUMP)
            return True

    def embed(self, texts: Sequence[str], embedder: Embedder) -> Vectors:
        """The vectors of texts, one row each; a text with a stored vector is not embedded again.
        Nothing is stored.
        """
        by_digest = {digest_of(text): text for text in texts}
        known = self.cached_vectors(list(by_digest), embedder.fingerprint)
        new = [digest for digest in by_digest if digest not in known]
        if new:
            encoded = embedder.encode([by_digest[digest] for digest in new])
            known.update(zip(new, encoded, strict=True))
        return np.vstack([known[digest_of(text)] for text in texts]) if texts else _matrix([])

    def cached_vectors(self, digests: Sequence[bytes], model: str) -> dict[bytes, Vectors]:
        """The vectors already made for these texts by this model."""
        select = "SELECT digest, vector FROM embeddings WHERE model = ? AND digest IN ({})"
        return {
            digest: np.frombuffer(vector, dtype=np.float16).astype(np.float32)
            for digest, vector in self.database.rows_among(select, digests, model)
        }

    def put_vectors(self, model: str, digests: Sequence[bytes], vectors: Vectors) -> None:
        """Keeps vectors of texts, by a model's fingerprint; what is searched does not change."""
        with self.database.writing(), self.database.transaction() as connection:
            insert_vectors(connection, model, digests, vectors)

    def forget_unused_vectors(self, keep: int = KEEP_UNUSED) -> None:
        """Deletes vectors that no passage has any more, those made first, until `keep` bytes of
        them are left: what is removed today is often added again tomorrow, or cut as it was before.
        """
        unused = self.database.rows(
            """SELECT rowid, length(vector) FROM embeddings
               WHERE digest NOT IN (SELECT digest FROM passages) ORDER BY rowid DESC"""
        )
        sizes = np.cumsum([size for _, size in unused])
        over = [unused[i][:1] for i in np.flatnonzero(sizes > keep)]
        if over:
            with self.database.writing(), self.database.transaction() as connection:
                connection.executemany("DELETE FROM embeddings WHERE rowid = ?", over)

    def numbers(self) -> NDArray[np.int64]:
        """The numbers of all passages, ascending."""
        rows = self.database.rows("SELECT number FROM passages ORDER BY number")
        return np.fromiter((row[0] for row in rows), dtype=np.int64, count=len(rows))

    def vectors(
        self, model: str, above: int = 0, limit: int | None = None
    ) -> tuple[NDArray[np.int64], Vectors]:
        """Numbers and vectors of the first passages with a number above the one given, ascending.

        float16 on disk costs 4e-5 of an inner product and loads three times as fast as float32.
        """
        select = """SELECT p.number, e.vector FROM passages p
                    JOIN embeddings e ON e.digest = p.digest AND e.model = ?
                    WHERE p.number > ? ORDER BY p.number LIMIT ?"""
        count = "SELECT count(*) FROM passages WHERE number > ?"
        with self.database.snapshot():
            there = int(self.database.rows(count, (above,))[0][0])
            most = there if limit is None else min(limit, there)
            numbers, matrix, done = np.zeros(most, np.int64), _matrix([]), 0
            # Filled page by page: of a million, rows and a second matrix would take 2.5 GB more.
            while rows := self.database.rows(select, (model, above, min(_PAGE, most - done))):
                page = _matrix([row[1] for row in rows])
                matrix = matrix if done else np.empty((most, page.shape[1]), dtype=np.float32)
                numbers[done : done + len(rows)] = [row[0] for row in rows]
                matrix[done : done + len(rows)] = page
                done, above = done + len(rows), rows[-1][0]
        return numbers[:done], matrix[:done]

    def vectors_of(self, model: str, numbers: Sequence[int]) -> tuple[list[int], Vectors]:
        """Numbers and vectors of those of these passages that have one."""
        select = """SELECT p.number, e.vector FROM passages p
                    JOIN embeddings e ON e.digest = p.digest AND e.model = ?
                    WHERE p.number IN ({})"""
        rows = list(self.database.rows_among(select, numbers, model))
        return [row[0] for row in rows], _matrix([row[1] for row in rows])

    def articles_without_vectors(self, model: str) -> list[str]:
        """The ids of articles with a passage that has no vector of this model."""
        rows = self.database.rows(
            f"""SELECT id FROM articles
                WHERE number IN (SELECT p.article {_LACKING}) ORDER BY id""",
            (model,),
        )
        return [str(row[0]) for row in rows]

    def texts_without_vectors(self, model: str) -> int:
        """How many different texts of passages have no vector of this model."""
        rows = self.database.rows(f"SELECT count(DISTINCT p.digest) {_LACKING}", (model,))
        return int(rows[0][0])

    def fill(self, embedder: Embedder) -> Iterator[int]:
        """Makes the vectors that passages lack of a model; how many, after each commit."""
        select = f"""SELECT '', p.position, p.start, p."end", p.text, p.heading, p.number {_LACKING}
                     AND p.number > ? ORDER BY p.number LIMIT ?"""
        last, model = 0, embedder.fingerprint
        while rows := self.database.rows(select, (model, last, self.BATCH)):
            texts = [Passage(*row).embedded_text for row in rows]
            by_digest = {digest_of(text): text for text in texts}
            vectors = embedder.encode(list(by_digest.values()))
            self.put_vectors(model, list(by_digest), vectors)
            last = rows[-1][-1]
            yield len(by_digest)


def insert_model(connection: Connection, fingerprint: str) -> None:
    """Names the model that answers where none is named yet, inside a transaction."""
    connection.execute(
        "INSERT OR IGNORE INTO meta VALUES (?, ?)",
        (_MODEL, json.dumps(asdict(AnsweringModel(fingerprint)))),
    )


def insert_vectors(
    connection: Connection, model: str, digests: Sequence[bytes], vectors: Vectors
) -> None:
    """Keeps vectors of texts, inside a transaction."""
    connection.executemany(
        "INSERT OR IGNORE INTO embeddings VALUES (?, ?, ?)",
        [
            (digest, model, vector.astype(np.float16).tobytes())
            for digest, vector in zip(digests, vectors, strict=True)
        ],
    )


def _matrix(blobs: Sequence[bytes]) -> Vectors:
    """Stored vectors as rows; shape (0, 0) without any."""
    if not blobs:
        return np.zeros((0, 0), dtype=np.float32)
    joined = np.frombuffer(b"".join(blobs), dtype=np.float16)
    return joined.reshape(len(blobs), -1).astype(np.float32)
