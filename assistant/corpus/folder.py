"""The folder of article files, the source of truth: finds, reads, writes, sets files aside."""

import os
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from hashlib import blake2b
from itertools import count
from pathlib import Path, PurePosixPath

from assistant.errors import ArticleError, CorpusError, os_errors, reason_of
from assistant.schema import Article
from assistant.sources.files import read_article, read_content
from assistant.text.languages import language_of

_UNFINISHED = (".part", ".partial", ".crdownload", ".download", ".tmp", ".swp", ".swx", "~")
"""Endings of what browsers, copying programs and editors write before a file is whole."""


@dataclass(frozen=True)
class Found:
    """A file below the corpus folder."""

    path: str
    """Relative, with forward slashes."""
    stamp: str
    """Size and modification time: a file with an unchanged stamp is not read again."""


def is_passed_over(name: str) -> bool:
    """Whether a file or folder of this name is ignored: it is hidden, or not whole yet."""
    saved_by_emacs = name.startswith("#") and name.endswith("#")
    return saved_by_emacs or name.startswith((".", "~$")) or name.lower().endswith(_UNFINISHED)


def files_below(folder: Path, closed: Callable[[OSError], None] | None = None) -> Iterator[Path]:
    """The files below a folder without those that are `is_passed_over`, of each folder in order;
    calls `closed` for each that cannot be read.
    """
    for inside, folders, names in os.walk(folder, onerror=closed):
        folders[:] = sorted(name for name in folders if not is_passed_over(name))
        yield from (Path(inside, name) for name in sorted(names) if not is_passed_over(name))


