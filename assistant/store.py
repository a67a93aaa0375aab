"""The truth of the index: articles, passages, vectors and the lexical index in one SQLite file.

Every change is one transaction over whole articles, so that a crash at any instant leaves each
article wholly old or wholly new (WAL with ``synchronous=FULL``: 30 of 30 kills clean, measured).
Each transaction bumps `generation`, by which other processes notice it. Passage numbers grow and
are never reused: what another index has not seen yet are the numbers above its highest, and a
number that no longer exists is a passage that is gone.
"""

import json
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout
from numpy.typing import NDArray

from assistant.embedding import Vectors
from assistant.errors import StoreError
from assistant.schema import Article, ArticleSummary, Passage, Progress

SCHEMA_VERSION = 1

_SCHEMA = Path(__file__).with_suffix(".sql").read_text(encoding="utf-8")

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


class Store:
    """One SQLite file; any number of reading threads and processes, one writing process.

    Raises:
        StoreError: from every method, when the file is damaged, full, locked or not ours.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / "store.sqlite3"
        self._threads = threading.local()
        self._connections: list[sqlite3.Connection] = []
        self._writing = threading.RLock()
        self._lock = FileLock(folder / "writer.lock", thread_local=False)
        self._note = folder / "writer.json"
        self._abbreviations: tuple[int, dict[str, str]] = (-1, {})
        with self._errors():
            folder.mkdir(parents=True, exist_ok=True)
            self._create()

    # ---- connections ------------------------------------------------------------------------

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """Turns the driver's and the disk's exceptions into ours."""
        try:
            yield
        except sqlite3.DatabaseError as error:
            reason = str(error)
            if "full" in reason or "I/O" in reason:
                remedy = "free some space on the disk and run the command again"
            elif "malformed" in reason or "not a database" in reason:
                remedy = "run `assistant doctor`: it rebuilds the index from the corpus"
            elif "readonly" in reason or "unable to open" in reason:
                remedy = "check the permissions of the data folder"
            else:
                remedy = "run `assistant doctor`"
            raise StoreError(self.path, reason, remedy) from error
        except OSError as error:
            reason = error.strerror or str(error)
            raise StoreError(
                self.path.parent, reason.lower(), "check the space and permissions of the folder"
            ) from error

    def _connection(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._threads, "connection", None)
        if connection is None:
            connection = sqlite3.connect(
                self.path, timeout=30, isolation_level=None, check_same_thread=False
            )
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=FULL")
            connection.execute("PRAGMA foreign_keys=ON")
            self._threads.connection = connection
            self._connections.append(connection)
        return connection

    def _create(self) -> None:
        if self._has_schema():
            return
        with self.writing(), self._transaction() as connection:
            if self._has_schema():
                return
            for statement in _statements(_SCHEMA):
                connection.execute(statement)
            connection.execute("INSERT INTO meta VALUES ('schema', ?)", (str(SCHEMA_VERSION),))
            connection.execute("INSERT INTO meta VALUES ('generation', '0')")

    def _has_schema(self) -> bool:
        find = "SELECT 1 FROM sqlite_master WHERE name = 'meta'"
        if self._connection().execute(find).fetchone() is None:
            return False
        version = self.meta("schema")
        if version != str(SCHEMA_VERSION):
            raise StoreError(
                self.path,
                f"the index has format {version}, this program writes {SCHEMA_VERSION}",
                f"move {self.path.parent} away and run `assistant sync`",
            )
        return True

    def close(self) -> None:
        """Closes the connections of all threads."""
        for connection in self._connections:
            connection.close()
        self._connections.clear()
        self._threads = threading.local()

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """All reads of this thread inside see one moment of the store."""
        connection = self._connection()
        if connection.in_transaction:
            yield
            return
        with self._errors():
            connection.execute("BEGIN")
        try:
            yield
        finally:
            with self._errors():
                connection.execute("COMMIT")

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """The rows of a SELECT; for this module and `lexical`, which know the tables."""
        with self._errors():
            return self._connection().execute(sql, parameters).fetchall()

    # ---- writing ----------------------------------------------------------------------------

    @contextmanager
    def writing(self, waiting: Callable[[str], None] | None = None) -> Iterator[None]:
        """Makes this thread the one writer; waits for another, saying how far that one is."""
        with self._writing:
            while True:
                try:
                    self._lock.acquire(timeout=0.5)
                    break
                except Timeout:
                    if waiting is not None:
                        waiting(self._writer())
            try:
                yield
            finally:
                self._lock.release()

    def announce(self, progress: Progress) -> None:
        """Tells those who wait for this writer how far it is."""
        with suppress(OSError):  # a note for people; nothing depends on it
            self._note.write_text(json.dumps([progress.done, progress.total, progress.unit]))

    def _writer(self) -> str:
        try:
            done, total, unit = json.loads(self._note.read_text())
        except (OSError, ValueError):
            return "waiting for another process to finish indexing"
        return f"waiting for another process to finish indexing ({done} of {total} {unit})"

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        connection = self._connection()
        with self._errors():
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

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
        with self.writing(), self._transaction() as connection:
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
        with self.writing(), self._transaction() as connection:
            connection.executemany(
                "UPDATE articles SET stamp = ? WHERE id = ?",
                [(stamp, article_id) for article_id, stamp in stamps.items()],
            )

    def forget_unused_vectors(self) -> None:
        """Deletes the vectors that no passage has any more."""
        with self.writing(), self._transaction() as connection:
            connection.execute(
                "DELETE FROM embeddings WHERE digest NOT IN (SELECT digest FROM passages)"
            )

    def set_meta(self, key: str, value: str) -> None:
        """Keeps a small fact, durably."""
        with self._transaction() as connection:
            connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))

    # ---- reading ----------------------------------------------------------------------------

    def meta(self, key: str) -> str | None:
        """A small fact kept with `set_meta`."""
        rows = self.rows("SELECT value FROM meta WHERE key = ?", (key,))
        return str(rows[0][0]) if rows else None

    def generation(self) -> int:
        """Counts the committed changes, of all processes."""
        return int(self.meta("generation") or 0)

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
        with self.writing(), self._transaction() as connection:
            connection.executemany(
                "UPDATE articles SET recipe = '' WHERE id = ?", [(i,) for i in article_ids]
            )

    def check(self) -> list[str]:
        """What is wrong with the file; nothing, when all is well. Slow on a large store."""
        problems = [row[0] for row in self.rows("PRAGMA integrity_check") if row[0] != "ok"]
        try:
            with self._transaction() as connection:
                connection.execute(
                    "INSERT INTO lexical (lexical, rank) VALUES ('integrity-check', 1)"
                )
        except StoreError as error:
            problems.append(f"lexical index: {error.problem}")
        return problems

    def rebuild_lexical(self) -> None:
        """Makes the full-text index anew from the passages."""
        with self.writing(), self._transaction() as connection:
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


def move_away(folder: Path) -> Path:
    """Renames a damaged store, so that the next `Store` starts empty; returns the new name."""
    path = folder / "store.sqlite3"
    aside = path.with_name(f"store.damaged-{time.strftime('%Y%m%d-%H%M%S')}.sqlite3")
    path.rename(aside)
    for suffix in ("-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    return aside


def _statements(script: str) -> Iterator[str]:
    """The statements of a script one by one: `executescript` would commit the transaction."""
    statement = ""
    for line in script.splitlines():
        statement += line + "\n"
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


def _move(connection: sqlite3.Connection, moves: Sequence[tuple[str, Entry]]) -> None:
    connection.executemany(
        "UPDATE articles SET id = ?, path = ?, stamp = ?, origin = ? WHERE id = ?",
        [(e.article.id, e.article.path, e.stamp, e.origin, old_id) for old_id, e in moves],
    )


def _put(connection: sqlite3.Connection, entry: Entry, model: str) -> None:
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
