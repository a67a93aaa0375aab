"""EPUB books and magazines: a ZIP of XHTML chapters, with their order and metadata in XML."""

import posixpath
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

from assistant.errors import ArticleError
from assistant.sources.decoding import decode
from assistant.sources.formats.archive import package, part
from assistant.sources.formats.elements import Element, parse_tree, parse_xml, text_blocks, text_of
from assistant.sources.metadata import FiledArticle, absolute_url, find_date, make_article

_CONTAINER = "META-INF/container.xml"
_ENCRYPTION = "META-INF/encryption.xml"
_FONTS_ONLY = (b"http://www.idpf.org/2008/embedding", b"http://ns.adobe.com/pdf/enc#RC")

MAX_TEXT = 16 << 20
"""Characters of a whole book: about ten times War and Peace."""


def parse_epub(content: bytes, path: str) -> FiledArticle:
    """The text of a book, chapter after chapter, as one article.

    Its date is its ``dc:date`` of publication; dates of modification are not used.

    Raises:
        ArticleError: it is damaged, locked (DRM) or hostile.
    """
    with package(content, path) as archive:
        if _ENCRYPTION in archive.namelist() and _is_locked(part(archive, _ENCRYPTION, path)):
            raise ArticleError(path, "is locked (DRM)", "use a copy without it")
        container = _xml(part(archive, _CONTAINER, path), path)
        # Here and below in any namespace: not all books use the right one.
        found = next(container.iter("{*}rootfile"), None)
        where = unquote(found.get("full-path") or "") if found is not None else ""
        book = _xml(part(archive, where, path), path)
        blocks: list[str] = []
        length = 0
        for name in dict.fromkeys(_chapters(book, posixpath.dirname(where))):
            tree = parse_tree(decode(part(archive, name, path), path))
            chapter = text_blocks(tree)
            blocks.extend(chapter)
            length += sum(map(len, chapter))
            if length > MAX_TEXT:
                raise ArticleError(path, "is longer than any book", "split it")
    return make_article(path, "\n\n".join(blocks), _facts(book))


def _xml(content: bytes, path: str) -> Element:
    try:
        return parse_xml(content)
    except SyntaxError as error:
        reason = " ".join(str(error).split())[:80]
        raise ArticleError(path, f"is a damaged book ({reason})", "save it again") from error


def _chapters(book: Element, folder: str) -> Iterator[str]:
    """The names of the chapters in the archive, in reading order, without the contents page."""
    items: dict[str, Any] = {item.get("id") or "": item for item in book.iter("{*}item")}
    for reference in book.iter("{*}itemref"):
        item = items.get(reference.get("idref") or "")
        if item is None or "nav" in (item.get("properties") or "").split():
            continue
        if "html" in (item.get("media-type") or "html"):
            yield posixpath.normpath(posixpath.join(folder, unquote(item.get("href") or "")))


def _facts(book: Element) -> dict[str, Any]:
    def said(name: str) -> list[str]:
        return [text for element in book.iter(f"{{*}}{name}") if (text := text_of(element))]

    dates = [e for e in book.iter("{*}date") if not _is_of_file(e)]
    return {
        "title": next(iter(said("title")), ""),
        "authors": said("creator"),
        "source": next(iter(said("publisher")), ""),
        "language": next(iter(said("language")), ""),
        "published": next(filter(None, (find_date((e.text or "")[:40]) for e in dates)), None),
        "url": next(filter(None, (absolute_url(text, "") for text in said("source"))), None),
    }


def _is_of_file(date: Element) -> bool:
    event = (str(value) for name, value in date.attrib.items() if str(name).endswith("event"))
    return next(event, "publication") not in ("publication", "original-publication", "issued")


def _is_locked(encryption: bytes) -> bool:
    """Whether more than fonts is encrypted."""
    methods = encryption.count(b"EncryptionMethod ")
    return methods > sum(encryption.count(name) for name in _FONTS_ONLY)
