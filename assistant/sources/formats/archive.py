"""Packed files: members of a ZIP, and packages (Word documents, books), which are ZIPs too.

Nothing is ever unpacked to disk, so no name of a member can lead anywhere; names that try to are
refused all the same, as their author meant harm. The number of members, the unpacked size and the
ratio are limited, before and during reading.
"""

import gzip
import io
import re
import stat
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

from assistant.errors import ArticleError

MAX_MEMBERS = 200_000
MAX_RATIO = 200
"""Bytes unpacked per byte packed, above which an archive is taken for a bomb: text has 3 to 10, a
table of equal rows up to 100."""

MAX_UNPACKED = 4 << 30
"""Bytes of a whole archive, or of one table or list of records."""

MAX_PACKAGE = 256 << 20
"""Bytes of a Word document or a book, pictures included."""

MAX_PART = 24 << 20
"""Bytes of one parsed part of them; as a tree it takes about eight times as many."""

_HARMLESS = 8 << 20
"""Bytes up to which the ratio does not matter."""

_SIGNATURE = b"PK\x01\x02"
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_LOCKED = "is locked with a password"
_BOMB = "unpacks to far more than an archive of articles would"
_REMEDY = "unpack it yourself if you trust it, and add its files"

# Files that accompany the articles in archives of saved pages.
_BESIDE = frozenset(
    """.png .jpg .jpeg .gif .svg .webp .avif .ico .bmp .css .js .mjs .map .json .woff .woff2 .ttf
    .eot .otf .mp3 .mp4 .webm .xml .webmanifest""".split()
)


@dataclass(frozen=True)
class Input:
    """A file to read articles from, on disk or in an archive."""

    name: str
    """Its ending determines the format."""
    shown: str
    """How errors name it: ``file`` or ``archive:member``."""
    open: Callable[[], BinaryIO]
    """The unpacked bytes; reading raises ArticleError if they are damaged or too many."""
    in_archive: bool = False


def inputs(path: Path) -> Iterator[Input | ArticleError]:
    """The file itself, or the files in a ZIP that may hold articles, and errors for refused ones.

    What ends in ``.gz`` is unpacked while it is read. Folders, hidden files, and the pictures and
    scripts of saved pages are skipped.

    Raises:
        ArticleError: it is a damaged ZIP, or one that must not be unpacked.
        OSError: there is no such file, or no access to it.
    """
    shown, suffix = path.name, path.suffix.lower()
    if suffix == ".gz":
        yield Input(path.stem, shown, partial(_open_gzip, path, path.stat().st_size))
    elif suffix != ".zip":
        yield Input(shown, shown, lambda: path.open("rb"))
    else:
        with path.open("rb") as file, _opened_zip(file, shown) as archive:
            for info in archive.infolist():
                if info.is_dir() or _is_skipped(info.filename):
                    continue
                named = f"{shown}:{_printable(info.filename)}"
                if problem := _problem(info):
                    yield ArticleError(named, problem, "remove it from the archive")
                    continue
                opened = partial(_open_member, archive, info, named)
                yield Input(info.filename, named, opened, in_archive=True)


def package(content: bytes, path: str) -> zipfile.ZipFile:
    """The ZIP that a Word document or a book is.

    Raises:
        ArticleError: it is not a ZIP, it is locked, or it must not be unpacked.
    """
    if content.startswith(b"\xd0\xcf\x11\xe0"):  # how Office locks its documents
        if "EncryptedPackage".encode("utf-16-le") in content:
            raise ArticleError(path, _LOCKED, "save it without its password")
        raise ArticleError(path, "is an old Office document", "save it as .docx")
    archive = _opened_zip(io.BytesIO(content), path)
    if sum(info.file_size for info in archive.infolist()) > MAX_PACKAGE:
        raise ArticleError(path, _BOMB, "save it without its pictures")
    return archive


