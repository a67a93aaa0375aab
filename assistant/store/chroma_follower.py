"""Chroma kept in step with the store, while questions go on.

Chroma is derived from the store, disposable, and owned by one process at a time. It holds the
vectors of the model that the store names, and is rebuilt when that changes. What was removed is
deleted from it and what is new is added, in the background: `VectorIndex` scans what it lacks, and
a search never waits for it, nor fails because of it.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from assistant.errors import StoreError
from assistant.schema import Progress, ShowProgress
from assistant.store.chroma import Collection, failures
from assistant.store.chroma_folder import ChromaFolder, State
from assistant.store.embeddings import Embeddings

PAGE = 20_000
"""Vectors read from the store at once, to be given to Chroma: 30 MB."""

WORTH = 10_000
"""Passages that Chroma lacks from which a short-lived process brings it up to date: opening it
takes 1.5 s, an exact scan of so many 0.25 ms."""

MAX_DEAD = 0.5
"""Deleted to live rows above which Chroma is rebuilt: it never reclaims deleted rows' space."""

_UNFINISHED = -1
"""Generation of a folder that was closed before it had all."""


@dataclass(frozen=True)
class Followed:
    """An open collection, and how far it has followed the store."""

    collection: Collection
    state: State
    numbers: NDArray[np.int64]
    """The passages that it holds, ascending."""

    @property
    def highest(self) -> int:
        """The highest number that it holds; 0 without any."""
        return int(self.numbers[-1]) if len(self.numbers) else 0


