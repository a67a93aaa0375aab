"""A whole corpus with its index into one file and out of it, to move it to another machine.

The file is a plain tar: ``articles/…`` as they lie in the corpus, ``store.sqlite3`` as it was at
one moment, and ``manifest.json`` with the size, time and digest of each. Chroma is derived and is
left out, as are files of removed articles, runs of the evaluation and the feedback inbox.

An archive may come from anybody. Nothing is written before all its names are looked at; it is
unpacked into a folder beside the wanted one, compared with its manifest, and only then renamed. It
is not compressed, so that it cannot unpack into more than its own size.
"""

import io
import json
import os
import shutil
import tarfile
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from hashlib import blake2b, file_digest
from pathlib import Path, PurePosixPath
from typing import IO, Any

from filelock import FileLock, Timeout

from assistant.corpus.folder import Corpus
from assistant.errors import ArticleError, CorpusError, StoreError, os_errors
from assistant.schema import Progress, ShowProgress
from assistant.store.store import Store

FORMAT = 1
MANIFEST = "manifest.json"
STORE = "store.sqlite3"
ARTICLES = "articles/"

MAX_MANIFEST = 200 << 20
"""Bytes: room for a million files."""

_DISK_FAILED = "check the space and permissions of the folder; nothing was left behind"


@dataclass(frozen=True)
class Transfer:
    """What went into an archive, or came out of one."""

    path: str
    """Of the archive, or of the corpus folder that was made."""
    files: int
    articles: int
    passages: int
    size: int
    """Bytes of the archive."""
    left_out: tuple[str, ...] = ()
    """Files of the corpus that cannot be read, each with the reason."""


@dataclass(frozen=True)
class _Entry:
    """What a manifest says of one file."""

    size: int
    digest: str
    modified: int = 0
    """Nanoseconds since 1970; 0 if it changed while it was read: the next sync reads it again."""


class _RefusedError(Exception):
    """The problem of an archive that is not imported, and the remedy."""

    def __init__(self, problem: str, remedy: str = "nothing was imported; export it again") -> None:
        super().__init__(problem, remedy)


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
    with os_errors(CorpusError, target, _DISK_FAILED), ExitStack() as undo:
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
    entries: dict[str, _Entry] = {}
    found, closed = corpus.scan()
    left_out = [str(error) for error in closed]
    with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as archive:
        with snapshot.open("rb") as source:
            entries[STORE] = _add(archive, STORE, source)
        for done, seen in enumerate(found, start=1):
            try:
                content = corpus.content(seen.path)
            except ArticleError as error:
                left_out.append(str(error))
                continue
            stamp = corpus.stat(corpus.root / seen.path).stamp
            modified = int(stamp.partition(":")[2] or 0) if stamp == seen.stamp else 0
            name = ARTICLES + seen.path
            entries[name] = _add(archive, name, io.BytesIO(content), modified)
            if progress is not None:
                progress(Progress(done, len(found), "files"))
        files = {name: asdict(entry) for name, entry in entries.items()}
        manifest = json.dumps({"format": FORMAT, "files": files}, ensure_ascii=False)
        _add(archive, MANIFEST, io.BytesIO(manifest.encode("utf-8", "surrogateescape")))
    return len(entries) - 1, tuple(left_out)


def _add(archive: tarfile.TarFile, name: str, file: IO[bytes], modified: int = 0) -> _Entry:
    digest = file_digest(file, partial(blake2b, digest_size=16))  # type: ignore[arg-type]
    member = tarfile.TarInfo(name)
    member.size, member.mode = file.seek(0, os.SEEK_END), 0o644
    file.seek(0)
    archive.addfile(member, file)
    return _Entry(member.size, digest.hexdigest(), modified)


def import_corpus(
    source: Path, corpus: Path, data: Path, progress: ShowProgress | None = None
) -> Transfer:
    """Makes a corpus folder and its data folder out of an archive: both whole, or none.

    Both are empty or do not exist; `data` may lie inside `corpus`.

    Raises:
        CorpusError: a folder is not empty, another process imports into it, the archive is damaged,
            or is not one, or holds what no export writes, or the disk is full.
    """
    for folder in (corpus, data):
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise CorpusError(folder, "is not empty", "name a new folder with --corpus or --data")
    inside = data.is_relative_to(corpus)
    made = [corpus] if inside else [corpus, data]
    with os_errors(CorpusError, corpus, _DISK_FAILED), _alone(made), ExitStack() as undo:
        staged = _beside(corpus, undo)
        index = staged / data.relative_to(corpus) if inside else _beside(data, undo)
        index.mkdir(parents=True, exist_ok=True)
        try:
            with _opened(source) as archive:
                entries = _unpack(archive, staged, index, progress)
            counts = _settle(staged, index, entries)
        except _RefusedError as refused:
            raise CorpusError(source, *refused.args) from refused
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
        raise _RefusedError(f"is damaged, or not an archive ({error})") from error
    except FileNotFoundError as error:
        if error.filename != str(source):
            raise
        raise _RefusedError("there is no such file", "name an exported archive") from error


