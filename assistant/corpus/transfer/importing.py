"""A corpus folder and its data folder out of an exported archive: both whole, or none.

An archive may come from anybody. Nothing is written before all its names are looked at; it is
unpacked into a folder beside the wanted one, compared with its manifest, and only then renamed. It
is not compressed, so that it cannot unpack into more than its own size.
"""

import json
import os
import shutil
import tarfile
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from hashlib import blake2b
from pathlib import Path, PurePosixPath
from typing import Any

from filelock import FileLock, Timeout

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
from assistant.errors import CorpusError, StoreError, os_errors
from assistant.schema import Progress, ShowProgress
from assistant.store.chroma_folder import STATE
from assistant.store.store import Store

MAX_MANIFEST = 200 << 20
"""Bytes: room for a million files."""


def import_corpus(
    source: Path, corpus: Path, data: Path, progress: ShowProgress | None = None
) -> Transfer:
    """Makes a corpus folder and its data folder out of an archive: both whole, or none.

    Args:
        corpus: a folder that is empty or does not exist.
        data: likewise; it may lie inside `corpus`.

    Raises:
        CorpusError: a folder is not empty, another process imports into it, the archive is damaged,
            or is not one, or holds what no export writes, or the disk is full.
    """
    for folder in (corpus, data):
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise CorpusError(folder, "is not empty", "name a new folder with --corpus or --data")
    inside = data.is_relative_to(corpus)
    made = [corpus] if inside else [corpus, data]
    with os_errors(CorpusError, corpus, REMEDY), _alone(made), ExitStack() as undo:
        staged = _beside(corpus, undo)
        index = staged / data.relative_to(corpus) if inside else _beside(data, undo)
        index.mkdir(parents=True, exist_ok=True)
        with _opened(source) as archive:
            entries = _unpack(archive, source, staged, index, progress)
        counts = _settle(source, staged, index, entries)
        if hasattr(os, "sync"):
            os.sync()  # one for all files, before their folder gets its name
        if not inside:
            _rename(index, data)
            undo.callback(shutil.rmtree, data, ignore_errors=True)
        _rename(staged, corpus)
        undo.pop_all()
    return Transfer(str(corpus), len(entries) - 1, *counts, source.stat().st_size)


def _beginning(folder: Path) -> str:
    """How the names of the folders begin that an import fills before it renames them."""
    return f".{folder.absolute().name}.importing-"


@contextmanager
def _alone(folders: Sequence[Path]) -> Iterator[None]:
    """Keeps other imports away, and removes what killed ones have left."""
    corpus = folders[0]
    for folder in folders:
        folder.absolute().parent.mkdir(parents=True, exist_ok=True)
    path = corpus.absolute().parent / f"{_beginning(corpus)}lock"
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        problem = "another process is importing into it"
        raise CorpusError(corpus, problem, "wait until it is done") from None
    try:
        for folder in folders:
            for other in folder.absolute().parent.iterdir():
                if other.name.startswith(_beginning(folder)) and other.is_dir():
                    shutil.rmtree(other, ignore_errors=True)
        yield
    finally:
        lock.release()
        path.unlink(missing_ok=True)


def _beside(folder: Path, undo: ExitStack) -> Path:
    """A new folder on the same disk, which is removed again if anything fails."""
    made = Path(tempfile.mkdtemp(prefix=_beginning(folder), dir=folder.absolute().parent))
    undo.callback(shutil.rmtree, made, ignore_errors=True)
    made.chmod(0o755)
    return made


def _rename(staged: Path, wanted: Path) -> None:
    if wanted.exists():
        wanted.rmdir()  # it is empty; Windows does not rename over it
    staged.rename(wanted)


@contextmanager
def _opened(source: Path) -> Iterator[tarfile.TarFile]:
    try:
        with tarfile.open(source, mode="r:") as archive:
            yield archive
    except (tarfile.TarError, EOFError, ValueError, RecursionError) as error:
        raise _refused(source, f"is damaged, or not an archive ({error})") from error
    except FileNotFoundError as error:
        if error.filename != str(source):
            raise
        raise CorpusError(source, "there is no such file", "name an exported archive") from error


def _unpack(
    archive: tarfile.TarFile,
    source: Path,
    corpus: Path,
    data: Path,
    progress: ShowProgress | None,
) -> dict[str, Entry]:
    """Writes the files, and compares each with its entry in the manifest."""
    members = _members(archive, source)
    entries = _manifest(archive, members.pop(MANIFEST, None), source)
    if members.keys() != entries.keys() or STORE not in entries:
        raise _refused(source, "does not hold the files that its manifest names")
    for done, (name, entry) in enumerate(entries.items(), start=1):
        inside = name.removeprefix(ARTICLES)
        target = data / STORE if name == STORE else corpus / inside
        target.parent.mkdir(parents=True, exist_ok=True)
        _copy(archive, members[name], target, entry, source)
        if entry.modified:
            os.utime(target, ns=(entry.modified, entry.modified))
        if progress is not None:
            progress(Progress(done, len(entries), "files"))
    return entries


