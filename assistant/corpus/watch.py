"""Follows the corpus folder until it is stopped; the adapter of watchfiles."""

from collections.abc import Iterator
from pathlib import Path

from assistant.corpus.ingestion import Ingestion
from assistant.corpus.pace import Pace
from assistant.corpus.plan import Change, Plan
from assistant.errors import CorpusError, Stopped, StoreError

QUIET = 400
"""Milliseconds without a change after which files are taken for whole: copying a file and saving
one in an editor are many changes."""

_LONGEST_GATHERING = 10_000
"""Milliseconds after which changes are looked at although they go on."""

_TICK = 1_000
"""Milliseconds in which a folder that has vanished is noticed."""

_SWEEP = 60
"""Quiet ticks after which the folder is compared with the index all the same: the system drops
events when there are many at once, and sends none of what another machine changed."""


def watch(ingestion: Ingestion, pace: Pace, *, polling: bool = False) -> Iterator[Plan]:
    """Follows the corpus folder: a sync, then one each time that files have changed.

    A folder that vanishes is waited for: nothing in it counts as removed.

    Args:
        polling: looks at every file again and again, for folders on other machines.

    Yields:
        The plan of the first sync, then of those that did something. A file that fails is in one of
        them, until it is changed. `Plan.notes` tell that the folder has vanished or is back.

    Raises:
        CorpusError: the folder does not exist at first, or cannot be watched.
        StoreError: the index cannot be used, or has vanished with the folder.
    """
    watched = _Watched(ingestion, pace)
    try:
        yield watched.sync()
        while True:
            yield from watched.look(polling=polling)
            yield from watched.wait_for_folder()
    except Stopped:
        return


class _Watched:
    """The folder of a corpus while it is followed."""

    def __init__(self, ingestion: Ingestion, pace: Pace) -> None:
        self.ingestion = ingestion
        self.pace = pace
        self.corpus = ingestion.index.corpus
        self.root = self.corpus.root
        self.store = ingestion.index.store.path
        self.identity = _identity(self.root)
        self.store_identity = _identity(self.store)
        self.told: set[Change] = set()
        """The failures of the last sync."""

    def sync(self) -> Plan:
        """Makes the index hold what the folder holds; returns what it did, without the failures
        that were told before.
        """
        plan = self.ingestion.sync(None, self.pace.go_on, self.pace.wait_for_writer)
        # Of this sync only: a file that was repaired and is broken again is told again.
        told, self.told = self.told, set(plan.failures)
        changes = (c for c in plan.changes if c.kind != "failed" or c not in told)
        return Plan(tuple(changes), plan.notes)

    def look(self, *, polling: bool) -> Iterator[Plan]:
        """Indexes what changes in the folder, until the folder vanishes or is replaced."""
        quiet = 0
        for changed in self._changes(polling=polling):
            if _identity(self.root) != self.identity:
                return
            self._check_store()
            # The first time, too: what changed before the watching began is told by no event.
            if not changed and quiet % _SWEEP:
                quiet += 1
                continue
            quiet = 1
            try:
                plan = self.sync()
            except (CorpusError, StoreError, OSError):
                if _identity(self.root) != self.identity:  # since this very moment
                    return
                raise
            if plan.failures or not plan.empty:
                yield plan
        self.pace.go_on()

    def wait_for_folder(self) -> Iterator[Plan]:
        """Waits for a folder that has vanished. An empty one in its place does not count: it may be
        the point where a disk was mounted.

        Raises:
            StoreError: the index has vanished with the folder.
        """
        told = False
        while _identity(self.root) != self.identity and self.corpus.is_empty():
            if not told:
                yield Plan((), (f"{self.root} is gone: nothing is removed, waiting for it",))
                told = True
            self.pace.wait(_TICK / 1000)
        self._check_store()
        self.identity = _identity(self.root)
        if told:
            yield Plan((), (f"{self.root} is back",))

    def _check_store(self) -> None:
        # What is open of a file that was deleted takes every change, and keeps none.
        if _identity(self.store) != self.store_identity:
            problem = "was replaced or deleted while the folder was followed"
            raise StoreError(self.store, problem, "run the command again")

    def _changes(self, *, polling: bool) -> Iterator[bool]:
        """At each change and each tick: whether a file changed that the corpus looks at.

        Raises:
            CorpusError: the folder cannot be watched.
        """
        import watchfiles

        watching = watchfiles.watch(
            self.root,
            watch_filter=None,
            step=QUIET,
            debounce=_LONGEST_GATHERING,
            rust_timeout=_TICK,
            yield_on_timeout=True,
            stop_event=self.pace.stop,
            force_polling=polling,
            poll_delay_ms=_TICK,
            ignore_permission_denied=True,
        )
        try:
            for changes in watching:
                yield any(self.corpus.looks_at(Path(path)) for _, path in changes)
        except FileNotFoundError:
            return
        except (OSError, RuntimeError) as error:  # what its Rust part raises is a RuntimeError
            problem = f"cannot be watched ({' '.join(str(error).split())})"
            raise CorpusError(self.root, problem, "watch it with --poll") from error


def _identity(path: Path) -> tuple[int, int] | None:
    """Device and inode, which tell a file from another one of its name; None if there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