def part(archive: zipfile.ZipFile, name: str, path: str) -> bytes:
    """A part of a package: XML or HTML.

    Raises:
        ArticleError: it is missing, damaged, too large or defines entities.
    """
    try:
        info = archive.getinfo(name)
    except KeyError as error:
        raise ArticleError(path, f"lacks its part {_printable(name)}", "save it again") from error
    if info.file_size > MAX_PART:
        size, most = info.file_size >> 20, MAX_PART >> 20
        raise ArticleError(path, f"has {size} MB of text, more than {most}", "split it")
    with _open_member(archive, info, path) as file:
        content = file.read()
    if re.search(rb"<!\s*ENTITY", content.replace(b"\x00", b"")):  # in UTF-16, too
        raise ArticleError(path, "defines XML entities, as attacks do", "save it again")
    return content


def _opened_zip(file: BinaryIO, path: str) -> zipfile.ZipFile:
    """An open ZIP; refused if it is damaged, or a bomb by the sizes that it states."""
    # Members are counted before their list fills the memory: its length as stated may be wrong.
    count = 0
    while piece := file.read(1 << 20):
        count += piece.count(_SIGNATURE)
        if count > MAX_MEMBERS:
            raise ArticleError(path, f"holds more than {MAX_MEMBERS:,} files", "split it")
    try:
        archive = zipfile.ZipFile(file)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise ArticleError(path, f"is damaged ({_reason(error)})", "save it again") from error
    unpacked = sum(info.file_size for info in archive.infolist())
    packed = sum(info.compress_size for info in archive.infolist())
    if unpacked > MAX_UNPACKED or _is_bomb(unpacked, packed):
        raise ArticleError(path, _BOMB, _REMEDY)
    return archive


def _printable(name: str) -> str:
    """The name of a member for a message."""
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", name)[:200]


def _problem(info: zipfile.ZipInfo) -> str:
    """Why a member is refused; "" if it is not."""
    name = info.filename.replace("\\", "/")
    parts = PurePosixPath(name).parts
    if ".." in parts or name.startswith("/") or re.match(r"[a-zA-Z]:", name):
        return "has a name that leads out of the archive"
    if _CONTROL.search(info.filename):
        return "has control characters in its name"
    if info.flag_bits & 0x1:
        return _LOCKED
    if stat.S_ISLNK(info.external_attr >> 16):
        return "is a link"
    return ""


def _is_skipped(name: str) -> bool:
    parts = [part for part in PurePosixPath(name).parts if part not in ("..", ".", "/")]
    hidden = any(part.startswith((".", "__MACOSX")) for part in parts)
    return hidden or PurePosixPath(name).suffix.lower() in _BESIDE


def _open_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, shown: str) -> BinaryIO:
    try:
        return io.BufferedReader(_Bounded(archive.open(info), shown, info.compress_size))
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, OSError) as error:
        raise ArticleError(shown, f"is damaged ({_reason(error)})", "pack it again") from error


def _open_gzip(path: Path, packed: int) -> BinaryIO:
    return io.BufferedReader(_Bounded(gzip.open(path), path.name, packed))


def _is_bomb(unpacked: int, packed: int) -> bool:
    return unpacked > _HARMLESS and unpacked > MAX_RATIO * packed


class _Bounded(io.RawIOBase):
    """Unpacked bytes, with an error once they are too many: sizes in headers are not trusted."""

    def __init__(self, file: Any, shown: str, packed: int) -> None:
        self._file = file
        self._shown = shown
        self._packed = packed
        self._unpacked = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            piece = self._file.read(len(buffer))
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError) as error:
            problem = f"is damaged ({_reason(error)})"
            raise ArticleError(self._shown, problem, "pack it again") from error
        self._unpacked += len(piece)
        if self._unpacked > MAX_UNPACKED or _is_bomb(self._unpacked, self._packed):
            raise ArticleError(self._shown, _BOMB, _REMEDY)
        buffer[: len(piece)] = piece
        return len(piece)

    def close(self) -> None:
        self._file.close()
        super().close()


def _reason(error: Exception) -> str:
    return " ".join(str(error).split())[:80].lower() or type(error).__name__