class Corpus:
    """The article files below `root`, without those that are `is_passed_over`; larger ones than
    `max_bytes` are refused by name.
    """

    def __init__(self, root: Path, max_bytes: int) -> None:
        self.root = root
        self._max_bytes = max_bytes

    def require(self) -> None:
        """Raises CorpusError where the folder does not exist."""
        if not self.root.is_dir():
            raise CorpusError(
                self.root,
                "there is no such folder of articles",
                "make it, or name another with --corpus or ASSISTANT_CORPUS",
            )

    def is_empty(self) -> bool:
        """Whether the folder is not there, or holds nothing to look at."""
        try:
            return all(is_passed_over(entry.name) for entry in self.root.iterdir())
        except OSError:
            return True

    def looks_at(self, path: Path) -> bool:
        """Whether `scan` would look at a file there; True for one by another name of the folder."""
        try:
            inside = path.relative_to(self.root)
        except ValueError:
            return True
        return not any(map(is_passed_over, inside.parts))

    def scan(self) -> tuple[list[Found], list[ArticleError]]:
        """All files in path order, and an error for each folder that cannot be read.

        Raises:
            CorpusError: the folder itself is missing or cannot be read: nothing in it counts as
                removed.
        """
        self.require()
        closed: list[ArticleError] = []

        def note(error: OSError) -> None:
            folder = Path(error.filename)
            if folder == self.root:
                raise CorpusError(folder, reason_of(error), "allow reading the folder") from error
            relative = folder.relative_to(self.root).as_posix() + "/"
            remedy = "allow reading the folder and sync again"
            closed.append(ArticleError(relative, reason_of(error), remedy))

        found = map(self.stat, files_below(self.root, note))
        return sorted(found, key=lambda file: file.path), closed

    def stat(self, path: Path) -> Found:
        """A file of the corpus as `scan` would find it."""
        try:
            stat = path.stat()
            stamp = f"{stat.st_size}:{stat.st_mtime_ns}"
        except OSError:  # a dangling link; reading it will say so by name
            stamp = ""
        return Found(path.relative_to(self.root).as_posix(), stamp)

    def read(self, path: str) -> Article:
        """The article in a file; its language is recognised where the file does not state it.

        Raises:
            ArticleError: the file cannot become an article; names the file and the remedy.
        """
        article = read_article(self.root / path, self.root, max_bytes=self._max_bytes)
        return replace(article, language=article.language or language_of(article.text))

    def read_same(self, path: str, digest: str) -> Article | None:
        """The article in a file; None if it cannot be read, or has another digest by now."""
        try:
            article = self.read(path)
        except ArticleError:
            return None
        return article if article.digest == digest else None

    def content(self, path: str) -> bytes:
        """The bytes of a file.

        Raises:
            ArticleError: it cannot be read.
        """
        return read_content(self.root / path, self.root, max_bytes=self._max_bytes)

    @staticmethod
    def version(content: bytes) -> str:
        """The content hash of a file."""
        return blake2b(content, digest_size=16).hexdigest()

    def holds(self, path: Path) -> str | None:
        """The relative path of a file that lies in the corpus; None for any other.

        Files that `scan` passes over are not in it: uploads lie in the data folder, which lies in
        the corpus folder.
        """
        try:
            inside = path.resolve().relative_to(self.root.resolve())
        except ValueError:
            return None
        return None if any(map(is_passed_over, inside.parts)) else inside.as_posix()

    def free_path(self, wanted: str, taken: Iterable[str] = ()) -> str:
        """`wanted`, with a number if a file has that name or will get it, as those `taken` will."""
        reserved = {other.casefold() for other in taken}  # to some disks A is a
        names = (path.as_posix() for path in _numbered(PurePosixPath(wanted)))
        return next(
            name
            for name in names
            if name.casefold() not in reserved and not (self.root / name).exists()
        )

    def write(self, path: str, content: bytes) -> None:
        """Writes a file; a crash leaves the old one or the new one, never a part.

        Raises:
            CorpusError: the disk is full, or writing is not allowed.
        """
        target = self.root / path
        temporary = target.with_name(f".{target.name}.{os.getpid()}.part")
        remedy = "check the space and permissions of the corpus folder"
        try:
            with os_errors(CorpusError, target, remedy):
                target.parent.mkdir(parents=True, exist_ok=True)
                with temporary.open("wb") as file:
                    file.write(content)
                    file.flush()
                    os.fsync(file.fileno())
                temporary.replace(target)
                _sync_folder(target.parent)
        except CorpusError:
            temporary.unlink(missing_ok=True)
            raise

    def write_all(self, contents: Mapping[str, bytes]) -> None:
        """Writes many files, by path.

        Each waits for the disk, which makes few waits of 32 at once: 900 files a second instead of
        160 (ext4).

        Raises:
            CorpusError: as `write`; some files are written by then.
        """
        if len(contents) == 1:
            self.write(*next(iter(contents.items())))
            return
        with ThreadPoolExecutor(32, "write") as pool:
            list(pool.map(self.write, contents.keys(), contents.values()))

    def take_back(self, path: str, before: bytes | None) -> None:
        """Undoes a `write`: the file gets back the bytes that it had, or is deleted.

        Raises:
            CorpusError: writing is not allowed.
        """
        if before is not None:
            self.write(path, before)
            return
        target = self.root / path
        with os_errors(CorpusError, target, "allow writing to the corpus folder"):
            target.unlink(missing_ok=True)
            if target.parent != self.root and not any(target.parent.iterdir()):
                target.parent.rmdir()

    def keep(self, path: str, folder: Path) -> Path:
        """Copies a file into `folder` before it is overwritten; returns the copy.

        Raises:
            CorpusError: copying is not allowed, or the disk is full.
        """
        source = self.root / path
        remedy = "check the space and permissions of the data folder"
        with os_errors(CorpusError, source, remedy):
            folder.mkdir(parents=True, exist_ok=True)
            return Path(shutil.copy2(source, _aside(folder, source.name)))

    def set_aside(self, path: str, folder: Path) -> Path | None:
        """Moves a file out of the corpus into `folder`; None when it is gone already.

        Raises:
            CorpusError: moving is not allowed.
        """
        source = self.root / path
        target = _aside(folder, source.name)
        with os_errors(CorpusError, source, "allow writing to the corpus folder"):
            folder.mkdir(parents=True, exist_ok=True)
            try:
                source.replace(target)
            except FileNotFoundError:
                return None
        return target


def _aside(folder: Path, name: str) -> Path:
    """A free path for a file that is set aside now."""
    wanted = PurePosixPath(f"{time.strftime('%Y%m%d-%H%M%S')}-{name}")
    free = (folder / candidate for candidate in _numbered(wanted))
    return next(target for target in free if not target.exists())


def _numbered(path: PurePosixPath) -> Iterator[PurePosixPath]:
    yield path
    yield from (path.with_name(f"{path.stem}-{number}{path.suffix}") for number in count(2))


def _sync_folder(folder: Path) -> None:
    """Makes a rename durable; not every system lets a folder be opened."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
