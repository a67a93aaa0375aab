"""The truth of the index: articles, passages, vectors and the lexical index in one SQLite file.

Every change is one transaction over whole articles, so that a crash at any instant leaves each
article wholly old or wholly new. Each transaction bumps `generation`, by which other processes
notice it. Passage numbers grow and are never reused: what another index has not seen yet are the
numbers above its highest, and a number that no longer exists is a passage that is gone.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assistant.database import Connection, Database
from assistant.embedding import Vectors
from assistant.errors import StoreError
from assistant.schema import Article, ArticleSummary, Filter, Passage

_PASSAGE = """SELECT p.number, a.id, p.position, p.start, p."end", p.text, p.heading
              FROM passages p JOIN articles a ON a.number = p.article"""


@dataclass(frozen=True)
class Entry:
    """One article as it goes into the store, with everything that hangs on it."""

    article: Article
    passages: tuple[Passage, ...]
    vectors: Vectors
    """One row per passage."""
    abbreviations: dict[str, str]
    recipe: str
    """How it was cut and embedded; another recipe means it must be indexed again."""
    stamp: str
    origin: str = ""
    """The file it was added from, where that lies outside the corpus."""
    replaces: str = ""
    """The id of the article it takes the place of, where that is not its own."""


@dataclass(frozen=True)
class Record:
    """What the store knows of one file, without its text."""

    id: str
    path: str
    digest: str
    recipe: str
    stamp: str
    origin: str


def digest_of(text: str) -> bytes:
    """The key of a text's vector."""
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


