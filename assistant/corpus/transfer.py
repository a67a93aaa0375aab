"""A whole corpus with its index in one file, to move it to another folder or machine.

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
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from hashlib import blake2b
from pathlib import Path, PurePosixPath
from typing import IO, Any

from filelock import FileLock, Timeout

from assistant.corpus.folder import Corpus
from assistant.errors import ArticleError, AssistantError, CorpusError, StoreError, reason_of
from assistant.schema import Progress
from assistant.store.store import Store
from assistant.store.vector_index import STATE

FORMAT = 1
MANIFEST = "manifest.json"
STORE = "store.sqlite3"
ARTICLES = "articles/"

MAX_MANIFEST = 200 << 20
"""Bytes: room for a million files."""

ShowProgress = Callable[[Progress], None]


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
    """Nanoseconds since 1970; 0 where it changed while it was read: the next sync looks again."""

    @property
    def stamp(self) -> str:
        return f"{self.size}:{self.modified}"


# ---- out ------------------------------------------------------------------------------------


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
    with _writing_to(target), ExitStack() as undo:
        undo.callback(part.unlink, missing_ok=True)
        folder = undo.enter_context(tempfile.TemporaryDirectory(dir=store.path.parent))
        snapshot = Path(folder, STORE)
        # The index first: what is added after it is a new file to the next sync there.
        store.copy_to(snapshot)
        with part.open("wb") as file:
            done = _pack(corpus, snapshot, file, progress)
            file.flush()
            os.fsync(file.fileno())
        part.rename(target)
    files, left_out = done
    articles, passages = store.counts()
    return Transfer(str(target), files, articles, passages, target.stat().st_size, left_out)


def _pack(
    corpus: Corpus, snapshot: Path, file: IO[bytes], progress: ShowProgress | None
) -> tuple[int, tuple[str, ...]]:
    """Writes all members; how many article files, and which could not be read."""
    entries: dict[str, _Entry] = {}
    found, closed = corpus.scan()
    left_out = [str(error) for error in closed]
    with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as archive:
        size = snapshot.stat().st_size
        with snapshot.open("rb") as source:
            archive.addfile(_member(STORE, size), source)
        entries[STORE] = _Entry(size, _digest_of(snapshot))
        for done, seen in enumerate(found, start=1):
            try:
                content = corpus.content(seen.path)
            except ArticleError as error:
                left_out.append(str(error))
                continue
            stamp = corpus.stat(corpus.root / seen.path).stamp
            modified = int(stamp.partition(":")[2] or 0) if stamp == seen.stamp else 0
            entry = _Entry(len(content), _digest(content), modified)
            entries[ARTICLES + seen.path] = entry
            archive.addfile(_member(ARTICLES + seen.path, entry.size), io.BytesIO(content))
            if progress is not None:
                progress(Progress(done, len(found), "files"))
        files = {name: asdict(entry) for name, entry in entries.items()}
        manifest = json.dumps({"format": FORMAT, "files": files}, ensure_ascii=False)
        content = manifest.encode("utf-8", "surrogateescape")
        archive.addfile(_member(MANIFEST, len(content)), io.BytesIO(content))
    return len(entries) - 1, tuple(left_out)


def _member(name: str, size: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.size, member.mode = size, 0o644
    return member


# ---- in -------------------------------------------------------------------------------------


def import_corpus(
    source: Path, corpus: Path, data: Path, progress: ShowProgress | None = None
) -> Transfer:
    """Makes a corpus folder and its data folder of an archive: both whole, or none.

    Args:
        corpus: a folder that is empty, or that there is not.
        data: likewise; it may lie inside `corpus`.

    Raises:
        CorpusError: a folder is not empty, another process imports into it, the archive is none,
            damaged, or holds what no export writes, or the disk is full.
    """
    for folder in (corpus, data):
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise CorpusError(folder, "is not empty", "name a new folder with --corpus or --data")
    inside = data.is_relative_to(corpus)
    made = [corpus] if inside else [corpus, data]
    with _writing_to(corpus), _alone(made), ExitStack() as undo:
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
    """How the names of the folders begin that an import fills in its place."""
    return f".{folder.absolute().name}.importing-"


@contextmanager
def _alone(folders: Sequence[Path]) -> Iterator[None]:
    """Keeps other imports away, and removes what those have left that were killed."""
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
    """A new folder on the same disk, which goes away again if anything fails."""
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
) -> dict[str, _Entry]:
    """Writes the files, each compared with what the manifest says of it."""
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
    """The plain files, by name; anything else makes the archive refused before it is unpacked."""
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
) -> dict[str, _Entry]:
    file = archive.extractfile(member) if member and member.size <= MAX_MANIFEST else None
    if file is None:
        raise _refused(source, "has no manifest")
    try:
        manifest: dict[str, Any] = json.loads(file.read().decode("utf-8", "surrogateescape"))
        version = manifest["format"]
        entries = {
            str(name): _Entry(int(e["size"]), str(e["digest"]), int(e["modified"]))
            for name, e in manifest["files"].items()
        }
    except (KeyError, TypeError, AttributeError) as error:
        raise _refused(source, "has a manifest that cannot be read") from error
    if version != FORMAT:
        raise CorpusError(source, f"has format {version}, not {FORMAT}", "use a newer program")
    return entries


def _copy(
    archive: tarfile.TarFile, member: tarfile.TarInfo, target: Path, entry: _Entry, source: Path
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
    source: Path, corpus: Path, data: Path, entries: Mapping[str, _Entry]
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
            records = store.records()
            odd = next((path for path in records if not _is_plain(path)), None)
            if odd is not None:
                raise _refused(source, f"holds an article with an odd path: {odd!r}")
            store.forget_meta(STATE)
            store.restamp(_new_stamps(corpus, records, entries))
            return store.counts()
        finally:
            store.close()
    except StoreError as error:
        raise _refused(source, f"holds an index that cannot be used ({error.problem})") from error


def _new_stamps(
    corpus: Path, records: Mapping[str, Any], entries: Mapping[str, _Entry]
) -> dict[str, str]:
    """Stamps of the files that were unchanged when they were exported, by article: not every disk
    keeps nanoseconds.
    """
    files = Corpus(corpus, 0)
    stamps = {}
    for path, record in records.items():
        entry = entries.get(ARTICLES + path)
        if entry is not None and entry.stamp == record.stamp:
            stamps[record.id] = files.stat(corpus / path).stamp
    return stamps


def _refused(source: Path, problem: str) -> CorpusError:
    return CorpusError(source, problem, "nothing was imported; export it again")


# ---- both -----------------------------------------------------------------------------------


def _digest(content: bytes) -> str:
    return blake2b(content, digest_size=16).hexdigest()


def _digest_of(path: Path) -> str:
    digest = blake2b(digest_size=16)
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


@contextmanager
def _writing_to(subject: Path) -> Iterator[None]:
    """Turns the disk's errors into ours."""
    try:
        yield
    except AssistantError:
        raise
    except (OSError, tarfile.TarError) as error:
        remedy = "check the space and permissions of the folder; nothing was left behind"
        raise CorpusError(subject, reason_of(error), remedy) from error
