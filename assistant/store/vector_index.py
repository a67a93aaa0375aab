"""Nearest neighbours: the only door to Chroma, and the exact scan for what Chroma does not have.

Chroma is derived from the store, disposable, and owned by one process at a time. A Chroma folder
is torn by a kill during its persist, and opening a torn one can crash the process or lose vectors
in silence (measured). So this module never opens a folder that it did not itself leave whole:

- before Chroma may write (and it writes when it is opened), the store is told that the folder is
  open; afterwards it is told the digest of every file in it;
- a folder that is still marked open, or whose files differ by a byte, is thrown away and built
  anew from the store's vectors in a new folder, while questions are answered by exact scan.

What was committed after Chroma last followed are the passages with higher numbers: those are
scanned exactly. What was removed is still in Chroma until it follows: `search` asks for as many
more, and its caller drops the numbers that are no longer in the store.

Chroma holds the vectors of the model that the store names, and starts anew when that changes.
"""

import json
import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import numpy as np
from filelock import FileLock, Timeout
from numpy.typing import NDArray

from assistant.errors import StoreError
from assistant.models.embedding import Vectors
from assistant.schema import Progress
from assistant.store.store import Store

if TYPE_CHECKING:
    from chromadb.api import ClientAPI
    from chromadb.api.models.Collection import Collection

BATCH = 100
"""Rows per call. A question waits for the call at work: half of them 0.1 s, 1.3 s with 2,000 rows,
which build no more than a seventh faster."""

PAGE = 20_000
"""Vectors read from the store at once, to be given to Chroma: 30 MB."""

WORTH = 10_000
"""Passages that Chroma lacks from which a short-lived process brings it up to date: opening it
takes 1.5 s, an exact scan of so many 0.25 ms."""

MAX_DEAD = 0.5
"""Deleted to live rows above which the folder is built anew: Chroma never reclaims deletes."""

STATE = "chroma"
"""Key of what the store is told of Chroma's folder."""
_HNSW = {"space": "cosine", "ef_construction": 200, "ef_search": 400, "max_neighbors": 32}
"""Recall@10 0.998 of 639 questions on 44,761 real news passages. Twice the ef_construction gives
0.0011 more and takes twice as long to build, half of it loses 0.0008; eval/LOG.md, 2026-11-26."""

_UNFINISHED = -1
"""Generation of a folder that was closed before it had all."""


@dataclass(frozen=True)
class _Scan:
    """Vectors held in memory and scanned whole: 0.25 ms for 10,000, 8 ms for 100,000."""

    model: str
    numbers: NDArray[np.int64]
    matrix: Vectors

    def nearest(self, vector: Vectors, limit: int) -> list[tuple[int, float]]:
        if not len(self.numbers):
            return []
        scores = self.matrix @ vector
        best = np.argpartition(-scores, min(limit, len(scores)) - 1)[:limit]
        return [(int(self.numbers[i]), float(scores[i])) for i in best]


@dataclass(frozen=True)
class _Followed:
    """A Chroma collection and how far it has followed the store."""

    client: "ClientAPI"
    collection: "Collection"
    folder: str
    model: str
    numbers: NDArray[np.int64]
    """What it holds, ascending."""
    deleted: int
    """Rows deleted since the folder was made; their space is not reclaimed."""
    generation: int

    @property
    def highest(self) -> int:
        return int(self.numbers[-1]) if len(self.numbers) else 0


