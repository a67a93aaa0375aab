"""Files to articles: one from a file of any format, many from a list or an archive."""

import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path, PurePosixPath

from assistant.errors import ArticleError, reason_of
from assistant.sources.formats import archive, docx, epub, html, pdf, records, rtf, text
from assistant.sources.formats.archive import Input
from assistant.sources.metadata import FiledArticle, Names

_PARSERS: dict[str, Callable[[bytes, str], FiledArticle]] = {
    "": text.parse_text,
    ".txt": text.parse_text,
    ".text": text.parse_text,
    ".md": text.parse_markdown,
    ".markdown": text.parse_markdown,
    ".html": html.parse_html,
    ".htm": html.parse_html,
    ".xhtml": html.parse_html,
    ".pdf": pdf.parse_pdf,
    ".docx": docx.parse_docx,
    ".epub": epub.parse_epub,
    ".rtf": rtf.parse_rtf,
}
MAX_MARKS = 400_000
"""Line ends and markup characters in a Markdown file: each may take a kilobyte to parse."""

SUFFIXES = tuple(filter(None, _PARSERS))
"""The endings of files that hold one article each."""

MANY = (*records.SUFFIXES, *(f"{suffix}.gz" for suffix in records.SUFFIXES), ".zip")
"""The endings of files that may hold many articles: `read_articles` reads them."""


def read_article(path: Path, root: Path, *, max_bytes: int) -> FiledArticle:
    """The article in a file; its path, and without a URL its id, is relative to `root`.

    Raises:
        ArticleError: it cannot be read or holds no article.
    """
    content = read_content(path, root, max_bytes=max_bytes)
    return parse_article(content, path.relative_to(root).as_posix())


def read_content(path: Path, root: Path, *, max_bytes: int) -> bytes:
    """The bytes of a file.

    Raises:
        ArticleError: it cannot be read, or is too large.
    """
    shown = path.relative_to(root).as_posix()
    with _readable(path, shown):
        _check_size(path.stat().st_size, shown, max_bytes)
        return path.read_bytes()


@contextmanager
def _readable(path: Path, shown: str) -> Iterator[None]:
    """Translates the errors of reading a file into ours."""
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise ArticleError(shown, "is a folder", "name the files in it")
        if not stat.S_ISREG(mode):  # reading a pipe would block forever
            raise ArticleError(shown, "is not a file", "remove it from the corpus folder")
        yield
    except FileNotFoundError as error:
        raise ArticleError(shown, "there is no such file", "check the name") from error
    except OSError as error:
        remedy = "allow reading the file and try again"
        raise ArticleError(shown, reason_of(error), remedy) from error


def _check_size(size: int, shown: str, max_bytes: int) -> None:
    if size > max_bytes:
        problem = f"has {size / (1 << 20):.0f} MB, more than {max_bytes >> 20}"
        raise ArticleError(shown, problem, "split it, or raise max_file_mb")


def parse_article(content: bytes, path: str) -> FiledArticle:
    """The article in the bytes of a file.

    Args:
        path: relative to the corpus, with forward slashes; its ending determines the format.

    Raises:
        ArticleError: the format is not supported, or the bytes hold no article.
    """
    suffix = PurePosixPath(path).suffix.lower()
    parser = _PARSERS.get(suffix)
    if parser is None:
        if path.lower().endswith(MANY):
            problem, remedy = "may hold many articles", "add it: each becomes a file of its own"
            raise ArticleError(path, problem, remedy)
        kinds = ", ".join(SUFFIXES)
        raise ArticleError(path, "is not a kind of file that is read", f"convert it to {kinds}")
    if suffix in (".md", ".markdown"):
        _check_marks(content, path)
    if not content.strip():
        raise ArticleError(path, "is empty", "put the article's text into it, or delete it")
    article = parser(content, path)
    if not any(character.isalnum() for character in article.text):
        raise ArticleError(path, "holds no text", "put the article's text into it, or delete it")
    return article


def _check_marks(content: bytes, path: str) -> None:
    marks = sum(content.count(sign) for sign in map(bytes, zip(b"*_[`|<&\\\n>-")))
    if marks > MAX_MARKS:
        problem = f"holds {marks:,} line ends and signs of markup, more than {MAX_MARKS:,}"
        raise ArticleError(path, problem, "split it")


def read_articles(path: Path, *, max_bytes: int) -> Iterator[FiledArticle | ArticleError]:
    """All articles in a file that may hold many, one after the other, in bounded memory.

    An article that cannot be read is an error among them, which names ``file``, ``file:line`` or
    ``archive:member``. The `path` of an article is that of its file in the corpus, ``<name of the
    file>/<id or title>.md``: unique within this file, and the same at the next import. Its `origin`
    is where it comes from. `markdown_of` writes the file.

    Args:
        max_bytes: of one article, not of the file: lists and archives may be larger.
    """
    names = Names(path.name)
    try:
        with _readable(path, path.name):
            for source in archive.inputs(path):
                if isinstance(source, ArticleError):
                    yield source
                else:
                    yield from _read(source, names, max_bytes)
    except ArticleError as error:
        yield error


def _read(source: Input, names: Names, max_bytes: int) -> Iterator[FiledArticle | ArticleError]:
    """The articles in one file, on disk or in an archive."""
    suffix = PurePosixPath(source.name).suffix.lower()
    try:
        if suffix in records.SUFFIXES:
            yield from records.read_records(source, names, max_bytes=max_bytes)
        elif source.name.lower().endswith((".zip", ".gz", ".tar", ".7z", ".rar")):
            raise ArticleError(source.shown, "is an archive in an archive", "unpack it first")
        else:
            yield _read_one(source, names, max_bytes)
    except ArticleError as error:
        yield error


def _read_one(source: Input, names: Names, max_bytes: int) -> FiledArticle:
    with source.open() as file:
        content = file.read(max_bytes + 1)
    _check_size(len(content), source.shown, max_bytes)
    try:
        article = parse_article(content, source.name)
    except ArticleError as error:
        raise ArticleError(source.shown, error.problem, error.remedy) from error
    wanted = PurePosixPath(source.name).with_suffix("").as_posix()
    path = names.path(wanted, article.title) if source.in_archive else f"{names.folder}.md"
    origin = "" if article.url else source.shown
    return replace(article, id=article.url or path, path=path, origin=origin)


def count_articles(path: Path) -> int:
    """An estimate of how many articles a file holds: the lines of a list, the members of an
    archive, 1 for any other file.

    Empty lines, and line ends within a field of a table, count as well.
    """
    try:
        found = (source for source in archive.inputs(path) if isinstance(source, Input))
        return sum(map(_lines_in, found))
    except (ArticleError, OSError):
        return 1


def _lines_in(source: Input) -> int:
    suffix = PurePosixPath(source.name).suffix.lower()
    if suffix not in records.SUFFIXES:
        return 1
    lines, last = 0, b"\n"
    with source.open() as file:
        while piece := file.read(1 << 20):
            lines += piece.count(b"\n")
            last = piece
    headers = 0 if suffix == ".jsonl" else 1
    return max(1, lines + (not last.endswith(b"\n")) - headers)
