"""A whole corpus with its index into one file, to move it to another folder or machine."""

import io
import json
import os
import tarfile
import tempfile
from contextlib import ExitStack
from dataclasses import asdict
from functools import partial
from hashlib import blake2b, file_digest
from pathlib import Path
from typing import IO

from assistant.corpus.folder import Corpus
from assistant.corpus.transfer.manifest import (
    ARTICLES,
    FORMAT,
    MANIFEST,
    REMEDY,
    STORE,
    Entry,
    Transfer,
)
from assistant.errors import ArticleError, CorpusError, os_errors
from assistant.schema import Progress, ShowProgress
from assistant.store.store import Store


def export_corpus(
    corpus: Corpus, store: Store, target: Path, progress: ShowProgress | None = None
) -> Transfer:
    """Writes the archive; others may read and write the corpus meanwhile.

    Raises:
        CorpusError: the archive exists already, lies in the corpus, or cannot be written.
    """
    if target.exists():
        raise CorpusError(target, "is there already", "name another file, or delete it")
    if corpus.holds(target) is not None:
        raise CorpusError(target, "lies in the corpus itself", "name a file outside of it")
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    with os_errors(CorpusError, target, REMEDY), ExitStack() as undo:
        undo.callback(part.unlink, missing_ok=True)
        folder = undo.enter_context(tempfile.TemporaryDirectory(dir=store.path.parent))
        snapshot = Path(folder, STORE)
        # The index first: what is added after it is a new file to the next sync there.
        store.copy_to(snapshot)
        with part.open("wb") as file:
            files, left_out = _pack(corpus, snapshot, file, progress)
            file.flush()
            os.fsync(file.fileno())
        part.rename(target)
    articles, passages = store.catalogue.counts()
    return Transfer(str(target), files, articles, passages, target.stat().st_size, left_out)


def _pack(
    corpus: Corpus, snapshot: Path, file: IO[bytes], progress: ShowProgress | None
) -> tuple[int, tuple[str, ...]]:
    """Writes all members; returns how many article files, and which could not be read."""
    entries: dict[str, Entry] = {}
    found, closed = corpus.scan()
    left_out = [str(error) for error in closed]
    with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as archive:
        size = snapshot.stat().st_size
        with snapshot.open("rb") as source:
            entries[STORE] = Entry(size, _digest(source))
            source.seek(0)
            archive.addfile(_member(STORE, size), source)
        for done, seen in enumerate(found, start=1):
            try:
                content = corpus.content(seen.path)
            except ArticleError as error:
                left_out.append(str(error))
                continue
            stamp = corpus.stat(corpus.root / seen.path).stamp
            modified = int(stamp.partition(":")[2] or 0) if stamp == seen.stamp else 0
            entry = Entry(len(content), _digest(io.BytesIO(content)), modified)
            entries[ARTICLES + seen.path] = entry
            archive.addfile(_member(ARTICLES + seen.path, entry.size), io.BytesIO(content))
            if progress is not None:
                progress(Progress(done, len(found), "files"))
        files = {name: asdict(entry) for name, entry in entries.items()}
        manifest = json.dumps({"format": FORMAT, "files": files}, ensure_ascii=False)
        content = manifest.encode("utf-8", "surrogateescape")
        archive.addfile(_member(MANIFEST, len(content)), io.BytesIO(content))
    return len(entries) - 1, tuple(left_out)


def _digest(file: IO[bytes]) -> str:
    return file_digest(file, partial(blake2b, digest_size=16)).hexdigest()  # type: ignore[arg-type]


def _member(name: str, size: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.size, member.mode = size, 0o644
    return member
