"""What a person corrects about an article, written into its file, which is the truth.

Of a text or Markdown file only the front matter is changed. Any other file becomes Markdown.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import cast

from assistant.errors import ArticleError
from assistant.sources.decoding import decode
from assistant.sources.files import parse_article
from assistant.sources.filing import markdown_of
from assistant.sources.front_matter import change_front_matter, write_front_matter
from assistant.sources.metadata import (
    MAX_TITLE,
    UNKNOWN,
    FiledArticle,
    canonical_url,
    published_date,
)

Correction = str | tuple[str, ...]

CORRECTABLE = ("title", "source", "authors", "published", "url", "language")
"""The facts that can be corrected; `authors` is a tuple of names, the others are strings."""

_TEXT = ("", ".txt", ".text")
_EDITED = (*_TEXT, ".md", ".markdown")
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*")


@dataclass(frozen=True)
class Corrected:
    """The file of a corrected article."""

    path: str
    """Another, ending in ``.md``, where the old file was no text that a person can edit."""
    content: bytes
    rewritten: bool
    """More than the front matter is another: the old file is worth keeping."""


def correct_file(content: bytes, path: str, corrections: Mapping[str, Correction]) -> Corrected:
    """The file of an article with these facts corrected; what it was, where nothing is.

    A text that is not UTF-8 becomes it.

    Args:
        corrections: of `CORRECTABLE`; an empty value takes a fact away.

    Raises:
        ArticleError: the date is none, the address is none, the language is no code, or the file
            holds no article any more.
    """
    article = cast(FiledArticle, parse_article(content, path))
    wanted = {
        key: value
        for key, value in _checked(corrections, path).items()
        if value != (getattr(article, key) or ("" if key != "authors" else ()))
    }
    if not wanted:
        return Corrected(path, content, False)
    rewritten = not _is_utf8(content)
    if PurePosixPath(path).suffix.lower() not in _EDITED:
        # Its origin is itself: the file is set aside, and no longer there to be read.
        content = markdown_of(replace(article, origin=article.origin or path))
        path = PurePosixPath(path).with_suffix(".md").as_posix()
        rewritten = True
    changes = {k: list(v) if isinstance(v, tuple) else v for k, v in wanted.items()}
    if "published" in wanted:
        changes["date_from"] = ""  # a person says so now
    corrected = _changed(content, path, changes)
    if wanted.get("published") == "" and parse_article(corrected, path).published:
        corrected = _changed(content, path, changes | {"published": UNKNOWN})
    return Corrected(path, corrected, rewritten)


def _is_utf8(content: bytes) -> bool:
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _checked(corrections: Mapping[str, Correction], path: str) -> dict[str, Correction]:
    """The corrections as they will be read again."""
    checked: dict[str, Correction] = {}
    for key, value in corrections.items():
        if isinstance(value, tuple):
            checked[key] = tuple(filter(None, (" ".join(name.split()) for name in value)))
            continue
        value = " ".join(value.split())
        if key == "title":
            value = value[:MAX_TITLE].rstrip()
        elif key == "published":
            value = published_date(value, path) or ""
        elif key == "url":
            value = canonical_url(value, path) or ""
        elif key == "language" and value and not _LANGUAGE.fullmatch(value):
            problem = f"its language is no code: {value[:40]!r}"
            raise ArticleError(path, problem, "write it as en, de or zh, or leave it out")
        checked[key] = value
    return checked


def _changed(content: bytes, path: str, changes: Mapping[str, str | list[str]]) -> bytes:
    """The content with its front matter changed, and nothing else."""
    text = content.decode("utf-8") if _is_utf8(content) else decode(content, path)
    try:
        return change_front_matter(text, changes, path).encode()
    except ArticleError:
        if PurePosixPath(path).suffix.lower() not in _TEXT:
            raise
        # The dashes that a plain text begins with are no front matter, but its text.
        given = {key: value for key, value in changes.items() if value}
        return (write_front_matter(given) + text).encode()
