"""The truth of the index: articles, passages, vectors and the lexical index in one SQLite file.

Every change is one transaction over whole articles, so that a crash at any instant leaves each
article wholly old or wholly new. Each transaction bumps `generation`, by which other processes
notice it. Passage numbers grow and are never reused: what another index has not seen yet are the
numbers above its highest, and a number that no longer exists is a passage that is gone.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from assistant.errors import StoreError
from assistant.models.embedding import Vectors
from assistant.models.hub import Precision
from assistant.schema import Article, ArticleSummary, Filter, Order, Passage
from assistant.store.database import Connection, Database
from assistant.store.per_generation import PerGeneration
from assistant.text.tokens import analysed, count_words

RecordKey = Literal["path", "id", "digest", "origin"]

_ALL = Filter()
_PASSAGE = """SELECT p.number, a.id, p.position, p.start, p."end", p.text, p.heading
              FROM passages p JOIN articles a ON a.number = p.article"""
_RECORD = "SELECT id, path, digest, recipe, stamp, origin, language FROM articles"
_LACKING = """FROM passages p WHERE NOT EXISTS
              (SELECT 1 FROM embeddings e WHERE e.digest = p.digest AND e.model = ?)"""
_BUMP = "UPDATE meta SET value = CAST(value AS INTEGER) + 1 WHERE key = 'generation'"
_MODEL = "model"
_PAGE = 20_000

KEEP_UNUSED = 64 << 20
"""Bytes of vectors without a passage that are kept: 87,000 of the packaged model's, of 768 bytes;
the time they cost is that of reading 150 words each."""


@dataclass(frozen=True)
class Entry:
    """One article as it goes into the store, with everything that hangs on it."""

    article: Article
    passages: tuple[Passage, ...]
    vectors: Vectors
    """One row per passage."""
    abbreviations: dict[str, str]
    recipe: str
    """How it was cut; another recipe means it must be indexed again."""
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
    language: str | None


@dataclass(frozen=True)
class AnsweringModel:
    """The embedding model whose vectors are searched."""

    fingerprint: str
    name: str = ""
    """What loads it: a packaged name, a folder, a name on a hub; empty if a program brought it."""
    precision: Precision = "auto"


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
        self._abbreviations: PerGeneration[str, dict[str, str]] = PerGeneration(self.generation)

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
                "INSERT OR IGNORE INTO meta VALUES (?, ?)",
                (_MODEL, json.dumps(asdict(AnsweringModel(model)))),
            )
            connection.execute(_BUMP)

    def restamp(self, stamps: dict[str, str]) -> None:
        """Notes new modification times of files whose articles did not change (id to stamp)."""
        with self.writing(), self.transaction() as connection:
            connection.executemany(
                "UPDATE articles SET stamp = ? WHERE id = ?",
                [(stamp, article_id) for article_id, stamp in stamps.items()],
            )

    def forget_unused_vectors(self, keep: int = KEEP_UNUSED) -> None:
        """Deletes vectors that no passage has any more, those made first, until few are left.

        What is removed today is often added again tomorrow, or cut again as it was before.

        Args:
            keep: bytes of unused vectors that may stay.
        """
        unused = self.rows(
            """SELECT rowid, length(vector) FROM embeddings
               WHERE digest NOT IN (SELECT digest FROM passages) ORDER BY rowid DESC"""
        )
        sizes = np.cumsum([size for _, size in unused])
        over = [unused[i][:1] for i in np.flatnonzero(sizes > keep)]
        if over:
            with self.writing(), self.transaction() as connection:
                connection.executemany("DELETE FROM embeddings WHERE rowid = ?", over)

    def name_model(self, model: AnsweringModel) -> None:
        """Says which model's vectors are searched, for an index without vectors of another."""
        self.set_meta(_MODEL, json.dumps(asdict(model)))

    def put_vectors(self, model: str, digests: Sequence[bytes], vectors: Vectors) -> None:
        """Keeps vectors of texts; nothing that is searched changes.

        Args:
            model: the fingerprint of the model that made them.
        """
        with self.writing(), self.transaction() as connection:
            _put_vectors(connection, model, digests, vectors)

    def switch(self, model: AnsweringModel) -> bool:
        """One transaction: this model answers from now on, and the others' vectors are deleted.

        False, and nothing is done, while a passage lacks a vector of it.
        """
        with self.writing(), self.transaction() as connection:
            if connection.execute(f"SELECT 1 {_LACKING} LIMIT 1", (model.fingerprint,)).fetchall():
                return False
            connection.execute(
                "INSERT OR REPLACE INTO meta VALUES (?, ?)", (_MODEL, json.dumps(asdict(model)))
            )
            connection.execute("DELETE FROM embeddings WHERE model != ?", (model.fingerprint,))
            connection.execute(_BUMP)
            return True

    # ---- reading ----------------------------------------------------------------------------

    def counts(self) -> tuple[int, int]:
        """How many articles and passages are live."""
        rows = self.rows("SELECT (SELECT count(*) FROM articles), (SELECT count(*) FROM passages)")
        return int(rows[0][0]), int(rows[0][1])

    def records(self, paths: Sequence[str] | None = None) -> dict[str, Record]:
        """What is indexed, by path; of these files alone, if some are given."""
        some = "" if paths is None else "WHERE path IN (SELECT value FROM json_each(?))"
        rows = self.rows(f"{_RECORD} {some}", [] if paths is None else [json.dumps(list(paths))])
        return {row[1]: Record(*row) for row in rows}

    def record(self, value: str, by: RecordKey = "path") -> Record | None:
        """What is indexed of one file; of several alike, of the one indexed last."""
        rows = self.rows(f"{_RECORD} WHERE {by} = ? ORDER BY number DESC LIMIT 1", (value,))
        return Record(*rows[0]) if rows else None

    def articles(
        self,
        matching: str = "",
        within: Filter = _ALL,
        order: Order = "date",
        *,
        reverse: bool = False,
        limit: int = -1,
        offset: int = 0,
    ) -> list[ArticleSummary]:
        """The articles whose title, source or id contains the words given, in this order; those
        without a date or an outlet last.
        """
        where, parameters = _listed(matching, within)
        by = _ordered(order, reverse)
        rows = self.rows(
            f"""SELECT a.id, a.title, a.url, a.source, a.published, a.path, a.words,
                       (SELECT count(*) FROM passages WHERE article = a.number), a.language,
                       (SELECT count(*) FROM copies WHERE article = a.number)
                FROM articles a WHERE a.number IN (
                    SELECT a.number FROM articles a WHERE {where} ORDER BY {by} LIMIT ? OFFSET ?)
                ORDER BY {by}""",
            [*parameters, limit, offset],
        )
        return [ArticleSummary(*row) for row in rows]

    def count_articles(self, matching: str = "", within: Filter = _ALL) -> int:
        """How many articles `articles` lists without a limit."""
        where, parameters = _listed(matching, within)
        return int(self.rows(f"SELECT count(*) FROM articles a WHERE {where}", parameters)[0][0])

    def languages(self) -> list[str]:
        """The languages of the articles, those of most articles first."""
        return self._values("SELECT language, 1 FROM articles")

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
        # Two look-ups in indexes: a join reads every article, past its text, ten times as long.
        rows = self.rows(
            f"""SELECT number FROM passages
                WHERE article IN (SELECT a.number FROM articles a WHERE {where})""",
            parameters,
        )
        return np.sort(np.fromiter((row[0] for row in rows), dtype=np.int64, count=len(rows)))

    def sources(self) -> list[str]:
        """The outlets of the articles, those with most articles first."""
        return self._values("SELECT source, 1 FROM articles")

    def authors(self) -> list[str]:
        """The authors of the articles, those with most articles first."""
        return self._values(
            """SELECT e.value, f.many FROM json_each(f.authors) e,
                      (SELECT authors, count(*) AS many FROM articles GROUP BY authors) f"""
        )

    def _values(self, select: str) -> list[str]:
        """The values that a SELECT of values and counts gives, the most frequent first."""
        rows = self.rows(
            f"""WITH found(value, many) AS ({select}) SELECT value FROM found
                WHERE value IS NOT NULL GROUP BY value ORDER BY sum(many) DESC, value"""
        )
        return [str(row[0]) for row in rows]

    def abbreviations(self) -> dict[str, str]:
        """Short form to the long form that most articles give it."""
        # Looked up at every question: 2 ms for 10,000 articles.
        return self._abbreviations.get("", self._mined_abbreviations)

    def _mined_abbreviations(self) -> dict[str, str]:
        rows = self.rows(
            "SELECT short, long FROM abbreviations GROUP BY short, long ORDER BY count(*), long"
        )
        return {str(short): str(long) for short, long in rows}

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

    def vectors(
        self, model: str, above: int = 0, limit: int | None = None
    ) -> tuple[NDArray[np.int64], Vectors]:
        """Numbers and vectors of the live passages with a number above the one given, ascending.

        float16 on disk costs 4e-5 of an inner product and loads three times as fast as float32.

        Args:
            limit: the first so many of them.
        """
        select = """SELECT p.number, e.vector FROM passages p
                    JOIN embeddings e ON e.digest = p.digest AND e.model = ?
                    WHERE p.number > ? ORDER BY p.number LIMIT ?"""
        with self.snapshot():
            there = self.rows("SELECT count(*) FROM passages WHERE number > ?", (above,))[0][0]
            most = int(there) if limit is None else min(limit, int(there))
            numbers, matrix, done = np.zeros(most, np.int64), _matrix([]), 0
            # Filled page by page: of a million, rows and a second matrix would take 2.5 GB more.
            while rows := self.rows(select, (model, above, min(_PAGE, most - done))):
                page = _matrix([row[1] for row in rows])
                matrix = matrix if done else np.empty((most, page.shape[1]), dtype=np.float32)
                numbers[done : done + len(rows)] = [row[0] for row in rows]
                matrix[done : done + len(rows)] = page
                done, above = done + len(rows), rows[-1][0]
        return numbers[:done], matrix[:done]

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

    def answering_model(self) -> AnsweringModel | None:
        """The model whose vectors are searched; None before the first article."""
        text = self.meta(_MODEL)
        return None if text is None else AnsweringModel(**json.loads(text))

    def articles_without_vectors(self, model: str) -> list[str]:
        """The ids of articles with a passage that has no vector of this model."""
        rows = self.rows(
            f"""SELECT id FROM articles
                WHERE number IN (SELECT p.article {_LACKING}) ORDER BY id""",
            (model,),
        )
        return [str(row[0]) for row in rows]

    def texts_without_vectors(self, model: str) -> int:
        """How many different texts of passages have no vector of this model."""
        rows = self.rows(f"SELECT count(DISTINCT p.digest) {_LACKING}", (model,))
        return int(rows[0][0])

    def passages_without_vectors(self, model: str, above: int, limit: int) -> list[Passage]:
        """The first of them with a number above the one given, in their order."""
        rows = self.rows(
            f"""SELECT p.number, '', p.position, p.start, p."end", p.text, p.heading {_LACKING}
                AND p.number > ? ORDER BY p.number LIMIT ?""",
            (model, above, limit),
        )
        return [_passage(row) for row in rows]

    def forget_recipes(self, article_ids: Sequence[str]) -> None:
        """Has the next plan index these articles again."""
        with self.writing(), self.transaction() as connection:
            connection.executemany(
                "UPDATE articles SET recipe = '' WHERE id = ?", [(i,) for i in article_ids]
            )

    # ---- care -------------------------------------------------------------------------------

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


