"""The files of articles in the corpus: Markdown that a person can correct, and its corrections.

The file is the source of truth. Of a text or Markdown file only the front matter is changed by a
correction; any other file becomes Markdown.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from assistant.errors import ArticleError
from assistant.schema import Article
from assistant.sources.decoding import clean, decode
from assistant.sources.files import parse_article
from assistant.sources.formats.text import (
    change_front_matter,
    drop_clutter,
    parse_markdown,
    write_front_matter,
)
from assistant.sources.metadata import (
    MAX_TITLE,
    UNKNOWN,
    FiledArticle,
    canonical_url,
    published_date,
    slug,
    split_title,
)

Correction = str | tuple[str, ...]
"""A new value of a fact: names for `authors`, a string for the others."""

_MARKUP = re.compile(r"[\\`*_\[\]<&]|^\s*(?:[#>+=~|:-]|\d+[.)])|^\s|\s$", re.MULTILINE)
_ESCAPED = re.compile(r"[\\`*_\[\]<>&!|~#]|(?<=\n)[-+=:]|^[-+=:]|(?:(?<=\n)|^)\d+(?=[.)])")
_TEXT = ("", ".txt", ".text")
_EDITED = (*_TEXT, ".md", ".markdown")
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*")


def pasted_file(
    text: str, *, title: str = "", source: str = "", published: str = "", url: str = ""
) -> tuple[str, bytes]:
    """(name, content) of a file for a text that a person pasted, to be read by `parse_text`."""
    facts = {"title": title, "source": source, "published": published, "url": url}
    facts = {key: " ".join(value.split()) for key, value in facts.items()}
    body = clean(text)
    words = title or split_title(drop_clutter(body))[0] or " ".join(body.split()[:8])
    # An empty mapping still marks the text below as text, should it begin with --- itself.
    head = write_front_matter(facts) if any(facts.values()) or body.startswith("---") else ""
    return f"{slug(words, underscores=True) or 'pasted'}.txt", f"{head}{body}\n".encode()


def markdown_of(article: Article) -> bytes:
    """The file of an article: front matter, then its text as Markdown.

    `parse_article` reads exactly the same title, text and facts back from it. Characters of the
    text are escaped only where they would be read as markup.
    """
    facts = {
        "title": article.title,
        "source": article.source,
        "published": article.published,
        "url": article.url,
        "authors": list(article.authors),
        "language": article.language,
    }
    if isinstance(article, FiledArticle):
        origin = None if article.url else article.origin
        facts |= {"origin": origin, "date_from": article.date_from, "unread": article.unread}
    blocks = (_markdown(block) for block in clean(article.text).strip().split("\n\n"))
    return (write_front_matter(facts) + "\n\n".join(blocks) + "\n").encode()


def _markdown(block: str) -> str:
    plain = block.replace("\n", "\\\n")
    if not _MARKUP.search(block):
        return plain
    if not plain[:1].isspace():
        # The empty front matter keeps a text that begins with --- from being read as one.
        content = f"{write_front_matter({})}{plain}\n".encode()
        if parse_markdown(content, "block.md").text == block:
            return plain
    return "\\\n".join(map(_keep_spaces, _ESCAPED.sub(_escape, block).split("\n")))


def _escape(match: re.Match[str]) -> str:
    sign = match[0]
    return f"{sign}\\" if sign.isdecimal() else f"\\{sign}"  # 1\. does not begin a list


def _keep_spaces(line: str) -> str:
    """The line with the spaces at its ends as entities, which Markdown does not drop."""
    start, end = len(line) - len(line.lstrip()), len(line.rstrip())
    signs = (c if start <= n < end else f"&#{ord(c)};" for n, c in enumerate(line))
    return "".join(signs)


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
    article = parse_article(content, path)
    checked = {key: _checked(key, value, path) for key, value in corrections.items()}
    wanted = {
        key: value
        for key, value in checked.items()
        if value != (getattr(article, key) or type(value)())
    }
    if not wanted:
        return Corrected(path, content, rewritten=False)
    rewritten = True
    if PurePosixPath(path).suffix.lower() not in _EDITED:
        # The file is set aside and cannot be read again, so it becomes its own origin.
        text = markdown_of(replace(article, origin=article.origin or path)).decode()
        path = PurePosixPath(path).with_suffix(".md").as_posix()
    else:
        try:
            text, rewritten = content.decode(), False
        except UnicodeDecodeError:
            text = decode(content, path)
    changes = {k: list(v) if isinstance(v, tuple) else v for k, v in wanted.items()}
    if "published" in wanted:
        changes["date_from"] = ""  # now it rests on what the person says
    corrected = _changed(text, path, changes)
    if wanted.get("published") == "" and parse_article(corrected, path).published:
        corrected = _changed(text, path, changes | {"published": UNKNOWN})
    return Corrected(path, corrected, rewritten)


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


def _changed(text: str, path: str, changes: Mapping[str, str | list[str]]) -> bytes:
    """The content of the file with only its front matter changed."""
    try:
        return change_front_matter(text, changes, path).encode()
    except ArticleError:
        if PurePosixPath(path).suffix.lower() not in _TEXT:
            raise
        # A plain text may begin with dashes that are not front matter.
        return (write_front_matter(changes) + text).encode()