def _unpack(
    archive: tarfile.TarFile, corpus: Path, data: Path, progress: ShowProgress | None
) -> dict[str, _Entry]:
    """Writes the files, and compares each with its entry in the manifest."""
    members = _members(archive)
    entries = _manifest(archive, members.pop(MANIFEST, None))
    if members.keys() != entries.keys() or STORE not in entries:
        raise _RefusedError("does not hold the files that its manifest names")
    for done, (name, entry) in enumerate(entries.items(), start=1):
        target = data / STORE if name == STORE else corpus / name.removeprefix(ARTICLES)
        target.parent.mkdir(parents=True, exist_ok=True)
        _copy(archive, members[name], target, entry)
        if entry.modified:
            os.utime(target, ns=(entry.modified, entry.modified))
        if progress is not None:
            progress(Progress(done, len(entries), "files"))
    return entries


def _members(archive: tarfile.TarFile) -> dict[str, tarfile.TarInfo]:
    """The plain files, by name; with anything else the archive is refused, and not unpacked."""
    members: dict[str, tarfile.TarInfo] = {}
    for member in archive:
        name = member.name
        if member.type not in (tarfile.REGTYPE, tarfile.AREGTYPE) or member.sparse is not None:
            raise _RefusedError(f"holds what is not a plain file: {name!r}")
        known = name in (MANIFEST, STORE) or (name.startswith(ARTICLES) and _is_plain(name))
        if not known or name in members:
            raise _RefusedError(f"holds a file that no export writes: {name!r}")
        members[name] = member
    return members


def _is_plain(path: str) -> bool:
    """Whether a path names a file below a folder that a corpus would look at."""
    parts = PurePosixPath(path).parts
    odd = any(part.startswith(".") or "\\" in part or ":" in part for part in parts)
    return (
        bool(parts) and not odd and "\0" not in path and "/".join(parts) == path and path[0] != "/"
    )


def _manifest(archive: tarfile.TarFile, member: tarfile.TarInfo | None) -> dict[str, _Entry]:
    file = archive.extractfile(member) if member and member.size <= MAX_MANIFEST else None
    if file is None:
        raise _RefusedError("has no manifest")
    try:
        manifest: dict[str, Any] = json.loads(file.read().decode("utf-8", "surrogateescape"))
        version = manifest["format"]
        entries = {
            str(name): _Entry(int(e["size"]), str(e["digest"]), int(e["modified"]))
            for name, e in manifest["files"].items()
        }
    except (KeyError, TypeError, AttributeError) as error:
        raise _RefusedError("has a manifest that cannot be read") from error
    if version != FORMAT:
        raise _RefusedError(f"has format {version}, not {FORMAT}", "use a newer program")
    return entries


def _copy(archive: tarfile.TarFile, member: tarfile.TarInfo, target: Path, entry: _Entry) -> None:
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
        raise _RefusedError(f"holds two files of one name: {member.name!r}") from error
    if (size, digest.hexdigest()) != (entry.size, entry.digest):
        raise _RefusedError(f"is damaged: {member.name!r} is not as it was exported")


def _settle(corpus: Path, data: Path, entries: Mapping[str, _Entry]) -> tuple[int, int]:
    """Makes sure that the store is sound and ours, and fits the files as this disk keeps them."""
    try:
        with tempfile.TemporaryDirectory(dir=data) as folder, closing(Store(Path(folder))) as ours:
            expected = ours.schema()
        with closing(Store(data)) as store:
            if store.check() or store.schema() != expected:
                raise _RefusedError("holds an index that is damaged, or not ours")
            stamps = _new_stamps(corpus, store, entries)
            store.forget_chroma()
            store.restamp(stamps)
            return store.catalogue.counts()
    except StoreError as error:
        raise _RefusedError(f"holds an index that cannot be used ({error.problem})") from error


def _new_stamps(corpus: Path, store: Store, entries: Mapping[str, _Entry]) -> dict[str, str]:
    """Stamps of the files that were indexed as they were exported, by article: not every disk keeps
    nanoseconds.
    """
    files, stamps = Corpus(corpus, 0), {}
    for path, record in store.catalogue.records().items():
        if not _is_plain(path):
            raise _RefusedError(f"holds an article with an odd path: {path!r}")
        entry = entries.get(ARTICLES + path)
        if entry is not None and f"{entry.size}:{entry.modified}" == record.stamp:
            stamps[record.id] = files.stat(corpus / path).stamp
    return stamps