class Store(Database):
    """The articles of one database; any thread.

    Raises:
        StoreError: from every method, when the file is damaged, full, locked or not ours.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._abbreviations: tuple[int, dict[str, str]] = (-1, {})

    # ---- writing ----------------------------------------------------------------------------

    def apply(
        self,
        model: str,
        *,
        put: Sequence[Entry] = (),
        move: Sequence[tuple[str, Entry]] = (),
        remove: Sequence[str] = (),
    ) -> None:
        """One transaction: articles put (new, or in place of their old version), moved, removed.

        Args:
            model: fingerprint of the embedding model of the entries' vectors.
            move: (old id, entry): only id, path and stamp are taken from the entry.
            remove: ids.
        """
        with self.writing(), self.transaction() as connection:
            for article_id in remove:
                connection.execute("DELETE FROM articles WHERE id = ?", (article_id,))
            _move(connection, move)
            for entry in put:
                _put(connection, entry, model)
            connection.execute(
                "UPDATE meta SET value = CAST(value AS INTEGER) + 1 WHERE key = 'generation'"
            )

    def restamp(self, stamps: dict[str, str]) -> None:
        """Notes new modification times of files whose articles did not change (id to stamp)."""
        with self.writing(), self.transaction() as connection:
            connection.executemany(
                "UPDATE articles SET stamp = ? WHERE id = ?",
                [(stamp, article_id) for article_id, stamp in stamps.items()],
            )

    def forget_unused_vectors(self) -> None:
        """Deletes the vectors that no passage has any more."""
        with self.writing(), self.transaction() as connection:
            connection.execute(
                "DELETE FROM embeddings WHERE digest NOT IN (SELECT digest FROM passages)"
            )

    # ---- reading ----------------------------------------------------------------------------

    def counts(self) -> tuple[int, int]:
        """How many articles and passages are live."""
        rows = self.rows("SELECT (SELECT count(*) FROM articles), (SELECT count(*) FROM passages)")
        return int(rows[0][0]), int(rows[0][1])

    def records(self) -> dict[str, Record]:
        """What is indexed, by path."""
        rows = self.rows("SELECT id, path, digest, recipe, stamp, origin FROM articles")
        return {row[1]: Record(*row) for row in rows}

    def articles(self, matching: str = "") -> list[ArticleSummary]:
        """All articles whose title, source or id contains the words given, newest first."""
        like = "%" + matching.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
        rows = self.rows(
            """SELECT id, title, url, source, published, path, words,
                      (SELECT count(*) FROM passages WHERE article = articles.number)
               FROM articles
               WHERE title || ' ' || coalesce(source, '') || ' ' || id LIKE ? ESCAPE '\\'
               ORDER BY published IS NULL, published DESC, title""",
            (like,),
        )
        return [ArticleSummary(*row) for row in rows]

    def article(self, article_id: str) -> Article | None:
        """One article with its text."""
        rows = self.rows(
            """SELECT id, title, text, url, source, authors, published, language, path
               FROM articles WHERE id = ?""",
            (article_id,),
        )
        if not rows:
            return None
        row = list(rows[0])
        row[5] = tuple(json.loads(row[5]))
        return Article(*row)

    def passages(self, numbers: Sequence[int]) -> dict[int, Passage]:
        """The live passages of these numbers."""
        found: dict[int, Passage] = {}
        for start in range(0, len(numbers), 500):
            some = [int(number) for number in numbers[start : start + 500]]
            marks = ",".join("?" * len(some))
            for row in self.rows(f"{_PASSAGE} WHERE p.number IN ({marks})", some):
                found[row[0]] = _passage(row)
        return found

    def passages_of(self, article_id: str) -> list[Passage]:
        """The passages of one article, in order."""
        rows = self.rows(f"{_PASSAGE} WHERE a.id = ? ORDER BY p.position", (article_id,))
        return [_passage(row) for row in rows]

    def numbers_within(self, within: Filter) -> NDArray[np.int64]:
        """The numbers of the live passages of articles that a filter lets through, ascending."""
        where, parameters = _where(within)
        rows = self.rows(
            f"""SELECT p.number FROM passages p JOIN articles a ON a.number = p.article
                WHERE {where} ORDER BY p.number""",
            parameters,
        )
        return np.fromiter((row[0] for row in rows), dtype=np.int64, count=len(rows))

    def sources(self) -> list[str]:
        """The outlets of the articles, those with most articles first."""
        rows = self.rows(
            """SELECT source FROM articles WHERE source IS NOT NULL
               GROUP BY source ORDER BY count(*) DESC, source"""
        )
        return [str(row[0]) for row in rows]

    def abbreviations(self) -> dict[str, str]:
        """Short form to the long form that most articles give it."""
        generation = self.generation()
        if self._abbreviations[0] != generation:  # 2 ms for 10,000 articles, at every question
            rows = self.rows(
                "SELECT short, long FROM abbreviations GROUP BY short, long ORDER BY count(*), long"
            )
            self._abbreviations = generation, {str(short): str(long) for short, long in rows}
        return self._abbreviations[1]

    def cached_vectors(self, digests: Sequence[bytes], model: str) -> dict[bytes, Vectors]:
        """The vectors already made for these texts by this model."""
        found: dict[bytes, Vectors] = {}
        for start in range(0, len(digests), 500):
            some = list(digests[start : start + 500])
            marks = ",".join("?" * len(some))
            sql = f"SELECT digest, vector FROM embeddings WHERE model = ? AND digest IN ({marks})"
            for digest, vector in self.rows(sql, [model, *some]):
                found[digest] = np.frombuffer(vector, dtype=np.float16).astype(np.float32)
        return found

    def vectors(self, model: str, above: int = 0) -> tuple[NDArray[np.int64], Vectors]:
        """Numbers and vectors of the live passages with a number above the one given.

        float16 on disk costs 4e-5 of an inner product and loads three times as fast as float32.
        """
        rows = self.rows(
            """SELECT p.number, e.vector FROM passages p
               JOIN embeddings e ON e.digest = p.digest AND e.model = ?
               WHERE p.number > ? ORDER BY p.number""",
            (model, above),
        )
        numbers = np.fromiter((row[0] for row in rows), dtype=np.int64, count=len(rows))
        return numbers, _matrix([row[1] for row in rows])

    def vectors_of(self, model: str, numbers: Sequence[int]) -> tuple[list[int], Vectors]:
        """Numbers and vectors of those of these passages that are live; up to 500."""
        marks = ",".join("?" * len(numbers))
        rows = self.rows(
            f"""SELECT p.number, e.vector FROM passages p
                JOIN embeddings e ON e.digest = p.digest AND e.model = ?
                WHERE p.number IN ({marks})""",
            [model, *numbers],
        )
        return [row[0] for row in rows], _matrix([row[1] for row in rows])

    def numbers(self) -> NDArray[np.int64]:
        """The numbers of all live passages, ascending."""
        rows = self.rows("SELECT number FROM passages ORDER BY number")
        return np.fromiter((row[0] for row in rows), dtype=np.int64, count=len(rows))

    def articles_without_vectors(self, model: str) -> list[str]:
        """The ids of articles with a passage that has no vector of this model."""
        rows = self.rows(
            """SELECT DISTINCT a.id FROM passages p JOIN articles a ON a.number = p.article
               LEFT JOIN embeddings e ON e.digest = p.digest AND e.model = ?
               WHERE e.digest IS NULL ORDER BY a.id""",
            (model,),
        )
        return [str(row[0]) for row in rows]

    def forget_recipes(self, article_ids: Sequence[str]) -> None:
        """Has the next plan index these articles again."""
        with self.writing(), self.transaction() as connection:
            connection.executemany(
                "UPDATE articles SET recipe = '' WHERE id = ?", [(i,) for i in article_ids]
            )

    def check(self) -> list[str]:
        """What is wrong with the file; nothing, when all is well. Slow on a large store."""
        problems = [row[0] for row in self.rows("PRAGMA integrity_check") if row[0] != "ok"]
        try:
            with self.transaction() as connection:
                connection.execute(
                    "INSERT INTO lexical (lexical, rank) VALUES ('integrity-check', 1)"
                )
        except StoreError as error:
            problems.append(f"lexical index: {error.problem}")
        return problems

    def rebuild_lexical(self) -> None:
        """Makes the full-text index anew from the passages."""
        with self.writing(), self.transaction() as connection:
            connection.execute("INSERT INTO lexical (lexical) VALUES ('rebuild')")


def _matrix(blobs: Sequence[bytes]) -> Vectors:
    """Stored vectors as rows; shape (0, 0) without any."""
    if not blobs:
        return np.zeros((0, 0), dtype=np.float32)
    joined = np.frombuffer(b"".join(blobs), dtype=np.float16)
    return joined.reshape(len(blobs), -1).astype(np.float32)


def _passage(row: tuple[Any, ...]) -> Passage:
    number, article_id, position, start, end, text, heading = row
    return Passage(article_id, position, start, end, text, heading, number)


def _where(within: Filter) -> tuple[str, list[str]]:
    """The condition on articles ``a`` that a filter means, with its parameters."""
    conditions, parameters = ["1"], []
    for bound, sign in ((within.since, ">="), (within.until, "<=")):
        if bound:
            conditions.append(f"substr(a.published, 1, 10) {sign} ?")
            parameters.append(bound)
    for column, allowed in (("a.source", within.sources), ("a.id", within.articles)):
        if allowed:
            conditions.append(f"{column} IN ({','.join('?' * len(allowed))})")
            parameters += allowed
    if within.authors:
        marks = ",".join("?" * len(within.authors))
        conditions.append(f"EXISTS (SELECT 1 FROM json_each(a.authors) WHERE value IN ({marks}))")
        parameters += within.authors
    return " AND ".join(conditions), parameters


def _move(connection: Connection, moves: Sequence[tuple[str, Entry]]) -> None:
    connection.executemany(
        "UPDATE articles SET id = ?, path = ?, stamp = ?, origin = ? WHERE id = ?",
        [(e.article.id, e.article.path, e.stamp, e.origin, old_id) for old_id, e in moves],
    )


def _put(connection: Connection, entry: Entry, model: str) -> None:
    article = entry.article
    connection.execute(
        "DELETE FROM articles WHERE id IN (?, ?) OR path = ?",
        (article.id, entry.replaces or article.id, article.path),
    )
    cursor = connection.execute(
        """INSERT INTO articles (id, path, title, text, url, source, authors, published, language,
                                 words, digest, recipe, stamp, origin)
           VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)""",
        (
            article.id, article.path, article.title, article.text, article.url, article.source,
            json.dumps(article.authors), article.published, article.language,
            len(article.text.split()), article.digest, entry.recipe, entry.stamp, entry.origin,
        ),
    )  # fmt: skip
    number = cursor.lastrowid
    digests = [digest_of(passage.embedded_text) for passage in entry.passages]
    connection.executemany(
        """INSERT INTO passages (article, position, start, "end", heading, text, digest)
           VALUES (?, ?, ?, ?, ?, ?, ?)""",
        [
            (number, p.position, p.start, p.end, p.heading, p.text, digest)
            for p, digest in zip(entry.passages, digests, strict=True)
        ],
    )
    connection.executemany(
        "INSERT OR IGNORE INTO embeddings VALUES (?, ?, ?)",
        [
            (digest, model, vector.astype(np.float16).tobytes())
            for digest, vector in zip(digests, entry.vectors, strict=True)
        ],
    )
    connection.executemany(
        "INSERT INTO abbreviations VALUES (?, ?, ?)",
        [(number, short, long) for short, long in entry.abbreviations.items()],
    )