class VectorIndex:
    """The vectors of one store. Threads may search at once.

    Args:
        folder: where Chroma's folders go.
    """

    def __init__(self, store: Store, folder: Path) -> None:
        self._store = store
        self._folder = folder
        self._owner = FileLock(folder.with_suffix(".lock"), thread_local=False)
        self._owned = False
        self._closing = threading.Event()
        self._following = threading.Lock()
        self._refreshing = threading.Lock()
        self._followed: _Followed | None = None
        self._seen: tuple[int, int] = (-1, -1)
        self._scan = _Scan("", np.zeros(0, dtype=np.int64), np.zeros((0, 0), dtype=np.float32))
        self._dead = 0
        self._thread: threading.Thread | None = None

    # ---- search -----------------------------------------------------------------------------

    def search(self, vector: Vectors, limit: int, model: str) -> list[tuple[int, float]]:
        """(passage number, cosine) of the nearest passages, best first, at least `limit` live ones.

        Sees every article committed before the call, by whichever process. May contain numbers
        of passages that are gone.

        Args:
            vector: one unit vector, shape (dimension,).
            model: fingerprint of the model that made it. If it is not the one that answers, what
                there is of its vectors is scanned.
        """
        followed, scan, dead = self._current()
        if model != scan.model:
            return self._scan_of(model).nearest(vector, limit)
        found = dict(scan.nearest(vector, limit))
        if followed is not None and len(followed.numbers):
            wanted = min(limit + dead, len(followed.numbers))
            found.update(self._ask_chroma(followed, vector, wanted))
        ranked = sorted(found.items(), key=lambda item: (-item[1], item[0]))
        return ranked[: limit + dead]

    def cosines(self, vector: Vectors, numbers: Sequence[int], model: str) -> dict[int, float]:
        """Exact cosines of these passages, those that have a vector.

        Args:
            vector: one unit vector, shape (dimension,), of this model.
        """
        known, matrix = self._store.vectors_of(model, numbers)
        return dict(zip(known, (matrix @ vector).tolist(), strict=True)) if known else {}

    def _current(self) -> tuple[_Followed | None, _Scan, int]:
        """The parts to search, brought up to the store's generation."""
        with self._refreshing, self._store.snapshot():
            generation = self._store.generation()
            model = self._scan.model
            if self._seen[0] != generation:
                model = self._answering()
            owned = self._followed
            followed = owned if owned and owned.model == model else None
            highest = followed.highest if followed else 0
            if self._seen != (generation, highest):
                live = self._store.numbers()
                self._scan = self._refreshed(model, live, highest)
                old = int(np.searchsorted(live, highest, side="right")) if followed else 0
                self._dead = (len(followed.numbers) - old) if followed else 0
                self._seen = (generation, highest)
            behind = owned is not None and owned.generation != generation
            state = followed, self._scan, self._dead
        if behind:
            self.follow_in_background()
        return state

    def _answering(self) -> str:
        """Fingerprint of the model whose vectors are searched; empty before the first article."""
        model = self._store.answering_model()
        return model.fingerprint if model else ""

    def _scan_of(self, model: str, above: int = 0) -> _Scan:
        return _Scan(model, *self._store.vectors(model, above))

    def _refreshed(self, model: str, live: NDArray[np.int64], highest: int) -> _Scan:
        """The scan of the live passages above `highest`, reusing what is in memory."""
        scan = self._scan
        keep = np.isin(scan.numbers, live) & (scan.numbers > highest)
        lowest = int(scan.numbers[0]) if len(scan.numbers) and scan.model == model else None
        if lowest is None or bool(np.any((live > highest) & (live < lowest))):
            return self._scan_of(model, highest)
        newer, matrix = self._store.vectors(model, above=int(scan.numbers[-1]))
        if not len(newer):
            return _Scan(model, scan.numbers[keep], scan.matrix[keep])
        return _Scan(
            model,
            np.concatenate([scan.numbers[keep], newer]),
            np.vstack([scan.matrix[keep], matrix]),
        )

    def _ask_chroma(
        self, followed: _Followed, vector: Vectors, wanted: int
    ) -> list[tuple[int, float]]:
        from chromadb.errors import ChromaError

        try:
            result = followed.collection.query(
                query_embeddings=[vector.tolist()], n_results=wanted, include=["distances"]
            )
        except (ChromaError, RuntimeError, ValueError):
            # Whatever is wrong with it, the store has the vectors: scan them, build it anew.
            with self._refreshing:
                self._followed = None
            self._mark_open(followed)
            self.follow_in_background()
            return self._scan_of(followed.model).nearest(vector, wanted)
        distances = (result["distances"] or [[]])[0]
        return [(int(i), 1.0 - float(d)) for i, d in zip(result["ids"][0], distances, strict=True)]

    # ---- following --------------------------------------------------------------------------

    @property
    def following(self) -> bool:
        """True while this process owns Chroma and searches it."""
        return self._followed is not None

    def follow(self, progress: Callable[[Progress], None] | None = None) -> bool:
        """Brings Chroma up to the store; False when another process owns it.

        Returns at once when there is nothing to do. The owner keeps it until `close`, which ends
        it early: the next one goes on there. Killed, the folder is built anew.

        Args:
            progress: told after each batch that was added.

        Raises:
            StoreError: Chroma's folder cannot be written.
        """
        with self._following:
            if not self._own():
                return False
            with self._errors():
                followed = self._followed or self._reopened()
                if followed is None or followed.generation != self._store.generation():
                    followed = self._brought_up(followed, progress)
                    self._remove_other_folders(followed.folder)
            with self._refreshing:
                self._followed = followed
            return True

    def catch_up(self, progress: Callable[[Progress], None] | None = None) -> None:
        """Brings Chroma up to the store in the background where this process owns it, at once where
        it lacks `WORTH` passages, else not: whoever serves questions does it then.

        Raises:
            StoreError: Chroma's folder cannot be written.
        """
        if self._owned:
            self.follow_in_background()
            return
        state = self._state()
        fresh = state is not None and state["model"] == self._answering()
        highest = state.get("highest", 0) if state is not None and fresh else 0
        if int(np.count_nonzero(self._store.numbers() > highest)) >= WORTH:
            self.follow(progress)

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """Turns Chroma's exceptions and the disk's into ours; the folder stays marked open."""
        from chromadb.errors import ChromaError

        try:
            yield
        except (ChromaError, RuntimeError, ValueError, OSError) as error:
            with self._refreshing:
                self._followed = None
            reason = " ".join(str(error).split())[:200]
            remedy = "questions are answered without it; check the space on the disk"
            raise StoreError(self._folder, reason, remedy) from error

    def follow_in_background(self) -> None:
        """Starts `follow` in a thread, unless one is at it; questions go on meanwhile."""
        if self._thread is not None and self._thread.is_alive():
            return
        self._thread = threading.Thread(target=self._try_to_follow, name="follow", daemon=True)
        self._thread.start()

    def _try_to_follow(self) -> None:
        with suppress(StoreError):  # the exact scan answers; the next question tries again
            self.follow()

    def close(self) -> None:
        """Ends what is done in the background, then lets another process own Chroma."""
        self._closing.set()
        if self._thread is not None:
            self._thread.join()
        with self._following:
            with self._refreshing:
                followed, self._followed = self._followed, None
            if followed is not None:
                self._close(followed)
            if self._owned:
                self._owner.release()
                self._owned = False

    def check(self) -> list[str]:
        """What is wrong with Chroma as it lies on disk; nothing, when all is well."""
        state = self._state()
        if state is None:
            return []
        if state["open"] and not self._owned and not self._taken():
            return ["was not closed by the process that wrote it"]
        if not state["open"] and state["files"] != _digests(self._folder / state["folder"]):
            return ["its files are not as they were left"]
        return []

    def _taken(self) -> bool:
        """True when a living process owns Chroma."""
        try:
            self._owner.acquire(timeout=0)
        except Timeout:
            return True
        self._owner.release()
        return False

    def _own(self) -> bool:
        if not self._owned:
            try:
                self._folder.parent.mkdir(parents=True, exist_ok=True)
                self._owner.acquire(timeout=0)
            except Timeout:
                return False
            self._owned = True
        return True

    def _state(self) -> dict[str, Any] | None:
        text = self._store.meta(STATE)
        return None if text is None else json.loads(text)

    def _reopened(self) -> _Followed | None:
        """The folder as it was left; None when there is none, or it is not whole."""
        state = self._state()
        if state is None or state["open"] or state["model"] != self._answering():
            return None
        folder = self._folder / state["folder"]
        if not state["files"] or state["files"] != _digests(folder):
            return None
        self._save(state | {"open": True})
        client, collection = _open_collection(folder)
        numbers = np.sort(np.array(collection.get(include=[])["ids"], dtype=np.int64))
        self._save(state | {"files": _digests(folder)})
        return _Followed(
            client, collection, state["folder"], state["model"], numbers, state["deleted"],
            state["generation"],
        )  # fmt: skip

    def _close(self, followed: _Followed) -> None:
        """Closes a folder and takes its digests again, as closing may write.

        A client that is not closed stays in Chroma's cache, and the next one of this process for
        the same path would answer from it, whatever happened to the files since.
        """
        state = self._state()
        whole = state is not None and state["folder"] == followed.folder and not state["open"]
        if state is not None and whole:
            self._save(state | {"open": True})
        followed.client.close()  # type: ignore[attr-defined]
        if state is not None and whole:
            self._save(state | {"files": _digests(self._folder / followed.folder)})

    def _brought_up(
        self, followed: _Followed | None, progress: Callable[[Progress], None] | None = None
    ) -> _Followed:
        """Deletes what is gone, adds what is new; in a new folder if need be."""
        with self._store.snapshot():
            generation, model = self._store.generation(), self._answering()
            live = self._store.numbers()
        gone = followed.numbers[~np.isin(followed.numbers, live)] if followed else live[:0]
        deleted = (followed.deleted if followed else 0) + len(gone)
        useless = deleted > MAX_DEAD * max(len(live), 1)
        if followed is not None and (useless or followed.model != model):
            with self._refreshing:
                self._followed = None
            self._close(followed)
            return self._brought_up(None, progress)
        folder = followed.folder if followed else self._new_folder()
        kept = followed.numbers[np.isin(followed.numbers, live)] if followed else live[:0]
        newest = int(live[-1]) if len(live) else 0
        state: dict[str, Any] = {
            "folder": folder, "model": model, "deleted": deleted, "generation": _UNFINISHED,
            "highest": newest,
        }  # fmt: skip
        with self._sealed(state):
            client, collection = (
                (followed.client, followed.collection)
                if followed
                else _open_collection(self._folder / folder)
            )
            for ids in _batches(gone):
                collection.delete(ids=[str(number) for number in ids])
            above = followed.highest if followed else 0
            done, total, parts = 0, int(np.count_nonzero(live > above)), [kept]
            for ids in self._given(collection, model, above):
                parts.append(ids)
                done += len(ids)
                if progress is not None:
                    progress(Progress(done, max(total, done), "passages in the vector index"))
            numbers = np.concatenate(parts)
            highest = int(numbers[-1]) if len(numbers) else 0
            if not self._closing.is_set():
                state["generation"] = generation
                highest = max(highest, newest)
            state["highest"] = highest
        return _Followed(client, collection, folder, model, numbers, deleted, state["generation"])

    def _given(
        self, collection: "Collection", model: str, above: int
    ) -> Iterator[NDArray[np.int64]]:
        """Adds the vectors of passages above a number to Chroma, until `close`: those of each batch
        once it is there.
        """
        while len((page := self._store.vectors(model, above, PAGE))[0]):
            numbers, matrix = page
            for ids, vectors in zip(_batches(numbers), _batches(matrix), strict=True):
                if self._closing.is_set():
                    return
                collection.add(ids=[str(number) for number in ids], embeddings=vectors)
                yield ids
            above = int(numbers[-1])

    @contextmanager
    def _sealed(self, state: dict[str, Any]) -> Iterator[None]:
        """Marks the folder open; afterwards, and only if all went well, whole.

        Args:
            state: what is kept about the folder; it may be changed inside.
        """
        self._save(state | {"open": True, "files": {}})
        yield
        files = _digests(self._folder / state["folder"])
        self._save(state | {"open": False, "files": files})

    def _mark_open(self, followed: _Followed) -> None:
        state = self._state() or {}
        if state.get("folder") == followed.folder:
            self._save(state | {"open": True})

    def _save(self, state: dict[str, Any]) -> None:
        self._store.set_meta(STATE, json.dumps(state))

    def _new_folder(self) -> str:
        # Never a name used before: Chroma may hold an old client of that path in its cache.
        name = uuid4().hex[:12]
        (self._folder / name).mkdir(parents=True)
        return name

    def _remove_other_folders(self, current: str) -> None:
        for path in self._folder.glob("*"):
            if path.name != current:
                shutil.rmtree(path, ignore_errors=True)


def _open_collection(folder: Path) -> tuple["ClientAPI", "Collection"]:
    import chromadb
    from chromadb.config import Settings

    client = chromadb.PersistentClient(str(folder), settings=Settings(anonymized_telemetry=False))
    # No embedding function: vectors come from the store, and Chroma must load no model of its own.
    collection = client.get_or_create_collection(
        "passages",
        embedding_function=None,
        configuration={"hnsw": _HNSW},  # type: ignore[arg-type]
    )
    return client, collection


def _batches(rows: NDArray[Any]) -> Iterator[NDArray[Any]]:
    for start in range(0, len(rows), BATCH):
        yield rows[start : start + BATCH]


def _digests(folder: Path) -> dict[str, str]:
    """A digest of every file below the folder, by name."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            digest = blake2b(digest_size=16)
            with path.open("rb") as file:
                while block := file.read(1 << 20):
                    digest.update(block)
            found[path.relative_to(folder).as_posix()] = digest.hexdigest()
    return found
