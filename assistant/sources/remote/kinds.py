"""Kinds of content from the web: the ending of its file, and the charset of its text."""

import codecs
import re
from email.message import Message
from pathlib import PurePosixPath
from urllib.parse import urlsplit

from assistant.errors import ArticleError
from assistant.sources.decoding import as_browsers
from assistant.sources.remote.addresses import BY_HAND

TEXTS = frozenset((".html", ".xhtml", ".txt", ".md", ".csv", ".tsv", ".jsonl", ".xml"))
"""The endings of files with text."""

_TYPES = {
    "text/html": ".html",
    "application/xhtml+xml": ".xhtml",
    "text/plain": ".txt",
    "text/markdown": ".md",
    "text/x-markdown": ".md",
    "text/csv": ".csv",
    "application/csv": ".csv",
    "text/tab-separated-values": ".tsv",
    "application/jsonl": ".jsonl",
    "application/x-jsonlines": ".jsonl",
    "application/x-ndjson": ".jsonl",
    "application/rss+xml": ".xml",
    "application/atom+xml": ".xml",
    "application/rdf+xml": ".xml",
    "application/xml": ".xml",
    "text/xml": ".xml",
    "application/pdf": ".pdf",
    "application/x-pdf": ".pdf",
    "application/rtf": ".rtf",
    "text/rtf": ".rtf",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": ".docx",
    "application/epub+zip": ".epub",
    "application/zip": ".zip",
    "application/x-zip-compressed": ".zip",
}
_UNSAID = ("", "application/octet-stream", "binary/octet-stream", "application/x-download")
_OF_PATHS = {".markdown": ".md", ".htm": ".html"} | {suffix: suffix for suffix in TEXTS}
_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF8)

# Codecs of Python only, which are slow or do something else; and UTF-7, a way to smuggle markup.
_NO_CHARSETS = frozenset(
    ("idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined", "utf-7")
)
_SEEM_UTF8 = ("utf-16", "utf-32", "iso2022", "hz")
"""Charsets whose bytes can be valid UTF-8 by accident."""


def parse_content_type(header: str) -> tuple[str, str | None]:
    """(type, Python's name of the charset) of a ``Content-Type``; "" and None if missing."""
    if "/" not in header:
        return "", None
    message = Message()
    message["content-type"] = header
    try:
        codec = codecs.lookup(message.get_content_charset() or "").name
    except (LookupError, ValueError):
        return message.get_content_type(), None
    charset = None if codec in _NO_CHARSETS else as_browsers(codec)
    return message.get_content_type(), charset


def to_utf8(content: bytes, charset: str | None) -> bytes:
    """Text of this charset in UTF-8; unchanged if it has a byte order mark or is UTF-8 already.

    Sites declare UTF-8 as Latin-1 more often than text of another charset is valid UTF-8.
    """
    if charset is None or content.startswith(_MARKS):
        return content
    if not charset.startswith(_SEEM_UTF8):
        try:
            content.decode()
            return content
        except UnicodeDecodeError:
            pass
    try:
        return content.decode(charset).encode("utf-8", "replace")
    except (UnicodeDecodeError, LookupError):
        return content


def suffix_of(declared: str, charset: str | None, content: bytes, url: str) -> str:
    """The ending of a file with this content, whatever the site calls it.

    Args:
        declared: the type that the site declares; "" if it does not.
        charset: the charset that the site declares.
        url: its address; the ending of its path tells kinds of plain text apart.

    Raises:
        ArticleError: it is of a kind that is not supported.
    """
    found = _sniff(content, charset)
    expected = found if declared in _UNSAID else _TYPES.get(declared)
    if declared not in _UNSAID and expected is None:
        raise ArticleError(url, f"is {declared[:60]}, which is not read", BY_HAND)
    if found is None or expected is None:
        raise ArticleError(url, "is neither text nor a document", BY_HAND)
    if expected not in TEXTS and found in TEXTS:
        raise ArticleError(url, f"says that it is {declared}, but is not", BY_HAND)
    if expected == ".txt" and found in TEXTS:  # the type of files that servers do not know
        return _OF_PATHS.get(PurePosixPath(urlsplit(url).path).suffix.lower(), ".txt")
    if expected in (".md", ".csv", ".tsv", ".jsonl") and found in TEXTS:
        return expected  # Markdown may well begin with a tag
    if found == ".zip":
        return expected if expected in (".docx", ".epub") else found
    if found == ".txt" or (expected, found) == (".xhtml", ".html"):
        return expected  # the first bytes cannot tell more
    return found


def _sniff(content: bytes, charset: str | None) -> str | None:
    """The ending that the first bytes suggest; None for neither text nor a document."""
    if content.startswith(b"PK\x03\x04"):
        if b"application/epub+zip" in content[:200]:
            return ".epub"
        return ".docx" if b"word/document.xml" in content else ".zip"
    start = _start(content[:2048], charset)
    if start.startswith("%pdf-"):
        return ".pdf"
    if start.startswith("{\\rtf"):
        return ".rtf"
    if re.search(r"[\x00-\x08\x0e-\x1a\x1c-\x1f]", start):
        return None
    if re.match(r"<!doctype html|<(html|head|body|title|script|meta|div|p|h1)\b", start):
        return ".html"
    if start.startswith("<?xml"):
        return ".xhtml" if "<html" in start else ".xml"
    return ".xml" if re.match(r"<(rss|feed|rdf:rdf)\b", start) else ".txt"


def _start(head: bytes, charset: str | None) -> str:
    if head.startswith(_MARKS[:2]):
        charset = "utf-16"
    elif charset is None or not charset.startswith(("utf-16", "utf-32")):
        charset = "latin-1"  # enough to see tags
    return head.removeprefix(codecs.BOM_UTF8).decode(charset, "ignore").lstrip().lower()
