"""Bytes to clean text: encodings are recognised, and invisible characters are dropped."""

import codecs
import re
import unicodedata
from collections.abc import Callable
from contextlib import suppress
from typing import BinaryIO

from charset_normalizer import CharsetMatch, from_bytes

from assistant.errors import ArticleError

UTF16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    *((mark, "utf-16") for mark in UTF16_MARKS),
)
_MAGIC = {
    b"%PDF": ("a PDF", "give it the ending .pdf"),
    b"{\\rtf": ("a rich text document", "give it the ending .rtf"),
    b"PK\x03\x04": (
        "a Word document, a book or an archive",
        "give it the ending .docx, .epub or .zip",
    ),
    b"\xd0\xcf\x11\xe0": ("an old Office document", "save it as .docx"),
    b"\x89PNG": ("a picture", "save its text as .txt or .md"),
    b"\xff\xd8\xff": ("a picture", "save its text as .txt or .md"),
    b"GIF8": ("a picture", "save its text as .txt or .md"),
    b"\x1f\x8b": ("a compressed file", "unpack it"),
}
_DECLARED = re.compile(
    rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([\w.:-]+)"
    rb"|^\s{0,9}<\?xml[^>]{0,99}?encoding\s*=\s*[\"']([\w.:-]+)",
    re.IGNORECASE,
)
# Pages that declare the first are written in the second, and browsers read them so. In the first,
# curly quotes would be control characters and vanish.
_AS_BROWSERS = {
    "iso8859-1": "cp1252",
    "ascii": "cp1252",
    "iso8859-9": "cp1254",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "shift_jis": "cp932",
    "euc_kr": "cp949",
}
# Codecs of Python only, which are slow or do something else; and UTF-7, a way to smuggle markup.
_NO_CHARSETS = "idna punycode unicode_escape raw_unicode_escape undefined utf-7".split()
_SEEM_UTF8 = ("utf-16", "utf-32", "iso2022", "hz")
"""Charsets whose bytes can be valid UTF-8 by accident."""

_SAMPLE = 1 << 20
"""Bytes used to detect an encoding."""

# Control characters, and the marks that show text in another order than it is stored (a known way
# to show one thing and quote another). Zero-width joiners stay: emoji and some scripts need them.
_UNSEEN = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\ufeff\u202d\u202e\ufffe\uffff]")
_LINE_END = re.compile(r"\r\n|[\r\x0b\x0c\x85\u2028]")


def decode(content: bytes, path: str) -> str:
    """The clean text of a file in any encoding.

    Raises:
        ArticleError: it is not text, or its encoding is not recognised.
    """
    for magic, (kind, remedy) in _MAGIC.items():
        if content.startswith(magic):
            raise ArticleError(path, f"is {kind}, not text", remedy)
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            return clean(content.decode(encoding, "replace"))
    if b"\x00" in content:
        raise ArticleError(path, "is a binary file, not text", "save its text as .txt or .md")
    found = _DECLARED.search(content[:4096])
    declared = found and _as_browsers((found[1] or found[2]).decode("ascii"))
    for encoding in filter(None, ("utf-8", declared)):
        with suppress(UnicodeError, LookupError):  # LookupError: some codecs do not decode to text
            return clean(content.decode(encoding))
    return clean(str(_guess(content, path)))


def _guess(content: bytes, path: str) -> CharsetMatch:
    best = from_bytes(content).best()
    if best is None:
        problem = "is not text in any encoding that is recognised"
        raise ArticleError(path, problem, "save it as UTF-8 text")
    return best


def encoding_of(opened: Callable[[], BinaryIO], path: str) -> tuple[str, bool]:
    """The encoding of a text file of any length, and whether it is a guess.

    The file is read to its end, piece by piece, to be sure whether it is UTF-8.

    Raises:
        ArticleError: its encoding is not recognised.
    """
    decoder = codecs.getincrementaldecoder("utf-8")()
    with opened() as file:
        sample = piece = file.read(_SAMPLE)
        for mark, encoding in _MARKS:
            if sample.startswith(mark):
                return encoding, False
        with suppress(UnicodeDecodeError):
            while piece:
                decoder.decode(piece)
                piece = file.read(_SAMPLE)
            decoder.decode(b"", final=True)
            return "utf-8", False
    # Whole lines: a character cut in two would count against the right encoding.
    return _guess(sample[: sample.rfind(b"\n") + 1] or sample, path).encoding, True


def charset_of(name: str) -> str | None:
    """The encoding of text from a site that declares this charset; None if it declares none."""
    codec = _as_browsers(name)
    return None if codec in _NO_CHARSETS else codec


def _as_browsers(name: str) -> str | None:
    """Python's name of the encoding that browsers take a declared one for; None for none."""
    try:
        codec = codecs.lookup(name).name
    except (LookupError, ValueError):
        return None
    return _AS_BROWSERS.get(codec, codec)


def to_utf8(content: bytes, charset: str | None) -> bytes:
    """Text of this charset in UTF-8; unchanged if it has a byte order mark or is UTF-8 already.

    Sites declare UTF-8 as Latin-1 more often than text of another charset is valid UTF-8.
    """
    if charset is None or content.startswith((codecs.BOM_UTF8, *UTF16_MARKS)):
        return content
    for encoding in (charset,) if charset.startswith(_SEEM_UTF8) else ("utf-8", charset):
        with suppress(UnicodeDecodeError, LookupError):
            return content.decode(encoding).encode("utf-8", "replace")
    return content


def clean(text: str) -> str:
    """The text in NFC with Unix line ends, nothing invisible and single blank lines at most."""
    text = unicodedata.normalize("NFC", text.encode("utf-8", "replace").decode())
    text = _LINE_END.sub("\n", text).replace("\u2029", "\n\n")
    lines = [line.rstrip() for line in _UNSEEN.sub("", text).split("\n")]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip("\n")