def _listed(matching: str, within: Filter) -> tuple[str, list[str]]:
    """The condition on articles ``a`` of a list, with its parameters."""
    where, parameters = _where(within)
    if not matching:
        return where, parameters
    like = "%" + matching.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
    words = "a.title || ' ' || coalesce(a.source, '') || ' ' || a.id LIKE ? ESCAPE '\\'"
    return f"{where} AND {words}", [*parameters, like]


def _ordered(order: Order, reverse: bool) -> str:
    """The terms of ORDER BY; what is missing stays last in both directions."""
    column, descends = {
        "date": ("a.published", True),
        "title": ("a.title COLLATE NOCASE", False),
        "outlet": ("a.source COLLATE NOCASE", False),
        "words": ("a.words", True),
        "added": ("a.number", True),
    }[order]
    direction = "DESC" if descends != reverse else "ASC"
    return f"{column} IS NULL, {column} {direction}, a.title, a.number"


def _where(within: Filter) -> tuple[str, list[str]]:
    """The condition on articles ``a`` that a filter means, with its parameters."""
    conditions, parameters = ["1"], []
    for bound, sign in ((within.since, ">="), (within.until, "<=")):
        if bound:
            conditions.append(f"substr(a.published, 1, 10) {sign} ?")
            parameters.append(bound)
    columns = {"source": within.sources, "id": within.articles, "language": within.languages}
    for column, allowed in columns.items():
        if allowed:
            conditions.append(f"a.{column} IN ({','.join('?' * len(allowed))})")
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
            count_words(article.text), article.digest, entry.recipe, entry.stamp, entry.origin,
        ),
    )  # fmt: skip
    number = cursor.lastrowid
    digests = [digest_of(passage.embedded_text) for passage in entry.passages]
    connection.executemany(
        """INSERT INTO passages (article, position, start, "end", heading, text, digest, analysed)
           VALUES (?, ?, ?, ?, ?, ?, ?, ?)""",
        [
            (number, p.position, p.start, p.end, p.heading, p.text, digest,
             analysed(p.embedded_text, article.language))
            for p, digest in zip(entry.passages, digests, strict=True)
        ],
    )  # fmt: skip
    _put_vectors(connection, model, digests, entry.vectors)
    connection.executemany(
        "INSERT INTO abbreviations VALUES (?, ?, ?)",
        [(number, short, long) for short, long in entry.abbreviations.items()],
    )


def _put_vectors(
    connection: Connection, model: str, digests: Sequence[bytes], vectors: Vectors
) -> None:
    connection.executemany(
        "INSERT OR IGNORE INTO embeddings VALUES (?, ?, ?)",
        [
            (digest, model, vector.astype(np.float16).tobytes())
            for digest, vector in zip(digests, vectors, strict=True)
        ],
    )