def _members(archive: tarfile.TarFile, source: Path) -> dict[str, tarfile.TarInfo]:
    """The plain files, by name; with anything else the archive is refused, and not unpacked."""
    members: dict[str, tarfile.TarInfo] = {}
    for member in archive:
        name = member.name
        if member.type not in (tarfile.REGTYPE, tarfile.AREGTYPE) or member.sparse is not None:
            raise _refused(source, f"holds what is not a plain file: {name!r}")
        known = name in (MANIFEST, STORE) or (name.startswith(ARTICLES) and _is_plain(name))
        if not known or name in members:
            raise _refused(source, f"holds a file that no export writes: {name!r}")
        members[name] = member
    return members


def _is_plain(path: str) -> bool:
    """Whether a path names a file below a folder that a corpus would look at."""
    parts = PurePosixPath(path).parts
    odd = any(part.startswith(".") or "\\" in part or ":" in part for part in parts)
    return (
        bool(parts) and not odd and "\0" not in path and "/".join(parts) == path and path[0] != "/"
    )


def _manifest(
    archive: tarfile.TarFile, member: tarfile.TarInfo | None, source: Path
) -> dict[str, Entry]:
    file = archive.extractfile(member) if member and member.size <= MAX_MANIFEST else None
    if file is None:
        raise _refused(source, "has no manifest")
    try:
        manifest: dict[str, Any] = json.loads(file.read().decode("utf-8", "surrogateescape"))
        version = manifest["format"]
        entries = {
            str(name): Entry(int(e["size"]), str(e["digest"]), int(e["modified"]))
            for name, e in manifest["files"].items()
        }
    except (KeyError, TypeError, AttributeError) as error:
        raise _refused(source, "has a manifest that cannot be read") from error
    if version != FORMAT:
        raise CorpusError(source, f"has format {version}, not {FORMAT}", "use a newer program")
    return entries


def _copy(
    archive: tarfile.TarFile, member: tarfile.TarInfo, target: Path, entry: Entry, source: Path
) -> None:
    content = archive.extractfile(member)
    digest, size = blake2b(digest_size=16), 0
    try:
        # Exclusive: two names may be one to this disk.
        with target.open("xb") as file:
            while content is not None and (block := content.read(1 << 20)):
                digest.update(block)
                size += len(block)
                file.write(block)
    except FileExistsError as error:
        raise _refused(source, f"holds two files of one name: {member.name!r}") from error
    if (size, digest.hexdigest()) != (entry.size, entry.digest):
        raise _refused(source, f"is damaged: {member.name!r} is not as it was exported")


def _settle(
    source: Path, corpus: Path, data: Path, entries: Mapping[str, Entry]
) -> tuple[int, int]:
    """Makes sure that the store is sound and ours, and fits the files as this disk keeps them."""
    try:
        with tempfile.TemporaryDirectory(dir=data) as folder:
            ours = Store(Path(folder))
            expected = ours.schema()
            ours.close()
        store = Store(data)
        try:
            problems = store.check()
            if problems or store.schema() != expected:
                raise _refused(source, "holds an index that is damaged, or not ours")
            stamps = _new_stamps(source, corpus, store, entries)
            store.forget_meta(STATE)
            store.restamp(stamps)
            return store.catalogue.counts()
        finally:
            store.close()
    except StoreError as error:
        raise _refused(source, f"holds an index that cannot be used ({error.problem})") from error


def _new_stamps(
    source: Path, corpus: Path, store: Store, entries: Mapping[str, Entry]
) -> dict[str, str]:
    """Stamps of the files that were indexed as they were exported, by article: not every disk keeps
    nanoseconds.
    """
    files, stamps = Corpus(corpus, 0), {}
    for path, record in store.catalogue.records().items():
        if not _is_plain(path):
            raise _refused(source, f"holds an article with an odd path: {path!r}")
        entry = entries.get(ARTICLES + path)
        if entry is not None and entry.stamp == record.stamp:
            stamps[record.id] = files.stat(corpus / path).stamp
    return stamps


def _refused(source: Path, problem: str) -> CorpusError:
    return CorpusError(source, problem, "nothing was imported; export it again")
