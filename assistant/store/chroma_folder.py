"""Where Chroma's files lie: owned by one process at a time, and opened only as they were left.

A Chroma folder is torn by a kill during its persist, and opening a torn one can crash the process
or lose vectors in silence (measured). So no folder is opened that was not left whole:

- before Chroma may write (and it writes when it is opened), the store is told that the folder is
  open; afterwards it is told the digest of every file in it;
- a folder that is still marked open, or whose files differ by a byte, is thrown away, and Chroma
  is rebuilt in a new one.
"""

import json
import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from hashlib import blake2b, file_digest
from pathlib import Path
from uuid import uuid4

from filelock import FileLock, Timeout

from assistant.errors import StoreError, os_errors
from assistant.store.database import CHROMA, Database


@dataclass(frozen=True)
class State:
    """What the store is told of the folder."""

    folder: str
    """Its name among Chroma's folders."""
    model: str
    """Fingerprint of the model whose vectors it holds."""
    deleted: int
    """Rows deleted since the folder was made; their space is not reclaimed."""
    generation: int
    """That of the store when it had all passages."""
    highest: int = 0
    """Passages up to this number are in it, as far as they have vectors."""
    open: bool = True
    """Chroma may be writing, or was when its process was killed."""
    files: Mapping[str, str] = field(default_factory=dict)
    """Digests of the files as they were left, by name."""


class ChromaFolder:
    """The folder in which Chroma's folders are made. Only who owns it may change anything."""

    def __init__(self, database: Database, path: Path) -> None:
        self.path = path
        self._database = database
        self._lock = FileLock(path.with_suffix(".lock"), thread_local=False)

    @property
    def owned(self) -> bool:
        """Whether this process owns it."""
        return bool(self._lock.is_locked)

    def own(self) -> bool:
        """Makes this process the owner, until `release`; False while another process is."""
        remedy = "check the permissions of the data folder"
        # Timeout is an OSError, too.
        with os_errors(StoreError, self.path, remedy), suppress(Timeout):
            if not self.owned:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                self._lock.acquire(timeout=0)
        return self.owned

    def release(self) -> None:
        """Lets another process own it."""
        self._lock.release()

    def state(self) -> State | None:
        """What the store was told last."""
        text = self._database.meta(CHROMA)
        return None if text is None else State(**json.loads(text))

    def mark_open(self, state: State) -> None:
        """Tells the store that Chroma may write to a folder from now on."""
        self._save(replace(state, open=True, files={}))

    def mark_whole(self, state: State) -> None:
        """Tells the store that a folder is whole, as its files are now."""
        self._save(replace(state, open=False, files=_digests(self.path / state.folder)))

    def is_whole(self, state: State) -> bool:
        """Whether a folder is as it was left."""
        known = not state.open and bool(state.files)
        return known and state.files == _digests(self.path / state.folder)

    def problem(self) -> str:
        """What is wrong with the folder as it lies on disk; empty, when all is well."""
        state = self.state()
        if state is None or self.is_whole(state):
            return ""
        if not state.open:
            return "its files are not as they were left"
        return "" if self.owned else "was not closed by the process that wrote it"

    def new(self) -> str:
        """Makes a folder; returns its name, which none had before: Chroma may hold an old client of
        a path in its cache.
        """
        name = uuid4().hex[:12]
        (self.path / name).mkdir(parents=True)
        return name

    def remove_others(self, current: str) -> None:
        """Removes all folders but one."""
        for path in self.path.glob("*"):
            if path.name != current:
                shutil.rmtree(path, ignore_errors=True)

    def _save(self, state: State) -> None:
        self._database.set_meta(CHROMA, json.dumps(asdict(state)))


def _digests(folder: Path) -> dict[str, str]:
    """A digest of every file below the folder, by name."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            with path.open("rb") as file:
                digest = file_digest(file, partial(blake2b, digest_size=16))
            found[path.relative_to(folder).as_posix()] = digest.hexdigest()
    return found
