"""The folder of article files: the truth of content. Finds, reads, writes and sets files aside."""

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from assistant.errors import ArticleError, CorpusError
from assistant.schema import Article
from assistant.sources import read_article


@dataclass(frozen=True)
class Found:
    """A file below the corpus folder."""

    path: str
    """Relative, with forward slashes."""
    stamp: str
    """Size and modification time: a file with an unchanged stamp is not read again."""


class Corpus:
    """The article files below `root`; hidden files and folders are not looked at.

    Args:
        max_bytes: larger files are refused by name.
    """

    def __init__(self, root: Path, max_bytes: int) -> None:
        self.root = root
        self._max_bytes = max_bytes

    def require(self) -> None:
        """Makes sure that the folder is there.

        Raises:
            CorpusError: it is not.
        """
        if not self.root.is_dir():
            raise CorpusError(
                self.root,
                "there is no such folder of articles",
                "make it, or name another with --corpus or ASSISTANT_CORPUS",
            )

    def scan(self) -> tuple[list[Found], list[ArticleError]]:
        """All files in path order, and what could not be looked into.

        Raises:
            CorpusError: the folder itself is missing or closed: nothing in it counts as removed.
        """
        self.require()
        found: list[Found] = []
        closed: list[ArticleError] = []
        self._scan_folder(self.root, found, closed)
        return sorted(found, key=lambda file: file.path), closed

    def _scan_folder(self, folder: Path, found: list[Found], closed: list[ArticleError]) -> None:
        try:
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            if folder == self.root:
                raise CorpusError(folder, reason, "allow reading the folder") from error
            relative = folder.relative_to(self.root).as_posix() + "/"
            closed.append(ArticleError(relative, reason, "allow reading the folder and sync again"))
            return
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if entry.is_dir(follow_symlinks=False):
                self._scan_folder(Path(entry.path), found, closed)
            elif not entry.is_dir():
                found.append(self.stat(Path(entry.path)))

    def stat(self, path: Path) -> Found:
        """A file of the corpus as `scan` would find it."""
        try:
            stat = path.stat()
            stamp = f"{stat.st_size}:{stat.st_mtime_ns}"
        except OSError:  # a dangling link; reading it will say so by name
            stamp = ""
        return Found(path.relative_to(self.root).as_posix(), stamp)

    def read(self, path: str) -> Article:
        """The article in a file.

        Raises:
            ArticleError: it cannot become one; names the file and the remedy.
        """
        return read_article(self.root / path, self.root, max_bytes=self._max_bytes)

    def read_elsewhere(self, path: Path) -> Article:
        """The article in a file outside the corpus.

        Raises:
            ArticleError: it cannot become one.
        """
        return read_article(path, path.parent, max_bytes=self._max_bytes)

    def holds(self, path: Path) -> str | None:
        """The relative path of a file that lies in the corpus already; None for any other."""
        try:
            return path.resolve().relative_to(self.root.resolve()).as_posix()
        except ValueError:
            return None

    def free_path(self, wanted: str) -> str:
        """`wanted`, or the same with a number where another file has that name."""
        path = PurePosixPath(wanted)
        for candidate in _numbered(path):
            if not (self.root / candidate).exists():
                return candidate.as_posix()
        raise AssertionError("unreachable: the numbers do not end")

    def write(self, path: str, content: bytes) -> None:
        """Writes a file so that a crash leaves the old one or the new one, never a part.

        Raises:
            CorpusError: the disk is full, or writing is not allowed.
        """
        target = self.root / path
        temporary = target.with_name(f".{target.name}.{os.getpid()}.part")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with temporary.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(target)
            _sync_folder(target.parent)
        except OSError as error:
            temporary.unlink(missing_ok=True)
            reason = (error.strerror or str(error)).lower()
            raise CorpusError(
                target, reason, "check the space and permissions of the corpus folder"
            ) from error

    def set_aside(self, path: str, folder: Path) -> Path | None:
        """Moves a file out of the corpus into `folder`; None when it is gone already.

        Raises:
            CorpusError: moving is not allowed.
        """
        source = self.root / path
        target = folder / f"{time.strftime('%Y%m%d-%H%M%S')}-{source.name}"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            source.replace(target)
        except FileNotFoundError:
            return None
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise CorpusError(source, reason, "allow writing to the corpus folder") from error
        return target


def _numbered(path: PurePosixPath) -> Iterator[PurePosixPath]:
    yield path
    number = 2
    while True:
        yield path.with_name(f"{path.stem}-{number}{path.suffix}")
        number += 1


def _sync_folder(folder: Path) -> None:
    """Makes a rename durable; not every system lets a folder be opened."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
