"""One SQLite file: its connections, its one writer, its transactions, its format.

WAL with ``synchronous=FULL``: 30 of 30 kills left every transaction whole or undone (measured).
"""

import json
import sqlite3
import threading
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, ParamSpec, TypeVar
from weakref import WeakSet

from cachetools import LRUCache, cached
from filelock import FileLock, Timeout

from assistant.errors import StoreError, reason_of
from assistant.schema import Progress, ShowWaiting

FORMAT = 3

_SQL = Path(__file__).parent / "sql"
_TABLES = _SQL / "tables.sql"
_UPGRADES = {n: _SQL / f"from_{n}.sql" for n in range(1, FORMAT)}
"""What brings a file of an older format to the next one."""

BUMP = "UPDATE meta SET value = CAST(value AS INTEGER) + 1 WHERE key = 'generation'"
"""Ends a transaction that changes what is searched: see `Database.generation`."""

CHROMA = "chroma"
"""The small fact that `ChromaFolder` keeps here: in what state it left Chroma's files."""

MOST_KEYS = 500
"""Keys looked up by one statement: SQLite takes no more parameters than it was built for."""


Connection = sqlite3.Connection
P = ParamSpec("P")
Value = TypeVar("Value")


class _Opened:
    """The connection of one thread, closed when the thread ends: it holds two files open, and by
    itself would be closed when cyclic garbage is collected.
    """

    def __init__(self, path: Path) -> None:
        self.connection = sqlite3.connect(
            path, timeout=30, isolation_level=None, check_same_thread=False
        )
        self.connection.execute("PRAGMA journal_mode=WAL")
        self.connection.execute("PRAGMA synchronous=FULL")
        self.connection.execute("PRAGMA foreign_keys=ON")

    def __del__(self) -> None:
        with suppress(AttributeError):  # it could not be opened
            self.connection.close()


class Database:
    """Any number of reading threads and processes, one writing process.

    Raises:
        StoreError: from every method, when the file is damaged, full, locked or not ours.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / "store.sqlite3"
        self._threads = threading.local()
        self._opened: WeakSet[_Opened] = WeakSet()
        self._writing = threading.RLock()
        self._lock = FileLock(folder / "writer.lock", thread_local=False)
        self._switching = threading.Lock()
        self._switch_lock = FileLock(folder / "switch.lock", thread_local=False)
        self._note = folder / "writer.json"
        with self._errors():
            folder.mkdir(parents=True, exist_ok=True)
            self._create()

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
            remedy = "check the space and permissions of the folder"
            raise StoreError(self.path.parent, reason_of(error), remedy) from error

    def _connection(self) -> Connection:
        opened: _Opened | None = getattr(self._threads, "opened", None)
        if opened is None:
            opened = self._threads.opened = _Opened(self.path)
            self._opened.add(opened)
        return opened.connection

    def _create(self) -> None:
        if self._format() == FORMAT:
            return
        with self.writing(), self.transaction() as connection:
            found = self._format()
            scripts = [_TABLES] if found == 0 else [_UPGRADES[n] for n in range(found, FORMAT)]
            for script in scripts:
                for statement in _statements(script.read_text(encoding="utf-8")):
                    connection.execute(statement)
            connection.execute("INSERT OR REPLACE INTO meta VALUES ('schema', ?)", (str(FORMAT),))
            connection.execute("INSERT OR IGNORE INTO meta VALUES ('generation', '0')")

    def _format(self) -> int:
        """The format of the file; 0 where it has no tables yet."""
        find = "SELECT 1 FROM sqlite_master WHERE name = 'meta'"
        if self._connection().execute(find).fetchone() is None:
            return 0
        version = int(self.meta("schema") or 0)
        if not 1 <= version <= FORMAT:
            raise StoreError(
                self.path,
                f"the index has format {version}, this program knows those up to {FORMAT}",
                f"use a newer program, or move {self.path.parent} away and run `assistant sync`",
            )
        return version

    def close(self) -> None:
        """Closes the connections of all threads."""
        for opened in list(self._opened):
            opened.connection.close()
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
        """The rows of a SELECT."""
        with self._errors():
            return self._connection().execute(sql, parameters).fetchall()

    def rows_among(
        self, sql: str, keys: Sequence[Any], *parameters: Any
    ) -> Iterator[tuple[Any, ...]]:
        """The rows of a SELECT with ``IN ({})`` for any number of keys, after its parameters."""
        for start in range(0, len(keys), MOST_KEYS):
            some = keys[start : start + MOST_KEYS]
            yield from self.rows(sql.format(",".join("?" * len(some))), [*parameters, *some])

    @contextmanager
    def writing(self, waiting: ShowWaiting | None = None) -> Iterator[None]:
        """Makes this thread the one writer; waits for another, saying how far that one is."""
        with self._writing, self._held(self._lock, waiting):
            yield

    @contextmanager
    def switching(self, waiting: ShowWaiting | None = None) -> Iterator[None]:
        """Makes this thread the one that makes another model's vectors; others write meanwhile."""
        with self._switching, self._held(self._switch_lock, waiting):
            yield

    @contextmanager
    def _held(self, lock: FileLock, waiting: ShowWaiting | None) -> Iterator[None]:
        while True:
            try:
                lock.acquire(timeout=0.5)
                break
            except Timeout:
                if waiting is not None:
                    waiting(self._writer())
        try:
            yield
        finally:
            lock.release()

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
    def transaction(self) -> Iterator[Connection]:
        """All or nothing of what is written inside; for one thread of the writing process."""
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

    def set_meta(self, key: str, value: str) -> None:
        """Keeps a small fact, durably."""
        with self.transaction() as connection:
            connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))

    def meta(self, key: str) -> str | None:
        """A small fact kept with `set_meta`."""
        rows = self.rows("SELECT value FROM meta WHERE key = ?", (key,))
        return str(rows[0][0]) if rows else None

    def forget_chroma(self) -> None:
        """Forgets what it was told of Chroma's folder: another machine does not have that."""
        with self.transaction() as connection:
            connection.execute("DELETE FROM meta WHERE key = ?", (CHROMA,))

    def copy_to(self, path: Path) -> None:
        """Writes one moment of the database, without its free space, to a new file; others may
        read and write meanwhile.
        """
        with self._errors():
            self._connection().execute("VACUUM INTO ?", (str(path),))

    def schema(self) -> dict[str, str]:
        """Names of the tables and indexes, and what triggers, views and virtual tables do.

        Of plain tables only the name: an upgraded file has the same columns, written otherwise.
        """
        rows = self.rows("SELECT type, name, sql FROM sqlite_master ORDER BY name")
        does = {f"{kind} {name}": " ".join(str(sql or "").split()) for kind, name, sql in rows}
        plain = ("table", "index")
        return {
            key: "" if key.startswith(plain) and " VIRTUAL " not in f" {sql} " else sql
            for key, sql in does.items()
        }

    def generation(self) -> int:
        """Counts the committed changes, of all processes."""
        return int(self.meta("generation") or 0)

    def cached(self, compute: Callable[P, Value], size: int = 1) -> Callable[P, Value]:
        """The function with its last `size` values cached for one generation; any thread.

        Two threads that ask for the same new value at once may both compute it.
        """

        def key(*args: Hashable) -> Hashable:
            return self.generation(), args

        # An LRUCache is not safe to use from two threads, not even to read.
        return cached(LRUCache(size), key, threading.Lock())(compute)


def _statements(script: str) -> Iterator[str]:
    """The statements of a script one by one: `executescript` would commit the transaction."""
    statement = ""
    for line in script.splitlines():
        statement += line + "\n"
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
