"""Corrections by a person, written into the file of the article: the source of truth.

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
"""A new value of a fact: names for `authors`, a string for the others."""

_TEXT = ("", ".txt", ".text")
_EDITED = (*_TEXT, ".md", ".markdown")
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*")


@dataclass(frozen=True)
class Corrected:
    """A corrected article's file."""

    path: str
    """A new one, ending in ``.md``, if the old file was not a text that a person can edit."""
    content: bytes
    rewritten: bool
    """More than the front matter has changed: the old file is worth keeping."""


def correct_file(content: bytes, path: str, corrections: Mapping[str, Correction]) -> Corrected:
    """The file of an article with these facts corrected; unchanged if it states them already.

    A text that is not UTF-8 is converted to it.

    Args:
        corrections: of title, source, authors, published, url and language; an empty value removes
            a fact.

    Raises:
        ArticleError: the date, the address or the language code is not valid, or the file no longer
            holds an article.
    """
    article = cast(FiledArticle, parse_article(content, path))
    checked = {key: _checked(key, value, path) for key, value in corrections.items()}
    wanted = {
        key: value
        for key, value in checked.items()
        if value != (getattr(article, key) or type(value)())
    }
    if not wanted:
        return Corrected(path, content, rewritten=False)
    rewritten = not _is_utf8(content)
    if PurePosixPath(path).suffix.lower() not in _EDITED:
        # The file is set aside and cannot be read again, so it becomes its own origin.
        content = markdown_of(replace(article, origin=article.origin or path))
        path = PurePosixPath(path).with_suffix(".md").as_posix()
        rewritten = True
    changes = {k: list(v) if isinstance(v, tuple) else v for k, v in wanted.items()}
    if "published" in wanted:
        changes["date_from"] = ""  # now it rests on what the person says
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


def _checked(key: str, value: Correction, path: str) -> Correction:
    """A correction as it will be read back from the file."""
    if isinstance(value, tuple):
        return tuple(filter(None, (" ".join(name.split()) for name in value)))
    line = " ".join(value.split())
    if key == "title":
        return line[:MAX_TITLE].rstrip()
    if key == "published":
        return published_date(line, path) or ""
    if key == "url":
        return canonical_url(line, path) or ""
    if key == "language" and line and not _LANGUAGE.fullmatch(line):
        problem = f"its language is no code: {line[:40]!r}"
        raise ArticleError(path, problem, "write it as en, de or zh, or leave it out")
    return line


def _changed(content: bytes, path: str, changes: Mapping[str, str | list[str]]) -> bytes:
    """The content with only its front matter changed."""
    text = content.decode("utf-8") if _is_utf8(content) else decode(content, path)
    try:
        return change_front_matter(text, changes, path).encode()
    except ArticleError:
        if PurePosixPath(path).suffix.lower() not in _TEXT:
            raise
        # A plain text may begin with dashes that are not front matter.
        given = {key: value for key, value in changes.items() if value}
        return (write_front_matter(given) + text).encode()
