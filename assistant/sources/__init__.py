"""Files to articles: one small module per format, one door for all of them."""

import stat
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from assistant.errors import ArticleError
from assistant.schema import Article
from assistant.sources import html, text
from assistant.sources.text import pasted_file

__all__ = ["SUFFIXES", "pasted_file", "parse_article", "read_article"]

_PARSERS: dict[str, Callable[[bytes, str], Article]] = {
    "": text.parse_text,
    ".txt": text.parse_text,
    ".text": text.parse_text,
    ".md": text.parse_markdown,
    ".markdown": text.parse_markdown,
    ".html": html.parse_html,
    ".htm": html.parse_html,
    ".xhtml": html.parse_html,
}
SUFFIXES = tuple(filter(None, _PARSERS))
"""The endings of files that are read."""


def read_article(path: Path, root: Path, *, max_bytes: int) -> Article:
    """The article in a file; its path, and without a URL its id, is relative to `root`.

    Raises:
        ArticleError: it cannot be read or holds no article; names the file and the remedy.
    """
    shown = path.relative_to(root).as_posix()
    try:
        facts = path.stat()
        if stat.S_ISDIR(facts.st_mode):
            raise ArticleError(shown, "is a folder", "name the files in it")
        if not stat.S_ISREG(facts.st_mode):  # reading a pipe would wait for ever
            raise ArticleError(shown, "is not a file", "remove it from the corpus folder")
        if facts.st_size > max_bytes:
            size, most = facts.st_size / (1 << 20), max_bytes >> 20
            raise ArticleError(
                shown, f"has {size:.0f} MB, more than {most}", "split it, or raise max_file_mb"
            )
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise ArticleError(shown, "there is no such file", "check the name") from error
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise ArticleError(shown, reason, "allow reading the file and try again") from error
    return parse_article(content, shown)


def parse_article(content: bytes, path: str) -> Article:
    """The article in the bytes of a file.

    Args:
        path: relative to the corpus, with forward slashes; its ending tells the format.

    Raises:
        ArticleError: the format is not read, or the bytes hold no article.
    """
    parser = _PARSERS.get(PurePosixPath(path).suffix.lower())
    if parser is None:
        kinds = ", ".join(SUFFIXES)
        raise ArticleError(path, "is not a kind of file that is read", f"convert it to {kinds}")
    if not content.strip():
        raise ArticleError(path, "is empty", "put the article's text into it, or delete it")
    article = parser(content, path)
    if not any(character.isalnum() for character in article.text):
        raise ArticleError(path, "holds no text", "put the article's text into it, or delete it")
    return article