class ChromaFollower:
    """Chroma's collection of one store; any thread.

    One thread at a time follows the store, or closes: it holds `_following`, and it alone writes
    what the store is told of the folder. Threads that search take `current` as it is, and wait for
    nothing.
    """

    def __init__(self, embeddings: Embeddings, folder: Path) -> None:
        self.embeddings = embeddings
        self._database = embeddings.database
        self._folder = ChromaFolder(embeddings.database, folder)
        self._following = threading.Lock()
        self._followed: Followed | None = None
        self._failed: set[str] = set()
        """Names of folders that could not be searched."""
        self._starting = threading.Lock()
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def current(self) -> Followed | None:
        """The collection to be searched; None where another process owns Chroma, nothing is there
        yet, or it is being rebuilt.
        """
        followed = self._followed
        return None if followed is None or followed.state.folder in self._failed else followed

    def nearest(
        self, followed: Followed, vector: NDArray[np.float32], limit: int
    ) -> list[tuple[int, float]] | None:
        """(passage number, cosine) of about the nearest passages; some may be gone.

        None where Chroma fails: whatever is wrong with it, it is rebuilt in the background.
        """
        try:
            return followed.collection.nearest(vector, limit)
        except failures():
            self._failed.add(followed.state.folder)
            self.follow_in_background()
            return None

    def follow(self, progress: ShowProgress | None = None) -> bool:
        """Brings Chroma up to the store; False when another process owns it.

        Returns at once when there is nothing to do. The owner keeps it until `close`, which ends
        it early: the next one goes on there. Killed, the folder is rebuilt.

        Raises:
            StoreError: Chroma's folder cannot be written.
        """
        with self._following:
            if self._closing.is_set() or not self._folder.own():
                return False
            with self._errors():
                self._follow(progress)
            return True

    def keep_up(self, generation: int) -> None:
        """Follows in the background where this process owns Chroma and it is behind the store."""
        followed = self._followed
        if followed and not (self.current and followed.state.generation == generation):
            self.follow_in_background()

    def catch_up(self, progress: ShowProgress | None = None) -> None:
        """Follows in the background where this process owns Chroma, at once where that lacks
        `WORTH` passages, else not: whoever serves questions does it then.

        Raises:
            StoreError: Chroma's folder cannot be written.
        """
        if self._folder.owned:
            self.follow_in_background()
            return
        state, model = self._folder.state(), self.embeddings.answering_fingerprint()
        highest = state.highest if state is not None and state.model == model else 0
        if int(np.count_nonzero(self.embeddings.numbers() > highest)) >= WORTH:
            self.follow(progress)

    def follow_in_background(self) -> None:
        """Starts `follow` in a thread, unless one is at it; questions go on meanwhile."""
        with self._starting:
            if self._closing.is_set() or (self._thread is not None and self._thread.is_alive()):
                return
            self._thread = threading.Thread(target=self._try_to_follow, name="follow", daemon=True)
            self._thread.start()

    def _try_to_follow(self) -> None:
        with suppress(StoreError):  # the exact scan answers; the next commit tries again
            self.follow()

    def repair(self) -> list[str] | None:
        """Rebuilds what is not as it was left; what was wrong, None if another process owns it.

        Raises:
            StoreError: Chroma's folder cannot be written.
        """
        with self._following, self._errors():
            problem = self._folder.problem()
        found = [problem] if problem else []
        return found if self.follow() else None

    def close(self) -> None:
        """Ends what is done in the background, then lets another process own Chroma."""
        with self._starting:
            self._closing.set()
        if self._thread is not None:
            self._thread.join()
        with self._following:
            followed, self._followed = self._followed, None
            try:
                if followed is not None:
                    self._close(followed)
            finally:
                self._folder.release()

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """Turns Chroma's exceptions and the disk's into ours; the folder stays marked open."""
        try:
            yield
        except failures() as error:
            self._followed = None
            reason = " ".join(str(error).split())[:200]
            remedy = "questions are answered without it; check the space on the disk"
            raise StoreError(self._folder.path, reason, remedy) from error

    def _follow(self, progress: ShowProgress | None) -> None:
        followed = self._followed or self._reopened()
        if followed is not None and followed.state.folder in self._failed:
            self._followed = None
            self._close(followed)
            followed = None
        if followed is None or followed.state.generation != self._database.generation():
            followed = self._brought_up(followed, progress)
            self._folder.remove_others(followed.state.folder)
        self._followed = followed

    def _reopened(self) -> Followed | None:
        """The collection as it was left; None when there is none, or it is not whole."""
        state, model = self._folder.state(), self.embeddings.answering_fingerprint()
        if state is None or state.model != model or not self._folder.is_whole(state):
            return None
        self._folder.mark_open(state)
        collection = Collection(self._folder.path / state.folder)
        numbers = collection.numbers()
        self._folder.mark_whole(state)
        return Followed(collection, state, numbers)

    def _close(self, followed: Followed) -> None:
        """Closes a collection, and takes the digests of its files again, as closing may write."""
        if followed.state.folder in self._failed:
            self._folder.mark_open(followed.state)
            with suppress(*failures()):
                followed.collection.close()
            return
        state = self._folder.state()
        whole = state is not None and not state.open and state.folder == followed.state.folder
        if whole:
            self._folder.mark_open(followed.state)
        followed.collection.close()
        if whole:
            self._folder.mark_whole(followed.state)

    def _brought_up(self, followed: Followed | None, progress: ShowProgress | None) -> Followed:
        """Deletes what is gone, adds what is new; in a new folder if need be."""
        with self._database.snapshot():
            generation = self._database.generation()
            model, live = self.embeddings.answering_fingerprint(), self.embeddings.numbers()
        followed = followed or self._new(model)
        there = np.isin(followed.numbers, live)
        gone, kept = followed.numbers[~there], followed.numbers[there]
        deleted = followed.state.deleted + len(gone)
        if followed.state.model != model or deleted > MAX_DEAD * max(len(live), 1):
            self._followed = None
            self._close(followed)
            return self._brought_up(None, progress)
        newest = int(live[-1]) if len(live) else 0
        state = replace(followed.state, deleted=deleted, generation=_UNFINISHED, highest=newest)
        self._folder.mark_open(state)
        followed.collection.delete(gone)
        lacking = int(np.count_nonzero(live > followed.highest))
        numbers = np.concatenate([kept, *self._added(followed, model, lacking, progress)])
        brought = replace(followed, numbers=numbers)
        if self._closing.is_set():
            state = replace(state, highest=brought.highest)
        else:
            highest = max(brought.highest, newest)
            state = replace(state, generation=generation, highest=highest)
        self._folder.mark_whole(state)
        return replace(brought, state=state)

    def _new(self, model: str) -> Followed:
        """An empty collection in a new folder."""
        state = State(self._folder.new(), model, deleted=0, generation=_UNFINISHED)
        self._folder.mark_open(state)
        collection = Collection(self._folder.path / state.folder)
        return Followed(collection, state, np.zeros(0, dtype=np.int64))

    def _added(
        self, followed: Followed, model: str, lacking: int, progress: ShowProgress | None
    ) -> Iterator[NDArray[np.int64]]:
        """Adds the vectors of later passages to a collection, about `lacking` of them, until
        `close`: the numbers of each batch once it is there.
        """
        above, done = followed.highest, 0
        while not self._closing.is_set() and len(
            (page := self.embeddings.vectors(model, above, PAGE))[0]
        ):
            for numbers in followed.collection.add(*page):
                yield numbers
                done, above = done + len(numbers), int(numbers[-1])
                if progress is not None:
                    progress(Progress(done, max(lacking, done), "passages in the vector index"))
                if self._closing.is_set():
                    return
