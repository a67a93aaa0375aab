"""The files of articles in the corpus: their names, and Markdown that a person can correct."""

import re
import unicodedata
from pathlib import PurePosixPath

from assistant.schema import Article
from assistant.sources.decoding import clean
from assistant.sources.formats.text import drop_clutter, parse_markdown, split_title
from assistant.sources.front_matter import write_front_matter
from assistant.sources.metadata import FiledArticle

MAX_NAME = 60
"""Characters of a file's name without its ending, and of its folder's: 240 bytes at most, which
every system accepts."""

# Names that Windows reserves for devices, with any ending.
_DEVICES = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d)", re.IGNORECASE)
_MARKUP = re.compile(r"[\\`*_\[\]<&]|^\s*(?:[#>+=~|:-]|\d+[.)])|^\s|\s$", re.MULTILINE)
_ESCAPED = re.compile(r"[\\`*_\[\]<>&!|~#]|(?<=\n)[-+=:]|^[-+=:]|(?:(?<=\n)|^)\d+(?=[.)])")


def slug(words: str, longest: int = MAX_NAME, *, underscores: bool = False) -> str:
    """A file name made of a title or id: letters, digits and hyphens; "" when it has none of them.

    Args:
        underscores: they stay, as they always have in the names of pasted texts.
    """
    name = unicodedata.normalize("NFC", words).lower()
    name = re.sub(r"\W+" if underscores else r"\W+|_+", "-", name)
    name = name.strip("-_")[:longest].strip("-_")
    return f"{name}-" if _DEVICES.fullmatch(name) else name


class Names:
    """Unique paths in the corpus for the articles of one file.

    A path depends only on the article's id or title and on those before it with the same name, so
    that a list that is imported again gets the same files.
    """

    def __init__(self, file_name: str) -> None:
        self.folder = slug(PurePosixPath(file_name).name.split(".")[0], MAX_NAME // 2) or "articles"
        self._taken: dict[str, int] = {}

    def path(self, wanted: str, otherwise: str) -> str:
        """A path that no other article has, named after the first of these that has letters."""
        name = slug(wanted) or slug(otherwise) or "article"
        count = self._taken[name] = self._taken.get(name, 0) + 1
        while count > 1 and f"{name}-{count}" in self._taken:
            count += 1
        if count > 1:
            self._taken[name] = count
            name = f"{name}-{count}"
            self._taken[name] = 1
        return f"{self.folder}/{name}.md"


def pasted_file(
    text: str, *, title: str = "", source: str = "", published: str = "", url: str = ""
) -> tuple[str, bytes]:
    """(name, content) of a file for a text that a person pasted, to be read by `parse_text`."""
    facts = {"title": title, "source": source, "published": published, "url": url}
    given = {key: " ".join(value.split()) for key, value in facts.items() if value.strip()}
    body = clean(text)
    words = title or split_title(drop_clutter(body))[0] or " ".join(body.split()[:8])
    # An empty mapping still marks the text below as text, should it begin with --- itself.
    head = write_front_matter(given) if given or body.startswith("---") else ""
    return f"{slug(words, underscores=True) or 'pasted'}.txt", f"{head}{body}\n".encode()


def markdown_of(article: Article) -> bytes:
    """The file of an article: front matter, then its text as Markdown.

    `parse_article` reads exactly the same title, text and facts back from it. Characters of the
    text are escaped only where they would be read as markup.
    """
    facts: dict[str, str | list[str]] = {"title": article.title}
    given = {"source": article.source, "published": article.published, "url": article.url}
    facts.update({key: value for key, value in given.items() if value})
    if article.authors:
        facts["authors"] = list(article.authors)
    if article.language:
        facts["language"] = article.language
    if isinstance(article, FiledArticle):
        if article.origin and not article.url:
            facts["origin"] = article.origin
        if article.date_from:
            facts["date_from"] = article.date_from
        if article.unread:
            facts["unread"] = article.unread
    blocks = (_markdown(block) for block in clean(article.text).strip().split("\n\n"))
    return (write_front_matter(facts) + "\n\n".join(blocks) + "\n").encode()


def _markdown(block: str) -> str:
    if not _MARKUP.search(block):
        return block.replace("\n", "\\\n")
    plain = block.replace("\n", "\\\n")
    if not plain[:1].isspace() and _read_back(plain) == block:
        return plain
    escaped = _ESCAPED.sub(_escape, block)
    lines = (_keep_spaces(line) for line in escaped.split("\n"))
    return "\\\n".join(lines)


def _escape(match: re.Match[str]) -> str:
    sign = match[0]
    return f"{sign}\\" if sign.isdecimal() else f"\\{sign}"  # 1\. does not begin a list


def _keep_spaces(line: str) -> str:
    """The line with the spaces at its ends as entities, which Markdown does not drop."""
    bare = line.strip()
    start = line[: len(line) - len(line.lstrip())]
    end = line[len(start) + len(bare) :]
    return _entities(start) + bare + _entities(end)


def _entities(spaces: str) -> str:
    return "".join(f"&#{ord(space)};" for space in spaces)


def _read_back(markdown: str) -> str:
    # The empty front matter keeps a text that begins with --- from being read as one.
    return parse_markdown(f"---\n{{}}\n---\n\n{markdown}\n".encode(), "block.md").text
